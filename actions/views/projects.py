"""Projects: what each reacts to and what happened there; and the page of one deployment, to which variables link."""

from typing import Any

from django.conf import settings
from django.db.models import Count, Prefetch, Q
from django.http import Http404, HttpRequest, HttpResponseBase

from accounts.models import Project
from accounts.permissions import projects as projects_where
from accounts.permissions import visible
from accounts.roles import Verb
from accounts.views.scoped import ScopedPage
from actions.models import Reaction
from actions.views.events import BODIES, with_decisions
from actions.views.reactions import rows_of, with_last_run
from actions.views.sentences import event_label
from reactions_project.pages import NOT_HERE
from triggers.models import Deployment, Event, Trigger

_FEW = 10


class ProjectList(ScopedPage):
    queryset = Project.objects.select_related("team")
    template_name = "actions/project_list.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        readable = projects_where(self.caller, "reaction", Verb.READ)
        counted = Count("reactions", filter=Q(pk__in=readable.values("pk")), distinct=True)
        return self.page({"projects": self.get_queryset().annotate(reaction_count=counted).order_by("name")})


class ProjectDetail(ScopedPage):
    queryset = Project.objects.select_related("team")
    template_name = "actions/project_detail.html"

    def get(self, request: HttpRequest, slug: str) -> HttpResponseBase:
        project = self.visible_one(self.queryset.all(), slug=slug)
        caller = self.caller
        reactions = Reaction.objects.filter(project=project).select_related("project", "action")
        listening = Prefetch("triggers", Trigger.objects.order_by("kind", "event_type", "route"))
        triggers = visible(Trigger.objects.filter(project=project), caller)
        events = visible(Event.objects.filter(project=project), caller).select_related("environment", "trigger")
        deployments = visible(Deployment.objects.filter(release__project=project), caller)
        return self.page(
            {
                "project": project,
                "base_url": settings.REACTIONS_BASE_URL,
                "rows": rows_of(
                    with_last_run(visible(reactions, caller)).prefetch_related(listening).order_by("name")[:50]
                ),
                "triggers": [_labelled(trigger) for trigger in triggers.order_by("-kind", "event_type", "route")[:50]],
                "events": with_decisions(self, list(events.defer(*BODIES).order_by("-pk")[:_FEW])),
                "deployments": deployments.select_related("release", "environment").order_by("-created_at")[:_FEW],
            }
        )


class DeploymentDetail(ScopedPage):
    """By Octopus' id. A deployment that only events tell of, such as one of another server, has a page too."""

    queryset = Deployment.objects.select_related("release__project", "environment")
    template_name = "actions/deployment_detail.html"

    def get(self, request: HttpRequest, slug: str, octopus_id: str) -> HttpResponseBase:
        project = self.visible_one(Project.objects.all(), slug=slug)
        deployment = self.get_queryset().filter(release__project=project, octopus_id=octopus_id).first()
        events = visible(Event.objects.filter(project=project, deployment=octopus_id), self.caller)
        told = with_decisions(
            self,
            list(events.select_related("environment", "trigger").defer(*BODIES).order_by("pk")[:50]),
        )
        if deployment is None and not told:
            raise Http404(NOT_HERE)
        return self.page({"project": project, "octopus_id": octopus_id, "deployment": deployment, "events": told})


def _labelled(trigger: Any) -> Any:
    trigger.event_label = event_label(trigger.event_type)
    return trigger
