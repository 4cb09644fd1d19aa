import pytest
from rest_framework.test import APIClient

from accounts.models import User
from triggers.models import Event


@pytest.fixture
def signed_in():
    """`signed_in(user)` is a client with that person's session."""

    def make(user: User) -> APIClient:
        client = APIClient()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make


@pytest.fixture
def event_types_recorded():
    """`event_types_recorded()` are the types of all events, in the order in which they happened."""
    return lambda: list(Event.objects.order_by("pk").values_list("type", flat=True))
