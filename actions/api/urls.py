"""REST routes of this app, under /api/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from actions.api.actions import ActionViewSet
from actions.api.connections import ConnectionViewSet
from actions.api.dead_letters import DeadLetterViewSet
from actions.api.decisions import DecisionViewSet, EventDecisionViewSet
from actions.api.exchange import DefinitionsViewSet
from actions.api.kinds import ActionKindViewSet
from actions.api.pauses import PauseViewSet
from actions.api.reactions import ReactionViewSet
from actions.api.runs import RunViewSet
from actions.api.variables import EventVariablesViewSet

router = SimpleRouter(use_regex_path=False)
router.register("actions", ActionViewSet, "api-action")
router.register("action-kinds", ActionKindViewSet, "api-action-kind")
router.register("connections", ConnectionViewSet, "api-connection")
router.register("decisions", DecisionViewSet, "api-decision")
router.register("dead-letters", DeadLetterViewSet, "api-dead-letter")
router.register("pauses", PauseViewSet, "api-pause")
router.register("reactions", ReactionViewSet, "api-reaction")
router.register("runs", RunViewSet, "api-run")

urlpatterns = [
    path(
        "events/<uuid:uid>/variables/", EventVariablesViewSet.as_view({"get": "retrieve"}), name="api-event-variables"
    ),
    path("events/<uuid:uid>/decisions/", EventDecisionViewSet.as_view({"get": "list"}), name="api-event-decision-list"),
    path(
        "projects/<uuid:pk>/definitions/",
        DefinitionsViewSet.as_view({"get": "retrieve", "post": "create"}),
        name="api-project-definitions",
    ),
    *router.urls,
]
