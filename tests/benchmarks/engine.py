"""Speed of the whole product through its real processes: `make bench-engine`, or `python -m tests.benchmarks.engine
[baseline drain latency path api ledger ingest hang flood idle retention growth history] [--runs 5000] [--seconds 5] [--repeat 3]
[--reactions 1,10,100,1000] [--history 1000,10000,100000]`.

On SQLite, or on the server that TEST_DATABASE_URL names. Prints medians over the repeats, with the lowest and highest in
brackets. Aims, not tests: figures depend on the machine and on what else it does, so bare baselines are measured in the
same run.
"""

import argparse
import contextlib
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import django
import psycopg
import requests

# tests/settings.py turns it off, and the processes that are measured would inherit that.
SYNCHRONOUS = os.environ.get("REACTIONS_SQLITE_SYNCHRONOUS") or "FULL"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()
os.environ["REACTIONS_SQLITE_SYNCHRONOUS"] = SYNCHRONOUS

from actions.engine.loop import HTTP_IN_FLIGHT, PER_TARGET  # noqa: E402
from tests.end_to_end.faults.installation import Host, Installation  # noqa: E402
from tests.end_to_end.server import ROOT, free_ports, own_database, running_server, wait_until  # noqa: E402

ONCE = ("idle", "retention", "growth", "history")
NAMES = ("baseline", "drain", "latency", "path", "api", "ledger", "ingest", "hang", "flood", *ONCE)
# One target would measure the cap for one target.
TARGETS = 4
CLIENTS = 8


@dataclass
class Row:
    """One line of the table: for each name its values, one for each repeat."""

    unit: str
    aim: str
    values: dict[str, list[float]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return ", ".join(filter(None, (self._of(name, values) for name, values in self.values.items())))

    def _of(self, name: str, values: list[float]) -> str:
        middle = statistics.median(values)
        spread = f" [{_number(min(values))}-{_number(max(values))}]" if len(values) > 1 else ""
        return f"{name} {_number(middle)}{self.unit}{spread}".strip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


@dataclass
class Bench:
    runs: int
    seconds: float
    sizes: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)

    def say(self, what: str, unit: str, aim: str = "", **values: float) -> None:
        """Add one repeat's values to the row; the name "" is printed without a name."""
        row = self.rows.setdefault(what, Row(unit, aim))
        for name, value in values.items():
            row.values.setdefault(name.strip("_"), []).append(value)
        sys.stderr.write(f"{what}: {row.text}\n")

    @contextlib.contextmanager
    def installation(self) -> Iterator[Installation]:
        with tempfile.TemporaryDirectory() as data, own_database() as database:
            environment = {
                **{
                    name: value
                    for name, value in os.environ.items()
                    if name not in {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
                },
                **database,
                "REACTIONS_DATA_DIR": data,
                "REACTIONS_ALLOW_PRIVATE_ADDRESSES": "127.0.0.1/32",
                "REACTIONS_SCRIPT_SANDBOX": "off",
            }
            made = Installation(Path(data), environment)
            made.manage("migrate", "--verbosity=0")
            yield made

    def drive(self, installation: Installation, *words: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.driver", *words],
            env=installation.environment, cwd=ROOT, check=True, timeout=900, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return dict(json.loads(done.stdout))


@contextlib.contextmanager
def sink(count: int = 1) -> Iterator[str]:
    """A target that listens on so many neighbouring ports; the address of the first, which tells what came at all."""
    port = free_ports(count)
    words = [str(port + number) for number in range(count)]
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.sink", *words], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(f"{url}/log"), "the sink never came up")
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False


def came(url: str) -> list[tuple[str, float]]:
    return [(body, at) for body, at in requests.get(f"{url}/log", timeout=30).json()]


def load(url: str, seconds: float, connections: int, *headers: str) -> dict[str, Any]:
    words = [sys.executable, "-m", "tests.benchmarks.load", url, str(seconds), str(connections), *headers]
    done = subprocess.run(words, cwd=ROOT, check=True, timeout=seconds + 60, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def percentiles(values: list[float]) -> dict[str, float]:
    values = sorted(values)
    return {"p50": values[len(values) // 2], "p99": values[int(len(values) * 0.99)]}


def waits_of(told: dict[str, float], url: str, seconds: float = 20) -> list[float]:
    """Milliseconds from each commit to its request at the sink, once all have come."""
    arrived: dict[str, float] = {}

    def all_came() -> bool:
        arrived.update({json.loads(body)["event"]: at for body, at in came(url)})
        return set(told) <= set(arrived)

    wait_until(all_came, "some were never sent", seconds)
    return [(arrived[uid] - at) * 1000 for uid, at in told.items()]


def drain(bench: Bench) -> None:
    """A backlog through one HTTP worker, from the first request to the last result that is written."""
    with bench.installation() as installation, sink(TARGETS) as url:
        told = bench.drive(installation, "queue", f"{url}/", str(bench.runs), str(TARGETS))
        with installation.host("http") as host:
            times: list[tuple[str, float]] = []
            wait_until(lambda: times.extend(came(url)) or times, "nothing was sent")
            left = bench.drive(installation, "await", *told["reactions"])
            times.extend(came(url))
            assert len(times) == bench.runs
            seconds = left["ended"] - min(at for _, at in times)
            bench.say("backlog drain, one http worker", "/s written", "4,000/s", _=bench.runs / seconds)
            if loop_row := bench.rows.get(LOOP):
                loop_rate = statistics.median(loop_row.values[""])
                bench.say("  beside the loop, which writes nothing", " times", _=bench.runs / seconds / loop_rate)
            bench.say("  processor time of the host per run", " µs", _=cpu_of(host) / bench.runs * 1e6)


def latency(bench: Bench) -> None:
    """From the commit of an event to its request at the sink: decided, claimed, rendered, sent."""
    with bench.installation() as installation, sink() as url, installation.host("http"):
        bench.drive(installation, "events", f"{url}/", "5", "1")
        for rate in (20, 200):
            came(url)
            told = bench.drive(installation, "events", f"{url}/", str(rate), str(bench.seconds))["committed"]
            waits = percentiles(waits_of(told, url))
            bench.say(f"commit to request at {rate}/s", " ms", "p50 3, p99 12 ms", **waits)


UNREFUSED = ("-m", "tests.benchmarks.unrefused", "worker")


@contextlib.contextmanager
def web_server(installation: Installation) -> Iterator[str]:
    """The product's own, on the installation; its address."""
    port = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    installation.environment["PORT"] = str(port)
    # In a process of its own, since settings are read once.
    command = json.loads(installation.manage("shell", "--no-imports", "-c", _WEB_COMMAND))
    process = subprocess.Popen(command, env=installation.environment, cwd=ROOT)
    try:
        wait_until(lambda: _answers(f"{url}/health/live"), "the web server never came up")
        yield url
    finally:
        process.terminate()
        process.wait(20)


_WEB_COMMAND = """
import json
from actions.management.commands.serve import programs
print(json.dumps(dict(programs("127.0.0.1", with_demo=False))["web server"]))
"""


def path(bench: Bench) -> None:
    """From a delivery to the request at the sink and its written result, all on this machine: accepted, decided, sent.
    A pairing that the product refuses, so the worker is one that does not."""
    with bench.installation() as installation, sink(TARGETS) as url:
        installation.environment |= {"REACTIONS_TRIGGER_RATE_PER_MINUTE": "0", "REACTIONS_QUEUE_CEILING": "0"}
        made = bench.drive(installation, "hook", f"{url}/")
        with web_server(installation) as web, installation.host("http", program=UNREFUSED) as host:
            hook, header = f"{web}/triggers/{made['route']}", f"X-Api-Key: {made['key']}"
            load(hook, 1, 4, header)
            bench.drive(installation, "await", made["reaction"])
            came(url)
            before, begun = cpu_of(host), time.monotonic()
            told = load(hook, bench.seconds, 32, header)
            left = bench.drive(installation, "await", made["reaction"])
            times = came(url)
            assert len(times) == told["count"], (len(times), told["count"])
            sent, ended = max(at for _, at in times), left["ended"]
            bench.say(
                "whole path, webhook to sink, 32 connections", "/s sent", "1,500/s", _=told["count"] / (sent - begun)
            )
            bench.say("  accepted meanwhile", "/s", _=told["rate"])
            bench.say("  from the last 202 to the last result", " s", _=ended - begun - bench.seconds)
            bench.say(
                "  processor time of the worker per event", " µs", _=(cpu_of(host) - before) / told["count"] * 1e6
            )


def api(bench: Bench) -> None:
    """From a request to our API to the request at the sink, all on this machine."""
    with tempfile.TemporaryDirectory() as data, sink() as url, running_server(Path(data)) as server:
        project = server.made["project"]["id"]
        config = {"method": "POST", "url": f"{url}/", "body": {"kind": "text", "text": "#{Octopus.Event.Id}"}}
        action = server.api(
            "POST", "/api/actions/", body={"project": project, "name": "A", "kind": "http", "config": config}
        )
        listening = {"event_types": ["DeploymentProcessUpdated"], "action": action["id"]}
        reaction = {"project": project, "name": "R", **listening}
        server.api("POST", "/api/reactions/", body=reaction)
        came(url)
        begun = time.monotonic()
        headers = {"Authorization": f"Bearer {server.made['api_keys']['owner']}"}

        def send(_: int) -> int:
            count = 0
            with requests.Session() as session:
                while time.monotonic() < begun + bench.seconds:
                    answer = session.put(
                        f"{server.url}/api/deployment-processes/{project}/", json={"steps": []}, timeout=20,
                        headers=headers,
                    )  # fmt: skip
                    assert answer.ok, answer.text
                    count += 1
            return count

        with ThreadPoolExecutor(CLIENTS) as clients:
            count = sum(clients.map(send, range(CLIENTS)))
        arrived: list[tuple[str, float]] = []
        wait_until(lambda: arrived.extend(came(url)) or len(arrived) >= count, "some never came", 60)
        rate = count / (max(at for _, at in arrived) - begun)
        bench.say(f"whole path, management API to sink, {CLIENTS} clients", "/s", _=rate)


def ledger(bench: Bench) -> None:
    """From the ledger to the request at the sink, all on this machine: what the path takes without the API."""
    with bench.installation() as installation, sink() as url, installation.host("http"):
        bench.drive(installation, "events", f"{url}/", "5", "1")
        came(url)
        told = bench.drive(installation, "accept", f"{url}/", str(bench.seconds))
        arrived: list[tuple[str, float]] = []
        wait_until(lambda: arrived.extend(came(url)) or len(arrived) >= told["count"], "some never came", 60)
        rate = told["count"] / (max(at for _, at in arrived) - told["begun"])
        bench.say("whole path, ledger to sink, one writer", "/s", _=rate)


def ingest(bench: Bench) -> None:
    """Webhooks accepted, committed before the 202, while workers decide on them."""
    more = {"REACTIONS_TRIGGER_RATE_PER_MINUTE": "100000000"}
    with tempfile.TemporaryDirectory() as data, running_server(Path(data), **more) as server:
        hook = next(one for one in server.made["triggers"] if one["kind"] == "webhook")
        load(hook["url"], 1, 4, f"X-Api-Key: {hook['key']}")
        told = load(hook["url"], bench.seconds, 32, f"X-Api-Key: {hook['key']}")
        bench.say("accepted webhooks, 32 connections", "/s", "2,000/s", _=told["rate"])
        bench.say("  until the 202", " ms", "p99 60 ms", p50=told["p50"], p99=told["p99"])
        if bare_row := bench.rows.get(BARE):
            bare_rate = statistics.median(bare_row.values[""])
            bench.say("  beside a bare view that nobody else works beside", " times", _=told["rate"] / bare_rate)


def hang(bench: Bench) -> None:
    """2,000 sends to a target that never answers, while others go on."""
    with bench.installation() as installation, sink() as url, sink() as stuck, installation.host("http"):
        bench.drive(installation, "events", f"{url}/", "5", "1")
        bench.drive(installation, "queue", f"{stuck}/hang", "2000")
        came(url)
        told = bench.drive(installation, "events", f"{url}/", "50", str(bench.seconds))["committed"]
        bench.say("others beside 2,000 hanging sends", " ms", "p99 50 ms", **percentiles(waits_of(told, url)))


def flood(bench: Bench) -> None:
    """One team has far more to send than can be; another has an event now and then."""
    with bench.installation() as installation, sink() as url, sink(TARGETS) as flooded, installation.host("http"):
        bench.drive(installation, "events", f"{url}/", "5", "1")
        bench.drive(installation, "queue", f"{flooded}/", str(int(5_000 * bench.seconds)), str(TARGETS))
        wait_until(lambda: came(flooded), "the flood never began")
        came(url)
        told = bench.drive(installation, "events", f"{url}/", "20", str(bench.seconds))["committed"]
        assert came(flooded), "the flood was over too soon"
        bench.say("one team beside another's flood", " ms", **percentiles(waits_of(told, url)))


def idle(bench: Bench) -> None:
    """What a server costs that has nothing to do."""
    with bench.installation() as installation, installation.host() as host:
        wait_until(lambda: len(host.family()) >= 12, "the host never came up")
        time.sleep(5)
        begun, before = time.monotonic(), cpu_of(host)
        time.sleep(20)
        share = (cpu_of(host) - before) / (time.monotonic() - begun) * 100
        bench.say("idle worker host, all its processes", " % of one core", "1 %", _=share)
    with tempfile.TemporaryDirectory() as data, running_server(Path(data)) as server:
        time.sleep(3)
        bench.say("web and workers with the demo, idle", " MB PSS", "250 MB", _=pss_of(str(server.data)) / 1024)


def retention(bench: Bench) -> None:
    """How long others wait for the database while old runs are deleted."""
    with bench.installation() as installation:
        told = bench.drive(installation, "retention", "https://m.example.com/", "20000")
        bench.say(
            "a writer beside the deletion of old runs waits", " ms", "50 ms", p99=told["p99"], longest=told["max"]
        )
        bench.say("  old runs deleted", "/s", _=told["rate"])


def growth(bench: Bench) -> None:
    """How the decision about one event grows with the reactions that listen."""
    with bench.installation() as installation:
        told = bench.drive(installation, "growth", "https://m.example.com/", *bench.sizes["reactions"])
        for size, milliseconds in told.items():
            bench.say(f"deciding one event to which {int(size):,} reactions listen", " ms", _=milliseconds)


def history(bench: Bench) -> None:
    """How what goes on all the time grows with the history that is kept."""
    with bench.installation() as installation:
        told = bench.drive(installation, "history", "https://m.example.com/", *bench.sizes["history"])
        for size, took in told.items():
            bench.say(f"over {int(size):,} events with decision, run and attempt", " ms", **took)


def baseline(bench: Bench) -> None:
    """A loop that posts with one requests.Session: what a script of one's own would do, without any history."""
    with sink() as url, requests.Session() as session:
        begun = time.monotonic()
        count = 0
        while time.monotonic() < begun + min(3.0, bench.seconds):
            session.post(f"{url}/", data=b"x" * 200, timeout=5)
            count += 1
        bench.say(LOOP, "/s", _=count / (time.monotonic() - begun))

    bare(bench)


LOOP = "baseline: a loop with one requests.Session"
BARE = "baseline: a bare view that inserts one row"


def bare(bench: Bench) -> None:
    """A bare Django view that inserts one row with the ORM, with the same web server and database."""
    port = free_ports(1)
    granian = [str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--port", str(port)]
    options = ["--workers", "2", "--blocking-threads", "1", "--no-ws", "--http", "1", "--log-level", "error"]
    url = f"http://127.0.0.1:{port}/bare"
    with bench.installation() as installation:
        process = subprocess.Popen(
            [*granian, *options, "tests.benchmarks.bare:application"], env=installation.environment, cwd=ROOT
        )
        try:
            wait_until(lambda: _answers(url), "the bare view never came up")
            told = load(url, min(3.0, bench.seconds), 32)
        finally:
            process.terminate()
            process.wait(20)
    bench.say(BARE, "/s", _=told["rate"])


def cpu_of(host: Host) -> float:
    """Seconds of processor time that the host's processes have used."""
    used = 0
    for pid in host.family():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            used += int(words[11]) + int(words[12])
    return used / os.sysconf("SC_CLK_TCK")


def pss_of(marker: str) -> int:
    """Kilobytes of memory, shared ones divided by their users, of processes whose environment names the folder."""
    total = 0
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, StopIteration):
            if (
                entry.name.isdigit()
                and marker.encode() in (entry / "environ").read_bytes()
                and int(entry.name) != os.getpid()
                # The monitoring system that the demo sends to is no part of the product.
                and b"actions.demo.monitor" not in (entry / "cmdline").read_bytes()
            ):
                lines = (entry / "smaps_rollup").read_text().splitlines()
                total += int(next(line for line in lines if line.startswith("Pss:")).split()[1])
    return total


def settings_line() -> str:
    """On what these figures stand."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("django", "django-q2", "aiohttp", "granian"))
    load_now = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    workers = (
        f"{os.environ.get('REACTIONS_WORKERS') or 1} http worker, {HTTP_IN_FLIGHT} in flight, {PER_TARGET} a target"
    )
    return f"{_database()}; {workers}; {os.cpu_count()} cores; Python {platform.python_version()}; {libraries}; load {load_now}"


def _database() -> str:
    if url := os.environ.get("TEST_DATABASE_URL"):
        with psycopg.connect(url) as asked:
            names = ("server_version", "fsync", "synchronous_commit")
            told = [f"{name} {asked.execute(f'SHOW {name}').fetchone()[0]}" for name in names]  # type: ignore[index]
        return f"PostgreSQL, {', '.join(told)}"
    return f"SQLite {sqlite3.sqlite_version}, WAL, synchronous {SYNCHRONOUS}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", default=NAMES)
    options.add_argument("--runs", type=int, default=5_000)
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--reactions", default="1,10,100,1000")
    options.add_argument("--history", default="1000,10000,100000,1000000")
    asked = options.parse_args()
    measures: dict[str, Callable[[Bench], None]] = {name: globals()[name] for name in NAMES}
    sizes = {"reactions": asked.reactions.split(","), "history": asked.history.split(",")}
    bench = Bench(asked.runs, asked.seconds, sizes)
    for name in asked.names:
        for _ in range(1 if name in ONCE else asked.repeat):
            measures[name](bench)
    print(f"\n{settings_line()}; medians of {asked.repeat}, {', '.join(ONCE)} once")
    width = max(map(len, bench.rows))
    for what, row in bench.rows.items():
        print(f"{what:<{width}}  {row.text}{f'   (aim: {row.aim})' if row.aim else ''}")


if __name__ == "__main__":
    main()
