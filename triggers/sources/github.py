"""GitHub: the event's name and the delivery's id are headers, the rest is the body."""

import re
from typing import Any

from triggers.sources.base import PING, WEBHOOK_RECEIVED, Delivery, Told, sources, text_at


class GitHub:
    name = "github"
    label = "GitHub"

    def tell(self, delivery: Delivery) -> Told:
        event = delivery.headers.get("x-github-event", "")
        return Told(_type(event), _subject(event, delivery.payload), delivery.headers.get("x-github-delivery") or None)


def _type(event: str) -> str:
    if event == "ping":
        return PING
    if not re.fullmatch(r"[a-z][a-z_]{0,39}", event):
        return WEBHOOK_RECEIVED
    return "GitHub" + "".join(part.capitalize() for part in event.split("_"))


def _subject(event: str, payload: Any) -> str:
    repository = text_at(payload, "repository", "full_name") or text_at(payload, "organization", "login")
    action = text_at(payload, "action")
    words = f"{event[:40].replace('_', ' ')} {action}".strip()
    return f"{words} in {repository}" if repository else words


sources.add(GitHub())
