"""Fields: what a condition can look at, and what is said when it is not there."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.filters.facts import DEPLOYMENT, PACKAGE
from triggers.filters import EventFacts, Found, Missing, fields, look_up
from triggers.filters.fields import FieldError, parse_field


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type", "DeploymentSucceeded"),
        ("source", "catalog"),
        ("actor", "alice"),
        ("project", "Core Web"),
        ("project.id", "Projects-12"),
        ("project.slug", "core-web"),
        ("environment", "Staging"),
        ("environment.id", "Environments-3"),
        ("release.version", "1.10.0"),
        ("deployment.id", "Deployments-77"),
        ("payload.Release.Number", "1.10.0"),
    ],
)
def test_an_internal_event_is_read_by_fixed_names(name: str, value: str) -> None:
    found = look_up(name, DEPLOYMENT)
    assert isinstance(found, Found)
    assert found.value == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("payload.Payload.PackageIdentifier", "Acme.Web"),
        ("payload.Payload.PackageMetadata.Size", 6158),
        ("payload.Payload.PackageMetadata.Tags[1]", "shop"),
        ("payload.Payload.PackageMetadata.Dependencies[0].PackageIdentifier", "Acme.Core"),
        ("payload.Payload.detail-type", "push"),
        ('payload["Payload"]["detail-type"]', "push"),
        ("payload['Payload']['detail-type']", "push"),
        (r'payload.Payload["a.b"]["say \"hi\""]', 1),
        ("payload.Payload.PackageMetadata.ReleaseNotes", None),
        ("query.feed", "acme"),
        ("query.dry-run", "False"),
        ("header.user-agent", "MyGet/1.0"),
        ("header.X-GITHUB-EVENT", "push"),
    ],
)
def test_a_payload_query_and_headers_are_read_by_path(name: str, value: Any) -> None:
    assert look_up(name, PACKAGE) == Found(value)


def test_any_element_is_read_with_a_star() -> None:
    dependencies = "payload.Payload.PackageMetadata.Dependencies[*]"
    assert look_up(f"{dependencies}.PackageIdentifier", PACKAGE) == Found(("Acme.Core", "Acme.Data"), is_each=True)
    assert look_up(f"{dependencies}.TargetFramework", PACKAGE) == Found(("net48",), is_each=True)
    nested = EventFacts(type="x", payload=[{"a": [1, 2]}, {"a": []}, {"b": 1}, {"a": [3]}])
    assert look_up("payload[*].a[*]", nested) == Found((1, 2, 3), is_each=True)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "payload.Payload.PackageIdentifer",
            'payload has no "Payload.PackageIdentifer"; did you mean "PackageIdentifier"?',
        ),
        ("payload.payload", 'payload has no "payload"; did you mean "Payload"?'),
        ("payload.PackageIdentifier", 'payload has no "PackageIdentifier"; did you mean "Payload.PackageIdentifier"?'),
        ("payload.Zzz", 'payload has no "Zzz"'),
        ("payload.Identifier.x", 'payload.Identifier is a text, so payload has no "Identifier.x"'),
        ("payload.Payload[0]", 'payload.Payload is an object, so payload has no "Payload[0]"'),
        ("payload.Empty[0]", 'payload.Empty is a list of 0, so payload has no "Empty[0]"'),
        ("payload.Empty[*].x", "payload.Empty is an empty list"),
        ("payload.Identifier[*]", "payload.Identifier is a text, not a list"),
        (
            "payload.Payload.PackageMetadata.Dependencies[*].Zzz",
            'no element of payload.Payload.PackageMetadata.Dependencies has "Zzz"',
        ),
        ("payload.Payload.PackageMetadata.ReleaseNotes.x", None),
        ("query.Feed", 'the request has no query parameter "Feed"; did you mean "feed"?'),
        ("header.X-GitLab-Event", 'the request has no header "X-GitLab-Event"; did you mean "X-GitHub-Event"?'),
        ("environment", "the event has no environment"),
        ("machine.name", "the event has no machine"),
        ("actor", "the event has no actor"),
        ("nonsense", 'There is no field "nonsense": write project, environment, payload.Name, query.name and so on.'),
    ],
)
def test_what_is_missing_is_said_with_the_place_where_the_path_stopped(name: str, reason: str | None) -> None:
    missing = look_up(name, PACKAGE)
    assert isinstance(missing, Missing)
    assert reason is None or missing.reason == reason


def test_an_event_without_payload_says_so() -> None:
    assert look_up("payload.x", EventFacts(type="x")) == Missing("the event has no payload")
    assert look_up("payload", EventFacts(type="x")) == Missing("the event has no payload")


def test_a_name_that_the_thing_lacks_is_missing() -> None:
    facts = EventFacts(type="x", release={"id": "Releases-1"})
    assert look_up("release.version", facts) == Missing("the event's release has no version")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("enviroment", 'did you mean "environment"?'),
        ("project.nam", 'did you mean "project.name"?'),
        ("payload.", "cannot be read"),
        ("payload..x", "cannot be read"),
        ("payload[x]", "cannot be read"),
        ("payload[-1]", "cannot be read"),
        ("payload.x[", "cannot be read"),
        (r'payload["\q"]', "not quoted as in JSON"),
        ("payload." + "x" * 600, "longer than 500"),
        ("payloads.x", "There is no field"),
        ("query.", "needs a name"),
        ("header.", "needs a name"),
        ("", "There is no field"),
    ],
)
def test_a_field_that_cannot_be_read_is_one_sentence(name: str, words: str) -> None:
    with pytest.raises(FieldError) as caught:
        parse_field(name)
    assert words in str(caught.value)


def test_every_fixed_field_has_a_label() -> None:
    assert ("environment", "Environment (name, slug or id)") in fields.choices()
    assert all(label for _, label in fields.choices())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "A", "c d"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.lists(st.sampled_from([".a", ".b", "[0]", "[*]", '["c d"]', ".", "["]), max_size=6), json_values)
def test_looking_up_never_raises(steps: list[str], payload: Any) -> None:
    found = look_up("payload" + "".join(steps), EventFacts(type="x", payload=payload))
    assert isinstance(found, Found | Missing)


@given(st.text(max_size=30))
def test_any_name_is_found_or_missing(name: str) -> None:
    assert isinstance(look_up(name, PACKAGE), Found | Missing)
