"""SEC-50: a worker under an ordinary account, as it should be run. Needs root, to change to such an account."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.actions.scripts.conftest import find_pwsh

NOBODY = 65534
PROGRAM = """
import asyncio, json, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from actions.scripts.base import Limits, ScriptJob, ScriptSettings
from actions.scripts.runner import run_script
from actions.scripts.sandbox import describe_sandbox

settings = ScriptSettings(Path(sys.argv[2]), pwsh=Path(sys.argv[3]) if sys.argv[3] else None)
status = describe_sandbox(settings)
found = {"account": os.getuid(), "ok": status.ok, "reason": status.reason}
sources = {
    "bash": "id -u; ulimit -u; for i in $(seq 40); do sleep 60 & done; echo forked",
    "python": "import os; print(os.getuid()); open('/proc/sys/kernel/core_pattern', 'w')",
}
if settings.pwsh:
    sources["powershell"] = "[Environment]::UserName"
for language, source in sources.items():
    lines = []
    job = ScriptJob(language, source, limits=Limits(processes=20 if language == "bash" else 256))
    result = asyncio.run(run_script(job, settings, lines.extend))
    found[language] = {"lines": [line.text for line in lines], "sandboxed": result.sandboxed, "code": result.exit_code}
print(json.dumps(found))
"""


def test_sec_50_an_ordinary_account_is_enough(tmp_path: Path) -> None:
    python = shutil.which("python3.11", path="/usr/bin:/usr/local/bin") or shutil.which("python3.12", path="/usr/bin")
    if os.getuid() != 0 or python is None:
        pytest.skip("Needs root and a Python that every account can read.")
    root = Path(f"/tmp/reactions-account-{os.getpid()}")
    shutil.copytree("actions/scripts", root / "actions" / "scripts")
    for name in ("__init__.py", "redaction.py"):
        shutil.copy(f"actions/{name}", root / "actions" / name)
    (root / "runs").mkdir()
    for path in (root, *root.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    try:
        pwsh = find_pwsh()
        done = subprocess.run(
            [python, "-B", "-c", PROGRAM, str(root), str(root / "runs"), str(pwsh or "")],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd="/",
            env={},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        found = json.loads(done.stdout)
    finally:
        shutil.rmtree(root)
    if not found["ok"]:
        pytest.skip(found["reason"])
    assert (found["account"], found["reason"]) == (NOBODY, "Scripts run in a sandbox.")
    assert found["bash"]["lines"][:2] == [str(NOBODY), "20"]
    # The number of processes is limited within the sandbox, whatever else the account runs.
    assert "forked" not in found["bash"]["lines"]
    assert found["python"]["lines"][0] == str(NOBODY)
    assert "Read-only file system" in found["python"]["lines"][-1] or "denied" in found["python"]["lines"][-1]
    assert all(found[language]["sandboxed"] for language in ("bash", "python"))
    if pwsh is not None:
        assert found["powershell"] == {"lines": ["script"], "sandboxed": True, "code": 0}
