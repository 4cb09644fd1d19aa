"""What earlier runs of the same deployment gave: `Octopus.Action[NAME].Output.KEY`, as later steps read it in Octopus.

A start/stop pair needs it: the run at the start captures the id of what it made, the run at the end takes that away.
One query for all runs of a batch that speak of outputs, none when none does.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from actions.models import Run, RunStatus
from actions.octostache import Opaque
from triggers.models import Event

Place = tuple[UUID, str]
_UNFINISHED = (RunStatus.QUEUED, RunStatus.HELD, RunStatus.RUNNING)


@dataclass(frozen=True)
class Earlier:
    """`outputs` by variable name; `waits_for` says in one sentence which run has not ended yet, "" when none."""

    outputs: Mapping[str, str] = field(default_factory=dict)
    waits_for: str = ""


NOTHING = Earlier()


class _Told(NamedTuple):
    pk: int
    status: str
    name: str
    outputs: Mapping[str, str]


def earlier_of(runs: Iterable[Run]) -> dict[int, Earlier]:
    """By the id of the run, for those whose action speaks of outputs and whose event is of a deployment. The runs come
    with event and action version."""
    asking: dict[Place, list[Run]] = defaultdict(list)
    configs: dict[int, str] = {}
    for run in runs:
        if not run.event.deployment:
            continue
        version = run.action_version
        if version.pk not in configs:
            configs[version.pk] = json.dumps(version.config).lower()
        # A script may ask for a name that it puts together.
        if run.executor == "script" or "].output." in configs[version.pk]:
            asking[run.project_id, run.event.deployment].append(run)
    if not asking:
        return {}
    told: dict[Place, list[_Told]] = defaultdict(list)
    rows = _runs_of(asking).values_list(
        "project_id", "event__deployment", "pk", "status", "action_version__action__name", "outputs"
    )
    for project_id, deployment, pk, status, name, outputs in rows:
        told[project_id, deployment].append(_Told(pk, status, name, outputs))
    return {
        run.pk: _before(run, configs[run.action_version_id], told[place])
        for place, waiting in asking.items()
        for run in waiting
    }


def outputs_before(event: Event) -> dict[str, str]:
    """The same for an event whose run does not exist yet, as a preview needs it."""
    if not event.deployment or event.project_id is None:
        return {}
    rows = _runs_of([(event.project_id, event.deployment)]).filter(status=RunStatus.SUCCEEDED)
    return _named(rows.values_list("action_version__action__name", "outputs"))


def _runs_of(places: Iterable[Place]) -> QuerySet[Run]:
    projects, deployments = zip(*places, strict=True)
    found = Run.objects.filter(event__project__in=set(projects), event__deployment__in=set(deployments))
    return found.filter(status__in=(RunStatus.SUCCEEDED, *_UNFINISHED)).order_by("pk")


def _before(run: Run, config: str, told: list[_Told]) -> Earlier:
    before = [one for one in told if one.pk < run.pk]
    outputs = _named((one.name, one.outputs) for one in before if one.status == RunStatus.SUCCEEDED)
    for one in before:
        if one.status in _UNFINISHED and f"octopus.action[{one.name.lower()}].output." in config:
            return Earlier(outputs, f"Run {one.pk} of {one.name}, whose outputs this one uses, has not ended yet.")
    return Earlier(outputs)


def _named(rows: Iterable[tuple[str, Mapping[str, str]]]) -> dict[str, str]:
    """Later rows win. What a target answered is as foreign as an event (SEC-60)."""
    return {
        f"Octopus.Action[{name}].Output.{key}": Opaque(str(value))
        for name, outputs in rows
        for key, value in outputs.items()
    }
