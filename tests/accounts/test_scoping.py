"""The base of viewsets and pages."""

from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from rest_framework.exceptions import NotFound

from accounts.callers import caller_for
from accounts.models import Project
from accounts.roles import Verb
from accounts.scoping import ProjectScoped, visible_or_404
from tests.factories import ProjectFactory, UserFactory, member

pytestmark = pytest.mark.django_db


class View(ProjectScoped):
    queryset = Project.objects.all()
    action_verbs = {"launch": Verb.RUN}


def view_of(user, action: str) -> View:
    view = View()
    view.request, view.action, view.kwargs = SimpleNamespace(user=user), action, {}  # type: ignore[attr-defined]
    return view


def test_sec_01_an_action_without_a_row_is_a_mistake_and_not_a_way_in():
    assert view_of(UserFactory(), "launch").verb == Verb.RUN
    with pytest.raises(ImproperlyConfigured, match=r"View.action_verbs does not say what explode needs"):
        _ = view_of(UserFactory(), "explode").verb


def test_sec_02_the_queryset_holds_what_the_caller_may_see():
    project = ProjectFactory()
    ProjectFactory()
    assert list(view_of(member(project.team, "viewer"), "list").get_queryset()) == [project]


def test_sec_02_what_is_not_to_be_seen_is_told_like_what_is_not_there():
    project, charlie = ProjectFactory(), caller_for(UserFactory())
    with pytest.raises(NotFound) as hidden:
        visible_or_404(Project.objects.all(), charlie, pk=project.pk)
    with pytest.raises(NotFound) as missing:
        visible_or_404(Project.objects.all(), charlie, slug="missing")
    assert str(hidden.value) == str(missing.value)


def test_sec_02_what_is_seen_but_not_allowed_is_refused():
    project = ProjectFactory()
    viewer = caller_for(member(project.team, "viewer"))
    assert visible_or_404(Project.objects.all(), viewer, pk=project.pk) == project
    with pytest.raises(PermissionDenied):
        visible_or_404(Project.objects.all(), viewer, Verb.DELETE, pk=project.pk)
