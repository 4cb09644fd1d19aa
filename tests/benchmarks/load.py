"""Sends requests over so many connections for so long, each as soon as the former was answered; prints JSON.

`python -m tests.benchmarks.load URL SECONDS CONNECTIONS [HEADER: VALUE ...]`; in URL and body, {n} is a number of its
own for each request.
"""

import asyncio
import itertools
import json
import sys
import time
from urllib.parse import urlsplit

BODY = '{{"Identifier": "load {n}", "PayloadType": "PackageAddedWebHookEventPayloadV1", "Payload": {{"n": {n}}}}}'


async def client(
    url: str, headers: list[str], until: float, numbers: "itertools.count[int]", took: list[float]
) -> None:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    while time.monotonic() < until:
        body = BODY.format(n=next(numbers)).encode()
        head = [f"POST {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}", "Content-Type: application/json"]
        head += [f"Content-Length: {len(body)}", *headers, "", ""]
        begun = time.monotonic()
        writer.write("\r\n".join(head).encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        status = int(answer.split(b" ", 2)[1])
        if not 200 <= status < 300:
            raise SystemExit(f"{url} answered {status}")
        took.append(time.monotonic() - begun)
    writer.close()


async def main(url: str, seconds: float, connections: int, headers: list[str]) -> None:
    took: list[float] = []
    begun = time.monotonic()
    numbers = itertools.count(int(time.time() * 1000) * 1_000_000)
    await asyncio.gather(*(client(url, headers, begun + seconds, numbers, took) for _ in range(connections)))
    took.sort()
    rate = len(took) / (time.monotonic() - begun)
    at = {f"p{share}": round(took[int(len(took) * share / 100)] * 1000, 1) for share in (50, 99)}
    sys.stdout.write(json.dumps({"count": len(took), "rate": round(rate, 1), **at}) + "\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
