"""The script kind: PowerShell, Python or Bash, bootstrapped with the event, the payload and an API client."""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connections

from actions.kinds.base import ConfigError, ExecutionContext, Field, LogEntry, Outcome
from actions.scripts.base import LogLine, SandboxMode, ScriptJob, ScriptSettings
from actions.scripts.languages import languages, missing_interpreter
from actions.scripts.runner import run_script
from reactions_project import clock
from reactions_project.egress.policy import EgressRefused, IPAddress
from reactions_project.egress.settings import policy
from reactions_project.run_dir import short_dir

MASKED = "*****"


def script_settings() -> ScriptSettings:
    """The operator's choices for this host."""
    return ScriptSettings(
        work_root=short_dir(settings.REACTIONS_SCRIPT_WORK_DIR),
        sandbox=SandboxMode(settings.REACTIONS_SCRIPT_SANDBOX),
        pwsh=Path(settings.REACTIONS_PWSH) if settings.REACTIONS_PWSH else None,
        search_path=os.environ.get("PATH", os.defpath),
        may_connect=_may_connect,
    )


def _may_connect(address: IPAddress, port: int) -> bool:
    """The same addresses as for HTTP actions (SEC-41)."""
    try:
        policy().check_address(address, port)
    except EgressRefused:
        return False
    return True


def available_languages() -> list[str]:
    """The languages whose interpreter is on this host; a worker's heartbeat carries them."""
    found = script_settings()
    return [name for name, language in languages.items() if language.find(found) is not None]


class ScriptKind:
    name: ClassVar[str] = "script"
    label: ClassVar[str] = "Script"
    description: ClassVar[str] = (
        "Run a PowerShell, Python or Bash script with the event, the payload and an API client."
    )
    sends_http: ClassVar[bool] = False
    executor: ClassVar[Literal["http", "script"]] = "script"
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            "language",
            "Language",
            "choice",
            required=True,
            choices=tuple((name, language.label) for name, language in languages.items()),
        ),
        Field("source", "Script", "code", required=True),
        Field("network", "May use the network", "flag", default=False, help="An operator enables this (SEC-53)."),
    )

    def validate(self, config: Mapping[str, Any]) -> None:
        errors = {
            name: f"A script action has no setting {name!r}: remove it."
            for name in set(config) - {field.name for field in self.fields}
        }
        if config.get("language") not in languages:
            errors["language"] = f"Choose a language: {', '.join(languages)}."
        source = config.get("source")
        if not isinstance(source, str) or not source.strip():
            errors["source"] = "The script is empty: write what it should do."
        elif len(source) > 200_000:
            errors["source"] = "The script is longer than 200,000 characters: call a program of your own instead."
        if not isinstance(config.get("network", False), bool):
            errors["network"] = "Write true or false."
        if errors:
            raise ConfigError(errors)

    def target_key(self, config: Mapping[str, Any], variables: Mapping[str, str]) -> str:
        return "script:"

    async def execute(self, context: ExecutionContext, log: Callable[[list[LogEntry]], None]) -> Outcome:
        def on_lines(lines: list[LogLine]) -> None:
            at = clock.now()
            log([LogEntry(line.stream.value, line.level.value, line.text, at) for line in lines])

        result = await run_script(_job(context), script_settings(), on_lines)
        outputs = {name: MASKED if variable.sensitive else variable.value for name, variable in result.outputs.items()}
        if result.succeeded:
            code, reason = "ok", result.message or "The script ended with exit code 0."
        elif result.timed_out:
            code, reason = "timeout", result.reason
        elif result.exit_code is None:
            code, reason = "not_started", result.reason
        else:
            code, reason = f"exit_{result.exit_code}", result.reason
        return Outcome(
            ok=result.succeeded,
            code=code,
            reason=reason,
            # A script may have done half of its work: it is repeated only where the action says that it may be.
            retryable=False,
            exit_code=result.exit_code,
            outputs=outputs,
            was_sandboxed=result.sandboxed,
        )


def _job(context: ExecutionContext) -> ScriptJob:
    return ScriptJob(
        language=str(context.config["language"]),
        source=str(context.config["source"]),
        timeout=context.timeout_seconds,
        payload=context.payload,
        query=dict(context.query),
        event=dict(context.event),
        variables={**context.variables, **context.secrets},
        sensitive=tuple(context.secrets.values()),
        api_base_url=context.api_url,
        api_token=context.api_token,
        api_application=_api,
        network=bool(context.config.get("network", False)),
    )


def _api(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Our own API, served to the run on a socket of its own (SEC-53); each of its threads closes what it opened."""
    response = application()(environ, start_response)
    try:
        yield from response
    finally:
        response.close()
        connections.close_all()


@lru_cache(maxsize=1)
def application() -> Any:
    """Django's WSGI application, made when the first script runs: loading the URLs costs time and memory."""
    return get_wsgi_application()


__all__ = ["ScriptKind", "available_languages", "missing_interpreter", "script_settings"]
