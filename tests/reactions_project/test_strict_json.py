"""Strict JSON (SEC-31): what one reader could take differently from another is refused."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reactions_project.strict_json import JsonLimits, JsonRejected, parse_json

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)


def status_of(body: bytes, limits: JsonLimits | None = None) -> int:
    try:
        value = parse_json(body, limits or JsonLimits())
    except JsonRejected as error:
        return error.status
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    return 200


def rejection(body: bytes, limits: JsonLimits | None = None) -> JsonRejected:
    with pytest.raises(JsonRejected) as caught:
        parse_json(body, limits or JsonLimits())
    return caught.value


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b" [1, -2.5, true, null] \n", [1, -2.5, True, None]),
        (b'"text"', "text"),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('{"a": "Grüße 🙂"}'.encode(), {"a": "Grüße 🙂"}),
        (rb'"\ud83d\ude42"', "🙂"),
        (rb'"\\u0000 is only text"', r"\u0000 is only text"),
        (rb'"[[[[ \" {{{{ ,,,,"', '[[[[ " {{{{ ,,,,'),
        (b"1e-400", 0.0),
    ],
)
def test_honest_json_is_read_as_it_is(body: bytes, value: Any) -> None:
    assert parse_json(body) == value


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"01", "not JSON"),
        (b'"tab\there"', "not JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b'"\xc3\x28"', "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"[NaN]", "NaN is not JSON"),
        (b"[Infinity]", "Infinity is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b"1e400", "too large"),
        (b"[-1e400]", "too large"),
        (b"9" * 4301, "digits"),
        (rb'{"a": "\u0000"}', "NUL"),
        (rb'{"\u0000": 1}', "NUL"),
        (b'"\0"', "not JSON"),
        (rb'["\ud800"]', "surrogate"),
        (rb'{"\udc00": 1}', "surrogate"),
        (b'{"a": 1, "a": 2}', '"a" appears twice'),
        (rb'{"a": 1, "\u0061": 2}', '"a" appears twice'),
        (b'[{"b": {"c": 1, "c": 1}}]', '"c" appears twice'),
        (rb'{"\ud800": 1, "\ud800": 2}', "appears twice"),
    ],
)
def test_sec_31_hostile_or_broken_json_is_a_plain_400(body: bytes, words: str) -> None:
    error = rejection(body)
    assert error.status == 400
    assert words in str(error)
    assert str(error).endswith(".")


def test_sec_31_one_byte_over_a_mebibyte_is_413() -> None:
    fits = b'"' + b"x" * (1_048_576 - 2) + b'"'
    assert len(parse_json(fits)) == 1_048_574
    assert rejection(fits + b" ").status == 413


def test_sec_31_sixty_four_levels_pass_and_sixty_five_do_not() -> None:
    parse_json(b"[" * 64 + b"]" * 64)
    parse_json(b'{"a":' * 64 + b"1" + b"}" * 64)
    assert "deeper than 64" in str(rejection(b"[" * 65 + b"]" * 65))
    assert "deeper than 64" in str(rejection(b'{"a":' * 65 + b"1" + b"}" * 65))


def test_sec_31_brackets_inside_texts_are_not_depth() -> None:
    assert parse_json(b'["' + b"[" * 100_000 + b'"]') == ["[" * 100_000]
    assert parse_json(rb'["\"' + b"[" * 1000 + b'"]') == ['"' + "[" * 1000]


def test_sec_31_many_shallow_objects_are_not_depth() -> None:
    assert len(parse_json(b"[" + b",".join([b"{}"] * 5_000) + b"]")) == 5_000


@pytest.mark.parametrize(
    "value", [[0] * 9_999, [[]] * 9_999, {"a": {str(n): n for n in range(9_998)}}, [[0]] * 4_999 + [0]]
)
def test_sec_31_ten_thousand_values_pass_and_one_more_does_not(value: Any) -> None:
    parse_json(json.dumps(value).encode())
    more = [*value, 0] if isinstance(value, list) else value | {"b": 0}
    error = rejection(json.dumps(more).encode())
    assert error.status == 400
    assert "10,000 values" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b"]" * 1_000_000,
        b"[]" * 500_000,
        b"[ " * 500_000,
        b'"' * 1_000_001,
        b'"' + b"\\" * 1_000_001,
        b'"' + b'\\"' * 500_000,
        b"1" * 1_000_000,
        b"{" * 9_000,
    ],
)
def test_sec_31_a_mebibyte_of_spite_is_refused_without_blowing_up(body: bytes) -> None:
    assert rejection(body).status == 400


def test_limits_are_arguments() -> None:
    small = JsonLimits(size_bytes=20, depth=2, nodes=3, digits=2)
    assert parse_json(b"[[1]]", small) == [[1]]
    assert rejection(b"[[[]]]", small).status == 400
    assert rejection(b"[1,2,3]", small).status == 400
    assert rejection(b"123", small).status == 400
    assert rejection(b" " * 21, small).status == 413


@given(json_values)
def test_whatever_json_can_say_comes_back_the_same(value: Any) -> None:
    if "\\u0000" in json.dumps(value):
        return
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b'{"":""}')
def test_any_bytes_are_a_value_or_a_refusal(body: bytes) -> None:
    assert status_of(body) in {200, 400}


@given(st.lists(st.sampled_from(["[", "]", "{", "}", '"', "\\", "\\u", "d800", "0000", ":", ",", "1", "e9", "-", " "])))
def test_any_scraps_of_json_are_a_value_or_a_refusal(scraps: list[str]) -> None:
    assert status_of("".join(scraps).encode(), JsonLimits(depth=4, nodes=8)) in {200, 400}
