"""The index and the documentation page of the REST API, and what answers where there is no route."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.exceptions import Resolver404
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import TemplateView
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from reactions_project.api.problems import not_found


class Index(APIView):
    """Where everything is."""

    authentication_classes: tuple[Any, ...] = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response({name: request.build_absolute_uri(f"/api/{name}/") for name in sorted(set(collections()))})


class DocumentationPage(TemplateView):
    """Swagger UI from our own files: nothing inline and nothing from outside, so the site's policy holds (SEC-71)."""

    template_name = "api/docs.html"


@csrf_exempt
def other_address(request: HttpRequest) -> HttpResponseBase:
    """A known address without its last slash is served, since a redirect would lose the body of a POST; any other is
    a 404 in the API's own shape. The view behind checks CSRF for sessions itself, as DRF's views do."""
    if not request.path.endswith("/"):
        try:
            match = get_resolver().resolve(f"{request.path_info}/")
        except Resolver404:
            return not_found(request)
        if match.func is not other_address:
            request.resolver_match = match
            answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
            return answer
    return not_found(request)


def collections() -> Iterator[str]:
    """The first part of every address under /api/ that takes no parameter."""
    for pattern in get_resolver().url_patterns:
        if str(pattern.pattern) == "api/" and isinstance(pattern, URLResolver):
            for route in _routes(pattern, ""):
                if route.endswith("/") and route.count("/") == 1 and "<" not in route:
                    yield route.removesuffix("/")


def _routes(resolver: URLResolver, before: str) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield f"{before}{pattern.pattern}"
        else:
            yield from _routes(pattern, f"{before}{pattern.pattern}")
