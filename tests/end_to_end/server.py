"""A real Reactions: its supervisor, web server and worker as processes, driven over HTTP as a user would."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests

ROOT = Path(__file__).resolve().parents[2]


def free_ports(count: int = 2) -> int:
    """The first of `count` neighbouring free ports."""
    for _ in range(200):
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                for offset in range(1, count):
                    neighbour = stack.enter_context(socket.socket())
                    neighbour.bind(("127.0.0.1", port + offset))
            except OSError:
                continue
            return port
    raise RuntimeError("no two neighbouring ports are free")


@dataclass
class Server:
    """One supervisor and all that it started. `made` is what `manage.py demo --json` printed."""

    port: int
    data: Path
    environment: dict[str, str]
    process: subprocess.Popen[str]
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment, capture_output=True, text=True, timeout=60, cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def api(self, method: str, path: str, role: str = "owner", body: Any = None, expect: int | None = None) -> Any:
        """Call the management API with the demo key of that role."""
        answer = requests.request(
            method, f"{self.url}{path}", json=body, timeout=20,
            headers={"Authorization": f"Bearer {self.made['api_keys'][role]}"},
        )  # fmt: skip
        if expect is not None:
            assert answer.status_code == expect, (answer.status_code, answer.text)
        else:
            assert answer.ok, (answer.status_code, answer.text)
        return answer.json() if answer.content and "json" in answer.headers["Content-Type"] else answer.text

    def session(self, role: str) -> requests.Session:
        """Signed in as that demo person, as a browser would be; for what no key may do."""
        session = requests.Session()
        page = session.get(f"{self.url}/sign-in/", timeout=10)
        user = next(user for user in self.made["users"] if user["role"] == role)
        form = {"username": user["username"], "password": user["password"]}
        form["csrfmiddlewaretoken"] = session.cookies["csrftoken"]
        answer = session.post(page.url, data=form, headers={"Referer": page.url}, timeout=10)
        assert answer.ok
        assert "sessionid" in session.cookies, answer.text[:500]
        session.headers.update({"X-CSRFToken": session.cookies["csrftoken"], "Referer": page.url})
        return session

    def all(self, path: str, role: str = "owner") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("GET", path, role)["results"]
        return found

    def decisions(self, event: str) -> dict[str, dict[str, Any]]:
        """Reaction name -> decision, once the event was matched."""
        wait_until(lambda: self.api("GET", f"/api/events/{event}/")["matched_at"], "the event was never matched")
        return {one["reaction_name"]: one for one in self.all(f"/api/events/{event}/decisions/")}

    def finished_run(self, uid: str, seconds: float = 40) -> dict[str, Any]:
        def finished() -> Any:
            run = self.api("GET", f"/api/runs/{uid}/")
            return run if run["status"] not in {"queued", "running"} else None

        return dict(wait_until(finished, f"run {uid} never finished", seconds))

    def workers(self, cluster: str) -> list[int]:
        """Pids of the processes that execute in that cluster, as the health page tells."""
        rows = self.manage("worker", "--list").splitlines()
        return [int(pid) for name, pid in (row.split() for row in rows) if name == cluster]


def wait_until(check: Callable[[], Any], complaint: str, seconds: float = 30) -> Any:
    """Poll until the check gives something true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(0.05)
    raise AssertionError(complaint)


@contextlib.contextmanager
def own_database() -> Iterator[dict[str, str]]:
    """Environment for a database of its own: an empty one on the server that TEST_DATABASE_URL names, or SQLite."""
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        yield {}
        return
    name = f"reactions_e2e_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    try:
        yield {"DATABASE_URL": url.rsplit("/", 1)[0] + f"/{name}", "REDIS_URL": os.environ.get("TEST_REDIS_URL", "")}
    finally:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextlib.contextmanager
def running_server(data: Path, *, powershell: bool = False, **more: str) -> Iterator[Server]:
    """Start `manage.py serve --demo` and stop it again with SIGINT, as Ctrl-C would; it must leave no process."""
    port = free_ports()
    with own_database() as database:
        environment = {
            **{name: value for name, value in os.environ.items() if name not in {"REACTIONS_PWSH", "DATABASE_URL"}},
            **database,
            "PORT": str(port),
            "REACTIONS_DATA_DIR": str(data),
            "REACTIONS_ALLOW_PRIVATE_ADDRESSES": "127.0.0.1/32",
            "REACTIONS_TRIGGER_RATE_PER_MINUTE": "100000",
            "PYTHONUNBUFFERED": "1",
            **({"REACTIONS_PWSH": os.environ["REACTIONS_PWSH"]} if powershell else {"REACTIONS_PWSH": "/nowhere/pwsh"}),
            **more,
        }
        log = data / "serve.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "serve", "--demo"],
                env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            )  # fmt: skip
        server = Server(port, data, environment, process)
        try:
            wait_until(lambda: "Ctrl-C stops it" in log.read_text() or process.poll() is not None, "it never came up")
            assert process.poll() is None, log.read_text()
            server.made = json.loads(server.manage("demo", "--json"))
            yield server
        except BaseException:
            sys.stderr.write(log.read_text()[-6000:])
            raise
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(40)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise


def processes_with(marker: str) -> list[int]:
    """Pids whose environment holds the marker, e.g. a data folder: all that a supervisor started, however deep."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if marker.encode() in (entry / "environ").read_bytes() and int(entry.name) != os.getpid():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
