"""REST routes of this app, under /api/."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from accounts.api import schema  # noqa: F401  # importing it registers the descriptions
from accounts.api.audit import AuditViewSet
from accounts.api.keys import ApiKeyViewSet
from accounts.api.projects import ProjectViewSet, ShareViewSet
from accounts.api.secrets import SecretViewSet
from accounts.api.teams import MemberViewSet, TeamViewSet

router = SimpleRouter(use_regex_path=False)
router.register("teams", TeamViewSet, "api-team")
router.register("projects", ProjectViewSet, "api-project")
router.register("api-keys", ApiKeyViewSet, "api-key")
router.register("secrets", SecretViewSet, "api-secret")
router.register("audit", AuditViewSet, "api-audit")

members = SimpleRouter(use_regex_path=False)
members.register("members", MemberViewSet, "api-member")
shares = SimpleRouter(use_regex_path=False)
shares.register("shares", ShareViewSet, "api-share")

urlpatterns = [
    *router.urls,
    path("teams/<uuid:team_pk>/", include(members.urls)),
    path("projects/<uuid:project_pk>/", include(shares.urls)),
]
