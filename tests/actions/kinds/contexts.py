"""What an attempt may know, for tests of kinds."""

from typing import Any
from uuid import UUID

from actions.kinds.base import ExecutionContext
from actions.octostache import Opaque

RUN = UUID("0f4c1d6e-2b7a-4c7e-9d53-6d1f0c9a1b42")


def context(config: dict[str, Any], variables: dict[str, str] | None = None, **more: Any) -> ExecutionContext:
    """Variables are an event's, so opaque; give author's own values in `authored`."""
    opaque = {name: Opaque(value) for name, value in (variables or {}).items()}
    return ExecutionContext(
        run_uid=RUN,
        run_number=7,
        attempt=1,
        action_name="Notify",
        reaction_name="Tell them",
        config={"method": "POST", "url": "https://monitor.example.com/"} | config,
        timeout_seconds=30,
        variables={**opaque, **more.pop("authored", {})},
        payload=None,
        query={},
        event={},
        **more,
    )
