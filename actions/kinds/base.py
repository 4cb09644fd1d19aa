"""What an action kind is. Kinds receive a frozen ExecutionContext, never a model, and do no I/O of their own
besides running a script: an HTTP kind prepares a request and judges the answer, the engine sends it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol
from uuid import UUID

from actions.redaction import Masker
from reactions_project import clock
from reactions_project.egress.policy import EgressError, EgressRequest, EgressResponse


class ConfigError(Exception):
    """A configuration cannot be saved; `errors` maps a field's name to one plain sentence."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


class UnrunnableError(Exception):
    """A run cannot be carried out as it stands (unresolved token, refused address, missing interpreter); `retryable`
    when that may change by itself."""

    def __init__(self, outcome: str, reason: str, *, retryable: bool = False) -> None:
        super().__init__(reason)
        self.outcome, self.reason, self.retryable = outcome, reason, retryable


@dataclass(frozen=True)
class Field:
    """One setting of a kind or integration; form, serializer, masking and the docs page derive from it."""

    name: str
    label: str
    type: Literal["text", "template", "code", "choice", "headers", "json", "flag", "number"] = "text"
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    is_secret: bool = False
    default: Any = ""
    help: str = ""


@dataclass(frozen=True)
class ExecutionContext:
    """All that one attempt may know. `variables` are Octopus-style names; values that came from the event are of the
    type octostache.Opaque and are never expanded again (SEC-60). `secrets` are bound values by variable name."""

    run_uid: UUID
    run_number: int
    attempt: int
    action_name: str
    reaction_name: str
    config: Mapping[str, Any]
    timeout_seconds: int
    variables: Mapping[str, str]
    payload: Any
    query: Mapping[str, str]
    event: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict)
    allowed_hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    connection: Mapping[str, Any] = field(default_factory=dict)
    api_url: str = ""
    api_token: str = ""
    # When this attempt is made.
    at: datetime = field(default_factory=clock.now)


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. `code` is short and stable (ok, http_404, exit_2, timeout); `reason` is one sentence."""

    ok: bool
    code: str
    reason: str
    retryable: bool = False
    retry_after: float | None = None
    exit_code: int | None = None
    http_status: int | None = None
    request: Mapping[str, Any] | None = None
    response: Mapping[str, Any] | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    was_sandboxed: bool | None = None


@dataclass(frozen=True)
class UnresolvedToken:
    """A token that could not be evaluated: where, from which character, and the nearest name that is known."""

    place: str
    token: str
    offset: int
    suggestion: str

    @property
    def sentence(self) -> str:
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else "."
        return f"{self.token} in {self.place} is not known{hint}"


@dataclass(frozen=True)
class PreparedRequest:
    """A rendered request, the same with secrets masked, which is what history keeps, what stayed unresolved, and what
    masks the secrets that went into it, since the answer may repeat them."""

    request: EgressRequest
    shown: Mapping[str, Any]
    unresolved: tuple[UnresolvedToken, ...] = ()
    masker: Masker = field(default_factory=Masker)


@dataclass(frozen=True)
class LogEntry:
    """A few lines of output, masked already."""

    stream: Literal["stdout", "stderr", "system"]
    level: str
    text: str
    at: datetime


class ActionKind(Protocol):
    name: ClassVar[str]
    label: ClassVar[str]
    description: ClassVar[str]
    sends_http: ClassVar[bool]
    executor: ClassVar[Literal["http", "script"]]
    fields: ClassVar[tuple[Field, ...]]

    def validate(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigError when the configuration cannot work."""

    def target_key(self, config: Mapping[str, Any], variables: Mapping[str, str]) -> str:
        """What caps and circuits go by: host:port, or `script:`."""


class HttpKind(ActionKind, Protocol):
    def draft(self, context: ExecutionContext) -> PreparedRequest:
        """Render, keeping unresolved tokens as they stand; what a preview shows. Raises UnrunnableError for a template
        that fails."""

    def prepare(self, context: ExecutionContext) -> PreparedRequest:
        """The draft, when it may be sent; raises UnrunnableError before anything is."""

    def conclude(
        self, context: ExecutionContext, prepared: PreparedRequest, answer: EgressResponse | EgressError
    ) -> Outcome:
        """Judge the answer."""


class ScriptedKind(ActionKind, Protocol):
    async def execute(self, context: ExecutionContext, log: Callable[[list[LogEntry]], None]) -> Outcome:
        """Run; cancelling the task kills the whole process tree."""
