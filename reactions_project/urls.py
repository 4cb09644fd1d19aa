"""Every address of the server; apps are named by string only."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("actions.urls")),
    path("", include("triggers.urls")),
    path("", include("accounts.urls")),
    path("", include("reactions_project.api.health")),
    path("api/", include("accounts.api.urls")),
    path("api/", include("triggers.api.urls")),
    path("api/", include("actions.api.urls")),
    path("api/", include("reactions_project.api.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "reactions_project.pages.bad_request"
handler403 = "reactions_project.pages.forbidden"
handler404 = "reactions_project.pages.not_found"
handler500 = "reactions_project.pages.server_error"
