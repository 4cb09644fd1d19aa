"""Saving connections: rights, and the right to bind the secret (SEC-07)."""

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.audit import record
from accounts.callers import Caller
from accounts.permissions import may, require, require_in
from accounts.roles import Verb
from actions.models import Connection


@transaction.atomic
def save_connection(caller: Caller, connection: Connection) -> Connection:
    """Create or change a connection; raises PermissionDenied, ValidationError."""
    is_new = connection._state.adding
    stored = None if is_new else Connection.objects.select_for_update().get(pk=connection.pk)
    if stored is None:
        require_in(caller, Verb.CREATE, "connection", connection.project)
    else:
        require(caller, Verb.UPDATE, connection)
        if stored.project_id != connection.project_id:
            raise ValidationError({"project": "A connection stays in its project: make a new one there."})
        if stored.integration != connection.integration:
            raise ValidationError({"integration": "A connection stays with its integration: make a new one."})
    secret = connection.secret
    # A secret of another project is told like one that does not exist (SEC-02).
    if secret and (secret.project_id != connection.project_id or not may(caller, Verb.BIND, secret)):
        raise ValidationError({"secret": "There is no such secret here that you may use."})
    connection.full_clean()
    connection.save()
    record(caller, "create" if is_new else "change", connection, project=connection.project)
    return connection
