"""Actions and reactions, saved through actions.definitions."""

from typing import Any

import factory

from actions.definitions import save_action, save_reaction
from actions.models import Action, Reaction
from tests.factories.accounts import ProjectFactory, operator_caller
from tests.factories.triggers import InternalTriggerFactory

HTTP_CONFIG = {"method": "POST", "url": "https://monitor.example.com/deployments", "body": {"kind": "text", "text": ""}}


class ActionFactory(factory.Factory[Action]):
    class Meta:
        model = Action

    project = factory.SubFactory(ProjectFactory)
    name = factory.Sequence(lambda n: f"Action {n}")
    kind = "http"
    config = factory.LazyFunction(lambda: dict(HTTP_CONFIG))

    class Params:
        python = factory.Trait(
            kind="script", config={"language": "python", "source": "print('hello')"}, timeout_seconds=60
        )

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Action:
        return save_action(operator_caller(), Action(**kwargs))


class ReactionFactory(factory.Factory[Reaction]):
    """`triggers` is a list; by default one internal trigger of the same project."""

    class Meta:
        model = Reaction

    project = factory.LazyAttribute(lambda o: o.action.project)
    action = factory.SubFactory(ActionFactory)
    name = factory.Sequence(lambda n: f"Reaction {n}")
    triggers: Any = None

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Reaction:
        triggers = kwargs.pop("triggers")
        if triggers is None:
            triggers = [InternalTriggerFactory(project=kwargs["project"])]
        return save_reaction(operator_caller(), Reaction(**kwargs), triggers)
