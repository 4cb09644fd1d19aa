"""Parts of versions, read as Octopus reads them."""

import re
from collections.abc import Callable, Sequence

from actions.octostache.errors import FilterError

_VERSION = re.compile(
    r"""(?:[vV])?
    (?:\s*(?P<major>\d+)\s*(?:\.\s*(?P<minor>\d+)\s*(?:\.\s*(?P<patch>\d+)\s*(?:\.\s*(?P<revision>\d+)\s*)?)?)?)?
    (?:[.\-_\\]?(?P<pre>(?P<prefix>[A-Za-z0-9]*?)(?:[.\-_\\](?P<counter>[A-Za-z0-9.\-_\\]*))?))?
    (?:\+(?P<metadata>[A-Za-z0-9_\-.\\+]*))?\Z""",
    re.VERBOSE | re.ASCII,
)
# Python reads longer numbers slowly, or not at all.
_MOST_DIGITS = 4_000
_NUMBERS = {"versionmajor": "major", "versionminor": "minor", "versionpatch": "patch", "versionrevision": "revision"}
_TEXTS = {
    "versionprerelease": "pre",
    "versionprereleaseprefix": "prefix",
    "versionprereleasecounter": "counter",
    "versionmetadata": "metadata",
}


def _part(name: str, empty: str) -> Callable[[str, Sequence[str]], str | None]:
    def apply(value: str, options: Sequence[str]) -> str | None:
        match = _VERSION.match(value.strip()) if value.strip() else None
        if match is None:
            raise FilterError(f"{value[:60]!r} is not a version.")
        for number in _NUMBERS.values():
            digits = match[number]
            if digits is not None and (len(digits) > _MOST_DIGITS or int(digits) > 2_147_483_647):
                raise FilterError(f"{value[:60]!r} holds a number that is too large for a version.")
        part = match[name]
        return empty if part is None else (str(int(part)) if empty == "0" else part)

    return apply


FILTERS = {
    **{name: _part(part, "0") for name, part in _NUMBERS.items()},
    **{name: _part(part, "") for name, part in _TEXTS.items()},
}
