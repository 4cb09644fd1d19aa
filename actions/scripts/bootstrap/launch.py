"""Started by the worker as the parent of one script run; a program of its own, standard library only.

It reads its orders from a descriptor (never from the command line, which everybody can read), ties its life to the
worker's, sets limits, and then either becomes the sandbox or, without one, stays as the reaper of everything the
script starts.
"""

# Paths stay text: this starts often and must start fast.
# ruff: noqa: PTH123, PTH208, S606

import ctypes
import json
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CANNOT_START = 125

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    orders_fd = int(sys.argv[1])
    with open(orders_fd, encoding="utf-8") as source:
        orders = json.load(source)
    becomes_sandbox = orders["sandboxed"]
    # Python ignores these two, and what is ignored stays so in every program started from here.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if not becomes_sandbox:
        signal.signal(signal.SIGTERM, lambda *_: _stop_everything())
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL if becomes_sandbox else signal.SIGTERM, 0, 0, 0)
    if os.getppid() != orders["parent"]:
        os._exit(CANNOT_START)
    for path in orders["cgroups"]:
        with open(path, "w", encoding="ascii") as procs:
            procs.write("0")
    for name, value in orders["limits"].items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # Processor time is limited softly, so that a script that used it up ends with a signal of its own.
        kill_at = bounded + 2 if name == "RLIMIT_CPU" and hard == resource.RLIM_INFINITY else bounded
        resource.setrlimit(number, (bounded, kill_at))
    os.umask(0o077)
    command, environment = orders["command"], orders["environment"]
    os.chdir(orders["directory"])
    if becomes_sandbox:
        _become(command, environment)
    os._exit(_supervise(command, environment))


def _become(command: list[str], environment: dict[str, str]) -> None:
    try:
        os.execve(command[0], command, environment)
    except OSError as problem:
        print(f"{command[0]} cannot be started: {problem.strerror}.", file=sys.stderr, flush=True)
        os._exit(CANNOT_START)


def _supervise(command: list[str], environment: dict[str, str]) -> int:
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Not posix_spawn, which leaves two of the C library's own signals ignored.
    child = os.fork()
    if child == 0:
        os.setsid()
        _become(command, environment)
    # Only the script may hold the pipes now: the worker sees their end as soon as the last program of the run is gone.
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            break
    _kill_descendants()
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _stop_everything() -> None:
    _kill_descendants()
    os._exit(128 + signal.SIGTERM)


def _kill_descendants() -> None:
    """Everything orphaned in this run is our child, because we are its subreaper: kill until nobody is left."""
    while True:
        for pid in _descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _descendants() -> list[int]:
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as stat:
                    parents[int(entry)] = int(stat.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError):
                continue
    found = {os.getpid()}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        grown = bool(more)
        found |= more
    return sorted(found - {os.getpid()})


if __name__ == "__main__":
    main()
