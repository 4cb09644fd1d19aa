"""What a script run is made of: the job that goes in, the lines and the result that come out, and what a language
must answer. Everything here is a plain value; nothing knows of models, queues or Django.

To add a language: one module with a `Language`, its helper file in `bootstrap/`, one line in `languages`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, Protocol

IPAddress = IPv4Address | IPv6Address
WSGIApplication = Callable[..., Any]
MayConnect = Callable[[IPAddress, int], bool]


def public_web(address: IPAddress, port: int) -> bool:
    """Where scripts with network may connect unless the operator's policy says otherwise (SEC-41)."""
    embedded = address.ipv4_mapped or address.sixtofour if isinstance(address, IPv6Address) else None
    plain = address.is_global and not address.is_multicast and not address.is_reserved and embedded is None
    return plain and port in (80, 443, 8080, 8443)


class ScriptError(Exception):
    """The run could not take place. The message is one sentence fit to be shown to the person who wrote the script.

    ScriptError
    ├── MissingInterpreterError  the language is not installed on this worker
    ├── SandboxUnavailableError  the sandbox cannot start (SEC-51)
    └── InvalidJobError          the job itself contradicts a rule (SEC-54)
    """


class MissingInterpreterError(ScriptError):
    pass


class SandboxUnavailableError(ScriptError):
    pass


class InvalidJobError(ScriptError):
    pass


class Stream(StrEnum):
    STDOUT = "stdout"
    STDERR = "stderr"
    SYSTEM = "system"


class Level(StrEnum):
    """The levels of a run's log, as script authors know them from Octopus."""

    VERBOSE = "verbose"
    INFO = "info"
    HIGHLIGHT = "highlight"
    WAIT = "wait"
    PROGRESS = "progress"
    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class LogLine:
    stream: Stream
    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class OutputVariable:
    value: str
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    percentage: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file the script reported. The file itself goes with the work folder when the run ends."""

    path: str
    name: str
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """SEC-52 and SEC-55. Memory and process numbers are enforced by cgroup where one is writable."""

    output_bytes: int = 1024 * 1024
    cpu_seconds: int = 300
    memory_bytes: int = 1024 * 1024 * 1024
    processes: int = 256
    file_bytes: int = 64 * 1024 * 1024
    open_files: int = 1024
    scratch_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ScriptJob:
    """`api_application` is served to this run alone, on a socket of its own that ends with it; `api_socket` is a socket
    that somebody else serves. With neither, the API is reached by `api_base_url`, which the sandbox does not allow."""

    language: str
    source: str
    timeout: float = 300
    payload: Any = None
    payload_text: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    event: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    sensitive: Sequence[str] = field(default=(), repr=False)
    api_base_url: str = ""
    api_token: str = field(default="", repr=False)
    api_application: WSGIApplication | None = field(default=None, repr=False)
    api_socket: Path | None = None
    network: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """How a run ended. `reason` is empty exactly when it succeeded; `message` is the script's own summary."""

    exit_code: int | None
    reason: str = ""
    message: str = ""
    timed_out: bool = False
    truncated: bool = False
    sandboxed: bool = False
    outputs: Mapping[str, OutputVariable] = field(default_factory=dict)
    progress: Progress | None = None
    artifacts: Sequence[Artifact] = ()
    highlights: Sequence[str] = ()

    @property
    def succeeded(self) -> bool:
        return not self.reason


class SandboxMode(StrEnum):
    BWRAP = "bwrap"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class ScriptSettings:
    """The operator's choices for one worker. Paths left out are looked up on `search_path`."""

    work_root: Path
    sandbox: SandboxMode = SandboxMode.BWRAP
    pwsh: Path | None = None
    python: Path | None = None
    bash: Path | None = None
    bwrap: Path | None = None
    search_path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    cgroup: Path | None = None
    may_connect: MayConnect = public_web


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are, as the script sees them."""

    inputs: Path
    work: Path
    temporary: Path
    api_socket: Path | None


class Language(Protocol):
    """One scripting language. `command` starts its helper file, which reads the inputs and then runs the script."""

    name: str
    label: str
    extension: str
    setting: str

    def find(self, settings: ScriptSettings) -> Path | None: ...

    def folders(self, interpreter: Path, settings: ScriptSettings) -> list[Path]:
        """What has to be visible in the sandbox besides the system, so that `command` works."""
        ...

    def command(self, interpreter: Path, layout: Layout) -> list[str]: ...

    def files(self, job: ScriptJob) -> dict[str, bytes]:
        """Inputs that only this language needs, its helper file among them."""
        ...

    def environment(self, settings: ScriptSettings, job: ScriptJob, layout: Layout) -> dict[str, str]: ...
