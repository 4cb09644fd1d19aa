"""Versions in the order of SemVer and NuGet."""

import itertools

import pytest

from triggers.filters.versions import Version, parse_version

IN_ORDER = [
    "0.9",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-CI00002",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.0.1",
    "1.9",
    "1.10",
    "2023.1.4567",
]


def version(text: str) -> Version:
    parsed = parse_version(text)
    assert parsed is not None
    return parsed


@pytest.mark.parametrize(("less", "more"), list(itertools.combinations(IN_ORDER, 2)))
def test_versions_come_in_order(less: str, more: str) -> None:
    assert version(less) < version(more)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0", "1.0.0.0"),
        ("v1.2.3", "1.2.3"),
        ("1.2.3+build.5", "1.2.3+other"),
        ("1.0.0-RC.1", "1.0.0-rc.1"),
        ("7", "7.0"),
    ],
)
def test_spellings_of_the_same_version_are_equal(one: str, other: str) -> None:
    assert version(one) == version(other)


@pytest.mark.parametrize(
    ("text", "is_release"), [("1.2", True), ("1.2+x-y", True), ("1.2-x", False), ("1.2-x+y", False)]
)
def test_a_tag_makes_a_prerelease_and_metadata_does_not(text: str, is_release: bool) -> None:
    assert version(text).is_release is is_release


@pytest.mark.parametrize(
    "text",
    ["", "latest", "1.", ".1", "1.2.3.4.5", "1.2-", "1.2+", "1.2-a..b", "1.2-ä", "٣.1", "1" * 11, "1.0-" + "a" * 200],
)
def test_other_texts_are_no_versions(text: str) -> None:
    assert parse_version(text) is None
