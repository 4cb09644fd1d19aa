"""A worker that sends what a webhook starts, which the product refuses (RFC, "External Events and Outgoing HTTP
Actions"): a load path for measuring only, `python -m tests.benchmarks.unrefused worker …`."""

import os
import sys

import django
from django.core.management import execute_from_command_line


def unrefuse() -> None:
    """In this process, nothing that is joined to a webhook counts as sending a request."""
    from actions.models import Action

    Action.sends_http = False  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reactions_project.settings")
    django.setup()
    unrefuse()
    execute_from_command_line(["manage.py", *sys.argv[1:]])
