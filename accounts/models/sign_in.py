"""Failed sign-ins of the last minutes, counted for all web hosts alike (SEC-14)."""

from django.db import models


class SignInFailure(models.Model):
    """`account` is a digest of the name as it was typed, which may be no account, or a password in the wrong field."""

    account = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["account", "at"], name="sign_in_by_account"),
            models.Index(fields=["address", "at"], name="sign_in_by_address"),
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.at:%Y-%m-%d %H:%M:%S}"
