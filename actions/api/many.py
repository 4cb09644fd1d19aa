"""What verbs for many runs take and answer."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from actions.models import Run


def meant(runs: QuerySet[Run], told: dict[str, Any]) -> QuerySet[Run]:
    """The runs that were counted: those that came later are not."""
    return runs.filter(pk__lte=told["up_to"]) if "up_to" in told else runs


class ManyRequest(serializers.Serializer[Any]):
    expected = serializers.IntegerField(
        required=False, min_value=0, help_text="How many were counted; without it they are only counted."
    )

    up_to = serializers.IntegerField(
        required=False, min_value=0, help_text="The newest that was counted; without it, whatever is there now."
    )


class ReplayManyRequest(ManyRequest):
    version = serializers.ChoiceField(choices=["same", "current"], default="same")
    per_second = serializers.IntegerField(
        min_value=1, max_value=1_000, default=10, help_text="How many start each second."
    )


class RefusedAnswer(serializers.Serializer[Any]):
    run = serializers.UUIDField()
    reason = serializers.CharField()


class ManyAnswer(serializers.Serializer[Any]):
    counted = serializers.IntegerField(required=False, help_text="How many there are; send it as `expected`.")
    up_to = serializers.IntegerField(required=False, help_text="The newest of them; send it as it is.")
    count = serializers.IntegerField(required=False, help_text="How many were done.")
    refused = RefusedAnswer(many=True, required=False)
