"""/health/live, /health/ready and /metrics."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from reactions_project.health import examine, gauges, prometheus_text


def live(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


def ready(request: HttpRequest) -> JsonResponse:
    """200 while requests can be served, even when workers are missing; 503 otherwise."""
    status, found = examine()
    body = {
        "status": status,
        "checks": {name: {"ok": one.ok, "detail": one.detail, **one.facts} for name, one in found.items()},
    }
    code = 503 if status == "failing" else 200
    return JsonResponse(body, status=code, headers={"Cache-Control": "no-store"})


class OperatorOrLoopback(BasePermission):
    message = "Metrics are for operators, and for a collector on this machine."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if getattr(request.user, "is_operator", False):
            return True
        # What a proxy on this machine passes on came from somewhere else.
        passed_on = any(name in request.META for name in ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP"))
        return not passed_on and request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"}


class PrometheusRenderer(BaseRenderer):
    media_type = "text/plain"
    format = "prometheus"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return data.encode() if isinstance(data, str) else JSONRenderer().render(data)


class Metrics(APIView):
    """Numbers for Prometheus."""

    permission_classes = (OperatorOrLoopback,)
    renderer_classes = (PrometheusRenderer,)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response | HttpResponse:
        return Response(prometheus_text(metric for gauge in gauges for metric in gauge.read()))

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        # Collectors ask for formats of their own and take the plain one.
        return PrometheusRenderer(), PrometheusRenderer.media_type


urlpatterns = [
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
    path("metrics", Metrics.as_view(), name="metrics"),
]
