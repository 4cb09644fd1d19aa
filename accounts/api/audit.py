"""/api/audit/: who did what, when, via which key. Read only, for ever (SEC-80)."""

import django_filters
from rest_framework import mixins, serializers

from accounts.api.base import Filters, ScopedViewSet
from accounts.models import AuditEntry


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    class Meta:
        model = AuditEntry
        fields = [
            "id",
            "at",
            "actor_label",
            "key_prefix",
            "verb",
            "object_type",
            "object_id",
            "object_label",
            "project",
            "team",
            "changes",
        ]
        read_only_fields = fields


class AuditFilter(Filters):
    project = django_filters.UUIDFilter()
    team = django_filters.UUIDFilter()
    actor = django_filters.CharFilter(field_name="actor_label")
    verb = django_filters.CharFilter()
    object_type = django_filters.CharFilter()
    object_id = django_filters.CharFilter()
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")


class AuditViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, ScopedViewSet):
    """Owners see the entries of their projects and teams, operators all."""

    queryset = AuditEntry.objects.all()
    serializer_class = AuditEntrySerializer
    filterset_class = AuditFilter
