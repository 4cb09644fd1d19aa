"""A PostgreSQL server of one test, to be stopped as a power cut would stop it."""

import contextlib
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.server import free_ports

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


@dataclass(frozen=True)
class Server:
    folder: Path
    port: int
    user: Sequence[str]

    @property
    def url(self) -> str:
        return f"postgres://reactions@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [*self.user, str(PROGRAMS[-1] / program), "-D", str(self.folder / "data"), *words],
            capture_output=True, text=True, timeout=60, cwd="/",
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        # Its own log: an inherited pipe would keep us waiting for as long as it lives.
        subprocess.run(
            [*self.user, str(PROGRAMS[-1] / "pg_ctl"), "-D", str(self.folder / "data"), "-w", "-o", options,
             "-l", str(self.folder / "log"), "start"],
            check=True, timeout=60, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def crash(self) -> None:
        """Stop at once, without a checkpoint: every connection breaks, and the next start recovers from the log."""
        self.run("pg_ctl", "-m", "immediate", "-w", "stop")


@contextlib.contextmanager
def own_server() -> Iterator[Server]:
    # It refuses to run as root.
    user = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups") if os.geteuid() == 0 else ()
    with tempfile.TemporaryDirectory(prefix="reactions-pg-") as name:
        folder = Path(name)
        if user:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
        server = Server(folder, free_ports(1), user)
        server.run("initdb", "-U", "reactions", "-A", "trust", "-E", "UTF8")
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(AssertionError):
                server.crash()
