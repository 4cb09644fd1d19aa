"""Guardian's generic rows for a single object, tied to it so that they go when it goes (SEC-05)."""

from django.contrib.contenttypes.fields import GenericRelation
from django.db import models
from guardian.models import GroupObjectPermission, UserObjectPermission


class Shareable(models.Model):
    """A trigger, action or reaction that may be shared on its own: see accounts.grants.share_object."""

    shared_with_users = GenericRelation(UserObjectPermission, object_id_field="object_pk")
    shared_with_groups = GenericRelation(GroupObjectPermission, object_id_field="object_pk")

    class Meta:
        abstract = True
