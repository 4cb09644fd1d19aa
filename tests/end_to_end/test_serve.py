"""`make run` as its user meets it: one command, one Ctrl-C, nothing left behind, nothing made twice."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from tests.end_to_end.faults.installation import parent_of
from tests.end_to_end.server import ROOT, free_ports, processes_with, running_server, wait_until

pytestmark = pytest.mark.end_to_end


def test_ctrl_c_stops_everything_within_five_seconds_and_a_second_start_makes_nothing_twice(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        first = server.made
        counts = {path: len(server.all(f"/api/{path}/", "operator")) for path in ("projects", "triggers", "reactions")}
        before = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        server.process.wait(10)
        assert time.monotonic() - before < 5
        assert server.process.returncode == 0
        wait_until(lambda: not processes_with(str(tmp_path)), "a process was left behind", 5)
        # The same folder and port again, by hand, since the context owns one process.
        started = time.monotonic()
        again = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "serve", "--demo"],
            env=server.environment, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_until(lambda: _answers(server.url), "the second start never answered", 20)
            assert time.monotonic() - started < 10
            server.made = first
            assert counts == {path: len(server.all(f"/api/{path}/", "operator")) for path in counts}
        finally:
            again.send_signal(signal.SIGINT)
            again.wait(10)
        wait_until(lambda: not processes_with(str(tmp_path)), "a process was left behind", 5)


def test_killing_the_supervisor_leaves_no_process(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        server.process.kill()
        server.process.wait(5)
        wait_until(lambda: not processes_with(str(tmp_path)), "a process outlived its supervisor", 15)


def test_a_killed_web_server_takes_its_workers_along_and_is_started_again(tmp_path: Path) -> None:
    def web_processes() -> set[int]:
        found = set()
        for pid in processes_with(str(tmp_path)):
            with contextlib.suppress(OSError):
                if "granian" in Path(f"/proc/{pid}/cmdline").read_text():
                    found.add(pid)
        return found

    with running_server(tmp_path) as server:
        before = web_processes()
        assert len(before) > 1
        parent = next(pid for pid in before if parent_of(pid) == server.process.pid)
        os.kill(parent, signal.SIGKILL)
        wait_until(lambda: not before & web_processes(), "a web worker outlived its server", 10)
        wait_until(lambda: _answers(server.url), "the web server was not started again", 20)


def test_a_taken_port_is_one_clear_sentence(tmp_path: Path) -> None:
    port = free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), "serve", "--demo"],
            env={**os.environ, "PORT": str(port), "REACTIONS_DATA_DIR": str(tmp_path)},
            capture_output=True, text=True, timeout=30, cwd=ROOT,
        )  # fmt: skip
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1, done.stderr
    assert str(port) in lines[0]
    assert "PORT=" in lines[0]


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health/live", timeout=1).ok
    except requests.RequestException:
        return False
