"""The wire format of service messages."""

import pytest

from actions.scripts.messages import LONGEST, MessageParser, ServiceMessage


def parse(*pieces: str) -> list[str | tuple[str, dict[str, str]]]:
    parser = MessageParser()
    found = [part for piece in pieces for part in parser.feed(piece)]
    found += parser.flush()
    joined: list[str | tuple[str, dict[str, str]]] = []
    for part in found:
        if isinstance(part, ServiceMessage):
            joined.append((part.name, part.attributes))
        elif joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "hello ##octopus[setVariable name='QQ==' value='Yg=='] tail",
            ["hello ", ("setVariable", {"name": "A", "value": "b"}), " tail"],
        ),
        ('##octopus[setVariable name="QQ==" value="Yg=="]', [("setVariable", {"name": "A", "value": "b"})]),
        ("##octopus[foo]", [("foo", {})]),
        ("##octopus[foo name='%%%']\n", ["##octopus[foo name='%%%']\n"]),
        ("##octopus[setVariable NAME='QQ==']", [("setVariable", {"name": "A"})]),
        ("##octopus[mask value='W10=']", [("mask", {"value": "[]"})]),
        ("##octopus[a]##octopus[b] x", [("a", {}), ("b", {}), " x"]),
        ("##octopus[progress percentage='NDI=' message='']", [("progress", {"percentage": "42", "message": ""})]),
        ("##octopus[]", ["##octopus[]"]),
        ("##octopus[ not a message", ["##octopus[ not a message"]),
        ("##octopus[name attr=QQ==]", ["##octopus[name attr=QQ==]"]),
        ("##octopus[name attr='/w==']", ["##octopus[name attr='/w==']"]),
        ("plain ## #octopus [x]", ["plain ## #octopus [x]"]),
    ],
)
def test_a_line_is_split_into_text_and_messages(text: str, expected: list[object]) -> None:
    assert parse(text) == expected
    assert parse(*text) == expected


def test_a_message_may_be_broken_over_lines() -> None:
    text = "##octopus[setVariable name='Q\r\nQ==' value=\n'Yg==']\n"
    assert parse(text) == [("setVariable", {"name": "A", "value": "b"}), "\n"]


def test_text_that_only_begins_like_a_message_is_not_held_back() -> None:
    parser = MessageParser()
    assert list(parser.feed("##octo")) == []
    assert "".join(map(str, parser.feed("pus[ really? more"))) == "##octopus[ really? more"


def test_a_large_message_may_come_in_crumbs() -> None:
    value = "QUJD" * 25_000
    text = f"x ##octopus[setVariable name='QQ==' value='{value}'] y"
    pieces = [text[start : start + 3] for start in range(0, len(text), 3)]
    assert parse(*pieces) == ["x ", ("setVariable", {"name": "A", "value": "ABC" * 25_000}), " y"]


def test_a_message_without_end_becomes_text() -> None:
    text = "##octopus[setVariable name='" + "A" * (LONGEST + 10)
    assert parse(text + "\nrest") == [text + "\nrest"]
