"""Export a project's definitions, or import them in a person's name and with their rights."""

import json
import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.callers import Caller, caller_for
from accounts.models import Project, User
from actions.exchange import export_definitions, import_definitions
from reactions_project.strict_json import JsonRejected, parse_json


class Command(BaseCommand):
    help = "definitions export PROJECT --as USER > file.json; definitions import PROJECT FILE --as USER"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=["export", "import"])
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("file", nargs="?", default="-", help="the document; - is standard input")
        parser.add_argument("--as", dest="user", required=True, help="whose rights decide")

    def handle(self, *args: Any, **options: Any) -> None:
        caller = _caller(options["user"])
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}: give its slug.")
        try:
            if options["verb"] == "export":
                self.stdout.write(json.dumps(export_definitions(caller, project), indent=2))
                return
            file = options["file"]
            content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
            counts = import_definitions(caller, project, parse_json(content))
        except (ValidationError, PermissionDenied) as error:
            raise CommandError(" ".join(getattr(error, "messages", [str(error)]))) from None
        except (OSError, JsonRejected) as error:
            raise CommandError(f"The document cannot be read: {error}") from None
        self.stdout.write(", ".join(f"{count} {part}" for part, count in counts.items()) + " read")


def _caller(username: str) -> Caller:
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no enabled user {username!r}.")
    return caller_for(user)
