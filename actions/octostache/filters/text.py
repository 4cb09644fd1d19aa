"""Case, trimming, cutting, escaping, indenting."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from urllib.parse import quote

from actions.octostache.errors import FilterError, LimitError
from actions.octostache.limits import DEFAULT_LIMITS

Plain = Callable[[str, Sequence[str]], str | None]


def _without_options(function: Callable[[str], str]) -> Plain:
    def apply(value: str, options: Sequence[str]) -> str | None:
        return None if options else function(value)

    return apply


def to_lower(value: str) -> str:
    return value.lower() if value.isascii() else "".join(_one(character, character.lower()) for character in value)


def to_upper(value: str) -> str:
    return value.upper() if value.isascii() else "".join(_one(character, character.upper()) for character in value)


def _one(character: str, changed: str) -> str:
    return changed if len(changed) == 1 else character


def encoding_of(options: Sequence[str]) -> str | None:
    """The codec that an option names; UTF-8 without one, None for an unknown word."""
    if not options:
        return "utf-8"
    if len(options) > 1:
        return None
    return {"utf8": "utf-8", "utf-8": "utf-8", "unicode": "utf-16-le"}.get(options[0].lower())


def to_bytes(value: str, encoding: str) -> bytes:
    return value.encode(encoding, "replace")


def to_base64(value: str, options: Sequence[str]) -> str | None:
    encoding = encoding_of(options)
    return None if encoding is None else base64.b64encode(to_bytes(value, encoding)).decode()


def from_base64(value: str, options: Sequence[str]) -> str | None:
    # Unusable input raises whatever the option says.
    raw = decode_base64(value)
    encoding = encoding_of(options)
    return None if encoding is None else raw.decode(encoding, "replace")


def decode_base64(value: str) -> bytes:
    """Strict but for blanks; raises FilterError."""
    try:
        return base64.b64decode(re.sub(r"[ \t\r\n]", "", value).encode("ascii"), validate=True)
    except (binascii.Error, ValueError, UnicodeEncodeError):
        raise FilterError("FromBase64: the input is not valid Base64.") from None


_XML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}
_HTML = str.maketrans({**_XML, "/": "&#x2F;"})
_XML_TABLE = str.maketrans(_XML)
_JSON = str.maketrans({'"': '\\"', "\\": "\\\\", "\r": "\\r", "\n": "\\n", "\t": "\\t"})


def yaml_single_quote(value: str) -> str:
    def more(match: re.Match[str]) -> str:
        run = match.group()
        return ("\r\n" if run[0] == "\r" else "\n") + run

    return re.sub(r"[\r\n]+", more, value).replace("'", "''")


def _units(character: str) -> list[int]:
    raw = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]


@lru_cache(maxsize=1024)
def _unicode_escape(character: str) -> str:
    return "".join(f"\\u{unit:04x}" for unit in _units(character))


_YAML = {"\r": "\\r", "\n": "\\n", "\t": "\\t", "\\": "\\\\", '"': '\\"'}


def yaml_double_quote(value: str) -> str:
    return re.sub(r'[^ -~]|[\\"]', lambda one: _YAML.get(one[0]) or _unicode_escape(one[0]), value)


_PROPERTIES = {"\\": "\\\\", "\r": "\\r", "\n": "\\n", "\t": "\\t", " ": "\\ ", ":": "\\:", "=": "\\="}


def properties_key(value: str) -> str:
    return re.sub(r"[^\x00-\xfe]|[\\\r\n\t :=]", lambda one: _PROPERTIES.get(one[0]) or _unicode_escape(one[0]), value)


def properties_value(value: str) -> str:
    escaped = re.sub(r"[^\x00-\xfe]|[\\\r\n\t]", lambda one: _PROPERTIES.get(one[0]) or _unicode_escape(one[0]), value)
    return f"\\{escaped}" if escaped.startswith(" ") else escaped


def trim(value: str, options: Sequence[str]) -> str | None:
    if not options:
        return value.strip()
    side = options[0].lower()
    if side == "start":
        return value.lstrip()
    return value.rstrip() if side == "end" else None


_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*\Z")


def integer(text: str) -> int | None:
    """A 32-bit integer as .NET reads it."""
    if not _INTEGER.match(text) or len(text.strip()) > 40:
        return None
    value = int(text)
    return value if -(2**31) <= value < 2**31 else None


def substring(value: str, options: Sequence[str]) -> str | None:
    numbers = [integer(option) for option in options]
    if not 1 <= len(numbers) <= 2 or any(number is None or number < 0 for number in numbers):
        return None
    start, length = (0, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])
    assert start is not None
    assert length is not None
    return None if start > len(value) else value[start : start + length]


def truncate(value: str, options: Sequence[str]) -> str | None:
    length = integer(options[0]) if options else None
    if length is None or length < 0:
        return None
    return value if len(value) <= length else value[:length] + (options[1] if len(options) > 1 else "...")


def _compare(test: Callable[[str, str], bool]) -> Plain:
    def apply(value: str, options: Sequence[str]) -> str | None:
        return None if len(options) != 1 else "true" if test(value, options[0]) else "false"

    return apply


_INDENT = re.compile(r"(?:([0-9]{1,3})|([0-9]{0,3})/([0-9]{1,3}))\Z")


def indent(value: str, options: Sequence[str]) -> str | None:
    if len(options) > 2:
        return None
    if not value:
        return ""
    first, other = ("    ", "    ") if not options else _prefixes(options)
    if len(other) * value.count("\n") > DEFAULT_LIMITS.output:
        raise LimitError(f"Indent makes more than {DEFAULT_LIMITS.output:,} characters: make the text shorter.")
    return first + value.replace("\n", f"\n{other}")


def _prefixes(options: Sequence[str]) -> tuple[str, str]:
    if len(options) == 2:
        return options[0], options[1]
    match = _INDENT.match(options[0])
    if match is not None:
        both, first, other = match.groups()
        counts = [int(count or 0) for count in ((both, both) if both is not None else (first, other))]
        if all(count <= 255 for count in counts):
            return " " * counts[0], " " * counts[1]
    return options[0], options[0]


FILTERS: dict[str, Plain] = {
    "tolower": _without_options(to_lower),
    "toupper": _without_options(to_upper),
    "tobase64": to_base64,
    "frombase64": from_base64,
    "htmlescape": _without_options(lambda value: value.translate(_HTML)),
    "xmlescape": _without_options(lambda value: value.translate(_XML_TABLE)),
    "jsonescape": _without_options(lambda value: value.translate(_JSON)),
    "yamlsinglequoteescape": _without_options(yaml_single_quote),
    "yamldoublequoteescape": _without_options(yaml_double_quote),
    "propertieskeyescape": _without_options(properties_key),
    "propertiesvalueescape": _without_options(properties_value),
    "uriescape": _without_options(lambda value: quote(value, safe="-_.~!*'();/?:@&=+$,#[]", errors="replace")),
    "uridataescape": _without_options(lambda value: quote(value, safe="-_.~", errors="replace")),
    "trim": trim,
    "substring": substring,
    "truncate": truncate,
    "startswith": _compare(lambda value, option: value.startswith(option)),
    "endswith": _compare(lambda value, option: value.endswith(option)),
    "contains": _compare(lambda value, option: option in value),
    "indent": indent,
}
