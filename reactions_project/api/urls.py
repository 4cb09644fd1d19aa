"""Schema, documentation and index of the REST API, and the answer to addresses that it does not have.

Included last under /api/, so that the routes of the apps come first.
"""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularJSONAPIView

from reactions_project.api.views import DocumentationPage, Index, other_address

urlpatterns = [
    path("", Index.as_view(), name="api-index"),
    path("schema/", SpectacularJSONAPIView.as_view(), name="api-schema"),
    path("docs/", DocumentationPage.as_view(), name="api-docs"),
    re_path(r"^.*$", other_address),
]
