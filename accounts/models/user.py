"""A person or a service that signs in. Staff are the site's operators."""

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    class Meta(AbstractUser.Meta):
        pass

    @property
    def is_operator(self) -> bool:
        """Site operators are active staff (ARCHITECTURE, "Permissions: one place")."""
        return self.is_active and self.is_staff
