"""Web server and worker under one supervisor: `make run`."""

import http.client
import json
import os
import shutil
import socket
import sys
import time
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
from reactions_project.supervisor import Program, Supervisor

MANAGE = str(settings.BASE_DIR / "manage.py")


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
        supervisor = Supervisor(programs(host, environment, with_demo), self._say)
        supervisor.start()
        try:
            self._wait_until_up(supervisor, host)
            if not supervisor.is_stopping:
                self._greet(made)
        finally:
            supervisor.wait()
        self._say("Stopped.")

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

    def _wait_until_up(self, supervisor: Supervisor, host: str) -> None:
        deadline = time.monotonic() + 30
        near = "127.0.0.1" if ip_address(host).is_unspecified else host
        while time.monotonic() < deadline and not supervisor.is_stopping:
            connection = http.client.HTTPConnection(near, settings.PORT, timeout=1)
            try:
                connection.request("GET", "/health/live")
                connection.getresponse()
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
            else:
                return
            finally:
                connection.close()
        if not supervisor.is_stopping:
            self._say(f"The web server does not answer at {near}:{settings.PORT} yet: see its messages above.")

    def _greet(self, made: dict[str, Any] | None) -> None:
        for line in greeting(made) if made else [f"Reactions is at {settings.REACTIONS_BASE_URL}/"]:
            self._say(line)
        self._say("\nCtrl-C stops it.")

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


def programs(host: str, environment: dict[str, str], with_demo: bool) -> list[Program]:
    """What runs. Few threads on SQLite, whose busy waiting is unfair; more on PostgreSQL (measured)."""
    threads = "1" if settings.EMBEDDED else "4"
    web = [
        str(Path(sys.executable).with_name("granian")),
        "--interface", "wsgi", "--host", host, "--port", str(settings.PORT),
        "--workers", "2", "--blocking-threads", threads, "--no-ws", "--http", "1",
        "--log-level", "warning", "--respawn-failed-workers", "--workers-kill-timeout", "3",
        "reactions_project.wsgi:application",
    ]  # fmt: skip
    found = [
        Program("web server", web, environment),
        Program("worker", [sys.executable, MANAGE, "worker"], environment),
    ]
    if with_demo:
        found.append(
            Program("monitor", [sys.executable, "-m", "actions.demo.monitor", str(settings.PORT + 1)], environment)
        )
    return found
