"""Store, reveal and rotate secret values. `reveal` is called by execution, signature checks and polling only."""

from functools import lru_cache

from django.conf import settings
from django.db import transaction

from accounts.audit import record
from accounts.callers import Caller
from accounts.models import Project, Secret
from accounts.permissions import require, require_in
from accounts.roles import Verb
from reactions_project.crypto import Vault


@lru_cache(maxsize=1)
def _vault(keys: tuple[str, ...]) -> Vault:
    return Vault(list(keys))


def vault() -> Vault:
    """The vault of the configured keys."""
    return _vault(tuple(settings.REACTIONS_ENCRYPTION_KEYS))


def _bound_to(secret: Secret) -> str:
    return f"secret {secret.pk}"


@transaction.atomic
def store(caller: Caller, project: Project, name: str, value: str, allowed_hosts: list[str] | None = None) -> Secret:
    """Create the secret or replace its value; raises PermissionDenied."""
    secret = Secret.objects.filter(project=project, name=name).first()
    if secret is None:
        require_in(caller, Verb.CREATE, "secret", project)
        secret = Secret(project=project, name=name)
        verb = "create"
    else:
        require(caller, Verb.UPDATE, secret)
        verb = "change"
    if allowed_hosts is not None:
        secret.allowed_hosts = allowed_hosts
    secret.ciphertext = vault().seal(value, _bound_to(secret))
    secret.full_clean(exclude=["ciphertext"])
    secret.save()
    record(caller, verb, secret, project=project, changes={"value": "changed"})
    return secret


@transaction.atomic
def limit_hosts(caller: Caller, secret: Secret, allowed_hosts: list[str]) -> Secret:
    """Change where the value may be sent and leave the value; raises PermissionDenied, ValidationError."""
    require(caller, Verb.UPDATE, secret)
    former, secret.allowed_hosts = secret.allowed_hosts, allowed_hosts
    secret.full_clean(exclude=["ciphertext"])
    secret.save(update_fields=["allowed_hosts", "updated_at"])
    changes = {"allowed_hosts": [former, allowed_hosts]}
    record(caller, "change", secret, project=secret.project, changes=changes)
    return secret


@transaction.atomic
def delete(caller: Caller, secret: Secret) -> None:
    """Delete a secret that nothing is bound to; raises PermissionDenied, RestrictedError."""
    require(caller, Verb.DELETE, secret)
    record(caller, "delete", secret, project=secret.project)
    secret.delete()


def reveal(secret: Secret) -> str:
    """The value; raises crypto.DecryptionError. Never log, store or return it in an answer."""
    return vault().open(secret.ciphertext, _bound_to(secret))


def rotate() -> int:
    """Seal every value with the first key; returns how many were changed."""
    changed = 0
    for secret in Secret.objects.iterator():
        if not vault().is_current(secret.ciphertext):
            sealed = vault().seal(reveal(secret), _bound_to(secret))
            changed += Secret.objects.filter(pk=secret.pk, ciphertext=secret.ciphertext).update(ciphertext=sealed)
    return changed
