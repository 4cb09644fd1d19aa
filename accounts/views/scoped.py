"""The base of every page: signed in, filtered to what the caller may see, never cached (SEC-01, SEC-02, SEC-71)."""

from typing import Any, TypeVar

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.views import View

from accounts import audit
from accounts.permissions import visible
from accounts.roles import Verb
from accounts.scoping import ProjectScoped
from reactions_project.pages import NOT_HERE

M = TypeVar("M", bound=Model)


class ScopedPage(ProjectScoped, View):
    """A page or a form's target. What the caller may not see is a 404; a refusal is a 403 and is kept (SEC-80)."""

    template_name: str
    request: HttpRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.caller.is_session:
            return _to_sign_in(request)
        try:
            response = super().dispatch(request, *args, **kwargs)
        except PermissionDenied as refusal:
            identity = next((str(value) for _, value in sorted(self.kwargs.items())), "")
            audit.record_denial(self.caller, self.queryset.model._meta.label, identity, str(refusal))
            raise
        response["Cache-Control"] = "no-store, private"
        return response

    def visible_one(self, queryset: QuerySet[M], verb: str = Verb.READ, **lookup: Any) -> M:
        """The one object that the lookup names, where the caller may see it."""
        found = visible(queryset.filter(**lookup), self.caller, verb).first()
        if found is None:
            raise Http404(NOT_HERE)
        return found

    def page(self, context: dict[str, Any], template_name: str = "") -> TemplateResponse:
        return TemplateResponse(self.request, template_name or self.template_name, context)


def _to_sign_in(request: HttpRequest) -> HttpResponseBase:
    if getattr(request, "htmx", False):
        # A fragment must not become a sign-in form inside the page: let the whole page reload, and go there.
        return HttpResponse(status=401, headers={"HX-Refresh": "true"})
    # Going back to a form's target with GET would lead nowhere.
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")


def words(request: HttpRequest, name: str, longest: int = 100) -> str:
    """A search parameter as one line of text that every database accepts."""
    return request.GET.get(name, "").replace("\0", "").strip()[:longest]


def one_of(request: HttpRequest, name: str, allowed: Any) -> str:
    """A parameter that names one of the known choices; anything else is as if it were not there."""
    value = request.GET.get(name, "")
    return value if value in allowed else ""
