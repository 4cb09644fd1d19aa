"""One answer to "who may": querysets filtered to what a caller may see, and a check of one verb on one object.

API, pages, admin and workers ask here and nowhere else (SEC-01). Models say how they reach their project with
`project_path` ("" is the project itself) and which matrix row they fall under in KINDS below. Everything is one
condition with subqueries, so a list costs one query however many rows it has.
"""

from collections.abc import Iterable
from typing import TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, Model, Q, QuerySet

from accounts.callers import Caller
from accounts.granted import Granted
from accounts.models import Membership, Project
from accounts.roles import RUN_TOKEN, Verb, operator_may, roles_with, scopes_allow

M = TypeVar("M", bound=Model)

# Matrix row by model label. Actions fall under two rows, which they name themselves (Action.permission_kinds).
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
    "actions.Pause": "reaction",
    "actions.Run": "run",
    "actions.Attempt": "run_log",
    "actions.LogChunk": "run_log",
}
# Belonging to no project: whoever holds a role anywhere may read them (ARCHITECTURE, "Space-wide events").
SPACE_WIDE = frozenset({"environment", "machine"})
# Guardian's generic rows that share a single object, by verb.
SHARED_AS = {Verb.READ: "view", Verb.UPDATE: "change", Verb.DELETE: "delete"}
SHAREABLE = frozenset({"triggers.Trigger", "actions.Action", "actions.Reaction"})

_NOTHING = Q(pk__in=[])
# An empty Q() would vanish when it is or-ed with another condition.
_EVERYTHING = ~Q(pk__in=[])


def projects(caller: Caller, kind: str, *verbs: str) -> QuerySet[Project]:
    """The projects in which the caller may do any of the verbs to objects of that kind."""
    return Project.objects.filter(_in_projects("pk", caller, kind, verbs))


def visible(queryset: QuerySet[M], caller: Caller, verb: str = Verb.READ) -> QuerySet[M]:
    """The rows of the queryset to which the caller may do `verb`; for Verb.READ also those seen as metadata only."""
    return _filtered(queryset, caller, (verb, Verb.METADATA) if verb == Verb.READ else (verb,))


def reachable(queryset: QuerySet[M], caller: Caller, verb: str) -> QuerySet[M]:
    """The rows that the caller may see, and those to which they may do `verb` unseen, as a key that only runs may."""
    return _filtered(queryset, caller, (Verb.READ, Verb.METADATA, verb))


def may(caller: Caller, verb: str, obj: Model) -> bool:
    """Whether the caller may do exactly `verb` to this saved object: metadata alone is not reading."""
    return _filtered(type(obj)._default_manager.filter(pk=obj.pk), caller, (verb,)).exists()


def may_in(caller: Caller, verb: str, kind: str, project: Project | None) -> bool:
    """Whether the caller may do `verb` to objects of that kind in the project; None is the whole space."""
    if project is not None:
        return projects(caller, kind, verb).filter(pk=project.pk).exists()
    if caller.run is not None:
        return verb in RUN_TOKEN.get(kind, frozenset())
    if _as_operator(caller, kind, (verb,)):
        return True
    roles = _roles(caller, kind, (verb,))
    return bool(roles) and Membership.objects.filter(user=caller.person, role__in=roles).exists()


def require(caller: Caller, verb: str, obj: Model) -> None:
    """Raise PermissionDenied, in words, unless the caller may."""
    if not may(caller, verb, obj):
        raise PermissionDenied(_refusal(caller, verb, f"this {obj._meta.verbose_name}"))


def require_in(caller: Caller, verb: str, kind: str, project: Project | None) -> None:
    """The same for something that does not exist yet."""
    if not may_in(caller, verb, kind, project):
        where = f" in project {project}" if project is not None else ""
        raise PermissionDenied(_refusal(caller, verb, f"{_KIND_WORDS.get(kind, kind.replace('_', ' '))}s{where}"))


_VERB_WORDS = {
    "c": "create", "r": "read", "u": "change", "d": "delete", "x": "run", "p": "replay", "b": "bind", "m": "see",
}  # fmt: skip
_KIND_WORDS = {"endpoint": "trigger", "api_key": "API key", "http_action": "HTTP action", "catalog": "catalogue object"}


def _refusal(caller: Caller, verb: str, what: str) -> str:
    through = f" with the key {caller.key_prefix}…" if caller.key_prefix else ""
    way_out = (
        "use a key with another scope, or ask an owner of the team for a role that may"
        if caller.scopes is not None
        else "ask an owner of the team for a role that may"
    )
    return f"{caller.label}{through} may not {_VERB_WORDS[verb]} {what}: {way_out}."


def _filtered(queryset: QuerySet[M], caller: Caller, verbs: tuple[str, ...]) -> QuerySet[M]:
    model = queryset.model
    label = model._meta.label
    if label == "accounts.Team":
        return queryset.filter(_teams(caller, verbs, "pk"))
    if label == "accounts.Membership":
        return queryset.filter(_teams(caller, verbs, "team"))
    if label == "accounts.ApiKey":
        return queryset.filter(_api_keys(caller, verbs))
    condition = _NOTHING
    for kind, of_kind in kinds_of(model).items():
        reach = _reachable(model, caller, kind, verbs)
        if label in SHAREABLE:
            reach |= _shared(model, caller, kind, verbs)
        condition |= of_kind & reach
    return queryset.filter(condition)


def kinds_of(model: type[Model]) -> dict[str, Q]:
    """The matrix rows that the model's rows fall under, each with the condition that says which."""
    own: dict[str, Q] | None = getattr(model, "permission_kinds", None)
    return own if own is not None else {KINDS[model._meta.label]: Q()}


def _reachable(model: type[Model], caller: Caller, kind: str, verbs: tuple[str, ...]) -> Q:
    if _as_operator(caller, kind, verbs):
        return _EVERYTHING
    if kind in SPACE_WIDE:
        return _role_anywhere(caller, kind, verbs)
    path: str = model.project_path  # type: ignore[attr-defined]
    condition = _in_projects(path or "pk", caller, kind, verbs)
    if model._meta.label == "triggers.Event":
        # Space-wide events have no project; whoever holds a role anywhere may see them.
        condition |= Q(project__isnull=True) & _role_anywhere(caller, kind, verbs)
    if model._meta.label == "accounts.AuditEntry":
        roles = _roles(caller, kind, verbs)
        condition |= Q(team__in=Membership.objects.filter(user=caller.person, role__in=roles).values("team"))
    return condition


def _in_projects(path: str, caller: Caller, kind: str, verbs: tuple[str, ...]) -> Q:
    """Rows whose `path` leads to a project in which the caller may do any of the verbs to objects of that kind."""
    if caller.run is not None:
        granted = RUN_TOKEN.get(kind, frozenset()) & set(verbs)
        return Q(**{path: caller.run.project_id}) if granted else _NOTHING
    if _as_operator(caller, kind, verbs):
        return _EVERYTHING
    codenames = frozenset(f"{role}_of_project" for role in _roles(caller, kind, verbs))
    if not codenames or caller.person is None:
        return _NOTHING
    return Q(**{f"{path}__in": Granted(caller.person, Project, codenames)})


def _role_anywhere(caller: Caller, kind: str, verbs: tuple[str, ...]) -> Q:
    if caller.run is not None:
        return _EVERYTHING if RUN_TOKEN.get(kind, frozenset()) & set(verbs) else _NOTHING
    if _as_operator(caller, kind, verbs):
        return _EVERYTHING
    roles = _roles(caller, kind, verbs)
    return Q(Exists(Membership.objects.filter(user=caller.person, role__in=roles))) if roles else _NOTHING


def _teams(caller: Caller, verbs: tuple[str, ...], path: str) -> Q:
    if _as_operator(caller, "team", verbs):
        return _EVERYTHING
    held = Membership.objects.filter(user=caller.person, role__in=_roles(caller, "team", verbs))
    return Q(**{f"{path}__in": held.values("team")})


def _api_keys(caller: Caller, verbs: tuple[str, ...]) -> Q:
    # Members manage their own keys, operators see and revoke all; no key does either, as no scope has the row (SEC-12).
    if _as_operator(caller, "api_key", verbs):
        return _EVERYTHING
    return Q(user=caller.person) & _role_anywhere(caller, "api_key", verbs) if caller.person else _NOTHING


def _shared(model: type[Model], caller: Caller, kind: str, verbs: tuple[str, ...]) -> Q:
    names = [
        f"{SHARED_AS[Verb(verb)]}_{model._meta.model_name}"
        for verb in _in_scope(caller, kind, verbs)
        if verb in shareable_verbs(kind)
    ]
    if not names or caller.person is None:
        return _NOTHING
    return Q(pk__in=Granted(caller.person, model, frozenset(names)))


def shareable_verbs(kind: str) -> frozenset[str]:
    """What sharing a single object can give: never to change a script, which is running code here (SEC-06)."""
    return frozenset({Verb.READ}) if kind == "script_action" else frozenset(SHARED_AS)


def _as_operator(caller: Caller, kind: str, verbs: Iterable[str]) -> bool:
    return caller.is_operator and any(operator_may(kind, verb) for verb in _in_scope(caller, kind, verbs))


def _roles(caller: Caller, kind: str, verbs: Iterable[str]) -> frozenset[str]:
    """The team roles through which this caller may do any of the verbs; a key needs its scope's right besides."""
    if caller.person is None or caller.run is not None:
        return frozenset()
    return frozenset().union(*(roles_with(kind, verb) for verb in _in_scope(caller, kind, verbs)))


def _in_scope(caller: Caller, kind: str, verbs: Iterable[str]) -> list[str]:
    if caller.scopes is None:
        return list(verbs)
    return [verb for verb in verbs if scopes_allow(kind, verb, caller.scopes)]
