"""The internal event types: each is told apart from the others, and each field has an example."""

import json
import os
from pathlib import Path

import pytest

from triggers.event_types import event_types

SHARED = Path(os.environ.get("REACTIONS_SHARED", Path(__file__).resolve().parents[3] / "shared"))

NAMES = [
    "DeploymentQueued",
    "DeploymentStarted",
    "DeploymentSucceeded",
    "DeploymentFailed",
    "DeploymentCanceled",
    "ReleaseCreated",
    "MachineRegistered",
    "MachineHealthChanged",
    "DeploymentProcessUpdated",
    "ProjectCreated",
    "InterruptionRaised",
    "RunbookRunSucceeded",
    "RunbookRunFailed",
]


def test_every_event_of_the_proposal_has_a_type() -> None:
    assert [event_type.name for event_type in event_types] == NAMES


def test_only_machines_belong_to_the_whole_space() -> None:
    assert {event_type.name for event_type in event_types if event_type.space_wide} == {
        "MachineRegistered",
        "MachineHealthChanged",
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_type_explains_itself_and_its_fields(name: str) -> None:
    event_type = event_types.get(name)
    assert event_type.label
    assert event_type.description.endswith(".")
    assert event_type.octopus_categories
    assert all(field.name and field.label for field in event_type.payload_fields)
    names = [field.name for field in event_type.payload_fields]
    assert len(set(names)) == len(names)


def test_no_two_types_claim_the_same_octopus_category() -> None:
    claims = [
        (category.category, prefix)
        for event_type in event_types
        for category in event_type.octopus_categories
        for prefix in category.about or ("",)
    ]
    assert len(set(claims)) == len(claims)
    # A category that suffices alone may not also be told apart by the document it is about.
    alone = {category for category, prefix in claims if not prefix}
    assert not alone & {category for category, prefix in claims if prefix}


@pytest.mark.shared
def test_the_octopus_categories_are_those_of_octopus() -> None:
    path = SHARED / "octopus" / "events.json"
    if not path.exists():
        pytest.skip(f"There is no {path}: set REACTIONS_SHARED to the folder of shared facts.")
    text = json.dumps(json.loads(path.read_text()))
    for event_type in event_types:
        for category in event_type.octopus_categories:
            assert f'"{category.category}"' in text
