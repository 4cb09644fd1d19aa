"""What each source says of a delivery."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.bodies import github_push, myget
from triggers.event_types import event_types
from triggers.sources import PING, Delivery, Told, source_of, sources


def told(source: str, payload: Any, **headers: str) -> Told:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return source_of(source).tell(Delivery(payload, named, {}))


def told_of_myget(kind: str = "PackageAdded", **payload: Any) -> Told:
    return told("myget", json.loads(myget(kind, **payload).removeprefix(b"\xef\xbb\xbf")))


def test_myget_names_the_package_the_version_and_the_feed():
    assert told_of_myget() == Told(
        "PackageAdded", "Acme.Web 1.4.2 added to acme", "3c1f2f2e-1111-4222-8333-444455556666"
    )


@pytest.mark.parametrize(
    ("kind", "payload", "subject"),
    [
        ("PackageDeleted", {}, "Acme.Web 1.4.2 deleted from acme"),
        ("PackageListed", {"Action": "listed"}, "Acme.Web 1.4.2 listed in acme"),
        ("PackageListed", {"Action": "unlisted"}, "Acme.Web 1.4.2 unlisted in acme"),
        ("PackagePushed", {"TargetPackageSourceName": "NuGet.org"}, "Acme.Web 1.4.2 pushed from acme to NuGet.org"),
        ("BuildFinished", {"Name": "Shop", "Result": "failed"}, "Build Shop finished (failed)"),
        ("BuildQueued", {"Name": "Shop"}, "Build Shop queued"),
    ],
)
def test_myget_events_each_have_a_line(kind: str, payload: dict[str, Any], subject: str):
    assert (told_of_myget(kind, **payload).type, told_of_myget(kind, **payload).subject) == (kind, subject)


def test_pings_are_told_apart():
    assert told_of_myget("Ping").type == PING
    assert told("github", {"zen": "Keep it simple."}, x_github_event="ping").type == PING
    assert told("generic", {"PayloadType": "PingWebHookEventPayloadV1"}, x_github_event="ping").type != PING


def test_github_names_event_repository_and_delivery():
    assert told("github", github_push(), x_github_event="push", x_github_delivery="d-1") == Told(
        "GitHubPush", "push in acme/web", "d-1"
    )
    ran = told("github", {"action": "completed", **github_push()}, x_github_event="workflow_run")
    assert (ran.type, ran.subject) == ("GitHubWorkflowRun", "workflow run completed in acme/web")


@pytest.mark.parametrize("header", ["webhook_id", "svix_id"])
def test_a_standard_webhook_names_itself(header: str):
    assert told("generic", {}, **{header: "msg_1"}).delivery_id == "msg_1"


@pytest.mark.parametrize(
    ("payload", "subject"),
    [
        ({"title": "Disk\n  full"}, "Disk full"),
        ({"specversion": "1.0", "type": "com.acme.built", "subject": "web"}, "com.acme.built web"),
        ({"message": {"text": "no"}, "name": 7}, "7"),
        ([1, 2], ""),
        (None, ""),
    ],
)
def test_any_sender_gets_a_line_where_its_body_has_one(payload: Any, subject: str):
    assert told("generic", payload).subject == subject


def test_an_unknown_source_is_read_as_any_sender():
    assert source_of("nobody").name == source_of("").name == "generic"


@pytest.mark.parametrize("source", list(sources), ids=lambda source: source.name)
@given(
    payload=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["Payload", "PayloadType", "Identifier", "action", "name"]), inner)
        ),
        max_leaves=8,
    ),
    event=st.text(max_size=50),
)
def test_a_source_takes_any_payload_and_never_names_an_internal_event(source: Any, payload: Any, event: str):
    found = source.tell(Delivery(payload, {"x-github-event": event}, {}))
    assert found.type not in event_types
    assert len(found.type) <= 60


@pytest.mark.parametrize("name", [event_type.name for event_type in event_types])
def test_a_sender_cannot_give_its_delivery_the_type_of_an_internal_event(name: str):
    assert told_of_myget(name).type == "WebhookReceived"
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
    assert told("github", {}, x_github_event=snake).type not in event_types
