"""What we do: reactions, actions, runs."""

from typing import Any

from django.apps import AppConfig


class ActionsConfig(AppConfig):
    name = "actions"

    def ready(self) -> None:
        from actions import health
        from actions.backlog import queued_runs
        from reactions_project import checks, wake  # noqa: F401 - registers itself
        from triggers.ceiling import ceiling
        from triggers.signals import event_recorded

        def tell_workers(**_: Any) -> None:
            wake.rows_due()

        ceiling.add(queued_runs)
        event_recorded.connect(tell_workers, weak=False, dispatch_uid="actions-dispatch")
        health.register()
