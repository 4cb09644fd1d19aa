"""The sandbox of one run, built with bubblewrap (SEC-50 to SEC-53).

Own user, pid, mount, network, IPC, host name and cgroup namespaces; no capabilities; no nested user namespaces; the
system read-only; everything else small file systems in memory that vanish with the run. The descriptors it is started
with are consumed before the script runs, its environment is empty, and what it is told travels in a descriptor, since
`/proc/1` can be read inside.

A worker should run under an account of its own. If it is root after all, the script's account still carries nobody's
number inside and has no capability, but files of root within the read-only system remain readable to it.
"""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from actions.scripts.base import Layout, Limits, SandboxMode, SandboxUnavailableError, ScriptSettings
from actions.scripts.interpreters import find_program
from actions.scripts.process import memory_file

HOME = Path("/reactions")
NOBODY = 65534
_TRIAL_SECONDS = 10
_SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SYSTEM_FILES = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/pki/ca-trust/extracted",
    "/etc/pki/tls/certs",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
)
_ETC = {
    "/etc/passwd": f"script:x:{NOBODY}:{NOBODY}:script:{HOME}/work:/bin/sh\n",
    "/etc/group": f"script:x:{NOBODY}:\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


@dataclass(frozen=True, slots=True)
class SandboxStatus:
    ok: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A command inside the sandbox. The descriptors are the caller's to pass on and then to close; reading from
    `status` tells whether the sandbox came up."""

    command: list[str]
    descriptors: list[int]
    status: int


def layout(with_api_socket: bool) -> Layout:
    return Layout(
        inputs=HOME / "inputs",
        work=HOME / "work",
        temporary=Path("/tmp"),  # noqa: S108 # nosec B108 - the sandbox's own
        api_socket=HOME / "api.sock" if with_api_socket else None,
    )


def wrap(
    settings: ScriptSettings,
    command: Sequence[str],
    *,
    folders: Iterable[Path] = (),
    files: Mapping[str, bytes] | None = None,
    environment: Mapping[str, str] | None = None,
    sockets: Mapping[Path, Path] | None = None,
    limits: Limits | None = None,
) -> Wrapped:
    bwrap = _bwrap(settings)
    limits = limits or Limits()
    places = layout(False)
    descriptors: list[int] = []

    def passed(name: str, content: bytes) -> str:
        descriptors.append(memory_file(name, content))
        return str(descriptors[-1])

    status_read, status_write = os.pipe()
    descriptors.append(status_write)
    options = [*_namespaces(), "--json-status-fd", str(status_write), *_system()]
    for path, text in _ETC.items():
        options += ["--perms", "0444", "--file", passed(Path(path).name, text.encode()), path]
    size = str(limits.scratch_bytes // 2)
    # Read-only, or else a worker that is root lends its scripts the kernel settings in there.
    options += ["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]
    options += ["--perms", "1777", "--size", "16777216", "--tmpfs", "/dev/shm"]  # noqa: S108 # nosec B108
    options += ["--remount-ro", "/dev", "--perms", "1777", "--size", size, "--tmpfs", str(places.temporary)]
    options += ["--perms", "0700", "--size", size, "--tmpfs", str(HOME)]
    options += ["--perms", "0700", "--dir", str(places.inputs), "--perms", "0700", "--dir", str(places.work)]
    for name, content in (files or {}).items():
        options += ["--perms", "0600", "--file", passed(name, content), str(places.inputs / name)]
    for folder in folders:
        if not _is_within_system(folder):
            options += ["--ro-bind", str(folder), str(folder)]
    for outside, inside in (sockets or {}).items():
        options += ["--ro-bind", str(outside), str(inside)]
    options += ["--remount-ro", "/", "--chdir", str(places.work)]
    for name, value in (environment or {}).items():
        options += ["--setenv", name, value]
    arguments = passed("arguments", b"".join(os.fsencode(option) + b"\0" for option in options))
    return Wrapped([str(bwrap), "--args", arguments, "--", *_process_limit(limits), *command], descriptors, status_read)


def came_up(status: int) -> bool:
    """Whether the sandbox was complete before its command ran; call it after the end. Closes the descriptor."""
    with open(status, "rb") as pipe:
        os.set_blocking(pipe.fileno(), False)
        reports = (pipe.read() or b"").split(b"\n")
    return any(_tells_exit_code(report) for report in reports)


def _tells_exit_code(report: bytes) -> bool:
    try:
        return "exit-code" in json.loads(report)
    except (ValueError, TypeError):
        return False


def describe_sandbox(settings: ScriptSettings) -> SandboxStatus:
    """A real start of the very sandbox that runs get; for health checks and start-up."""
    if settings.sandbox is SandboxMode.OFF:
        return SandboxStatus(False, "Scripts run without a sandbox because the operator switched it off.")
    try:
        wrapped = wrap(settings, ["/bin/sh", "-c", "exit 0"])
    except SandboxUnavailableError as problem:
        return SandboxStatus(False, str(problem))
    try:
        trial = subprocess.run(
            wrapped.command,
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=wrapped.descriptors,
            timeout=_TRIAL_SECONDS,
            check=False,
            cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        os.close(wrapped.status)
        return SandboxStatus(False, failure(str(problem)))
    finally:
        for descriptor in wrapped.descriptors:
            os.close(descriptor)
    started = came_up(wrapped.status)
    if not started or trial.returncode:
        return SandboxStatus(False, failure(trial.stderr.decode("utf-8", "replace")))
    if os.geteuid() == 0:
        return SandboxStatus(True, "Scripts run in a sandbox, but this worker is root: give it an account of its own.")
    return SandboxStatus(True, "Scripts run in a sandbox.")


def failure(detail: str) -> str:
    first = detail.strip().splitlines()[0].rstrip(".") if detail.strip() else "no reason given"
    return (
        f"The sandbox cannot start ({first}): install bubblewrap 0.8 or newer and allow user namespaces on this "
        "worker, or let the operator switch the sandbox off."
    )


def _bwrap(settings: ScriptSettings) -> Path:
    found = settings.bwrap or find_program("bwrap", settings.search_path)
    if found is None or not os.access(found, os.X_OK):
        raise SandboxUnavailableError(failure("bubblewrap is not installed"))
    return found


def _namespaces() -> list[str]:
    shared = ["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    return [
        *shared,
        "--unshare-cgroup-try",
        "--disable-userns",
        *("--uid", str(NOBODY), "--gid", str(NOBODY), "--hostname", "script", "--cap-drop", "ALL"),
        *("--die-with-parent", "--new-session", "--clearenv"),
    ]


def _system() -> list[str]:
    options: list[str] = []
    for folder in map(Path, _SYSTEM_FOLDERS):
        if folder.is_symlink():
            options += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.is_dir():
            options += ["--ro-bind", str(folder), str(folder)]
    for file in _SYSTEM_FILES:
        options += ["--ro-bind-try", file, file]
    return options


def _is_within_system(folder: Path) -> bool:
    resolved = folder.resolve()
    return any(resolved.is_relative_to(system) for system in _SYSTEM_FOLDERS)


def _process_limit(limits: Limits) -> list[str]:
    """Counted per user namespace, so it has to be set inside: outside, it would count the worker's own processes."""
    prlimit = Path("/usr/bin/prlimit")
    return [str(prlimit), f"--nproc={limits.processes}", "--"] if prlimit.exists() else []
