"""What would hide in a text is found and named (SEC-70)."""

import pytest

from reactions_project.hidden_text import pieces, readable, styled


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain\ttext\nof two lines", "plain\ttext\nof two lines"),
        ("Windows\r\nlines", "Windows\nlines"),
        ("over\rwritten", "over⟨U+000D⟩written"),
        ("invoice\u202efdp.exe", "invoice⟨U+202E⟩fdp.exe"),
        ("a\u2066b\u2069c", "a⟨U+2066⟩b⟨U+2069⟩c"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("\x00\x1b[2J\x7f\x9b", "⟨U+0000⟩⟨U+001B⟩[2J⟨U+007F⟩⟨U+009B⟩"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("half \ud800", "half ⟨U+D800⟩"),
        ("fill\u3164er", "fill⟨U+3164⟩er"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("", ""),
    ],
)
def test_sec_70_hidden_characters_become_visible_codes(text, expected):
    assert readable(text) == expected


def test_a_hidden_character_has_a_name_for_people():
    assert [piece.name for piece in pieces("\u202e\x1b\x81") if piece.kind == "hidden"] == [
        "right-to-left override",
        "escape",
        "control character",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no colour", [((), "no colour")]),
        ("\x1b[31mred\x1b[0m off", [(("red",), "red"), ((), " off")]),
        ("\x1b[1;32mbold green", [(("bold", "green"), "bold green")]),
        ("\x1b[38;5;1mindexed", [((), "indexed")]),
        ("\x1b[999mno such code", [((), "no such code")]),
        ("\x1b[;mreset", [((), "reset")]),
        ("\x1b[2Jclear stays", [((), "\x1b[2Jclear stays")]),
    ],
)
def test_colour_codes_become_styles_and_other_codes_stay_text(text, expected):
    assert list(styled(text)) == expected
