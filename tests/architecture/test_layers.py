"""The rules of pyproject.toml's import contracts, and who may reveal a secret."""

import subprocess
import sys
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[2]


def test_imports_only_point_down():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert result.returncode == 0, result.stdout


def test_sec_21_secrets_are_revealed_by_execution_signature_checks_and_polling_only():
    graph = grimp.build_graph("accounts", "triggers", "actions", "reactions_project", cache_dir=None)
    importers = graph.find_modules_that_directly_import("accounts.vault")
    callers = {name for name in importers if "vault.reveal(" in source_of(name)}
    assert callers <= {"actions.context", "triggers.intake", "triggers.polling"}, callers


def source_of(module: str) -> str:
    path = ROOT / Path(*module.split("."))
    file = path.with_suffix(".py")
    return (file if file.exists() else path / "__init__.py").read_text()
