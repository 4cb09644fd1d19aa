"""Bodies are taken in by the event loop, whole and within limits; the application sees plain WSGI."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from reactions_project.wsgi_over_asgi import WsgiOverAsgi

LIMIT = 100


class Application:
    """Echoes the body and keeps every environ."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        self.seen.append({**environ, "body": body})
        start_response("202 Accepted", [("Set-Cookie", " a=1"), ("X-Length", str(len(body)))])
        return [body, b"!"]


@pytest.fixture
def application() -> Application:
    return Application()


def serving(application: Any, **more: Any) -> WsgiOverAsgi:
    return WsgiOverAsgi(application, **({"threads": 1, "max_body": LIMIT} | more))


def scope(headers: Iterable[tuple[bytes, bytes]] = (), **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"q=%C3%A9\xff",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("192.0.2.7", 4711),
        "headers": list(headers),
    } | more


def part(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def talk(server: WsgiOverAsgi, scope: dict[str, Any], *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """What is sent back; after the messages the sender is silent."""
    left = list(messages)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await server(scope, receive, send)
    return sent


def exchange(server: WsgiOverAsgi, scope: dict[str, Any], *messages: dict[str, Any]) -> list[dict[str, Any]]:
    return asyncio.run(talk(server, scope, *messages))


def test_a_body_in_parts_arrives_whole(application: Application) -> None:
    head = scope([(b"content-length", b"6"), (b"content-type", b"text/plain")])
    start, end = exchange(serving(application), head, part(b"abc", True), part(b"def"))
    assert (start["status"], end["body"]) == (202, b"abcdef!")
    assert start["headers"] == [(b"set-cookie", b"a=1"), (b"x-length", b"6")]
    (environ,) = application.seen
    told = {name: environ[name] for name in ("PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "CONTENT_LENGTH")}
    assert told == {
        "PATH_INFO": "/a b",
        "QUERY_STRING": "q=%C3%A9\xff",
        "REMOTE_ADDR": "192.0.2.7",
        "CONTENT_LENGTH": "6",
    }
    assert (environ["CONTENT_TYPE"], environ["SERVER_PROTOCOL"]) == ("text/plain", "HTTP/1.1")


def test_a_request_without_a_body_waits_for_none(application: Application) -> None:
    assert exchange(serving(application), scope())[0]["status"] == 202


def test_of_a_body_that_announces_too_much_nothing_is_read(application: Application) -> None:
    exchange(serving(application), scope([(b"content-length", b"101")]))
    assert (application.seen[0]["CONTENT_LENGTH"], application.seen[0]["body"]) == ("101", b"")


def test_of_an_endless_body_the_application_sees_that_it_is_too_long(application: Application) -> None:
    parts = [part(b"x" * 60, True)] * 5
    exchange(serving(application), scope([(b"transfer-encoding", b"chunked")]), *parts)
    assert LIMIT < len(application.seen[0]["body"]) <= 120


def test_a_body_that_is_late_is_408_and_reaches_nobody(application: Application) -> None:
    server = serving(application, body_seconds=0.05)
    start, end = exchange(server, scope([(b"content-length", b"6")]), part(b"abc", True))
    assert start["status"] == 408
    assert b"send it again" in end["body"]
    assert application.seen == []


def test_who_hangs_up_in_the_middle_reaches_nobody(application: Application) -> None:
    head = scope([(b"content-length", b"6")])
    start, _ = exchange(serving(application), head, part(b"abc", True), {"type": "http.disconnect"})
    assert start["status"] == 400
    assert application.seen == []


def test_slow_senders_hold_no_thread(application: Application) -> None:
    server = serving(application, threads=1)

    async def together() -> list[dict[str, Any]]:
        head = scope([(b"content-length", b"6")])
        slow = [asyncio.create_task(talk(server, head, part(b"abc", True))) for _ in range(50)]
        await asyncio.sleep(0)
        answered = await talk(server, head, part(b"abcdef"))
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        return answered

    assert asyncio.run(together())[0]["status"] == 202
    assert len(application.seen) == 1


def test_bodies_beyond_the_room_for_all_are_503_and_the_room_comes_back(application: Application) -> None:
    server = serving(application, room=150)

    async def together() -> list[int]:
        head = scope([(b"content-length", b"100")])
        first = asyncio.create_task(talk(server, head, part(b"x" * 90, True)))
        await asyncio.sleep(0)
        refused = await talk(server, head, part(b"x" * 100))
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        taken = [await talk(server, head, part(b"x" * 100)) for _ in range(3)]
        return [refused[0]["status"], *(answer[0]["status"] for answer in taken)]

    assert asyncio.run(together()) == [503, 202, 202, 202]


def test_the_room_comes_back_after_an_application_that_fails() -> None:
    def failing(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        raise RuntimeError("broken")

    server = serving(failing, room=100)
    head = scope([(b"content-length", b"100")])
    for _ in range(3):
        with pytest.raises(RuntimeError):
            exchange(server, head, part(b"x" * 100))


def test_a_header_with_an_underscore_never_passes_for_one_with_a_dash(application: Application) -> None:
    headers = [(b"x-api-key", b"right"), (b"x_api_key", b"wrong"), (b"cookie", b"a=1"), (b"cookie", b"b=2")]
    exchange(serving(application), scope(headers))
    assert (application.seen[0]["HTTP_X_API_KEY"], application.seen[0]["HTTP_COOKIE"]) == ("right", "a=1; b=2")


def test_an_answers_resources_are_closed_in_the_thread_that_made_it() -> None:
    threads: list[str] = []

    class Chunks:
        def __iter__(self) -> Any:
            threads.append(threading.current_thread().name)
            return iter([b"a"])

        def close(self) -> None:
            threads.append(threading.current_thread().name)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Chunks()

    exchange(serving(application), scope())
    assert len(threads) == 2
    assert len(set(threads)) == 1
    assert threads[0].startswith("request")


class Groups:
    """Answers each delivery with its body, and keeps the sizes of the groups."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.go_on = threading.Event()

    def is_plain(self, method: str, path: bytes, headers: Any, scheme: str) -> bool:
        return path == b"/together"

    def answer_all(self, deliveries: Any) -> list[Any]:
        self.sizes.append(len(deliveries))
        self.go_on.wait(5)
        if any(one.body == b"break" for one in deliveries):
            raise RuntimeError("broken on purpose")
        return [(202, [(b"x-path", one.path)], one.body) for one in deliveries]


def test_requests_that_come_while_others_are_answered_are_answered_together(application: Application) -> None:
    groups = Groups()
    server = serving(application, together=groups)

    async def one(number: int) -> list[dict[str, Any]]:
        plain = scope([(b"content-length", b"1")], path="/together", raw_path=b"/together?x")
        return await talk(server, plain, part(str(number).encode()))

    async def all_of_them() -> list[list[dict[str, Any]]]:
        first = asyncio.create_task(one(0))
        while not groups.sizes:
            await asyncio.sleep(0.01)
        others = [asyncio.create_task(one(number)) for number in range(1, 6)]
        await asyncio.sleep(0.05)
        groups.go_on.set()
        return await asyncio.gather(first, *others)

    answers = asyncio.run(all_of_them())
    assert groups.sizes == [1, 5]
    assert [sent[1]["body"] for sent in answers] == [str(number).encode() for number in range(6)]
    assert application.seen == []


def test_a_group_that_breaks_leaves_the_next_one_whole(application: Application) -> None:
    groups = Groups()
    groups.go_on.set()
    server = serving(application, together=groups)
    plain = scope([(b"content-length", b"5")], path="/together", raw_path=b"/together")

    async def both() -> Any:
        with pytest.raises(RuntimeError):
            await talk(server, plain, part(b"break"))
        return await talk(server, plain, part(b"whole"))

    assert asyncio.run(both())[1]["body"] == b"whole"
