"""SEC-56: nothing of a run stays on disk."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from actions.scripts.base import ScriptSettings
from actions.scripts.workdir import sweep, work_directory
from tests.actions.scripts.conftest import run


def test_sec_56_the_folder_is_private_and_goes_with_the_run(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    with work_directory(root) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(root.stat().st_mode) == 0o700
        (folder / "a").mkdir(mode=0o000)
    assert list(root.iterdir()) == []


def test_sec_56_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "kept").write_text("")
    with work_directory(tmp_path / "runs") as folder:
        (folder / "link").symlink_to(outside)
    assert (outside / "kept").exists()
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755


def test_sec_56_a_sweep_removes_what_a_crash_left_and_nothing_else(tmp_path: Path) -> None:
    crash = (
        "import os, sys; from pathlib import Path; from actions.scripts.workdir import work_directory\n"
        "with work_directory(Path(sys.argv[1])) as folder:\n (folder / 'x').write_text(''); os._exit(9)"
    )
    subprocess.run(
        [sys.executable, "-c", crash, str(tmp_path)], check=False, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    (tmp_path / "unrelated").mkdir()
    assert len(list(tmp_path.glob("run-*"))) == 1
    with work_directory(tmp_path) as living:
        assert sweep(tmp_path) == 1
        assert sorted(tmp_path.iterdir()) == sorted([living, tmp_path / "unrelated"])


def test_sec_56_sweeping_a_root_that_is_not_there_is_fine(tmp_path: Path) -> None:
    assert sweep(tmp_path / "none") == 0


def test_sec_56_runs_leave_nothing_behind(settings: ScriptSettings, language: str) -> None:
    ran = run(settings, language, "exit 3" if language != "python" else "raise SystemExit(3)")
    assert ran.result.exit_code == 3
    assert list(settings.work_root.iterdir()) == []
