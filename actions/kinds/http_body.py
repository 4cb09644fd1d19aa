"""Bodies of HTTP actions: a JSON structure rendered leaf by leaf and serialised afterwards, a form, or text.

Because leaves are rendered before serialising, a quote or a newline in release notes cannot break the document.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from actions.kinds.base import UnrunnableError
from actions.kinds.rendering import Place, Renderer

_MAX_NESTING = 20
# Made once: json.dumps makes an encoder for each call that is not by its defaults.
_AS_JSON = json.JSONEncoder(ensure_ascii=False).encode


def render_body(body: Mapping[str, Any], renderer: Renderer) -> tuple[str, bytes]:
    """(content type or "", bytes); raises UnrunnableError for a leaf that should be a number and is not."""
    kind = body.get("kind", "none")
    if kind == "json":
        document = _leaf_by_leaf(body.get("json"), renderer, "body")
        return "application/json", _AS_JSON(document).encode("utf-8", "replace")
    if kind == "form":
        pairs = [(name, renderer.text(value, Place("form", name))) for name, value in body.get("form", {}).items()]
        return "application/x-www-form-urlencoded", urlencode(pairs).encode()
    if kind == "text":
        content_type = str(body.get("content_type") or "text/plain; charset=utf-8")
        place = Place("json text" if _is_json(content_type) else "text", "body")
        return content_type, renderer.text(str(body.get("text", "")), place).encode("utf-8", "replace")
    return "", b""


def _is_json(content_type: str) -> bool:
    media = content_type.split(";")[0].strip().lower()
    return media == "application/json" or media.endswith("+json")


class _Dropped:
    """A member that renders empty and is left out."""


_DROPPED = _Dropped()


def _leaf_by_leaf(value: Any, renderer: Renderer, path: str) -> Any:
    if isinstance(value, str):
        return _leaf(value, renderer, path)
    if isinstance(value, list):
        items: list[Any] = []
        for index, one in enumerate(value):
            if isinstance(one, str) and one.startswith("$split:"):
                rendered = renderer.text(one[7:], Place("json", f"{path}[{index}]"), 7)
                items += [part.strip() for part in rendered.split(",") if part.strip()]
                continue
            rendered_item = _leaf_by_leaf(one, renderer, f"{path}[{index}]")
            if rendered_item is not _DROPPED:
                items.append(rendered_item)
        return items
    if isinstance(value, dict):
        members = {
            renderer.text(name, Place("json", path)): _leaf_by_leaf(inner, renderer, f"{path}.{name}")
            for name, inner in value.items()
        }
        return {name: inner for name, inner in members.items() if inner is not _DROPPED}
    return value


def _leaf(text: str, renderer: Renderer, path: str) -> Any:
    """`$int:`, `$number:`, `$bool:` and `$json:` before a template make its text that kind of value; empty drops it."""
    marker, colon, rest = text.partition(":")
    convert = _MARKERS.get(marker) if colon else None
    if convert is None:
        return renderer.text(text, Place("json", path))
    known = len(renderer.unresolved)
    rendered = renderer.text(rest, Place("json", path), len(text) - len(rest)).strip()
    if not rendered:
        return _DROPPED
    try:
        return convert(rendered)
    except (ValueError, KeyError):
        if len(renderer.unresolved) > known:
            # What is not known is told as such, not as a bad number.
            return rendered
        wanted = {"$int": "a whole number", "$number": "a number", "$bool": "true or false", "$json": "JSON"}[marker]
        raise UnrunnableError("template", f"{path} should be {wanted}, but renders as {rendered[:80]!r}.") from None


_MARKERS: Mapping[str, Callable[[str], Any]] = {
    "$int": int,
    "$number": float,
    "$bool": lambda text: {"true": True, "false": False, "1": True, "0": False}[text.lower()],
    "$json": json.loads,
}


def _json_problem(body: Mapping[str, Any]) -> str:
    if "json" not in body:
        return 'A JSON body needs its document in "json".'
    return _nesting_problem(body["json"], 0) or _leaf_problem(body["json"])


def _nesting_problem(value: Any, depth: int) -> str:
    if depth > _MAX_NESTING:
        return f"The JSON body is nested more than {_MAX_NESTING} deep: make it flatter."
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((problem for one in inner if (problem := _nesting_problem(one, depth + 1))), "")


def _leaf_problem(value: Any) -> str:
    if isinstance(value, str):
        return Renderer.syntax_problem(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((problem for one in inner if (problem := _leaf_problem(one))), "")


def _form_problem(body: Mapping[str, Any]) -> str:
    form = body.get("form")
    if not isinstance(form, dict) or not all(isinstance(value, str) for value in form.values()):
        return 'A form body needs its fields in "form", an object of names and texts.'
    return next((problem for value in form.values() if (problem := Renderer.syntax_problem(value))), "")


def _text_problem(body: Mapping[str, Any]) -> str:
    if not isinstance(body.get("text", ""), str):
        return 'A text body needs its text in "text".'
    return Renderer.syntax_problem(body.get("text", ""))


# Kind of body -> what is wrong with one, "" when nothing is.
BODY_KINDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "none": lambda _: "",
    "json": _json_problem,
    "form": _form_problem,
    "text": _text_problem,
}
