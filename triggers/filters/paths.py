"""Paths into a payload: `.name`, `[0]`, `["quoted key"]` and `[*]` for any element. Pure; case matters, as in JSON."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

LONGEST_PATH = 500


class Each(Enum):
    """The step `[*]`: every element in turn."""

    ELEMENT = "[*]"


Step = str | int | Each


class FieldError(ValueError):
    """A field name that cannot be read; one sentence says what to write instead."""


@dataclass(frozen=True)
class Found:
    """What a field holds. With `is_each` the value is a tuple of what any element held; `also` are other names by
    which a project or environment goes (slug, id)."""

    value: Any
    also: tuple[str, ...] = ()
    is_each: bool = False


@dataclass(frozen=True)
class Missing:
    """`reason` is a clause that says where the path stopped: 'payload has no "Nmae"; did you mean "Name"?'."""

    reason: str


_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]"']+) | \[(?P<index>\d{1,6})\] | (?P<each>\[\*\])
      | \[(?P<double>"(?:[^"\\]|\\.)*")\] | \['(?P<single>[^']*)'\]""",
    re.VERBOSE,
)


def parse_path(root: str, text: str) -> tuple[Step, ...]:
    """The steps of what follows the root, such as `.items[0]`; raises FieldError."""
    if len(text) > LONGEST_PATH:
        raise FieldError(f"A path into the {root} is longer than {LONGEST_PATH} characters: shorten it.")
    steps: list[Step] = []
    at = 0
    while at < len(text):
        step = _STEP.match(text, at)
        if not step:
            rest = text[at : at + 20]
            raise FieldError(f'The path of "{root}" cannot be read at "{rest}": write .name, [0], [*] or ["a key"].')
        steps.append(_step(step))
        at = step.end()
    return tuple(steps)


def _step(found: re.Match[str]) -> Step:
    if found["each"]:
        return Each.ELEMENT
    if found["index"]:
        return int(found["index"])
    if found["double"]:
        try:
            return str(json.loads(found["double"], strict=False))
        except ValueError:
            raise FieldError(f"The key {found['double']} is not quoted as in JSON: check its backslashes.") from None
    return found["name"] or found["single"] or ""


def path_text(steps: Iterable[Step]) -> str:
    """The steps as they are written, without a leading dot."""
    written = "".join(_written(step) for step in steps)
    return written.removeprefix(".")


def _written(step: Step) -> str:
    if isinstance(step, Each):
        return step.value
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if re.fullmatch(r"[^.\[\]\"'\s]+", step) else f"[{json.dumps(step, ensure_ascii=False)}]"


def walk(root: str, value: Any, steps: tuple[Step, ...]) -> Found | Missing:
    """Follow the steps through a JSON value."""
    for done, step in enumerate(steps):
        if isinstance(step, Each):
            return _walk_each(root, value, steps, done)
        stopped = _stop(value, step)
        if stopped is not None:
            here, wanted = path_text(steps[:done]), path_text(steps[: done + 1])
            at = _at(root, here)
            if stopped == "absent":
                hint = _did_you_mean(step, value) if isinstance(value, Mapping) else ""
                return Missing(f'{root} has no "{wanted}"{hint}')
            return Missing(f'{at} is {stopped}, so {root} has no "{wanted}"')
        value = value[step]
    return Found(value)


def _stop(value: Any, step: str | int) -> str | None:
    """Why this step cannot be taken: what the value is, or "absent"; None when it can."""
    if isinstance(step, str) and isinstance(value, Mapping):
        return None if step in value else "absent"
    if isinstance(step, int) and isinstance(value, list):
        return None if step < len(value) else f"a list of {len(value)}"
    return kind_of(value)


def _walk_each(root: str, value: Any, steps: tuple[Step, ...], done: int) -> Found | Missing:
    at = _at(root, path_text(steps[:done]))
    if not isinstance(value, list):
        return Missing(f"{at} is {kind_of(value)}, not a list")
    held: list[Any] = []
    for element in value:
        found = walk(root, element, steps[done + 1 :])
        if isinstance(found, Found):
            held.extend(found.value if found.is_each else [found.value])
    if held:
        return Found(tuple(held), is_each=True)
    rest = path_text(steps[done + 1 :])
    return Missing(f'no element of {at} has "{rest}"' if value and rest else f"{at} is an empty list")


def _at(root: str, path: str) -> str:
    return root + ("." if path and not path.startswith("[") else "") + path


def _did_you_mean(name: str | int, value: Mapping[Any, Any]) -> str:
    """The key meant: one spelled alike here, else the same key one level deeper."""
    keys = [key for key in value if isinstance(key, str)]
    nearest = near(str(name), keys)
    if nearest.casefold() != str(name).casefold():
        deeper = (key for key in keys[:200] if isinstance(value[key], Mapping) and name in value[key])
        nearest = next((path_text((key, name)) for key in deeper), nearest)
    return f'; did you mean "{nearest}"?' if nearest else ""


def near(name: str, names: Iterable[str]) -> str:
    """The name most like the given one; empty when none is."""
    # Likeness is costly, and payloads are strangers': look at so many short names only.
    some = [one for one, _ in zip((one for one in names if len(one) <= 60), range(200), strict=False)]
    if same := [one for one in some if one.casefold() == name.casefold()]:
        return same[0]
    likely = difflib.get_close_matches(name[:60], some, n=1)
    return likely[0] if likely else ""


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, int | float):
        return "a number"
    return f"a list of {len(value)}" if isinstance(value, list | tuple) else "an object"
