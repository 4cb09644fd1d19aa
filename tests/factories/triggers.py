"""Triggers and the catalogue."""

import factory

from tests.factories.accounts import ProjectFactory
from triggers.models import Environment, Release, Trigger


class WebhookFactory(factory.django.DjangoModelFactory[Trigger]):
    class Meta:
        model = Trigger

    project = factory.SubFactory(ProjectFactory)
    kind = "webhook"
    name = factory.Sequence(lambda n: f"Webhook {n}")
    route = factory.Sequence(lambda n: f"route-{n}")


class InternalTriggerFactory(factory.django.DjangoModelFactory[Trigger]):
    class Meta:
        model = Trigger
        django_get_or_create = ("project", "kind", "event_type")

    project = factory.SubFactory(ProjectFactory)
    kind = "internal"
    name = factory.LazyAttribute(lambda o: o.event_type)
    event_type = "DeploymentSucceeded"


class EnvironmentFactory(factory.django.DjangoModelFactory[Environment]):
    class Meta:
        model = Environment

    name = factory.Sequence(lambda n: f"Environment {n}")
    slug = factory.Sequence(lambda n: f"environment-{n}")


class ReleaseFactory(factory.django.DjangoModelFactory[Release]):
    class Meta:
        model = Release

    project = factory.SubFactory(ProjectFactory)
    version = factory.Sequence(lambda n: f"1.0.{n}")
