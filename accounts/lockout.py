"""Who guesses passwords has to wait (SEC-14). Counted in the database, so every web host knows of every failure.

Three counts hold at once: one name from one address, one name from anywhere, and one address with any name. An owner
elsewhere is therefore not locked out by a few failures of somebody else, and neither many addresses nor many names help
a guesser. What was refused by a lock is not counted: a lock ends when its failures are old enough.
"""

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from accounts.models.sign_in import SignInFailure
from reactions_project import clock

WINDOW = timedelta(minutes=15)
PER_ACCOUNT_AND_ADDRESS = 5
PER_ACCOUNT = 20
PER_ADDRESS = 20


@dataclass(frozen=True)
class Attempt:
    """A try that counts as failed until `succeeded` is called; `locked_until` when it may not be made at all.
    `is_last` says that its failure is the one that locks."""

    account: str
    address: str
    locked_until: datetime | None = None
    is_last: bool = False

    def succeeded(self) -> None:
        """Forget this name's failures from this address."""
        SignInFailure.objects.filter(account=self.account, address=self.address).delete()


def begin(name: str, address: str) -> Attempt:
    """Count a try before its password is looked at, so that tries at the same moment count each other."""
    now = clock.now()
    account = _digest(name)
    failures = SignInFailure.objects.filter(at__gt=now - WINDOW)
    own = SignInFailure.objects.create(account=account, address=address, at=now)
    earlier = failures.filter(pk__lt=own.pk)
    limits = (
        (earlier.filter(account=account, address=address), PER_ACCOUNT_AND_ADDRESS),
        (earlier.filter(account=account), PER_ACCOUNT),
        (earlier.filter(address=address), PER_ADDRESS),
    )
    ends = [end for rows, limit in limits if (end := _locked_until(rows, limit)) is not None]
    if ends:
        own.delete()
        return Attempt(account, address, max(ends))
    SignInFailure.objects.filter(at__lte=now - WINDOW).delete()
    return Attempt(account, address, is_last=any(rows.count() == limit - 1 for rows, limit in limits))


def minutes_left(until: datetime) -> int:
    """Whole minutes, at least one."""
    return max(1, -int((clock.now() - until).total_seconds() // 60))


def _locked_until(rows: QuerySet[SignInFailure], limit: int) -> datetime | None:
    """When the failure that fills the limit grows old; None while there are fewer."""
    times = list(rows.order_by("-at").values_list("at", flat=True)[:limit])
    return times[-1] + WINDOW if len(times) == limit else None


def _digest(name: str) -> str:
    return hashlib.sha256(unicodedata.normalize("NFKC", name).strip().casefold().encode(errors="replace")).hexdigest()
