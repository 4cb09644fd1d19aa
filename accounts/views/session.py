"""Signing in and out, for the pages and the admin alike; both are kept in the audit log (SEC-80)."""

from datetime import datetime
from typing import Any

from django.contrib.auth import views
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views import View

from accounts import audit, lockout
from accounts.callers import NOBODY, caller_of
from accounts.models import User
from reactions_project.addresses import client_address
from reactions_project.hidden_text import readable


class SignInForm(AuthenticationForm):
    error_messages = {
        "invalid_login": "That name and password do not belong together. Both are case-sensitive: try again.",
        "inactive": "That name and password do not belong together. Both are case-sensitive: try again.",
    }


class SignIn(views.LoginView):
    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True
    attempt: lockout.Attempt | None = None

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Looks at the password only if there were not too many wrong ones (SEC-14)."""
        name = request.POST.get("username", "")
        if name.strip() and request.POST.get("password"):
            self.attempt = lockout.begin(name, client_address(request))
            if self.attempt.locked_until is not None:
                return self._refused(name, self.attempt.locked_until)
        return super().post(request, *args, **kwargs)

    def _refused(self, name: str, until: datetime) -> HttpResponse:
        minutes = lockout.minutes_left(until)
        text = (
            "There were too many wrong passwords for this name or from your address: "
            f"try again in {minutes} minute{'s' if minutes > 1 else ''}."
        )
        # A form without the data: one with it would go and check the password.
        form = self.authentication_form(self.request, initial={"username": readable(name)[:150]})
        context = self.get_context_data(form=form, refused=text)
        return self.render_to_response(context, status=429, headers={"Retry-After": str(60 * minutes)})

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        if self.attempt is not None:
            self.attempt.succeeded()
        answer = super().form_valid(form)
        user = form.get_user()
        audit.record(caller_of(self.request), "sign in", user)
        return answer

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        name = readable(form.data.get("username", ""))[:60]
        audit.record_denial(NOBODY, User._meta.label, name, "Sign-in failed.")
        if self.attempt is not None and self.attempt.is_last:
            minutes = lockout.WINDOW.seconds // 60
            reason = f"Signing in locked for {minutes} minutes after too many failures from {self.attempt.address}."
            audit.record_denial(NOBODY, User._meta.label, name, reason)
        return super().form_invalid(form)


class SignOut(views.LogoutView):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        caller = caller_of(request)
        if caller.user is not None:
            audit.record(caller, "sign out", caller.user)
        return super().post(request, *args, **kwargs)


class AdminSignIn(View):
    """The admin has no door of its own: operators come through the same one as everybody."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = caller_of(request)
        wanted = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()):
            wanted = reverse("admin:index")
        if not caller.is_session:
            return redirect(f"{reverse('sign-in')}?{urlencode({'next': wanted})}")
        if not caller.is_operator:
            raise PermissionDenied("The admin is for site operators: ask one of them for what you need.")
        return redirect(wanted)
