"""What the viewsets of all apps are built from."""

from typing import Any

import django_filters
from django.db import transaction
from django.db.models import Model
from rest_framework import mixins
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from accounts.audit import record
from accounts.scoping import ProjectScoped


class ScopedViewSet(ProjectScoped, GenericViewSet[Any]):
    """A viewset over one model, filtered to what the caller may see."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if any("\0" in str(value) for value in kwargs.values()):
            # PostgreSQL takes no such text, not even to look for it.
            raise NotFound


class Filters(django_filters.FilterSet):  # type: ignore[misc]
    """Only the filters that a subclass declares; request data never becomes the name of a lookup (SEC-04)."""


class Destroys(mixins.DestroyModelMixin):
    """Delete with an audit entry; what is in use stays and answers 409."""

    caller: Any

    @transaction.atomic
    def perform_destroy(self, instance: Model) -> None:
        record(self.caller, "delete", instance, project=getattr(instance, "project", None))
        instance.delete()
