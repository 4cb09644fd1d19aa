"""Who you are here: your name, your teams, and what your role in each lets you do."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponseBase

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


class AccountPage(ScopedPage):
    queryset = Membership.objects.select_related("team")
    template_name = "accounts/account.html"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        own = visible(self.queryset.filter(user=self.caller.person), self.caller).order_by("team__name")
        held = [Held(one.team.name, one.role.capitalize(), _MEANS[one.role]) for one in own]
        return self.page({"held": held})
