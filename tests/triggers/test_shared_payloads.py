"""Bodies that others really send: every one of the shared corpus is taken by an endpoint for any sender."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from triggers.models import Event, Trigger
from triggers.sources import sources

pytestmark = [pytest.mark.shared, pytest.mark.django_db]


def corpus(shared_folder: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads((shared_folder / "payloads" / "index.json").read_text())["payloads"]
    return listed


@pytest.mark.parametrize("source", [source.name for source in sources])
def test_every_payload_is_accepted_with_its_own_content_type(shared_folder, deliver, settings, source):
    settings.REACTIONS_TRIGGER_RATE_PER_MINUTE = 0
    Trigger.objects.update(source=source)
    for entry in corpus(shared_folder):
        body = (shared_folder / "payloads" / entry["file"]).read_bytes()
        # Angle brackets stand for what differs per delivery.
        headers = {
            name: re.sub("<.*?>", entry["sha256"][:20], value)
            for name, value in entry["headers"].items()
            if name.lower() != "content-type"
        }
        answer = deliver(body, content_type=entry["content_type"], headers=headers)
        assert answer.status_code == 202, (entry["file"], answer.content)
        event = Event.objects.get(uid=answer.json()["id"])
        assert event.payload, entry["file"]
        assert event.subject, entry["file"]
        if entry["file"].endswith(".json") and "form" not in entry["content_type"]:
            assert event.payload == json.loads(body.decode("utf-8-sig")), entry["file"]


def test_myget_payloads_are_understood(shared_folder, deliver):
    Trigger.objects.update(source="myget")
    types = {}
    for entry in corpus(shared_folder):
        if entry["provider"] == "myget":
            body = (shared_folder / "payloads" / entry["file"]).read_bytes()
            event = Event.objects.get(uid=deliver(body, content_type=entry["content_type"]).json()["id"])
            types[event.type] = event.subject
    assert set(types) == {
        "BuildFinished", "PackageAdded", "PackageDeleted", "PackageListed", "PackagePushed", "Ping"
    }  # fmt: skip
    assert types["PackageAdded"] == "GoogleAnalyticsTracker.WP8 1.0.0-CI00002 added to sample-feed"
