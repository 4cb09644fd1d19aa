"""Hostile text on a page (SEC-70)."""

import pytest

from accounts.templatetags.text import (
    header_lines,
    link_or_text,
    pretty_if_json,
    shown,
    shown_path,
    shown_plain,
    terminal,
)


def test_sec_70_markup_is_text():
    assert shown("<script>alert('1')</script>") == "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;"


def test_sec_70_hidden_characters_are_marked():
    assert shown("a\u202eb") == 'a<span class="hidden-char" title="right-to-left override">U+202E</span>b'
    assert shown_plain("a\u202eb") == "a⟨U+202E⟩b"


def test_a_dotted_name_may_break_behind_its_dots():
    assert shown_path("payload.<b>.Name") == "payload.<wbr>&lt;b&gt;.<wbr>Name"
    assert shown_path("environment") == "environment"


def test_sec_70_text_that_claims_to_be_safe_is_escaped_all_the_same():
    from django.utils.safestring import mark_safe

    assert shown(mark_safe("<b>")) == "&lt;b&gt;"


def test_sec_70_colours_cannot_smuggle_markup():
    assert terminal('\x1b[31m"><script>\x1b[0m') == '<span class="ansi-red">&quot;&gt;&lt;script&gt;</span>'


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "//example.com",
        "https://",
        "https://user@example.com/",
        "https://exa mple.com",
        "https://example.com/\u202egpj",
        "see https://example.com",
        "http://[::1",
        "ftp://example.com",
        "https://example.com/" + "a" * 2000,
    ],
)
def test_sec_70_what_is_not_plainly_a_web_address_is_no_link(text):
    assert "<a " not in link_or_text(text)


def test_sec_70_a_link_tells_the_other_side_nothing():
    assert link_or_text('https://example.com/?a=1&b="2"') == (
        '<a href="https://example.com/?a=1&amp;b=&quot;2&quot;" rel="noopener noreferrer" '
        'referrerpolicy="no-referrer">https://example.com/?a=1&amp;b=&quot;2&quot;</a>'
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"a":[1]}', "{\n  &quot;a&quot;: [\n    1\n  ]\n}"),
        ("{not json", "{not json"),
        ("plain", "plain"),
        ("[" * 100_000, "[" * 100_000),
        ({"a": 1}, "{\n  &quot;a&quot;: 1\n}"),
        (None, "null"),
    ],
)
def test_a_body_is_indented_where_it_is_json(body, expected):
    assert pretty_if_json(body) == expected


@pytest.mark.parametrize("headers", [{"A": "1", "B": "<2>"}, [["A", "1"], ["B", "<2>"]]])
def test_headers_are_lines(headers):
    assert header_lines(headers) == "A: 1\nB: &lt;2&gt;"
