"""Machines: a registered Tentacle belongs to the whole space."""

from collections.abc import Sequence

from django.db import transaction

from accounts.callers import Caller
from accounts.permissions import require, require_in
from accounts.roles import Verb
from triggers.catalog import snapshots
from triggers.ledger import EventData, cause_of, record
from triggers.models import Environment, Machine


@transaction.atomic
def register_machine(
    caller: Caller,
    name: str,
    environments: Sequence[Environment] = (),
    roles: Sequence[str] = (),
    thumbprint: str = "",
    uri: str = "",
) -> Machine:
    """Register a machine and record MachineRegistered."""
    require_in(caller, Verb.CREATE, "machine", None)
    machine = Machine(name=name, roles=list(roles), thumbprint=thumbprint, uri=uri)
    machine.full_clean(exclude=["octopus_id"])
    machine.save(force_insert=True)
    machine.environments.set(environments)
    _record(caller, machine, "MachineRegistered")
    return machine


@transaction.atomic
def report_health(caller: Caller, machine: Machine, health: str) -> Machine:
    """Store a health state; a change of it records MachineHealthChanged."""
    require(caller, Verb.UPDATE, machine)
    if machine.health != health:
        machine.health = health
        machine.full_clean(exclude=["octopus_id"])
        machine.save(update_fields=["health"])
        _record(caller, machine, "MachineHealthChanged")
    return machine


def _record(caller: Caller, machine: Machine, event_type: str) -> None:
    environments = list(machine.environments.all())
    record(
        EventData(
            type=event_type,
            source="catalog",
            environment=environments[0] if len(environments) == 1 else None,
            subject=machine.name,
            actor=caller.label,
            payload={
                "Machine": snapshots.of_machine(machine),
                **({"Environment": snapshots.of_environment(environments[0])} if len(environments) == 1 else {}),
            },
            cause=cause_of(caller),
        )
    )
