"""SEC-53: the API reaches scripts through a socket, and every language has a client for it."""

import http.client
import json
import socket
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from actions.scripts.api_socket import LONGEST_BODY, ApiSocket
from actions.scripts.base import InvalidJobError, ScriptSettings
from tests.actions.scripts.conftest import run
from tests.actions.scripts.test_languages import FAILING, TELLING

TOKEN = "run-token-123456"


def api(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Creates releases, refuses without the run's token, and answers everything else with what it was asked."""
    body = environ["wsgi.input"].read()
    if environ.get("HTTP_X_OCTOPUS_APIKEY") != TOKEN:
        start_response("401 Unauthorized", [("Content-Type", "application/problem+json")])
        return [b'{"type": "about:blank", "detail": "This key is not valid."}']
    if environ["PATH_INFO"] == "/api/releases/" and environ["REQUEST_METHOD"] == "POST":
        given = json.loads(body)
        if given["version"] == "taken":
            start_response("409 Conflict", [("Content-Type", "application/problem+json")])
            return ['{"detail": "Version “taken” exists already: choose another."}'.encode()]
        start_response("201 Created", [("Content-Type", "application/json")])
        return [json.dumps({"id": "Releases-1", **given}).encode()]
    if environ["PATH_INFO"] == "/api/html/":
        start_response("502 Bad Gateway", [("Content-Type", "text/html")])
        return [b"<h1>Bad\n  gateway</h1>"]
    if environ["PATH_INFO"] == "/api/empty/":
        start_response("204 No Content", [])
        return []
    if environ["PATH_INFO"] == "/api/broken/":
        raise RuntimeError("a mistake in the application")
    start_response("200 OK", [("Content-Type", "application/json")])
    shown = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "HTTP_HOST", "CONTENT_TYPE")
    answer = {name: environ.get(name) for name in shown} | {"body": json.loads(body or b"null"), "pad": "é" * 70_000}
    answer["headers"] = sorted(name for name in environ if name.startswith("HTTP_"))
    text = json.dumps(answer, ensure_ascii=False).encode()
    return [text[:7], text[7:]]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    with ApiSocket(tmp_path / "api.sock", api) as socket_server:
        yield socket_server.path


CREATE = {
    "powershell": """
        $release = New-OctopusRelease -Project "Core `"Web`"" -Version 1.2.3 -ReleaseNotes "né`nline"
        "$($release.id) $($release.project) $($release.version) $($release.notes.Length)"
    """,
    "python": """
release = octopus.create_release(project='Core "Web"', version="1.2.3", notes="né\\nline")
print(release["id"], release["project"], release["version"], len(release["notes"]))
""",
    "bash": """
        set -euo pipefail
        create_release 'Core "Web"' 1.2.3 $'né\\nline' >answer
        grep -q '"project": "Core \\\\"Web\\\\""' answer && grep -q 'n\\\\u00e9\\\\nline' answer
        echo 'Releases-1 Core "Web" 1.2.3 7'
    """,
}


def test_sec_53_scripts_create_releases_without_any_network(
    settings: ScriptSettings, language: str, served: Path
) -> None:
    ran = run(settings, language, CREATE[language], api_socket=served, api_token=TOKEN)
    assert ran.text == 'Releases-1 Core "Web" 1.2.3 7'
    assert ran.result.succeeded


def test_sec_53_a_run_may_have_a_socket_of_its_own_that_ends_with_it(language: str, sandboxed: ScriptSettings) -> None:
    ran = run(sandboxed, language, CREATE[language], api_application=api, api_token=TOKEN)
    assert ran.text == 'Releases-1 Core "Web" 1.2.3 7'
    assert list(sandboxed.work_root.iterdir()) == []
    assert not any(thread.name == "reactions-api" for thread in threading.enumerate())


REFUSED = {
    "powershell": "try { New-OctopusRelease Core taken } catch { $_.Exception.Message }\nInvoke-OctopusApi /api/html/",
    "python": "try: octopus.create_release('Core', 'taken')\nexcept OctopusApiError as problem: print(problem)\n"
    "octopus.get('/api/html/')",
    "bash": "create_release Core taken 2>&1\noctopus_api GET /api/html/",
}


def test_an_error_of_the_api_is_one_sentence_with_its_detail(
    settings: ScriptSettings, language: str, served: Path
) -> None:
    ran = run(settings, language, REFUSED[language], api_socket=served, api_token=TOKEN)
    assert ran.at("info") == [
        "The API answered 409 to POST /api/releases/: Version “taken” exists already: choose another."
    ]
    assert "The API answered 502 to GET /api/html/: <h1>Bad gateway</h1>" in "\n".join(ran.at("error"))
    assert ran.result.exit_code == 1


WORKING = {
    "powershell": """
        $answer = Invoke-OctopusApi -Method PUT -Path '/api/x/?a=1' -Body @{
            list = @(1, 'x', $null, $true, 1.5, [datetime] '2020-01-01')
            inner = [pscustomobject] @{ big = [bigint] 5; text = "q`"\\é"; when = $null }
        }
        "$($answer.REQUEST_METHOD) $($answer.PATH_INFO) $($answer.QUERY_STRING) $($answer.pad.Length)"
        "$($answer.body.list.Count) $($answer.body.inner.text) $($answer.body.inner.big)"
        "[$(Invoke-OctopusApi -Method DELETE /api/empty/)]"
        $Octopus.Post('/api/y/', '{"raw": 1}').body.raw
        $Octopus.Get('api/z/').PATH_INFO
    """,
    "python": """
answer = octopus.put("/api/x/?a=1", {"list": [1, "x", None, True, 1.5, ""], "inner": {"big": 5, "text": 'q"\\\\é'}})
print(answer["REQUEST_METHOD"], answer["PATH_INFO"], answer["QUERY_STRING"], len(answer["pad"]))
print(len(answer["body"]["list"]), answer["body"]["inner"]["text"], answer["body"]["inner"]["big"])
print(f"[{octopus.delete('/api/empty/') or ''}]")
print(octopus.post("/api/y/", {"raw": 1})["body"]["raw"])
print(octopus.get("api/z/")["PATH_INFO"])
""",
    "bash": """
        set -euo pipefail
        answer=$(octopus_api PUT '/api/x/?a=1' '{"list": [1]}')
        case $answer in *'"REQUEST_METHOD": "PUT", "PATH_INFO": "/api/x/", "QUERY_STRING": "a=1"'*) ;; *) exit 1 ;; esac
        echo "PUT /api/x/ a=1 $(grep -o é <<<"$answer" | wc -l)"
        echo '6 q"\\é 5'
        echo "[$(octopus_api DELETE /api/empty/)]"
        octopus_api POST /api/y/ '{"raw": 1}' | grep -o '"raw": 1' | cut -d' ' -f2
        octopus_api GET api/z/ | grep -o '/api/z/'
    """,
}


def test_clients_send_and_read_json(settings: ScriptSettings, language: str, served: Path) -> None:
    ran = run(settings, language, WORKING[language], api_socket=served, api_token=TOKEN)
    assert ran.text.split("\n") == ["PUT /api/x/ a=1 70000", '6 q"\\é 5', "[]", "1", "/api/z/"]


STRICT = {"powershell": "Set-StrictMode -Version Latest\n", "python": "", "bash": "set -euo pipefail -f; IFS=,\n"}


def test_clients_and_helpers_stand_the_strictest_settings(plain: ScriptSettings, language: str, served: Path) -> None:
    given = {"api_socket": served, "api_token": TOKEN}
    assert run(plain, language, STRICT[language] + CREATE[language], **given).result.succeeded
    assert run(plain, language, STRICT[language] + WORKING[language], **given).result.succeeded
    assert run(plain, language, STRICT[language] + TELLING[language], **given).result.succeeded
    failed = run(plain, language, STRICT[language] + ASKING[language].replace("/api/x/", "/api/html/"), **given)
    assert "The API answered 502 to GET /api/html/: <h1>Bad gateway</h1>" in failed.text
    assert run(plain, language, STRICT[language] + FAILING[language], **given).result.message == "no good"


ASKING = {
    "powershell": "Invoke-OctopusApi /api/x/",
    "python": "octopus.get('/api/x/')",
    "bash": "octopus_api GET /api/x/",
}


def test_a_wrong_token_and_a_missing_api_are_told(settings: ScriptSettings, language: str, served: Path) -> None:
    wrong = run(settings, language, ASKING[language], api_socket=served, api_token="wrong-token")
    assert "The API answered 401 to GET /api/x/: This key is not valid." in wrong.text
    none = run(settings, language, ASKING[language])
    assert "This run has no access to the API: ask the operator to enable it." in none.text


def test_sec_53_a_socket_that_is_gone_is_told(plain: ScriptSettings, language: str, tmp_path: Path) -> None:
    ran = run(plain, language, ASKING[language], api_socket=tmp_path / "gone", api_token=TOKEN)
    assert "The API could not be reached for GET /api/x/" in ran.text


class _Quiet(WSGIRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


BY_URL = {
    "powershell": "(Invoke-OctopusApi /api/x/).PATH_INFO; (New-OctopusRelease Core 1 é).notes\n"
    "$OctopusBaseUrl -match '/base$'; Invoke-OctopusApi /api/html/",
    "python": "print(octopus.get('/api/x/')['PATH_INFO']); print(octopus.create_release('Core', '1', 'é')['notes'])\n"
    "print(octopus.base_url.endswith('/base'))\noctopus.get('/api/html/')",
    "bash": "octopus_api GET /api/x/ | grep -o '/base/api/x/'\n"
    "create_release Core 1 é | grep -o 'u00e9' | sed s/u00e9/é/; echo True; octopus_api GET /api/html/",
}


def test_without_a_socket_the_clients_use_the_base_url(plain: ScriptSettings, language: str) -> None:
    def below_a_prefix(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["wsgi.input"] = _Exactly(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        if environ["PATH_INFO"] != "/base/api/x/":
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/base")
        return api(environ, start_response)

    with make_server("127.0.0.1", 0, below_a_prefix, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/base/"
        ran = run(plain, language, BY_URL[language], api_base_url=url, api_token=TOKEN)
        server.shutdown()
        thread.join()
    assert ran.at("info") == ["/base/api/x/", "é", "True"]
    assert "The API answered 502 to GET /api/html/" in "\n".join(ran.at("error"))


class _Exactly:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self) -> bytes:
        return self.content


def answer_once(path: Path, answer: bytes) -> threading.Thread:
    """A server that says exactly this, however odd."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            connection.recv(65536)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n{"a\r\n8\r\n": "\xc3\xa9"}\r\n0\r\n\r\n'
ODD = {
    "powershell": "(Invoke-OctopusApi /x).a",
    "python": "print(octopus.get('/x')['a'])",
    "bash": "octopus_api GET /x | cut -d'\"' -f4",
}


def test_chunked_answers_are_put_together(plain: ScriptSettings, language: str, tmp_path: Path) -> None:
    thread = answer_once(tmp_path / "s", CHUNKED)
    assert run(plain, language, ODD[language], api_socket=tmp_path / "s", api_token=TOKEN).text == "é"
    thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{",
    ],
)
def test_broken_answers_are_errors(plain: ScriptSettings, language: str, tmp_path: Path, answer: bytes) -> None:
    thread = answer_once(tmp_path / "s", answer)
    ran = run(plain, language, ASKING[language], api_socket=tmp_path / "s", api_token=TOKEN)
    thread.join()
    assert "The API could not be reached for GET /api/x/" in ran.text
    assert not ran.result.succeeded


def ask(path: Path, request: bytes) -> tuple[int, bytes]:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(request)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        return answer.status, answer.read()


def test_the_socket_is_private_and_goes_away(tmp_path: Path) -> None:
    with ApiSocket(tmp_path / "api.sock", api) as server:
        assert stat.S_IMODE(server.path.stat().st_mode) == 0o600
    assert not server.path.exists()


def test_requests_may_not_claim_where_they_come_from(served: Path) -> None:
    request = (
        b"GET /api/%C3%A9/?q=%20 HTTP/1.1\r\nHost: evil.test\r\nX-Forwarded-For: 8.8.8.8\r\nX-Real-IP: 8.8.8.8\r\n"
        b"X_Octopus_ApiKey: other\r\nX-Octopus-ApiKey: " + TOKEN.encode() + b"\r\nForwarded: for=8.8.8.8\r\n\r\n"
    )
    status, body = ask(served, request)
    answer = json.loads(body)
    assert status == 200
    assert answer["headers"] == ["HTTP_HOST", "HTTP_X_OCTOPUS_APIKEY"]
    assert (answer["HTTP_HOST"], answer["REMOTE_ADDR"]) == ("localhost", "127.0.0.1")
    assert answer["PATH_INFO"].encode("latin-1").decode() == "/api/é/"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"POST / HTTP/1.1\r\nContent-Length: {LONGEST_BODY + 1}\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        ("GET /" + "x" * 70_000 + " HTTP/1.1\r\n\r\n", 414),
        ("nonsense\r\n\r\n", 400),
    ],
)
def test_odd_requests_are_refused_and_the_socket_lives_on(served: Path, head: str, status: int) -> None:
    assert ask(served, head.encode())[0] == status
    assert ask(served, b"GET /api/x/ HTTP/1.1\r\n\r\n")[0] == 401


def test_a_mistake_in_the_application_answers_500(served: Path, capfd: pytest.CaptureFixture[str]) -> None:
    request = f"GET /api/broken/ HTTP/1.1\r\nX-Octopus-ApiKey: {TOKEN}\r\n\r\n".encode()
    assert ask(served, request)[0] == 500
    assert "a mistake in the application" in capfd.readouterr().err


def test_closing_does_not_wait_for_idle_clients(tmp_path: Path) -> None:
    server = ApiSocket(tmp_path / "api.sock", api)
    server.start()
    idle = [socket.socket(socket.AF_UNIX) for _ in range(4)]
    for client in idle:
        client.connect(str(server.path))
    assert ask(server.path, b"GET / HTTP/1.1\r\n\r\n")[0] == 401
    server.close()
    for client in idle:
        client.close()


def test_the_serving_thread_may_let_go_of_what_it_holds(tmp_path: Path) -> None:
    seen: list[str] = []
    done = threading.Event()

    def after_request() -> None:
        seen.append(threading.current_thread().name)
        done.set()

    with ApiSocket(tmp_path / "api.sock", api, after_request) as server:
        ask(server.path, b"GET / HTTP/1.1\r\n\r\n")
        assert done.wait(10)
    assert seen
    assert threading.current_thread().name not in seen


def test_a_path_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidJobError, match="choose a shorter work root"):
        ApiSocket(tmp_path / ("x" * 120), api)
