"""Rendering the parts of a request: one variable set, escaping by place, and every token that was not known.

Escaping follows the place (SEC-61): what an event says is percent-encoded in a URI and escaped in a JSON text, unless
the template ends in an escaping filter of its own; scheme, host and port cannot contain event values at all.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, urlencode, urlsplit

from actions.kinds.base import UnresolvedToken, UnrunnableError
from actions.octostache import OctostacheError, Rendered, VariableTree, canonical, render

# A template that ends in one of these has decided for itself.
_ESCAPING_FILTERS = frozenset(
    {"uriescape", "uridataescape", "jsonescape", "htmlescape", "xmlescape", "tobase64", "yamlsinglequoteescape"}
    | {"yamldoublequoteescape", "propertieskeyescape", "propertiesvalueescape"}
)
# Private characters that bracket an event's value while the URI is taken apart; removed before it is used.
_OPEN, _CLOSE = "\ue0f0", "\ue0f1"


@dataclass(frozen=True)
class Place:
    """Where a template stands, for escaping and for messages."""

    kind: Literal["url", "query", "header", "json", "json text", "form", "text"]
    name: str

    def __str__(self) -> str:
        return {"url": "the URI", "query": f"query {self.name}", "header": f"header {self.name}"}.get(
            self.kind, self.name if self.kind != "form" else f"form field {self.name}"
        )


class Renderer:
    """Renders templates against one set of variables and remembers what was missing and what was used."""

    def __init__(self, variables: Mapping[str, str], on_unresolved: str = "fail") -> None:
        self._names = list(variables)
        self._tree = VariableTree(variables)
        self._on_unresolved = on_unresolved
        self._used: set[str] = set()
        self.unresolved: list[UnresolvedToken] = []

    @staticmethod
    def syntax_problem(text: str) -> str:
        """What is wrong with a template's syntax, "" when nothing is."""
        try:
            canonical(text)
        except OctostacheError as error:
            return f"The template {text[:60]!r} cannot be read: {error}"
        return ""

    def use(self, variable: str) -> None:
        """Say that a variable goes into the request otherwise than through a template."""
        self._used.add(variable.lower())

    def used(self, variable: str) -> bool:
        """Whether that variable went into something that was rendered."""
        return variable.lower() in self._used

    def text(self, template: str, place: Place, begins_at: int = 0) -> str:
        """Raises UnrunnableError for a template that fails; a missing token is remembered and echoed. `begins_at` is
        where the template begins in what its author wrote there."""
        if "#{" not in template:
            return template

        def escape(value: str, is_opaque: bool, last_filter: str | None) -> str:
            if place.kind == "json text" and (last_filter or "").lower() not in _ESCAPING_FILTERS:
                return json.dumps(value, ensure_ascii=False)[1:-1]
            return value

        return self._finish(render(template, self._tree, on_value=escape), place, begins_at)

    def url(self, template: str, query: Mapping[str, str]) -> str:
        """The whole address. Event values in it are percent-encoded; in scheme, host or port they are refused."""
        place = Place("url", "")

        def escape(value: str, is_opaque: bool, last_filter: str | None) -> str:
            if not is_opaque:
                return value
            chosen = (last_filter or "").lower() in _ESCAPING_FILTERS
            return _OPEN + (value if chosen else quote(value, safe="")) + _CLOSE

        marked = self._finish(render(template, self._tree, on_value=escape), place) if "#{" in template else template
        head, path = _split_authority(marked)
        if _OPEN in head:
            raise UnrunnableError(
                "template",
                "Scheme, host or port of the URI would come from the event: only its path and query may (SEC-61).",
            )
        plain = path.replace(_OPEN, "").replace(_CLOSE, "")
        if plain != path and _climbs(plain):
            raise UnrunnableError(
                "template",
                "A part of the URI's path would be . or .. from the event: only the author may climb (SEC-61).",
            )
        url = head + plain
        if query:
            pairs = [(name, self.text(value, Place("query", name))) for name, value in query.items()]
            before, hash_mark, fragment = url.partition("#")
            separator = "&" if "?" in before else "?"
            url = f"{before}{separator}{urlencode(pairs, quote_via=quote)}{hash_mark}{fragment}"
        return url

    def origin(self, template: str) -> str:
        """host:port of the address as far as it is known without the event; "" when it is not."""
        try:
            rendered = render(template, self._tree).text if "#{" in template else template
        except OctostacheError:
            return ""
        return origin_of(rendered or "")

    def _finish(self, rendered: Rendered, place: Place, begins_at: int = 0) -> str:
        self._used |= {name.lower() for name in rendered.used}
        if rendered.error:
            raise UnrunnableError("template", f"The template of {place} cannot be read: {rendered.error}")
        text = rendered.text or ""
        for missing in rendered.missing:
            self.unresolved.append(
                UnresolvedToken(str(place), missing.token, begins_at + missing.offset, self._nearest(missing.token))
            )
            if self._on_unresolved == "empty":
                text = text.replace(missing.token, "")
        return text

    def _nearest(self, token: str) -> str:
        name = token.removeprefix("#{").removesuffix("}").split("|")[0].strip()
        by_lower = {known.lower(): known for known in self._names}
        found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.75)
        return by_lower[found[0]] if found else ""


def origin_of(url: str) -> str:
    """host:port of an address; "" of one that has none."""
    head, _ = _split_authority(url)
    return _origin(head) if len(head) <= 300 else _origin.__wrapped__(head)


@lru_cache(1_024)
def _origin(head: str) -> str:
    try:
        parts = urlsplit(head)
        if not parts.hostname or "#{" in head:
            return ""
        return f"{parts.hostname.lower()}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    except ValueError:
        return ""


def _climbs(path: str) -> bool:
    """Whether a segment stands for this or the upper folder, in any of the spellings that clients resolve."""
    only_path = path.partition("?")[0].partition("#")[0].lower().replace("%2e", ".")
    return any(segment in {".", ".."} for segment in only_path.replace("\\", "/").split("/"))


def _split_authority(url: str) -> tuple[str, str]:
    """(scheme://host:port, the rest)."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url, ""
    end = min((position for mark in "/?#" if (position := rest.find(mark)) >= 0), default=len(rest))
    return f"{scheme}://{rest[:end]}", rest[end:]
