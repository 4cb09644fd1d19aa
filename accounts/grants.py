"""Joining, leaving, sharing: the only place that writes groups and guardian rows (SEC-06).

Each TeamRole is an auth group. Owning a project gives every group of the team its own role there; a share gives
every group of another team its role, capped at the share's.
"""

from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from guardian.shortcuts import assign_perm

from accounts.audit import record
from accounts.callers import Caller
from accounts.models import Membership, Project, ProjectGroupObjectPermission, ProjectShare, Role, Team, TeamRole, User

_RANK = {Role.VIEWER: 0, Role.EDITOR: 1, Role.AUTHOR: 2, Role.OWNER: 3}


@transaction.atomic
def create_team(caller: Caller, name: str, slug: str, *, allows_authors: bool = False) -> Team:
    """Make a team with its four groups. Operators only."""
    _require_operator(caller, "make a team")
    team = Team(name=name, slug=slug, allows_authors=allows_authors)
    team.full_clean()
    team.save(force_insert=True)
    for role in Role:
        TeamRole.objects.create(team=team, role=role, group=Group.objects.create(name=f"team {team.pk} {role.value}"))
    record(caller, "create", team)
    return team


@transaction.atomic
def create_project(caller: Caller, team: Team, name: str, slug: str, description: str = "") -> Project:
    """Make a project and grant the team's groups their roles in it."""
    if not caller.is_operator and not _holds(caller, team, Role.OWNER):
        raise PermissionDenied(f"{caller.label} may not make a project in team {team}: ask one of its owners.")
    project = Project(team=team, name=name, slug=slug, description=description)
    project.full_clean()
    project.save(force_insert=True)
    _expand(project, team, None)
    record(caller, "create", project, project=project)
    return project


@transaction.atomic
def join(caller: Caller, team: Team, user: User, role: str) -> Membership:
    """Give a person their one role in the team, replacing a former one."""
    if not caller.is_operator and not _holds(caller, team, Role.OWNER):
        raise PermissionDenied(f"{caller.label} may not change members of team {team}: ask one of its owners.")
    if role == Role.AUTHOR and not team.allows_authors:
        if not caller.is_operator:
            raise PermissionDenied(
                f"Authors of team {team} would run code on this server: an operator must grant the first one."
            )
        Team.objects.filter(pk=team.pk).update(allows_authors=True)
    former = Membership.objects.filter(team=team, user=user).first()
    if former and former.role == Role.OWNER and role != Role.OWNER:
        _require_another_owner(team, user)
    membership, _ = Membership.objects.update_or_create(team=team, user=user, defaults={"role": role})
    user.groups.remove(*Group.objects.filter(team_role__team=team))
    user.groups.add(Group.objects.get(team_role__team=team, team_role__role=role))
    record(caller, "grant", membership, changes={"role": [former.role if former else None, role]})
    return membership


@transaction.atomic
def leave(caller: Caller, team: Team, user: User) -> None:
    """Take a person out of the team; the last owner stays."""
    if not caller.is_operator and caller.user != user and not _holds(caller, team, Role.OWNER):
        raise PermissionDenied(f"{caller.label} may not change members of team {team}: ask one of its owners.")
    membership = Membership.objects.get(team=team, user=user)
    if membership.role == Role.OWNER and not caller.is_operator:
        _require_another_owner(team, user)
    record(caller, "revoke", membership, changes={"role": [membership.role, None]})
    membership.delete()
    user.groups.remove(*Group.objects.filter(team_role__team=team))


@transaction.atomic
def share(caller: Caller, project: Project, team: Team, role: str) -> ProjectShare:
    """Let another team's members in, at most as `role`; never as owner, and as author only by an operator."""
    if not caller.is_operator and not _holds(caller, project.team, Role.OWNER):
        raise PermissionDenied(f"{caller.label} may not share project {project}: ask an owner of team {project.team}.")
    if role == Role.OWNER or team == project.team:
        raise ValidationError("A project has one owning team: share it as editor or viewer with another team.")
    if role == Role.AUTHOR and not caller.is_operator:
        raise PermissionDenied("Authors run code on this server: an operator must share a project as author.")
    shared, _ = ProjectShare.objects.update_or_create(project=project, team=team, defaults={"role": role})
    _withdraw(project, team)
    _expand(project, team, role)
    record(caller, "share", project, project=project, changes={"team": team.name, "role": role})
    return shared


@transaction.atomic
def unshare(caller: Caller, project: Project, team: Team) -> None:
    """Take a share back."""
    if not caller.is_operator and not _holds(caller, project.team, Role.OWNER):
        raise PermissionDenied(f"{caller.label} may not share project {project}: ask an owner of team {project.team}.")
    ProjectShare.objects.filter(project=project, team=team).delete()
    _withdraw(project, team)
    record(caller, "unshare", project, project=project, changes={"team": team.name})


def _expand(project: Project, team: Team, cap: str | None) -> None:
    for team_role in team.roles.select_related("group"):
        role = Role(team_role.role)
        if cap is not None and _RANK[role] > _RANK[Role(cap)]:
            role = Role(cap)
        assign_perm(f"accounts.{role.value}_of_project", team_role.group, project)


def _withdraw(project: Project, team: Team) -> None:
    ProjectGroupObjectPermission.objects.filter(content_object=project, group__team_role__team=team).delete()


def _holds(caller: Caller, team: Team, role: str) -> bool:
    return (
        caller.user is not None
        and caller.run is None
        and caller.scopes is None
        and Membership.objects.filter(team=team, user=caller.user, role=role).exists()
    )


def _require_operator(caller: Caller, what: str) -> None:
    if not caller.is_operator or caller.scopes is not None:
        raise PermissionDenied(f"{caller.label} may not {what}: ask a site operator.")


def _require_another_owner(team: Team, user: User) -> None:
    if not Membership.objects.filter(team=team, role=Role.OWNER).exclude(user=user).exists():
        raise ValidationError(f"{user} is the last owner of team {team}: make somebody else owner first.")
