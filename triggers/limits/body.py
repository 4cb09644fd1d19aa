"""Reading a body as its content type says: JSON, a form, or JSON sent as text (SEC-31)."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from reactions_project.strict_json import JsonRejected
from reactions_project.strict_json import parse_json as parse_strictly
from triggers.limits.base import DEFAULT_LIMITS, Limits, PayloadRejected, shown
from triggers.limits.query import pairs_of

MediaType = Literal["json", "form", "text"]


@dataclass(frozen=True)
class Parsed:
    """`payload` is None where nothing was sent: the query string may be all there is to say."""

    payload: Any
    media_type: MediaType


def parse_json(body: bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The JSON value; raises PayloadRejected and nothing else."""
    try:
        return parse_strictly(body, limits.body)
    except JsonRejected as rejected:
        raise PayloadRejected(rejected.status, str(rejected)) from None


def parse_body(
    content_type: str | None, content_encoding: str | None, body: bytes, limits: Limits = DEFAULT_LIMITS
) -> Parsed:
    """Read a body as its content type says. Without one, nothing, or what looks like JSON, is taken."""
    if len(body) > limits.body.size_bytes:
        raise PayloadRejected(413, f"The body is larger than {limits.body.size_bytes:,} bytes: send less.")
    if (content_encoding or "").strip().lower() not in {"", "identity"}:
        raise PayloadRejected(415, "The body has a Content-Encoding: send it uncompressed, without that header.")
    is_named = bool(content_type and content_type.strip())
    media_type = media_type_of(content_type) if is_named else "json"
    if not body and (not is_named or media_type == "text"):
        return Parsed(None, media_type)
    if media_type == "form":
        return Parsed(_form(body, limits), media_type)
    if media_type == "json" and is_named:
        return Parsed(parse_json(body, limits), media_type)
    if not _looks_like_json(body):
        kind = "text" if is_named else "without a Content-Type"
        raise PayloadRejected(415, f"The body is {kind} and not JSON: send JSON with Content-Type: application/json.")
    return Parsed(parse_json(body, limits), media_type)


def media_type_of(header: str | None) -> MediaType:
    """Which of our readers a Content-Type header asks for; raises PayloadRejected (415) for any other.

    Text is here because Amazon SNS sends its JSON under text/plain; MyGet names a +json type of its own.
    """
    name, *parameters = (header or "").split(";")
    name = name.strip().lower()
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset" and value.strip().strip('"').lower() not in {"utf-8", "utf8"}:
            raise PayloadRejected(415, f"The charset {shown(value.strip())} is not read here: send UTF-8.")
    if name in {"application/json", "text/json"} or re.fullmatch(r"application/[\w.!#$&^-]+\+json", name, re.ASCII):
        return "json"
    if name == "application/x-www-form-urlencoded":
        return "form"
    if name == "text/plain":
        return "text"
    raise PayloadRejected(
        415, f"The content type {shown(name)} is not read here: send application/json or a form without files."
    )


def _looks_like_json(body: bytes) -> bool:
    return body.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")[:1] in {b"{", b"["}


def _form(body: bytes, limits: Limits) -> Any:
    """A form's fields, or the document in its only field `payload` (GitHub, Slack and Travis send it so).

    A field that comes several times becomes a list, as forms mean it.
    """
    pairs = pairs_of(body, limits.form_fields, "form")
    if len(pairs) == 1 and pairs[0][0] == "payload":
        return parse_json(pairs[0][1].encode(), limits)
    fields: dict[str, Any] = {}
    repeated: set[str] = set()
    for name, value in pairs:
        if name in repeated:
            fields[name].append(value)
        elif name in fields:
            fields[name] = [fields[name], value]
            repeated.add(name)
        else:
            fields[name] = value
    return fields
