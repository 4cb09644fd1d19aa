"""Who you are here: your name, your teams, and what your role in each lets you do."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse_lazy

from accounts import audit
from accounts.callers import caller_of
from accounts.models import Membership, Role
from accounts.permissions import visible
from accounts.views.scoped import ScopedPage

_MEANS: dict[str, str] = {
    Role.OWNER: "manages members, projects, secrets and connections; edits everything except scripts",
    Role.AUTHOR: "writes scripts, which run on this server, and edits reactions, triggers and actions",
    Role.EDITOR: "edits reactions, triggers and HTTP actions, and runs and replays",
    Role.VIEWER: "sees reactions, decisions, runs and logs; event payloads stay hidden",
}


@dataclass(frozen=True)
class Held:
    team: str
    role: str
    means: str


class PasswordPage(PasswordChangeView):
    """A new password for oneself; other sessions of the same person end."""

    template_name = "accounts/password.html"
    success_url = reverse_lazy("account")

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        person = form.user
        audit.record(caller_of(self.request), "change password", person)
        messages.success(self.request, "Your password is changed; you were signed out everywhere else.")
        return answer


class AccountPage(ScopedPage):
    queryset = Membership.objects.select_related("team")
    template_name = "accounts/account.html"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        own = visible(self.queryset.filter(user=self.caller.person), self.caller).order_by("team__name")
        held = [Held(one.team.name, one.role.capitalize(), _MEANS[one.role]) for one in own]
        return self.page({"held": held})
