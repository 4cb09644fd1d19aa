"""Environments: shared by all projects, as in Octopus, and so of no project's ledger; the audit log tells of them."""

from django.db import transaction
from django.utils.text import slugify

from accounts.audit import record
from accounts.callers import Caller
from accounts.permissions import require, require_in
from accounts.roles import Verb
from triggers.models import Environment


@transaction.atomic
def save_environment(caller: Caller, environment: Environment) -> Environment:
    """Make or change one; a slug is made of the name where it has none. Raises PermissionDenied, ValidationError."""
    is_new = environment._state.adding
    if is_new:
        require_in(caller, Verb.CREATE, "environment", None)
    else:
        require(caller, Verb.UPDATE, environment)
    if not environment.slug:
        environment.slug = slugify(environment.name)[:100]
    environment.full_clean(exclude=["octopus_id"])
    environment.save()
    record(caller, "create" if is_new else "change", environment)
    return environment
