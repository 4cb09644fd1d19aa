"""Octopus-style ids such as Projects-12: one counter per prefix, never going back."""

from django.db import models, transaction
from django.db.models import F


class Counter(models.Model):
    prefix = models.CharField(max_length=40, primary_key=True)
    value = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.prefix}-{self.value}"

    @classmethod
    def take(cls, prefix: str) -> str:
        """The next id of that prefix, e.g. `Releases-7`; the UPDATE locks the row, so two callers never share one."""
        with transaction.atomic():
            if not cls.objects.filter(prefix=prefix).update(value=F("value") + 1):
                cls.objects.get_or_create(prefix=prefix)
                cls.objects.filter(prefix=prefix).update(value=F("value") + 1)
            return f"{prefix}-{cls.objects.get(prefix=prefix).value}"


class OctopusNumbered(models.Model):
    """A catalogue object that Octopus users know by an id such as Environments-3."""

    octopus_prefix = ""
    octopus_id = models.CharField(max_length=60, unique=True, editable=False)

    class Meta:
        abstract = True

    def save(self, *args: object, **kwargs: object) -> None:
        if not self.octopus_id:
            self.octopus_id = Counter.take(self.octopus_prefix)
        super().save(*args, **kwargs)  # type: ignore[arg-type]
