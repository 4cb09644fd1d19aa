"""Any sender of JSON or a form."""

from typing import Any

from triggers.sources.base import Delivery, Told, sources, text_at

# Standard Webhooks, and the name under which Svix sends the same.
_ID_HEADERS = ("webhook-id", "svix-id")
_TITLES = ("title", "subject", "summary", "message", "event", "name")


class Generic:
    name = "generic"
    label = "Any sender"

    def tell(self, delivery: Delivery) -> Told:
        named = (delivery.headers.get(header, "") for header in _ID_HEADERS)
        return Told(subject=_subject(delivery.payload), delivery_id=next((one for one in named if one), None))


def _subject(payload: Any) -> str:
    if text_at(payload, "specversion"):  # CloudEvents
        return f"{text_at(payload, 'type')} {text_at(payload, 'subject')}".strip()
    return next((text for key in _TITLES if (text := text_at(payload, key))), "")


sources.add(Generic())
