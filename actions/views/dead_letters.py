"""What ended badly and nobody has looked after, by cause; replayed or dismissed together, as many as were shown."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from accounts.models import Project
from accounts.permissions import visible
from accounts.roles import Verb
from accounts.views.scoped import ScopedPage
from actions import many
from actions.dead_letters import by_cause, dead_letters
from actions.models import Run

# So many a second, unless somebody asks for another pace: a target that just came back is not pushed over again.
PACE = 5


class Meant(forms.Form):
    """One cause as the page showed it: which letters, how many of them and the newest."""

    outcome = forms.CharField(required=False, max_length=30)
    target = forms.CharField(required=False, max_length=300)
    project = forms.UUIDField()
    reaction = forms.UUIDField(required=False)
    reaction_name = forms.CharField(max_length=150)
    count = forms.IntegerField(min_value=1)
    up_to = forms.IntegerField(min_value=1)
    version = forms.ChoiceField(required=False, choices=[("current", "current"), ("same", "same")])
    per_second = forms.IntegerField(required=False, min_value=1, max_value=1_000)


class DeadLetterPage(ScopedPage):
    queryset = Run.objects.all()
    template_name = "actions/dead_letter_list.html"

    def letters(self) -> QuerySet[Run]:
        return dead_letters(self.caller)


class DeadLetterList(DeadLetterPage):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        letters = self.letters()
        causes = by_cause(letters)
        projects = visible(Project.objects.all(), self.caller).in_bulk({one.project for one in causes})
        newest = Run.objects.filter(pk__in=[one.up_to for one in causes])
        may_replay, may_dismiss = (
            set(visible(newest, self.caller, verb).values_list("pk", flat=True)) for verb in (Verb.REPLAY, Verb.RUN)
        )
        return self.page(
            {
                "causes": [
                    (one, projects[one.project], one.up_to in may_replay, one.up_to in may_dismiss) for one in causes
                ],
                "pace": PACE,
                "most": many.MOST_AT_ONCE,
            }
        )


class DeadLetterCommand(DeadLetterPage):
    """POST only: replay or dismiss the letters of one cause, and back to the list."""

    http_method_names = ("post",)

    def command(self, letters: QuerySet[Run], told: dict[str, Any]) -> many.Done:
        raise NotImplementedError

    def said(self, count: int) -> str:
        raise NotImplementedError

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = Meant(request.POST)
        if not form.is_valid():
            messages.error(request, "That form was not complete: choose again from the list.")
            return redirect("dead-letter-list")
        told = form.cleaned_data
        letters = self.letters().filter(
            outcome=told["outcome"],
            target_key=told["target"],
            project=told["project"],
            reaction=told["reaction"],
            reaction_name=told["reaction_name"],
            pk__lte=told["up_to"],
        )
        try:
            done = self.command(letters, told)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return redirect("dead-letter-list")
        if done.count:
            messages.success(request, self.said(done.count))
        if done.refused:
            messages.error(request, f"{len(done.refused)} were refused: {done.refused[0]['reason']}")
        return redirect("dead-letter-list")


class DeadLetterReplay(DeadLetterCommand):
    def command(self, letters: QuerySet[Run], told: dict[str, Any]) -> many.Done:
        return many.replay_many(
            self.caller,
            letters,
            expected=told["count"],
            version=told["version"] or "current",
            per_second=told["per_second"] or PACE,
        )

    def said(self, count: int) -> str:
        return "One run is replayed." if count == 1 else f"{count} runs are replayed, oldest first."


class DeadLetterDismiss(DeadLetterCommand):
    def command(self, letters: QuerySet[Run], told: dict[str, Any]) -> many.Done:
        return many.dismiss_many(self.caller, letters, expected=told["count"])

    def said(self, count: int) -> str:
        return f"{count} taken off the list; the runs themselves stay in the history."
