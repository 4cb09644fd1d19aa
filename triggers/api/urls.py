"""REST routes of this app, under /api/. What was decided of an event is the business of actions."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from triggers.api.deployments import DeploymentViewSet
from triggers.api.environments import EnvironmentViewSet
from triggers.api.event_types import EventTypeViewSet
from triggers.api.events import EventViewSet
from triggers.api.machines import MachineViewSet
from triggers.api.processes import DeploymentProcessViewSet
from triggers.api.releases import ReleaseViewSet
from triggers.api.triggers import TriggerKeyViewSet, TriggerViewSet

router = SimpleRouter(use_regex_path=False)
router.register("environments", EnvironmentViewSet, "api-environment")
router.register("releases", ReleaseViewSet, "api-release")
router.register("deployments", DeploymentViewSet, "api-deployment")
router.register("machines", MachineViewSet, "api-machine")
router.register("deployment-processes", DeploymentProcessViewSet, "api-deployment-process")
router.register("triggers", TriggerViewSet, "api-trigger")
router.register("events", EventViewSet, "api-event")
router.register("event-types", EventTypeViewSet, "api-event-type")

keys = SimpleRouter(use_regex_path=False)
keys.register("keys", TriggerKeyViewSet, "api-trigger-key")

urlpatterns = [*router.urls, path("triggers/<uuid:trigger_pk>/", include(keys.urls))]
