"""Joining, leaving, sharing: the only place that writes groups and guardian rows (SEC-06).

Each TeamRole is an auth group. Owning a project gives every group of the team its own role there; a share gives
every group of another team its role, capped at the share's. Keys grant nothing: every function wants a person.
"""

from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Model
from guardian.shortcuts import assign_perm, remove_perm

from accounts.audit import record
from accounts.callers import Caller
from accounts.models import Membership, Project, ProjectGroupObjectPermission, ProjectShare, Role, Team, TeamRole, User
from accounts.permissions import SHARED_AS, kinds_of, may, shareable_verbs
from accounts.roles import Verb, capped


def require_owner(caller: Caller, team: Team, what: str) -> None:
    """Raise PermissionDenied unless the caller is an operator or an owner of the team, signed in rather than by key."""
    if caller.is_session and caller.is_operator:
        return
    held = Membership.objects.filter(team=team, user=caller.person, role=Role.OWNER)
    if not (caller.is_session and held.exists()):
        raise PermissionDenied(f"{caller.label} may not {what}: ask an owner of team {team}, who must be signed in.")


@transaction.atomic
def create_team(
    caller: Caller,
    name: str,
    slug: str,
    *,
    allows_authors: bool = False,
    variables: dict[str, str] | None = None,
) -> Team:
    """Make a team with its four groups. Operators only."""
    _require_operator(caller, "make a team")
    team = Team(name=name, slug=slug, allows_authors=allows_authors, variables=variables or {})
    team.full_clean()
    team.save(force_insert=True)
    for role in Role:
        TeamRole.objects.create(team=team, role=role, group=Group.objects.create(name=f"team {team.pk} {role.value}"))
    record(caller, "create", team, team=team)
    return team


@transaction.atomic
def change_team(caller: Caller, team: Team) -> Team:
    """Save a changed name or slug; an operator also switches the team on and off (SEC-92)."""
    require_owner(caller, team, f"change team {team}")
    former = Team.objects.select_for_update().get(pk=team.pk)
    if team.is_enabled != former.is_enabled:
        _require_operator(caller, "switch a team on or off")
    team.allows_authors = former.allows_authors
    team.full_clean()
    team.save()
    record(caller, "change", team, team=team, changes=_changes(former, team, "name", "slug", "is_enabled", "variables"))
    return team


@transaction.atomic
def delete_team(caller: Caller, team: Team) -> None:
    """Delete a team that owns no project any more, with its groups. Operators only."""
    _require_operator(caller, "delete a team")
    record(caller, "delete", team)
    team.delete()


@transaction.atomic
def create_project(
    caller: Caller,
    team: Team,
    name: str,
    slug: str,
    description: str = "",
    variables: dict[str, str] | None = None,
) -> Project:
    """Make a project and grant the team's groups their roles in it."""
    require_owner(caller, team, f"make a project in team {team}")
    project = Project(team=team, name=name, slug=slug, description=description, variables=variables or {})
    project.full_clean(exclude=["octopus_id"])
    project.save(force_insert=True)
    _expand(project, team, None)
    record(caller, "create", project, project=project, team=team)
    return project


@transaction.atomic
def change_project(caller: Caller, project: Project) -> Project:
    """Save a changed name, slug or description; the team is for good (SEC-03)."""
    former = Project.objects.select_for_update().get(pk=project.pk)
    require_owner(caller, former.team, f"change project {former}")
    if project.team_id != former.team_id:
        raise ValidationError({"team": "A project stays with its team: share it with another team instead."})
    project.full_clean(exclude=["octopus_id"])
    project.save()
    changes = _changes(former, project, "name", "slug", "description", "variables")
    record(caller, "change", project, project=project, team=project.team, changes=changes)
    return project


@transaction.atomic
def delete_project(caller: Caller, project: Project) -> None:
    """Delete a project with all that it holds."""
    require_owner(caller, project.team, f"delete project {project}")
    record(caller, "delete", project, team=project.team)
    project.delete()


@transaction.atomic
def join(caller: Caller, team: Team, user: User, role: str) -> Membership:
    """Give a person their one role in the team, replacing a former one."""
    require_owner(caller, team, f"change the members of team {team}")
    wanted = _role(role)
    # Of two changes at once the second sees the first, so that no pair of them takes the last owner away.
    team = Team.objects.select_for_update().get(pk=team.pk)
    if wanted == Role.AUTHOR and not team.allows_authors:
        if not caller.is_operator:
            raise PermissionDenied(
                f"Authors of team {team} would run code on this server: an operator must grant the first one."
            )
        Team.objects.filter(pk=team.pk).update(allows_authors=True)
    former = Membership.objects.filter(team=team, user=user).first()
    if former and former.role == Role.OWNER and wanted != Role.OWNER:
        _require_another_owner(team, user)
    membership, _ = Membership.objects.update_or_create(team=team, user=user, defaults={"role": wanted})
    user.groups.remove(*Group.objects.filter(team_role__team=team))
    user.groups.add(Group.objects.get(team_role__team=team, team_role__role=wanted))
    record(caller, "grant", membership, team=team, changes={"role": [former.role if former else None, wanted]})
    return membership


@transaction.atomic
def leave(caller: Caller, team: Team, user: User) -> None:
    """Take a person out of the team; the last owner stays."""
    if not (caller.is_session and caller.person == user):
        require_owner(caller, team, f"change the members of team {team}")
    team = Team.objects.select_for_update().get(pk=team.pk)
    membership = Membership.objects.filter(team=team, user=user).first()
    if membership is None:
        raise ValidationError(f"{user} is not in team {team}, so there is nobody to take out.")
    if membership.role == Role.OWNER:
        _require_another_owner(team, user)
    record(caller, "revoke", membership, team=team, changes={"role": [membership.role, None]})
    membership.delete()
    user.groups.remove(*Group.objects.filter(team_role__team=team))


@transaction.atomic
def share(caller: Caller, project: Project, team: Team, role: str) -> ProjectShare:
    """Let another team's members in, at most as `role`; never as owner, and as author only by an operator."""
    require_owner(caller, project.team, f"share project {project}")
    wanted = _role(role)
    if wanted == Role.OWNER or team == project.team:
        raise ValidationError("A project has one owning team: share it as editor or viewer with another team.")
    if wanted == Role.AUTHOR and not caller.is_operator:
        raise PermissionDenied("Authors run code on this server: an operator must share a project as author.")
    shared, _ = ProjectShare.objects.update_or_create(project=project, team=team, defaults={"role": wanted})
    _withdraw(project, team)
    _expand(project, team, wanted)
    record(caller, "share", project, project=project, changes={"team": team.name, "role": wanted})
    return shared


@transaction.atomic
def unshare(caller: Caller, project: Project, team: Team) -> None:
    """Take a share back."""
    require_owner(caller, project.team, f"share project {project}")
    if not ProjectShare.objects.filter(project=project, team=team).delete()[0]:
        raise ValidationError(f"Project {project} is not shared with team {team}.")
    _withdraw(project, team)
    record(caller, "unshare", project, project=project, changes={"team": team.name})


@transaction.atomic
def share_object(caller: Caller, obj: Model, user: User, verb: str) -> None:
    """Let one person read, change or delete one trigger, action or reaction; nobody gives a right they lack."""
    permission = _single_permission(caller, obj, verb)
    assign_perm(permission, user, obj)
    record(caller, "share", obj, project=getattr(obj, "project", None), changes={"with": str(user), "verb": verb})


@transaction.atomic
def unshare_object(caller: Caller, obj: Model, user: User, verb: str) -> None:
    """Take that back."""
    permission = _single_permission(caller, obj, verb)
    remove_perm(permission, user, obj)
    record(caller, "unshare", obj, project=getattr(obj, "project", None), changes={"with": str(user), "verb": verb})


def _single_permission(caller: Caller, obj: Model, verb: str) -> str:
    model = type(obj)
    what = f"share {obj._meta.verbose_name} {obj}"
    kind = next(
        kind for kind, of_kind in kinds_of(model).items() if model._default_manager.filter(of_kind, pk=obj.pk).exists()
    )
    if verb not in shareable_verbs(kind):
        raise ValidationError(f"A {kind.replace('_', ' ')} cannot be shared for that: share the project with a team.")
    project: Project = obj.project  # type: ignore[attr-defined]
    require_owner(caller, project.team, what)
    if not may(caller, verb, obj):
        raise PermissionDenied(f"{caller.label} may not {what}: nobody can give a right that they lack.")
    return f"{obj._meta.app_label}.{SHARED_AS[Verb(verb)]}_{obj._meta.model_name}"


def _expand(project: Project, team: Team, cap: str | None) -> None:
    for team_role in team.roles.select_related("group"):
        role = team_role.role if cap is None else capped(team_role.role, cap)
        assign_perm(f"accounts.{role}_of_project", team_role.group, project)


def _withdraw(project: Project, team: Team) -> None:
    ProjectGroupObjectPermission.objects.filter(content_object=project, group__team_role__team=team).delete()


def _changes(former: Model, changed: Model, *names: str) -> dict[str, list[object]]:
    pairs = {name: [getattr(former, name), getattr(changed, name)] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _role(role: str) -> str:
    if role not in Role.values:
        raise ValidationError({"role": f"There is no role {role!r}; known are: {', '.join(Role.values)}."})
    return str(Role(role).value)


def _require_operator(caller: Caller, what: str) -> None:
    if not (caller.is_session and caller.is_operator):
        raise PermissionDenied(f"{caller.label} may not {what}: ask a site operator.")


def _require_another_owner(team: Team, user: User) -> None:
    others = Membership.objects.filter(team=team, role=Role.OWNER, user__is_active=True).exclude(user=user)
    if not others.exists():
        raise ValidationError(f"{user} is the last owner of team {team}: make somebody else owner first.")
