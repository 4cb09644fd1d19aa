"""Signing in and out, and one's own page."""

from django.urls import path

from accounts.views.account import AccountPage, PasswordPage
from accounts.views.session import AdminSignIn, SignIn, SignOut

urlpatterns = [
    path("sign-in/", SignIn.as_view(), name="sign-in"),
    path("sign-out/", SignOut.as_view(), name="sign-out"),
    path("account/", AccountPage.as_view(), name="account"),
    path("account/password/", PasswordPage.as_view(), name="account-password"),
    path("admin/login/", AdminSignIn.as_view(), name="admin-sign-in"),
]
