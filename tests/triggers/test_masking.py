"""Where a request's own key hides in what it carries."""

import pytest

from triggers.masking import masked, may_hold_key, quotes_key, without_key

KEY = "rxt_0123456789_" + "s" * 43


def test_sec_11_the_key_is_masked_wherever_a_text_holds_it():
    value = {KEY: [KEY, f"?apikey={KEY}&a=1", {"a": None, "b": 1.5, "c": True}]}
    assert masked(KEY, value) == {"*****": ["*****", "?apikey=*****&a=1", {"a": None, "b": 1.5, "c": True}]}


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "", "text", [], {}, {"a": ["b"]}])
def test_what_holds_no_key_stays_as_it_is(value: object):
    assert masked(KEY, value) == value


@pytest.mark.parametrize("body", [KEY.encode(), f'{{"a": "x{KEY}y"}}'.encode(), b'"\\u0072xt_"', b"a=%72xt_"])
def test_a_body_that_could_hold_the_key_is_looked_through(body: bytes):
    assert may_hold_key(KEY, body)


def test_a_body_in_which_no_key_can_hide_is_left_alone():
    assert not may_hold_key(KEY, b'{"a": "rxt_ \xff"}')


def test_sec_11_values_and_names_that_hold_the_key_are_dropped():
    assert without_key(KEY, {"a": "1", "b": f"x{KEY}", f"c{KEY}": "2"}) == {"a": "1"}


def test_a_quotation_that_ends_within_the_key_still_quotes_it():
    assert quotes_key(KEY, f'The key "{KEY[:40]}…" appears twice')
    assert not quotes_key(KEY, 'The key "rxt_" appears twice')
    assert not quotes_key("", "anything")
