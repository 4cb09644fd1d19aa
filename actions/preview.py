"""What a run of an action would send for an event, through the functions that a run uses; nothing is sent.

Secrets are not even decrypted: each is played by a random text that is masked as its value would be, so that no filter
in a draft can spell out a value piece by piece (SEC-21, SEC-22).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.core.exceptions import ValidationError

from accounts.models import Secret
from actions.context import CONNECTION_SECRET, event_facts
from actions.earlier import outputs_before
from actions.kinds.base import ExecutionContext, HttpKind, UnresolvedToken, UnrunnableError
from actions.kinds.registry import kinds
from actions.models import Action
from actions.models.reaction import NO_PASSTHROUGH
from actions.variables import preview_variables
from reactions_project.egress import settings as egress
from reactions_project.egress.policy import EgressRefused
from triggers.models import Event

NO_RUN = UUID(int=0)


@dataclass(frozen=True)
class Preview:
    """`request` is as history keeps it, None when the template failed. `problem` is why a run would fail before
    anything is sent, "" when it would send."""

    request: Mapping[str, Any] | None
    unresolved: tuple[UnresolvedToken, ...] = ()
    problem: str = ""

    @property
    def would_send(self) -> bool:
        return not self.problem


def preview(action: Action, bindings: Mapping[str, Secret], event: Event, reaction_name: str = "Preview") -> Preview:
    """Of a saved action, or of a draft that was never saved; the event may be a pasted one.

    Raises ValidationError for a configuration that could not be saved, and for an action that sends no request.
    """
    kind = kinds.get(action.kind)
    if not kind.sends_http:
        raise ValidationError({"action": "A script sends no request of its own: run it to see what it does."})
    action.clean()
    bound = dict(bindings)
    if action.connection is not None and action.connection.secret is not None:
        bound[CONNECTION_SECRET] = action.connection.secret
    context = _context(action, bound, event, reaction_name)
    http = cast(HttpKind, kind)
    try:
        draft = http.draft(context)
    except UnrunnableError as error:
        return Preview(None, (), error.reason)
    if event.source == "webhook":
        return Preview(draft.shown, draft.unresolved, NO_PASSTHROUGH)
    try:
        prepared = http.prepare(context)
        egress.policy().check_request(prepared.request)
    except (UnrunnableError, EgressRefused) as error:
        return Preview(draft.shown, draft.unresolved, str(error))
    return Preview(draft.shown, draft.unresolved)


def _context(action: Action, bindings: Mapping[str, Secret], event: Event, reaction_name: str) -> ExecutionContext:
    return ExecutionContext(
        run_uid=NO_RUN,
        run_number=0,
        attempt=1,
        action_name=action.name,
        reaction_name=reaction_name,
        config=action.config,
        timeout_seconds=action.timeout_seconds,
        variables={**preview_variables(event, reaction_name, action, action.project), **outputs_before(event)},
        payload=event.payload,
        query=dict(event.query),
        event=event_facts(event),
        # Of an alphabet and length that is base64 too, as keys that sign are.
        secrets={variable: secrets.token_hex(24) for variable in bindings},
        allowed_hosts={
            variable: tuple(secret.allowed_hosts) for variable, secret in bindings.items() if secret.allowed_hosts
        },
        connection=dict(action.connection.settings) if action.connection else {},
    )
