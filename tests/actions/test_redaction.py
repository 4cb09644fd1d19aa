"""SEC-22: the forms that are masked, and that pieces of a stream hide what the whole would hide."""

import base64
import json
import random
import urllib.parse

import pytest

from actions.redaction import MASK, Masker, StreamMasker

SECRET = 'pa"ss/w+rd é\\1'


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        urllib.parse.quote(SECRET),
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote_plus(SECRET),
        urllib.parse.quote(SECRET, safe="").lower(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_sec_22_every_written_form_is_masked(written: str) -> None:
    masked = Masker([SECRET]).mask(f"before {written} after")
    assert masked.startswith("before *****")
    assert masked.endswith(" after")
    assert written not in masked


@pytest.mark.parametrize("lead", ["", "u", "us", "use", "user:"])
@pytest.mark.parametrize("tail", ["", "x", "xy"])
def test_sec_22_base64_is_found_at_every_alignment(lead: str, tail: str) -> None:
    secret = "correct horse battery"
    encoded = base64.b64encode(f"{lead}{secret}{tail}".encode()).decode()
    masked = Masker([secret]).mask(encoded)
    assert MASK in masked
    assert len(masked.replace(MASK, "")) <= len(lead) * 2 + len(tail) * 2 + 8


def test_sec_22_lines_of_a_secret_are_masked_one_by_one() -> None:
    masker = Masker(["-----BEGIN KEY-----\r\n  abcdefgh\nxyz\n-----END KEY-----"])
    assert masker.mask("a abcdefgh b") == "a ***** b"
    assert masker.mask("xyz") == "xyz"
    assert masker.mask("-----BEGIN KEY-----\n  abcdefgh\nxyz\n-----END KEY-----") == MASK


def test_values_of_three_characters_stay() -> None:
    assert Masker(["abc", ""]).mask("abc abcd") == "abc abcd"
    assert Masker(["abcd"]).mask("abc abcd") == "abc *****"


def test_overlapping_finds_leave_no_rest() -> None:
    assert Masker(["abab"]).mask("xabababy") == "x*****y"
    assert Masker(["aaaa"]).mask("aaaaaaa") == "*****"
    assert Masker(["hello", "lowly"]).mask("hellowly") == "*****"


def test_a_secret_may_be_added_while_text_flows() -> None:
    masker = Masker()
    stream = StreamMasker(masker)
    assert stream.feed("hunter22 ") == "hunter22 "
    masker.add("hunter22")
    assert stream.feed("hunter22\n") == "*****\n"


@pytest.mark.parametrize("seed", range(20))
def test_sec_22_pieces_give_what_the_whole_gives(seed: int) -> None:
    choice = random.Random(seed)
    secrets = ["abcabcabd", "cabd\nxyzz", "bbbbb", "tail-secret"]
    words = [*secrets, "ab", "abc", "bb", "\n", "c", " ", "tail-"]
    text = "".join(choice.choices(words, k=200))
    masker = Masker(secrets)
    stream = StreamMasker(masker)
    pieces, position = [], 0
    while position < len(text):
        size = choice.randint(1, 9)
        pieces.append(stream.feed(text[position : position + size]))
        position += size
    pieces.append(stream.flush())
    masked = "".join(pieces)
    assert not any(secret in masked for secret in secrets)
    assert _collapsed(masked) == _collapsed(masker.mask(text))


def _collapsed(text: str) -> str:
    """Neighbouring finds may be covered one by one or together."""
    while MASK * 2 in text:
        text = text.replace(MASK * 2, MASK)
    return text


def test_ordinary_text_is_not_held_back() -> None:
    stream = StreamMasker(Masker(["secret-value"]))
    assert stream.feed("a line\n") == "a line\n"
    assert stream.feed("Password: ") == "Password: "
    assert stream.feed("this is sec") == "this is "
    assert stream.feed("ond\n") == "second\n"


def test_texts_that_make_naive_searching_quadratic_are_masked_all_the_same() -> None:
    masker = Masker(["a" * 4000, "ab" * 2000, "a" * 3999 + "b"])
    assert masker.mask("a" * 1_000_000) == MASK
    assert masker.mask("ab" * 500_000) == MASK
