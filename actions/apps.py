"""What we do: reactions, actions, runs."""

from typing import Any

from django.apps import AppConfig


class ActionsConfig(AppConfig):
    name = "actions"

    def ready(self) -> None:
        from actions import health
        from reactions_project import wake
        from triggers.signals import event_recorded

        def tell_workers(**_: Any) -> None:
            wake.rows_due()

        event_recorded.connect(tell_workers, weak=False, dispatch_uid="actions-dispatch")
        health.register()
