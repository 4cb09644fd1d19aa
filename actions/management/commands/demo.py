"""Load the demo, or describe it as JSON for scripts and tests that drive a running server."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from actions.demo.summary import load_demo


class Command(BaseCommand):
    help = "Load the demo (the RFC's two stories). Loading twice makes nothing twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print what the demo made as one JSON object")
        parser.add_argument("--monitor-url", help="where the demo's monitoring system listens")

    def handle(self, *args: Any, **options: Any) -> None:
        served = served_addresses()
        monitor_url = options["monitor_url"] or served.get("monitor_url") or settings.REACTIONS_DEMO_MONITOR_URL
        made = load_demo(monitor_url.rstrip("/"), base_url=served.get("base_url") or settings.REACTIONS_BASE_URL)
        if options["json"]:
            self.stdout.write(json.dumps(made, indent=2))
            return
        for line in greeting(made):
            self.stdout.write(line)


def served_path() -> Path:
    """Where `serve` leaves its addresses, so that this command names the port that was asked for then."""
    return Path(settings.DATA_DIR) / "served.json"


def served_addresses() -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(served_path().read_text())
    except (OSError, ValueError):
        return {}
    return found


def greeting(made: dict[str, Any]) -> list[str]:
    """What a person needs to begin."""
    width = max(len(user["username"]) for user in made["users"])
    return [
        f"Reactions is at {made['base_url']}/",
        "",
        "Sign in as (user, password):",
        *(f"  {user['username']:<{width}}  {user['password']}" for user in made["users"]),
        "",
        "Send it a package, as MyGet would:",
        f"  {made['curl']}",
    ]
