"""Turning a reaction on and off."""

from django.db import transaction
from django.db.models import F

from accounts.audit import record
from accounts.callers import Caller
from accounts.permissions import require
from accounts.roles import Verb
from actions.definitions import save_reaction
from actions.models import Reaction


@transaction.atomic
def enable(caller: Caller, reaction: Reaction) -> Reaction:
    """Let it fire again, if it still is one that could be saved; raises PermissionDenied, ValidationError."""
    reaction.is_enabled = True
    return save_reaction(caller, reaction)


@transaction.atomic
def disable(caller: Caller, reaction: Reaction) -> Reaction:
    """Stop it, whatever else is wrong with it; raises PermissionDenied."""
    require(caller, Verb.UPDATE, reaction)
    if Reaction.objects.filter(pk=reaction.pk, is_enabled=True).update(is_enabled=False, version=F("version") + 1):
        record(caller, "disable", reaction, project=reaction.project)
    reaction.refresh_from_db(fields=["is_enabled", "version"])
    return reaction
