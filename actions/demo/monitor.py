"""A stand-in for a monitoring system: prints every request it gets and answers 201. Part of the demo only.

Run as `python -m actions.demo.monitor PORT`; needs no Django.
"""

import contextlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Monitor(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, 1_000_000)).decode("utf-8", "replace")
        sys.stdout.write(f"monitoring system received: POST {self.path} {body}\n")
        sys.stdout.flush()
        answer = json.dumps({"deployment": {"id": 1}}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the line above says all."""


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Monitor).serve_forever()
