"""Patterns people write: a safe part of the language, bounded in time and size (SEC-62)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.filters.patterns import Pattern, PatternError, PatternTimeout, check_pattern, compiled_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "is_found"),
    [
        (r"^Acme\.", "Acme.Web", True),
        (r"^Acme\.", "My.Acme.Web", False),
        ("Web", "Acme.Web", True),
        (r"\d{4}-\d{2}-\d{2}T", "at 2026-01-02T03", True),
        (r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "7a48ce8c-728d-4350-8da8-e283d6fce277", True),
        (r"^(?<major>\d+)\.(?P<minor>\d+)(?!-)", "1.2", True),
        (r"(?P<x>a)(?P=x)\1", "aaa", True),
        (r"(?i)acme", "ACME", True),
        (r"(?i:a)B", "AB", True),
        (r"(?>a+)b", "aaab", True),
        (r"(?<=v)\d(?<!0)", "v1", True),
        (r"[]a]{2}[^]]", "]ab", True),
        (r"[[:alpha:]]\p{L}", "xé", True),
        (r"\{x\}", "{x}", True),
        (r"a{2,}?b{,3}", "aab", True),
        ("", "anything", True),
    ],
)
def test_ordinary_patterns_are_looked_for_anywhere(pattern: str, text: str, is_found: bool) -> None:
    assert Pattern(pattern).is_found_in(text) is is_found


def test_case_is_ignored_on_request() -> None:
    assert not Pattern("acme").is_found_in("ACME")
    assert Pattern("acme", ignore_case=True).is_found_in("ACME")


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "a)",
        "[a",
        "\\",
        "*a",
        "a**",
        "a{2,1}",
        "a{",
        "a{,}",
        "{}",
        r"\g<1>",
        r"\L<names>",
        r"\1",
        "x" * 501,
    ],
)
def test_a_broken_pattern_is_one_sentence(pattern: str) -> None:
    with pytest.raises(PatternError, match=r"^The pattern .+\.$"):
        compiled_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?:a{9999}){9999}",
        "(?:(?:a{100}){100}){100}",
        "(?:(?:(?:a{9999}){9999}){9999}){9999}",
        "a{99999}",
        "a{99999999999999999999}",
        "((a{1,90}){1,90}){1,90}",
        "(?:" + "abcdefghij" * 40 + "){100}",
        "[ab]{100}" * 55 + r"\d{9999}",
    ],
)
def test_sec_62_a_pattern_that_would_unroll_to_gigabytes_is_never_compiled(pattern: str) -> None:
    with pytest.raises(PatternError):
        check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?R)",
        "(a(?1)?)",
        "(?&name)",
        "(?:foo){e<=3}",
        "(?e)foo",
        "(?b)foo",
        "(?V1)[a--b]",
        "(?|a|b)",
        "(?(1)a|b)",
        "(?#comment)",
        "(*PRUNE)",
        "(?r)a",
    ],
)
def test_sec_62_recursion_and_fuzzy_matching_are_not_accepted(pattern: str) -> None:
    with pytest.raises(PatternError):
        check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["(a|a)*$", "(((((a*)*)*)*)*)*$", "(?:a{1,90}){1,90}$", r"\w{1,3000}\w{1,3000}\w{1,3000}\d"],
)
def test_sec_62_a_pattern_that_takes_too_long_is_stopped(pattern: str) -> None:
    with pytest.raises(PatternTimeout):
        Pattern(pattern).is_found_in("a" * 100_000 + "!")


def test_sec_62_no_time_left_means_stopped() -> None:
    with pytest.raises(PatternTimeout):
        Pattern("a").is_found_in("a", seconds=0)


@given(st.text(alphabet="ab()[]{}|*+?^$.\\,0123456789:=!<>P-ixd", max_size=30))
def test_any_pattern_is_accepted_or_a_sentence(pattern: str) -> None:
    try:
        Pattern(pattern).is_found_in("abab01", seconds=0.01)
    except (PatternError, PatternTimeout):
        return
