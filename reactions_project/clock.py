"""The one place that asks what time it is, so that a test may answer."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current instant, in UTC with its zone."""
    return datetime.now(UTC)
