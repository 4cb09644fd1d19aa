"""MyGet: `{Identifier, Username, When, PayloadType, Payload}`; `Identifier` stays the same when it delivers again."""

from typing import Any

from triggers.sources.base import PING, WEBHOOK_RECEIVED, Delivery, Told, sources, text_at

_SUFFIX = "WebHookEventPayloadV1"
_PREPOSITIONS = {
    "PackageAdded": "added to",
    "PackageDeleted": "deleted from",
    "PackageListed": "listed in",
    "PackagePinned": "pinned in",
    "PackagePushed": "pushed from",
}
_BUILDS = {"BuildQueued": "queued", "BuildStarted": "started", "BuildFinished": "finished"}
_KNOWN = {PING, *_PREPOSITIONS, *_BUILDS}


class MyGet:
    name = "myget"
    label = "MyGet"

    def tell(self, delivery: Delivery) -> Told:
        payload = delivery.payload
        kind = text_at(payload, "PayloadType").removesuffix(_SUFFIX)
        event_type = kind if kind in _KNOWN else WEBHOOK_RECEIVED
        return Told(event_type, _subject(kind, payload), text_at(payload, "Identifier") or None)


def _subject(kind: str, payload: Any) -> str:
    feed = text_at(payload, "Payload", "FeedIdentifier")
    if kind == PING:
        return "Ping from MyGet"
    if kind in _BUILDS:
        result = text_at(payload, "Payload", "Result")
        name = text_at(payload, "Payload", "Name")
        return f"Build {name} {_BUILDS[kind]}{f' ({result})' if result else ''}"
    package = f"{text_at(payload, 'Payload', 'PackageIdentifier')} {text_at(payload, 'Payload', 'PackageVersion')}"
    verb = _PREPOSITIONS.get(kind, "")
    # "Listed" tells of both; the action says which.
    if kind == "PackageListed" and text_at(payload, "Payload", "Action") == "unlisted":
        verb = "unlisted in"
    target = text_at(payload, "Payload", "TargetPackageSourceName")
    return " ".join(f"{package} {verb} {feed}{f' to {target}' if target else ''}".split())


sources.add(MyGet())
