"""What a script is given, as files and environment values and never as part of its source (SEC-54)."""

import json
import re
from collections.abc import Mapping
from typing import Any

from actions.scripts.base import InvalidJobError, Language, Layout, ScriptJob, ScriptSettings
from actions.scripts.process import RUN_MARKER

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_LONGEST_VALUE = 96 * 1024

# What changes how programs start, load code or find files. Matched without regard to case.
_FORBIDDEN = re.compile(
    r"(?:LD_|PYTHON|PS|REACTIONS_|DOTNET_|CORECLR_|COMPLUS_|BASH|DYLD_|PERL|RUBY|GIT_|XDG_).*"
    r"|PATH|HOME|ENV|IFS|SHELL|SHELLOPTS|CDPATH|GLOBIGNORE|PROMPT_COMMAND|NODE_OPTIONS|NODE_PATH|JAVA_TOOL_OPTIONS"
    r"|_JAVA_OPTIONS|GCONV_PATH|LOCPATH|NLSPATH|TMPDIR|HOSTALIASES|RES_OPTIONS|GLIBC_TUNABLES|PAYLOAD_FILE|EVENT_FILE",
    re.IGNORECASE,
)


def check_environment(values: Mapping[str, str]) -> None:
    for name, value in values.items():
        if not _NAME.fullmatch(name):
            raise InvalidJobError(f'"{name}" cannot be an environment value: use letters, digits and underscores.')
        if _FORBIDDEN.fullmatch(name):
            raise InvalidJobError(f'The environment value "{name}" is reserved: choose another name.')
        if "\0" in value or len(value.encode("utf-8", "replace")) > _LONGEST_VALUE:
            raise InvalidJobError(
                f'The environment value "{name}" is too long or contains a NUL character: pass it as a variable.'
            )


def environment(
    language: Language, settings: ScriptSettings, job: ScriptJob, layout: Layout, run_id: str
) -> dict[str, str]:
    check_environment(job.environment)
    return {
        **job.environment,
        "PATH": settings.search_path,
        "HOME": str(layout.work),
        "TMPDIR": str(layout.temporary),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        RUN_MARKER: run_id,
        "REACTIONS_INPUTS": str(layout.inputs),
        "PAYLOAD_FILE": str(layout.inputs / "payload.json"),
        "EVENT_FILE": str(layout.inputs / "event.json"),
        **language.environment(settings, job, layout),
    }


def input_files(language: Language, job: ScriptJob, layout: Layout) -> dict[str, bytes]:
    """Content by file name. The context carries the run's token and is deleted by the helper that reads it."""
    payload = _json(job.payload) if job.payload is not None else ""
    variables = {_clean(name): _clean(value) for name, value in job.variables.items() if _clean(name)}
    script = f"script.{language.extension}"
    context: dict[str, Any] = {
        "script": str(layout.inputs / script),
        "variables": {"Payload": _clean(job.payload_text or payload), **variables},
        "payload": payload,
        "query": {_clean(name): _clean(value) for name, value in job.query.items()},
        "event": _json(dict(job.event)),
        "api": {
            "base_url": job.api_base_url,
            "token": job.api_token,
            "socket": str(layout.api_socket) if layout.api_socket else "",
        },
    }
    return {
        script: job.source.replace("\r\n", "\n").replace("\0", "").encode("utf-8", "replace"),
        "payload.json": (job.payload_text or payload).encode("utf-8", "replace"),
        "event.json": _json(dict(job.event)).encode(),
        "context.json": _json(context).encode(),
        **language.files(job),
    }


def _clean(text: str) -> str:
    return str(text).replace("\0", "")


def _json(value: Any) -> str:
    return json.dumps(value, default=str)
