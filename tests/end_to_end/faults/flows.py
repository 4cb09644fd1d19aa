"""Runs in bulk, queued as rows, towards a receiver; and what became of them."""

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, QuerySet

from actions.kinds.registry import kinds
from actions.models import Reaction, Run
from reactions_project import clock
from tests.factories import ActionFactory, ProjectFactory, ReactionFactory
from tests.fakes.receiver import Answer, Received, Receiver
from triggers.ledger import EventData, record
from triggers.models import Event


@dataclass(frozen=True)
class Flow:
    """One team's reaction to one event, which may have any number of runs."""

    reaction: Reaction
    event: Event

    @property
    def runs(self) -> QuerySet[Run]:
        return Run.objects.filter(reaction=self.reaction)

    def queue(self, count: int, first: int = 1) -> None:
        """That many runs, due one after another, as matching would have queued them."""
        version = self.reaction.action.versions.get()
        now = clock.now()
        kind = kinds.get(version.kind)
        target = kind.target_key(version.config, {})
        Run.objects.bulk_create(
            (
                Run(
                    project=self.reaction.project,
                    team=self.reaction.project.team,
                    event=self.event,
                    reaction=self.reaction,
                    reaction_name=self.reaction.name,
                    reaction_version=self.reaction.version,
                    action_version=version,
                    sequence=sequence,
                    executor=kind.executor,
                    target_key=target,
                    due_at=now - timedelta(seconds=1),
                    created_at=now,
                    max_attempts=version.max_attempts,
                    is_repeatable=version.is_repeatable,
                )
                for sequence in range(first, first + count)
            ),
            batch_size=500,
        )

    def running(self) -> QuerySet[Run]:
        return self.runs.filter(status="running")

    def statuses(self) -> Counter[str]:
        return Counter(dict(self.runs.order_by().values_list("status").annotate(count=Count("pk"))))

    def all_succeeded(self) -> bool:
        statuses = self.statuses()
        return set(statuses) == {"succeeded"}


def flow_to(receiver: Receiver, path: str = "/", **action: Any) -> Flow:
    """Of a team of its own, so that nothing is shared but the workers."""
    config = {"method": "POST", "url": f"{receiver.url}{path}", "body": {"kind": "text", "text": "hello"}}
    return flow_of(config=config, **{"timeout_seconds": 10, **action})


def flow_of_scripts(source: str, **action: Any) -> Flow:
    return flow_of(kind="script", config={"language": "python", "source": source}, **action)


def flow_of(**action: Any) -> Flow:
    made = ActionFactory(project=ProjectFactory(), **action)
    reaction = ReactionFactory(action=made)
    event = record(EventData(type="ReleaseCreated", project=made.project, source="catalog", payload={})).event
    # Decided already: its runs are those that `queue` makes.
    Event.objects.filter(pk=event.pk).update(matched_at=clock.now())
    return Flow(reaction, event)


def uids(runs: QuerySet[Run]) -> set[str]:
    return {str(uid) for uid in runs.values_list("uid", flat=True)}


def slow_or_slower() -> Callable[[Received], Answer]:
    """Answers in turn after 0.2 and 1 s, so that at any time some are done while others are in flight."""
    waits = itertools.cycle((0.2, 1.0))
    return lambda _: Answer(delay=next(waits))


def sent(receiver: Receiver) -> Counter[str]:
    """Idempotency-Key -> how many times it came."""
    return Counter(request.headers["Idempotency-Key"] for request in list(receiver.requests))


def repeated(receiver: Receiver) -> set[str]:
    return {key for key, count in sent(receiver).items() if count > 1}
