"""Web server and worker under one supervisor: `make run`."""

import json
import os
import shutil
import socket
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from actions.demo.summary import load_demo
from actions.management.commands.demo import greeting, served_path
from reactions_project.supervisor import Plan, become

MANAGE = str(settings.BASE_DIR / "manage.py")
# On SQLite two would only wait for each other's writing, and the second costs 90 MB (measured: 1,400 and 1,700
# deliveries a second).
WEB_WORKERS_EMBEDDED, WEB_WORKERS = 1, 2


class Command(BaseCommand):
    help = "Migrate, then run the web server and the worker until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true", help="load the demo and start its monitoring stand-in")
        parser.add_argument("--host", default="127.0.0.1", help="the IP address to listen on")

    def handle(self, *args: Any, **options: Any) -> None:
        host: str = options["host"]
        with_demo: bool = options["demo"]
        for port in (settings.PORT, settings.PORT + 1) if with_demo else (settings.PORT,):
            refuse_taken_port(host, port)
        migrate()
        monitor_url = f"http://127.0.0.1:{settings.PORT + 1}"
        made = load_demo(monitor_url, settings.REACTIONS_BASE_URL) if with_demo else None
        served_path().write_text(json.dumps({"base_url": settings.REACTIONS_BASE_URL, "monitor_url": monitor_url}))
        environment = {**os.environ, "PORT": str(settings.PORT), "REACTIONS_BASE_URL": settings.REACTIONS_BASE_URL}
        if with_demo:
            environment.update(self._demo_environment())
        connection.close()
        near = "127.0.0.1" if ip_address(host).is_unspecified else host
        greeted = greeting(made) if made else [f"Reactions is at {settings.REACTIONS_BASE_URL}/"]
        os.chdir(settings.BASE_DIR)
        plan = Plan(programs(host, with_demo), [*greeted, "", "Ctrl-C stops it."], near, settings.PORT)
        become(plan, environment)

    def _demo_environment(self) -> dict[str, str]:
        """The demo talks to its own stand-in on this machine, and runs its scripts even where no sandbox is installed,
        which is said aloud (SEC-51)."""
        environment = {}
        if not settings.REACTIONS_ALLOW_PRIVATE_ADDRESSES:
            environment["REACTIONS_ALLOW_PRIVATE_ADDRESSES"] = f"127.0.0.1/32:{settings.PORT + 1}"
        if not os.environ.get("REACTIONS_SCRIPT_SANDBOX") and shutil.which("bwrap") is None:
            environment["REACTIONS_SCRIPT_SANDBOX"] = "off"
            self._say(
                "Scripts of this demo run WITHOUT a sandbox, since bubblewrap is not installed: "
                "apt install bubblewrap, before others may write scripts here."
            )
        return environment

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def refuse_taken_port(host: str, port: int) -> None:
    """Raise CommandError, one sentence, when something listens there already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} on {host} cannot be used ({error.strerror}): stop what uses it, or choose another "
                "with PORT=8010 make run."
            ) from None


def migrate() -> None:
    """Bring the database up to date; a database that is up to date costs one query."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)


def programs(host: str, with_demo: bool) -> list[tuple[str, list[str]]]:
    """What runs: names and commands."""
    web = [
        str(Path(sys.executable).with_name("granian")),
        "--interface", "asginl", "--host", host, "--port", str(settings.PORT),
        "--workers", str(WEB_WORKERS_EMBEDDED if settings.EMBEDDED else WEB_WORKERS), "--no-ws", "--http", "1",
        "--log-level", "warning", "--respawn-failed-workers", "--workers-kill-timeout", "3",
        "reactions_project.asgi:application",
    ]  # fmt: skip
    found = [("web server", web), ("worker", [sys.executable, MANAGE, "worker"])]
    if with_demo:
        found.append(("monitor", [sys.executable, "-m", "actions.demo.monitor", str(settings.PORT + 1)]))
    return found
