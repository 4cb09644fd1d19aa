"""The base of every viewset and page: what the caller may not see is not there (404), what they see but may not do is
refused (403). One table decides for both (SEC-01, SEC-02)."""

from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.models import Model, QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from accounts import audit
from accounts.callers import NOBODY, Caller, caller_of
from accounts.permissions import reachable, require, visible
from accounts.roles import Verb


class ProjectScoped:
    """Mix into a DRF view or a Django view. `action_verbs` says which verb each action needs on its object."""

    request: Any
    queryset: Any
    kwargs: dict[str, Any]
    action_verbs: ClassVar[dict[str, Verb]] = {}
    _standard: ClassVar[dict[str, Verb]] = {
        "list": Verb.READ,
        "retrieve": Verb.READ,
        "create": Verb.CREATE,
        "update": Verb.UPDATE,
        "partial_update": Verb.UPDATE,
        "destroy": Verb.DELETE,
        "metadata": Verb.READ,
    }

    @property
    def caller(self) -> Caller:
        # The schema generator asks without a request.
        return caller_of(self.request) if getattr(self, "request", None) is not None else NOBODY

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            nothing: QuerySet[Any] = self.queryset.none()
            return nothing
        return reachable(self.queryset.all(), self.caller, self.verb or Verb.READ)

    def check_object_permissions(self, request: Request, obj: Model) -> None:
        """DRF calls this for every object that it fetched; the queryset made it visible, this makes it allowed."""
        super().check_object_permissions(request, obj)  # type: ignore[misc]
        verb = self.verb
        if verb is not None and verb != Verb.READ:
            require(self.caller, verb, obj)

    def handle_exception(self, exc: Exception) -> Any:
        """DRF's hook for errors: a refusal is kept (SEC-80), when what it refused was rolled back."""
        response = super().handle_exception(exc)  # type: ignore[misc]
        if isinstance(exc, PermissionDenied):
            identity = next((str(value) for name, value in sorted(self.kwargs.items())), "")
            audit.record_denial(self.caller, self.queryset.model._meta.label, identity, str(exc))
        return response

    @property
    def verb(self) -> Verb | None:
        """What the present action needs on its object; an action that has no row is a mistake, not a way in."""
        action = getattr(self, "action", None)
        if action is None:
            return None
        try:
            return {**self._standard, **self.action_verbs}[action]
        except KeyError:
            raise ImproperlyConfigured(
                f"{type(self).__name__}.action_verbs does not say what {action} needs."
            ) from None


def visible_or_404(queryset: QuerySet[Any], caller: Caller, verb: str = Verb.READ, **lookup: Any) -> Any:
    """The one visible object, then the verb on it; NotFound when it is not there or not theirs to see."""
    found = visible(queryset, caller, Verb.READ).filter(**lookup).first()
    if found is None:
        raise NotFound("There is no such thing here, or it is not yours to see.")
    if verb != Verb.READ:
        require(caller, verb, found)
    return found
