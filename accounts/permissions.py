"""One answer to "who may": querysets filtered to what a caller may see, and a check of one verb on one object.

API, pages, admin and workers ask here and nowhere else (SEC-01). Models say how they reach their project with
`project_path` ("" is the project itself) and which matrix row they fall under in KINDS below.
"""

from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from guardian.shortcuts import get_objects_for_user

from accounts.callers import Caller
from accounts.models import Membership, Project, Team
from accounts.roles import RUN_TOKEN, Verb, operator_may, roles_with, scopes_allow

M = TypeVar("M", bound=Model)

# Matrix row by model label. Actions name two rows themselves (Action.permission_kinds).
KINDS: dict[str, str] = {
    "accounts.Team": "team",
    "accounts.Membership": "team",
    "accounts.Project": "project",
    "accounts.ProjectShare": "project",
    "accounts.Secret": "secret",
    "accounts.ApiKey": "api_key",
    "accounts.AuditEntry": "audit_log",
    "triggers.Trigger": "endpoint",
    "triggers.TriggerKey": "endpoint",
    "triggers.Event": "event_payload",
    "triggers.Environment": "environment",
    "triggers.Machine": "machine",
    "triggers.Release": "catalog",
    "triggers.Deployment": "catalog",
    "triggers.DeploymentProcess": "catalog",
    "actions.Connection": "connection",
    "actions.Reaction": "reaction",
    "actions.Decision": "decision",
    "actions.Run": "run",
    "actions.Attempt": "run_log",
    "actions.LogChunk": "run_log",
}
# Belonging to no project: whoever holds a role anywhere may read them (ARCHITECTURE, "Space-wide events").
SPACE_WIDE = frozenset({"environment", "machine"})
# Guardian's generic rows that share a single object, by verb.
_SHARED = {Verb.READ: "view", Verb.METADATA: "view", Verb.UPDATE: "change", Verb.DELETE: "delete"}
_SHAREABLE = frozenset({"triggers.Trigger", "actions.Action", "actions.Reaction"})


def projects(caller: Caller, kind: str, verb: str) -> QuerySet[Project]:
    """The projects in which the caller may do `verb` to objects of that kind."""
    if caller.run is not None:
        may = verb in RUN_TOKEN.get(kind, frozenset())
        return Project.objects.filter(pk=caller.run.project_id) if may else Project.objects.none()
    if caller.user is None or not _scopes_allow(caller, kind, verb):
        return Project.objects.none()
    if caller.is_operator:
        return Project.objects.all() if operator_may(kind, verb) else Project.objects.none()
    codenames = [f"accounts.{role}_of_project" for role in sorted(roles_with(kind, verb))]
    if not codenames:
        return Project.objects.none()
    return get_objects_for_user(
        caller.user, codenames, Project, any_perm=True, with_superuser=False, accept_global_perms=False
    )


def visible(queryset: QuerySet[M], caller: Caller, verb: str = Verb.READ) -> QuerySet[M]:
    """The rows of the queryset to which the caller may do `verb`; for Verb.READ also those seen as metadata only."""
    model = queryset.model
    label = model._meta.label
    if label == "accounts.Team":
        return _teams(queryset, caller, verb)
    if label == "accounts.Membership":
        return queryset.filter(team__in=_teams(Team.objects.all(), caller, verb))
    if label == "accounts.ApiKey":
        return _api_keys(queryset, caller, verb)
    condition = Q(pk__in=[])
    for kind, of_kind in _kinds_of(model).items():
        condition |= of_kind & _reachable(model, caller, kind, verb)
    if label in _SHAREABLE and verb in _SHARED and caller.user and caller.run is None:
        condition |= _shared(model, caller, verb)
    return queryset.filter(condition)


def may(caller: Caller, verb: str, obj: Model) -> bool:
    """Whether the caller may do `verb` to this saved object."""
    return visible(type(obj)._default_manager.filter(pk=obj.pk), caller, verb).exists()


def may_in(caller: Caller, verb: str, kind: str, project: Project | None) -> bool:
    """Whether the caller may do `verb` to objects of that kind in the project; None is the whole space."""
    if project is None:
        return _may_space_wide(caller, kind, verb)
    return projects(caller, kind, verb).filter(pk=project.pk).exists()


def require(caller: Caller, verb: str, obj: Model) -> None:
    """Raise PermissionDenied, in words, unless the caller may."""
    if not may(caller, verb, obj):
        raise PermissionDenied(_refusal(caller, verb, obj._meta.verbose_name))


def require_in(caller: Caller, verb: str, kind: str, project: Project | None) -> None:
    """The same for something that does not exist yet."""
    if not may_in(caller, verb, kind, project):
        raise PermissionDenied(_refusal(caller, verb, kind.replace("_", " ")))


_VERB_WORDS = {
    "c": "create", "r": "read", "u": "change", "d": "delete", "x": "run", "p": "replay", "b": "bind", "m": "see",
}  # fmt: skip


def _refusal(caller: Caller, verb: str, what: Any) -> str:
    through = f" with the key {caller.key_prefix}…" if caller.key_prefix else ""
    return (
        f"{caller.label}{through} may not {_VERB_WORDS[verb]} this {what}: "
        "ask an owner of the team for a role that may."
    )


def _kinds_of(model: type[Model]) -> dict[str, Q]:
    own: dict[str, Q] | None = getattr(model, "permission_kinds", None)
    return own if own is not None else {KINDS[model._meta.label]: Q()}


def _reachable(model: type[Model], caller: Caller, kind: str, verb: str) -> Q:
    condition = Q(pk__in=[])
    for each in (verb, Verb.METADATA) if verb == Verb.READ else (verb,):
        if kind in SPACE_WIDE:
            if _may_space_wide(caller, kind, each):
                return Q()
            continue
        path: str = model.project_path  # type: ignore[attr-defined]
        within = projects(caller, kind, each)
        condition |= Q(**{f"{path}__in" if path else "pk__in": within.values("pk")})
        # Space-wide events have no project; whoever holds a role anywhere may see them.
        if model._meta.label == "triggers.Event" and _may_space_wide(caller, kind, each):
            condition |= Q(project__isnull=True)
        if model._meta.label == "accounts.AuditEntry" and caller.is_operator and operator_may(kind, each):
            return Q()
    return condition


def _may_space_wide(caller: Caller, kind: str, verb: str) -> bool:
    if caller.run is not None:
        return verb in RUN_TOKEN.get(kind, frozenset())
    if caller.user is None or not _scopes_allow(caller, kind, verb):
        return False
    if caller.is_operator:
        return operator_may(kind, verb)
    return Membership.objects.filter(user=caller.user, role__in=roles_with(kind, verb)).exists()


def _teams(queryset: QuerySet[Any], caller: Caller, verb: str) -> QuerySet[Any]:
    if caller.run is not None or caller.user is None or not _scopes_allow(caller, "team", verb):
        return queryset.none()
    if caller.is_operator:
        return queryset if operator_may("team", verb) else queryset.none()
    held = Membership.objects.filter(user=caller.user, role__in=roles_with("team", verb))
    return queryset.filter(pk__in=held.values("team"))


def _api_keys(queryset: QuerySet[Any], caller: Caller, verb: str) -> QuerySet[Any]:
    # No key lists, makes or extends keys (SEC-12); everyone manages their own, operators see and revoke all.
    if caller.user is None or caller.scopes is not None or caller.run is not None:
        return queryset.none()
    if caller.is_operator and (operator_may("api_key", verb) or verb == Verb.READ):
        return queryset
    return queryset.filter(user=caller.user) if verb in "cmdr" else queryset.none()


def _shared(model: type[Model], caller: Caller, verb: str) -> Q:
    condition = Q(pk__in=[])
    for kind, of_kind in _kinds_of(model).items():
        if _scopes_allow(caller, kind, verb):
            shared = get_objects_for_user(
                caller.user,
                f"{model._meta.app_label}.{_SHARED[Verb(verb)]}_{model._meta.model_name}",
                model,
                with_superuser=False,
                accept_global_perms=False,
            )
            condition |= of_kind & Q(pk__in=shared.values("pk"))
    return condition


def _scopes_allow(caller: Caller, kind: str, verb: str) -> bool:
    return caller.scopes is None or scopes_allow(kind, verb, caller.scopes)
