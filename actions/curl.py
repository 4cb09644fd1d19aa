"""A request of the history as a line for the shell, for people who want to try it by hand. Pure.

Secrets are masked as in the history: the line works once they are put back in.
"""

import shlex
from collections.abc import Mapping
from typing import Any

# curl writes these itself, and a number of its own would be wrong after any change.
_CURLS_OWN = frozenset({"content-length"})


def curl_line(request: Mapping[str, Any]) -> str:
    """One line for a POSIX shell; `request` is as Attempt.request keeps it."""
    method, body = str(request.get("method", "GET")), str(request.get("body") or "")
    headers = _pairs(request.get("headers"))
    words = ["curl"]
    if method == "HEAD":
        words.append("--head")
    elif method != ("POST" if body else "GET"):
        words += ["-X", method]
    words.append(str(request.get("url", "")))
    for name, value in headers:
        if name.lower() not in _CURLS_OWN:
            # Of a header without a value curl sends nothing, unless it ends in a semicolon.
            words += ["-H", f"{name}: {value}" if value else f"{name};"]
    if body:
        if not any(name.lower() == "content-type" for name, _ in headers):
            # Without, curl would claim to send a form.
            words += ["-H", "Content-Type:"]
        words += ["--data-raw", body]
    # A URL may hold brackets and braces, which curl would expand.
    return shlex.join([words[0], "--globoff", "--path-as-is", *words[1:]])


def _pairs(headers: Any) -> list[tuple[str, str]]:
    """Names and values, in whatever shape they were stored; what is no pair is left out, since a page must open."""
    found = headers.items() if isinstance(headers, Mapping) else headers if isinstance(headers, list) else ()
    return [(str(one[0]), str(one[1])) for one in found if isinstance(one, list | tuple) and len(one) == 2]
