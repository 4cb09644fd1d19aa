"""Every address is either filtered by the one permission module or listed here with the reason why not (SEC-01)."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from accounts.permissions import KINDS
from accounts.roles import MATRIX
from accounts.scoping import ProjectScoped

# View -> why it needs no object permission.
UNSCOPED = {
    "accounts.views.account.AccountPage": "one's own page",
    "accounts.views.account.PasswordPage": "one's own password",
    "accounts.views.session.AdminSignIn": "signing in",
    "accounts.views.session.SignIn": "signing in",
    "accounts.views.session.SignOut": "signing out",
    "actions.api.kinds.ActionKindViewSet": "a catalogue, the same for everybody who is signed in",
    "django.views.generic.base.RedirectView": "leads to a page that is scoped",
    "drf_spectacular.views.SpectacularJSONAPIView": "describes the API, holds no data",
    "reactions_project.api.views.DocumentationPage": "describes the API, holds no data",
    "reactions_project.api.views.Index": "names the collections, holds no data",
    "reactions_project.api.views.other_address": "404, or the view behind the same address with a slash",
    "reactions_project.api.health.Metrics": "operators or loopback only",
    "reactions_project.api.health.live": "holds no data",
    "reactions_project.api.health.ready": "holds no data of any team",
    "triggers.api.event_types.EventTypeViewSet": "a catalogue, the same for everybody who is signed in",
    "triggers.views.webhook.webhook": "the only public write: authenticated by the trigger's own key",
}


def views() -> Iterator[tuple[str, Any]]:
    """Every address of our own with its view; the admin asks its own question, which is "operator?"."""

    def walk(resolver: URLResolver, before: str) -> Iterator[tuple[str, Any]]:
        for pattern in resolver.url_patterns:
            route = f"{before}{pattern.pattern}"
            if isinstance(pattern, URLPattern):
                callback = pattern.callback
                yield route, getattr(callback, "cls", getattr(callback, "view_class", callback))
            elif pattern.namespace != "admin":
                yield from walk(pattern, route)

    return walk(get_resolver(), "")


def name_of(view: Any) -> str:
    return f"{view.__module__}.{view.__qualname__}"


def test_sec_01_every_view_is_scoped_or_says_why_not():
    unknown = {
        f"{route} -> {name_of(view)}"
        for route, view in views()
        if not (inspect.isclass(view) and issubclass(view, ProjectScoped)) and name_of(view) not in UNSCOPED
    }
    assert not unknown, "Inherit ProjectScoped, or say in UNSCOPED why the view needs no permission."


def test_the_list_of_unscoped_views_names_nothing_that_is_gone():
    assert set(UNSCOPED) <= {name_of(view) for _, view in views()}


def scoped_viewsets() -> list[Any]:
    found = {
        view for _, view in views() if inspect.isclass(view) and issubclass(view, ProjectScoped) and has_actions(view)
    }
    return sorted(found, key=name_of)


def has_actions(view: Any) -> bool:
    return issubclass(view, APIView) and hasattr(view, "get_extra_actions")


@pytest.mark.parametrize("viewset", scoped_viewsets(), ids=name_of)
def test_sec_01_every_verb_of_a_viewset_has_a_row_in_the_matrix(viewset: Any):
    for extra in viewset.get_extra_actions():
        assert extra.__name__ in viewset.action_verbs, f"action_verbs does not say what {extra.__name__} needs"
    model = viewset.queryset.model
    kinds = getattr(model, "permission_kinds", None) or {KINDS[model._meta.label]}
    assert set(kinds) <= set(MATRIX)


@pytest.mark.parametrize("viewset", scoped_viewsets(), ids=name_of)
def test_sec_04_every_serializer_and_filter_names_its_fields(viewset: Any):
    meta = getattr(viewset.serializer_class, "Meta", None)
    assert meta is None or isinstance(meta.fields, list | tuple)
    filters = getattr(viewset, "filterset_class", None)
    assert getattr(viewset, "filterset_fields", None) is None, "name filters in a FilterSet"
    if filters is not None:
        model_choices = [name for name, one in filters.base_filters.items() if hasattr(one, "queryset")]
        assert not model_choices, "a filter by object would tell foreign ids from missing ones: filter by id"


@pytest.mark.parametrize("viewset", scoped_viewsets(), ids=name_of)
def test_sec_94_every_list_is_paged(viewset: Any):
    assert viewset.pagination_class is not None
