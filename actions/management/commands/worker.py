"""The workers of this host: events, HTTP actions, scripts and housekeeping."""

import os
from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandParser

from actions.engine.heartbeat import living
from actions.engine.steady_time import read_clock
from actions.scripts.workdir import sweep
from reactions_project.checks import CONFIGURATION
from reactions_project.queue import CLUSTERS, Host
from reactions_project.run_dir import short_dir


class Command(BaseCommand):
    help = "Run this host's workers until SIGTERM or Ctrl-C; signal the parent process only."

    requires_system_checks = (CONFIGURATION, Tags.models, Tags.caches)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", action="append", choices=CLUSTERS, help="start just this cluster; may repeat")
        parser.add_argument("--list", action="store_true", help="print cluster and process id of every live worker")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            for beat in living(read_clock()):
                self.stdout.write(f"{beat.cluster} {beat.pid}")
            return
        # What a killed worker left of its runs (SEC-56).
        sweep(short_dir(settings.REACTIONS_SCRIPT_WORK_DIR))
        os.environ.setdefault("PYTHONUNBUFFERED", "1")
        Host(options["only"] or CLUSTERS).run()
