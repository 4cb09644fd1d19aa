"""Is it alive, is it ready, how is it doing: /health/live, /health/ready and /metrics.

Apps add what they know through the two registries; this module knows the database only.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from reactions_project.registry import Registry


@dataclass(frozen=True)
class Finding:
    """What one check found; `detail` is a sentence for whoever is woken by it."""

    ok: bool
    detail: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """`is_vital`: without it no request can be served, so a load balancer should go elsewhere."""

    name: str
    label: str
    find: Callable[[], Finding]
    is_vital: bool = False


@dataclass(frozen=True)
class Metric:
    """One number in Prometheus' text format."""

    name: str
    help: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gauge:
    name: str
    label: str
    read: Callable[[], Iterable[Metric]]


checks: Registry[Check] = Registry("health check")
gauges: Registry[Gauge] = Registry("gauge")


def _database() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Finding(True, "The database answers.")


def _migrations() -> Finding:
    if _all_applied():
        return Finding(True, "All migrations are applied.")
    _all_applied.cache_clear()
    return Finding(False, "Migrations are missing: run manage.py migrate.")


@cache
def _all_applied() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


checks.add(Check("database", "Database", _database, is_vital=True))
checks.add(Check("migrations", "Migrations", _migrations, is_vital=True))


def examine() -> tuple[str, dict[str, Finding]]:
    """`ok`; `degraded` when something needs a person; `failing` when no request can be served. And every finding."""
    found: dict[str, Finding] = {}
    for check in checks:
        try:
            found[check.name] = check.find()
        except Error:
            found[check.name] = Finding(False, "The database cannot be asked: see the server's log and DATABASE_URL.")
    broken = [check for check in checks if not found[check.name].ok]
    if any(check.is_vital for check in broken):
        return "failing", found
    return ("degraded" if broken else "ok"), found


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


def prometheus_text(metrics: Iterable[Metric]) -> str:
    """Text exposition format 0.0.4: help and type once per name, then its samples together."""
    by_name: dict[str, list[Metric]] = {}
    for metric in metrics:
        by_name.setdefault(metric.name, []).append(metric)
    lines: list[str] = []
    for name, samples in by_name.items():
        lines += [f"# HELP {name} {samples[0].help}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels(sample.labels)} {sample.value:g}" for sample in samples]
    return "\n".join(lines) + "\n"


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    escaped = (
        f'{name}="{value}"'
        for name, value in (
            (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
            for name, value in labels.items()
        )
    )
    return "{" + ",".join(escaped) + "}"


urlpatterns = [
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
    path("metrics", Metrics.as_view(), name="metrics"),
]
