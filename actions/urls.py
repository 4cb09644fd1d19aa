"""Pages: reactions, events with what became of them, runs, projects."""

from django.urls import path
from django.views.generic import RedirectView

from actions.views.dead_letters import DeadLetterDismiss, DeadLetterList, DeadLetterReplay
from actions.views.events import EventDetail, EventList
from actions.views.logs import RunLogDownload
from actions.views.projects import DeploymentDetail, ProjectDetail, ProjectList
from actions.views.reactions import ReactionDetail, ReactionList, ReactionSwitch
from actions.views.runs import RunCancel, RunDetail, RunList, RunLog, RunReplay, RunRetry

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="reaction-list"), name="home"),
    path("reactions/", ReactionList.as_view(), name="reaction-list"),
    path("reactions/<uuid:pk>/", ReactionDetail.as_view(), name="reaction-detail"),
    path("reactions/<uuid:pk>/enable", ReactionSwitch.as_view(turns_on=True), name="reaction-enable"),
    path("reactions/<uuid:pk>/disable", ReactionSwitch.as_view(turns_on=False), name="reaction-disable"),
    path("events/", EventList.as_view(), name="event-list"),
    path("events/<uuid:uid>/", EventDetail.as_view(), name="event-detail"),
    path("runs/", RunList.as_view(), name="run-list"),
    path("runs/<uuid:uid>/", RunDetail.as_view(), name="run-detail"),
    path("runs/<uuid:uid>/log", RunLog.as_view(), name="run-log"),
    path("runs/<uuid:uid>/log.txt", RunLogDownload.as_view(), name="run-log-download"),
    path("runs/<uuid:uid>/retry", RunRetry.as_view(), name="run-retry"),
    path("runs/<uuid:uid>/replay", RunReplay.as_view(), name="run-replay"),
    path("runs/<uuid:uid>/cancel", RunCancel.as_view(), name="run-cancel"),
    path("dead-letters/", DeadLetterList.as_view(), name="dead-letter-list"),
    path("dead-letters/replay", DeadLetterReplay.as_view(), name="dead-letter-replay"),
    path("dead-letters/dismiss", DeadLetterDismiss.as_view(), name="dead-letter-dismiss"),
    path("projects/", ProjectList.as_view(), name="project-list"),
    path("projects/<slug:slug>/", ProjectDetail.as_view(), name="project-detail"),
    path("projects/<slug:slug>/deployments/<slug:octopus_id>/", DeploymentDetail.as_view(), name="deployment-detail"),
]
