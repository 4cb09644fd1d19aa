"""No process outlives the one that started it, however that one ended (Linux)."""

import ctypes
import signal

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent(number: int = signal.SIGTERM) -> None:
    """The kernel sends this process the signal when the thread that started it ends. A child does not inherit it."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))
