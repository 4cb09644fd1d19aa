"""The yardstick: a bare Django view that inserts one row with the ORM, for the same web server and database."""

import json
import os
import uuid

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reactions_project.settings")


@csrf_exempt
def insert(request: HttpRequest) -> JsonResponse:
    """The payload into one row, committed before the answer; a GET only shows that the server is up."""
    if request.method == "GET":
        return JsonResponse({})
    from reactions_project import clock
    from triggers.models import Event

    now = clock.now()
    event = Event.objects.create(
        type="bare", source="bare", payload=json.loads(request.body), root=uuid.uuid4(),
        occurred_at=now, recorded_at=now, matched_at=now,
    )  # fmt: skip
    answer = JsonResponse({"id": str(event.uid)}, status=202)
    # The middleware that would tell it is left out.
    answer.headers["Content-Length"] = str(len(answer.content))
    return answer


urlpatterns = [path("bare", insert)]
application = get_wsgi_application()


def _strip() -> None:
    from django.conf import settings

    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    application.load_middleware()


_strip()
