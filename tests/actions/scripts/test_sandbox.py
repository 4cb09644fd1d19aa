"""SEC-50, 51 and 53, asked from inside by scripts."""

import ipaddress
import os
import socket
import threading
from pathlib import Path

import pytest

from actions.scripts.base import Limits, SandboxMode, ScriptSettings, public_web
from actions.scripts.sandbox import describe_sandbox
from tests.actions.scripts.conftest import run


def test_sec_50_every_language_runs_without_rights(sandboxed: ScriptSettings, language: str) -> None:
    sources = {
        "powershell": "[IO.File]::ReadAllLines('/proc/self/status') -match '^(Uid|CapEff|CapPrm|CapBnd|NoNewPrivs)'",
        "python": "print(*[l for l in open('/proc/self/status') if l.startswith(('Uid', 'Cap', 'NoNew'))], sep='')",
        "bash": "grep -E '^(Uid|Cap|NoNew)' /proc/self/status",
    }
    status = run(sandboxed, language, sources[language]).text.replace("\t", " ")
    assert "Uid: 65534 65534 65534 65534" in status
    assert "CapEff: 0000000000000000" in status
    assert "CapBnd: 0000000000000000" in status
    assert "NoNewPrivs: 1" in status


@pytest.mark.parametrize("namespace", ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"])
def test_sec_50_every_namespace_is_its_own(sandboxed: ScriptSettings, namespace: str) -> None:
    inside = run(sandboxed, "bash", f"readlink /proc/self/ns/{namespace}").text
    assert inside.startswith(namespace)
    assert inside != str(Path(f"/proc/self/ns/{namespace}").readlink())


def test_sec_50_no_further_user_namespace(sandboxed: ScriptSettings) -> None:
    ran = run(sandboxed, "bash", "unshare --user true")
    assert ran.result.exit_code == 1
    assert "unshare failed" in ran.text


def test_sec_50_the_system_is_read_only(sandboxed: ScriptSettings) -> None:
    source = "for place in / /usr /usr/bin /etc /dev /proc/sys/kernel /root; do touch $place/x && echo $place; done"
    assert run(sandboxed, "bash", source + "; true").at("info") == []


@pytest.mark.parametrize("setting", ["kernel/hostname", "vm/swappiness", "kernel/core_pattern"])
def test_sec_50_kernel_settings_cannot_be_written(sandboxed: ScriptSettings, setting: str) -> None:
    """Opened for writing, not written: root's account number owns these files even without any capability."""
    ran = run(sandboxed, "python", f"import os; os.open('/proc/sys/{setting}', os.O_WRONLY)")
    assert "Read-only file system" in ran.text or "Permission denied" in ran.text


def test_sec_50_only_the_system_is_visible(sandboxed: ScriptSettings) -> None:
    own = Path(__file__).resolve()
    hidden = [own, sandboxed.work_root, "/etc/shadow", "/etc/ssh", "/var", "/run", "/sys", "/home", "/root/.ssh"]
    source = "".join(f"[ -e {place} ] && echo {place}\n" for place in hidden) + "true"
    assert run(sandboxed, "bash", source).text == ""
    assert run(sandboxed, "bash", "cat /etc/passwd").text.startswith("script:")


def test_sec_50_scratch_space_is_small_and_private(sandboxed: ScriptSettings) -> None:
    limits = Limits(scratch_bytes=8 * 1024 * 1024)
    for place in ("/tmp", "$PWD"):
        ran = run(sandboxed, "bash", f"head -c 5000000 /dev/zero >{place}/big", limits=limits)
        assert "No space left" in ran.text
    marker = "/tmp/reactions-left-by-a-script"
    run(sandboxed, "bash", f"touch {marker}")
    assert not Path(marker).exists()
    assert run(sandboxed, "bash", f"[ -e {marker} ]").result.exit_code == 1


def test_sec_50_the_sandbox_starts_with_nothing(sandboxed: ScriptSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "of-the-worker")
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    source = """
        tr '\\0' '\\n' </proc/1/environ
        tr '\\0' '\\n' </proc/1/cmdline | sed 's/^/argument /'
        for fd in /proc/1/fd/* /proc/$$/fd/*; do readlink $fd; done
    """
    try:
        text = run(sandboxed, "bash", source, environment={"TARGET": "only-for-the-script"}).text
    finally:
        os.close(reading)
        os.close(writing)
    assert "of-the-worker" not in text
    assert "only-for-the-script" not in text
    shown = [line for line in text.split("\n") if line.startswith(("/", "pipe:", "socket:", "memfd:", "anon_inode:"))]
    # Null, the output pipes, the sandbox's own exit signal and signals, its status report, the script's source.
    expected = ("/dev/null", "pipe:", "anon_inode:[eventfd]", "anon_inode:[signalfd]", "/reactions/inputs/")
    assert [line for line in shown if not line.startswith(expected)] == []
    assert len({line for line in shown if line.startswith("pipe:")}) <= 3


def test_sec_50_processes_of_the_machine_are_out_of_reach(sandboxed: ScriptSettings) -> None:
    ran = run(sandboxed, "bash", f"kill -0 {os.getpid()} 2>/dev/null && echo reached; ls -d /proc/[0-9]* | wc -l")
    assert "reached" not in ran.text
    assert int(ran.text) < 10


def test_sec_51_without_a_sandbox_program_the_run_fails(tmp_path: Path, language: str, plain: ScriptSettings) -> None:
    settings = ScriptSettings(tmp_path / "runs", bwrap=tmp_path / "none", pwsh=plain.pwsh)
    ran = run(settings, language, "'ran' > /tmp/should-not-exist")
    assert ran.result.reason.startswith("The sandbox cannot start (bubblewrap is not installed)")
    assert (ran.result.exit_code, ran.result.sandboxed, ran.lines) == (None, False, [])
    status = describe_sandbox(settings)
    assert (status.ok, status.reason) == (False, ran.result.reason)


def test_sec_51_a_sandbox_that_cannot_come_up_fails_the_run(tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    settings = ScriptSettings(tmp_path / "runs", bwrap=broken)
    result = run(settings, "bash", "true").result
    assert "cannot start (bwrap: No permissions to create new namespace)" in result.reason
    assert not result.sandboxed
    assert result.reason == describe_sandbox(settings).reason


def test_sec_51_a_script_cannot_pass_its_own_failure_off_as_the_sandboxes(sandboxed: ScriptSettings) -> None:
    result = run(sandboxed, "bash", "echo 'bwrap: broken' >&2; exit 1").result
    assert result.reason == "The script ended with exit code 1."
    assert result.sandboxed


def test_sec_51_running_without_a_sandbox_is_told(plain: ScriptSettings) -> None:
    assert run(plain, "bash", "true").result.sandboxed is False
    status = describe_sandbox(plain)
    assert (status.ok, "switched it off" in status.reason) == (False, True)


def test_sec_51_a_working_sandbox_is_described_as_such(sandboxed: ScriptSettings) -> None:
    assert describe_sandbox(sandboxed).ok
    assert run(sandboxed, "bash", "true").result.sandboxed


@pytest.fixture
def listener() -> "object":
    """Something on this machine's loopback that would answer."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    stop = threading.Event()

    def answer() -> None:
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nreached")

    thread = threading.Thread(target=answer)
    thread.start()
    yield server.getsockname()[1]
    stop.set()
    thread.join()
    server.close()


CONNECT = {
    "powershell": "$c = [Net.Sockets.TcpClient]::new(); $c.Connect('127.0.0.1', {port}); 'reached'",
    "python": "import socket; socket.create_connection(('127.0.0.1', {port})); print('reached')",
    "bash": "exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached",
}


@pytest.mark.parametrize("network", [False, True])
def test_sec_53_loopback_is_out_of_reach(
    sandboxed: ScriptSettings, language: str, listener: int, network: bool
) -> None:
    ran = run(sandboxed, language, CONNECT[language].replace("{port}", str(listener)), network=network)
    assert ran.at("info") == []
    assert not ran.result.succeeded


FETCH = {
    "powershell": "[Net.Http.HttpClient]::new().GetStringAsync('http://network.test:{port}/').GetAwaiter().GetResult()",
    "python": "import urllib.request; print(urllib.request.urlopen('http://network.test:{port}/').read().decode())",
    "bash": "curl --silent --show-error --fail http://network.test:{port}/; echo",
}


def fetch(settings: ScriptSettings, language: str, port: int, network: bool) -> list[str]:
    """By a name that means this machine; it is the worker that looks it up, since the namespace has no such thing."""
    source = FETCH[language].replace("{port}", str(port)).replace("network.test", socket.gethostname())
    return run(settings, language, source, network=network).at("info")


def test_sec_53_the_way_out_goes_through_the_operators_policy(
    sandboxed: ScriptSettings, language: str, listener: int
) -> None:
    if {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), None)} != {"127.0.0.1"}:
        pytest.skip("This machine's own name does not mean its loopback.")
    asked: list[tuple[str, int]] = []

    def only_the_listener(address: object, port: int) -> bool:
        asked.append((str(address), port))
        return port == listener

    allowed = ScriptSettings(sandboxed.work_root, pwsh=sandboxed.pwsh, may_connect=only_the_listener)
    assert "reached" not in fetch(sandboxed, language, listener, network=True)
    assert "reached" not in fetch(allowed, language, listener, network=False)
    assert asked == []
    assert fetch(allowed, language, listener, network=True) == ["reached"]
    assert asked == [("127.0.0.1", listener)]


def test_sec_53_allowed_addresses_are_reached(sandboxed: ScriptSettings, listener: int) -> None:
    allowed = ScriptSettings(sandboxed.work_root, may_connect=lambda _address, port: port == listener)
    for option in ("", "--proxytunnel"):
        source = f"curl -sS --noproxy '' {option} http://127.0.0.1:{listener}/"
        assert run(allowed, "bash", source, network=True).text == "reached"
        refused = run(sandboxed, "bash", source, network=True)
        assert "reached" not in refused.text


@pytest.mark.parametrize(
    ("address", "port", "allowed"),
    [
        ("93.184.216.34", 443, True),
        ("2606:4700::1111", 443, True),
        ("93.184.216.34", 5432, False),
        ("127.0.0.1", 443, False),
        ("10.0.0.1", 443, False),
        ("169.254.169.254", 80, False),
        ("100.64.0.1", 80, False),
        ("224.0.0.1", 80, False),
        ("0.0.0.0", 80, False),
        ("::1", 443, False),
        ("::ffff:127.0.0.1", 443, False),
        ("2002:7f00:1::", 443, False),
        ("64:ff9b::7f00:1", 443, False),
        ("fd00::1", 443, False),
        ("fe80::1", 443, False),
    ],
)
def test_sec_53_without_a_policy_only_the_public_web_is_allowed(address: str, port: int, allowed: bool) -> None:
    assert public_web(ipaddress.ip_address(address), port) is allowed


def test_sec_52_the_number_of_processes_is_limited(sandboxed: ScriptSettings) -> None:
    assert run(sandboxed, "bash", "ulimit -u", limits=Limits(processes=50)).text == "50"


def test_the_sandbox_mode_has_two_values() -> None:
    assert [mode.value for mode in SandboxMode] == ["bwrap", "off"]
