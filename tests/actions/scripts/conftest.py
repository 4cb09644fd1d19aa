"""Real interpreters, real processes. PowerShell is found by REACTIONS_PWSH, then in the shared corpus, then on PATH."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from actions.scripts.base import LogLine, SandboxMode, ScriptJob, ScriptResult, ScriptSettings
from actions.scripts.runner import run_script
from actions.scripts.sandbox import describe_sandbox

LANGUAGES = ("powershell", "python", "bash")


def find_pwsh() -> Path | None:
    shared = Path(os.environ.get("REACTIONS_SHARED", Path(__file__).parents[4] / "shared"))
    on_path = shutil.which("pwsh")
    candidates = [os.environ.get("REACTIONS_PWSH"), shared / "pwsh" / "pwsh", on_path]
    return next((Path(found) for found in candidates if found and Path(found).exists()), None)


@dataclass
class Ran:
    result: ScriptResult
    lines: list[LogLine] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    def at(self, level: str) -> list[str]:
        return [line.text for line in self.lines if line.level == level]


RunScript = Callable[..., Ran]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Short, since the path of a socket may have 107 characters only."""
    path = Path(tempfile.mkdtemp(prefix="rx-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def plain(tmp_path: Path) -> ScriptSettings:
    return ScriptSettings(work_root=tmp_path / "runs", sandbox=SandboxMode.OFF, pwsh=find_pwsh())


@pytest.fixture
def sandboxed(tmp_path: Path) -> ScriptSettings:
    settings = ScriptSettings(work_root=tmp_path / "runs", pwsh=find_pwsh())
    status = describe_sandbox(settings)
    if not status.ok:
        pytest.skip(status.reason)
    return settings


@pytest.fixture(params=["bwrap", "off"])
def settings(request: pytest.FixtureRequest) -> ScriptSettings:
    """Both ways to run: what a script sees must not depend on it."""
    chosen: ScriptSettings = request.getfixturevalue("sandboxed" if request.param == "bwrap" else "plain")
    return chosen


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "powershell":
        need_pwsh()
    return name


def need_pwsh() -> None:
    if find_pwsh() is None:
        pytest.skip("PowerShell is not installed: set REACTIONS_PWSH to run its tests.")


def run(settings: ScriptSettings, language: str, source: str, **job: Any) -> Ran:
    lines: list[LogLine] = []
    result = asyncio.run(run_script(ScriptJob(language, source, **job), settings, lines.extend))
    return Ran(result, lines)
