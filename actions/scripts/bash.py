"""Bash scripts. The helper file sources the script, as Octopus does, so the script's last status is the exit code."""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from actions.scripts.base import Layout, ScriptJob, ScriptSettings
from actions.scripts.interpreters import chosen
from actions.scripts.python import python_folders, worker_python

_BOOTSTRAP = resources.files("actions.scripts") / "bootstrap"
_DEEPEST = 64
_MOST = 10_000


class Bash:
    name = "bash"
    label = "Bash"
    extension = "sh"
    setting = "REACTIONS_BASH"

    def find(self, settings: ScriptSettings) -> Path | None:
        return chosen(settings.bash, "bash", settings.search_path)

    def folders(self, interpreter: Path, settings: ScriptSettings) -> list[Path]:
        python = worker_python(settings)
        return [interpreter.resolve().parent, *(python_folders(python) if python else ())]

    def command(self, interpreter: Path, layout: Layout) -> list[str]:
        return [str(interpreter), "--noprofile", "--norc", str(layout.inputs / "bash.sh")]

    def files(self, job: ScriptJob) -> dict[str, bytes]:
        """Bash reads neither JSON nor encrypted files without other programs: it gets names and values, each ended
        by NUL, with the payload and the event unfolded to one variable per value."""
        variables = {
            **dict(unfold("Payload", job.payload)),
            **dict(unfold("Event", dict(job.event))),
            **{f"Query.{name}": value for name, value in job.query.items()},
            "Payload": job.payload_text,
            **job.variables,
        }
        settings = {"BaseUrl": job.api_base_url, "Token": job.api_token}
        return {
            "bash.sh": (_BOOTSTRAP / "bash.sh").read_bytes(),
            "api_client.py": (_BOOTSTRAP / "api_client.py").read_bytes(),
            "variables": _pairs(variables),
            "query": _pairs(job.query),
            "api": _pairs(settings),
        }

    def environment(self, settings: ScriptSettings, job: ScriptJob, layout: Layout) -> dict[str, str]:
        del job
        python = worker_python(settings)
        return {
            "REACTIONS_API_PYTHON": str(python or ""),
            "REACTIONS_API_SOCKET": str(layout.api_socket or ""),
        }


def unfold(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """`Payload.release.version` and `Payload.items[0].name` for every single value below `value`."""
    waiting: list[tuple[str, Any, int]] = [(name, value, 0)]
    seen = 0
    while waiting and seen < _MOST:
        path, current, depth = waiting.pop()
        seen += 1
        if isinstance(current, dict) and depth < _DEEPEST:
            waiting.extend((f"{path}.{key}", inner, depth + 1) for key, inner in current.items())
        elif isinstance(current, list | tuple) and depth < _DEEPEST:
            waiting.extend((f"{path}[{index}]", inner, depth + 1) for index, inner in enumerate(current))
        elif isinstance(current, bool):
            yield path, "true" if current else "false"
        elif current is not None:
            yield path, str(current)


def _pairs(values: Any) -> bytes:
    cleaned = (str(part).replace("\0", "") for pair in values.items() for part in pair)
    return b"".join(part.encode("utf-8", "replace") + b"\0" for part in cleaned)
