"""The filters by name (SPEC §11): `value | Name option …`. A filter gets the value or None and its options as texts,
and gives text or None, which means that it could not work."""

from collections.abc import Callable, Sequence

from actions.octostache.filters import dates, formats, hashing, markdown, regexes, text, uris, versions
from actions.octostache.limits import Cost

Filter = Callable[[str | None, Sequence[str], Cost], str | None]
Plain = Callable[[str, Sequence[str]], str | None]


def _of_text(function: Plain) -> Filter:
    """A filter that needs a value and costs little."""

    def apply(value: str | None, options: Sequence[str], cost: Cost) -> str | None:
        return None if value is None else function(value, options)

    return apply


_FILTERS: dict[str, Filter] = {
    **{name: _of_text(function) for name, function in text.FILTERS.items()},
    **{name: _of_text(function) for name, function in hashing.FILTERS.items()},
    **{name: _of_text(function) for name, function in uris.FILTERS.items()},
    **{name: _of_text(function) for name, function in versions.FILTERS.items()},
    **markdown.FILTERS,
    **{name: _of_text(function) for name, function in dates.FILTERS.items()},
    "format": _of_text(formats.format_value),
    "match": regexes.match,
    "replace": regexes.replace,
    "nowdate": lambda value, options, cost: dates.now(value, options, utc=False),
    "nowdateutc": lambda value, options, cost: dates.now(value, options, utc=True),
    "append": lambda value, options, cost: None if not options else (value or "") + "".join(options),
    "prepend": lambda value, options, cost: None if not options else "".join(options) + (value or ""),
    "null": lambda value, options, cost: None,
}
_custom: dict[str, Filter] = {}


def register(name: str, function: Filter) -> None:
    """Add a filter of one's own; the built-in of that name is asked first."""
    _custom[name.lower()] = function


def built_in(name: str) -> Filter:
    """The filter of that name in any case; one that gives None for an unknown name."""
    return _FILTERS.get(name.lower(), _nothing)


def custom(name: str, value: str | None, options: Sequence[str], cost: Cost) -> str | None:
    """What a filter of one's own makes of it, asked where the built-in one gave None."""
    function = _custom.get(name.lower())
    return None if function is None else function(value, options, cost)


def _nothing(value: str | None, options: Sequence[str], cost: Cost) -> str | None:
    return None
