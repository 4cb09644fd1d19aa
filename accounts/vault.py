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
