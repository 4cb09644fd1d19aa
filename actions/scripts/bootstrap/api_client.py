"""The API client of scripts: over the socket placed beside them, or over HTTP where there is none.

Also a program, for languages without a client of their own: base URL, token, socket, method, path and body arrive on
standard input, each ended by NUL, so that the token appears in no process list.
"""

import http.client
import json
import os
import socket
import sys
import urllib.parse


class OctopusApiError(Exception):
    # Printed without the name of this file, which says nothing to the script's author.
    __module__ = "builtins"

    def __init__(self, message, status=None, detail=""):
        super().__init__(message)
        self.status = status
        self.detail = detail


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class OctopusClient:
    def __init__(self, base_url="", token="", socket_path="", timeout=60):
        self.base_url = base_url.rstrip("/")
        self._token = token
        self._socket = socket_path
        self._timeout = timeout

    def __repr__(self):
        return f"<OctopusClient {self.base_url}>"

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body=None):
        return self.request("POST", path, body)

    def put(self, path, body=None):
        return self.request("PUT", path, body)

    def patch(self, path, body=None):
        return self.request("PATCH", path, body)

    def delete(self, path):
        return self.request("DELETE", path)

    def create_release(self, project, version, notes=""):
        """`project` is its id, slug or name. Gives the release as the API answers it."""
        return self.post("/api/releases/", {"project": project, "version": version, "notes": notes})

    def request(self, method, path, body=None):
        """The answer's JSON, or None when it has none. Anything but success raises OctopusApiError."""
        content = None if body is None else json.dumps(body).encode("utf-8")
        status, answer = self.send(method, path, content)
        if status >= 300:
            detail = problem_of(answer)
            raise OctopusApiError(f"The API answered {status} to {method} {path}: {detail}", status, detail)
        try:
            return json.loads(answer) if answer.strip() else None
        except ValueError:
            message = f"The API answered {method} {path} with something that is not JSON: check the path."
            raise OctopusApiError(message, status) from None

    def send(self, method, path, content):
        path = path if path.startswith("/") else f"/{path}"
        headers = {"X-Octopus-ApiKey": self._token, "Accept": "application/json", "Connection": "close"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        connection, prefix = self._connect()
        try:
            connection.request(method, prefix + path, content, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as problem:
            reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
            raise OctopusApiError(f"The API could not be reached for {method} {path}: {reason}.") from None
        finally:
            connection.close()

    def _connect(self):
        if self._socket:
            return _SocketConnection(self._socket, self._timeout), ""
        url = urllib.parse.urlsplit(self.base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise OctopusApiError("This run has no access to the API: ask the operator to enable it.")
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        return kind(url.hostname, url.port, timeout=self._timeout), url.path


def problem_of(answer):
    """The `detail` of a problem description (RFC 9457), or the beginning of whatever came instead."""
    try:
        problem = json.loads(answer)
    except ValueError:
        problem = None
    if isinstance(problem, dict) and problem.get("detail"):
        return str(problem["detail"])
    return " ".join(answer.split())[:300] or "no explanation was given."


def main():
    fields = sys.stdin.buffer.read().decode("utf-8", "replace").split("\0")
    base_url, token, socket_path, method, path, body = fields[:6]
    client = OctopusClient(base_url, token, socket_path)
    try:
        status, answer = client.send(method.upper(), path, body.encode("utf-8") if body else None)
    except OctopusApiError as problem:
        sys.exit(str(problem))
    if status >= 300:
        sys.exit(f"The API answered {status} to {method.upper()} {path}: {problem_of(answer)}")
    sys.stdout.write(answer)
    if answer and os.linesep and not answer.endswith("\n"):
        sys.stdout.write("\n")


if __name__ == "__main__":
    main()
