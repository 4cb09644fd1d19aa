"""How a request proves who sends it: basic, bearer or header authentication, a Standard Webhooks signature, a client
certificate. Values come from secrets that are bound to the action, by the variable each is bound under; a configuration
never holds one.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actions.kinds.base import ExecutionContext, UnrunnableError
from actions.kinds.rendering import Place, Renderer
from reactions_project.egress.policy import EgressRefused, check_headers
from triggers.signatures import SignatureRejected, sign

# Kind of authentication -> its members besides "kind".
AUTH_KINDS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "basic": ("username", "password"),
    "bearer": ("token",),
    "header": ("name", "value"),
}
TLS_MEMBERS = ("certificate", "key", "ca")
SIGNING_MEMBERS = ("secret",)
# What a member of the configuration is called in messages, when it names a secret.
_SECRETS = {
    "password": "The password",
    "token": "The bearer token",
    "value": "The authentication header",
    "secret": "The signature",
    "certificate": "The client certificate",
    "key": "The client certificate's key",
    "ca": "The private authority",
}


@dataclass(frozen=True)
class Credentials:
    """`masked` are texts made of secrets that are hidden wherever the request is shown."""

    headers: tuple[tuple[str, str], ...] = ()
    client_certificate: bytes | None = None
    ca_bundle: bytes | None = None
    masked: tuple[str, ...] = ()


def credential_problems(config: Mapping[str, Any]) -> dict[str, str]:
    """Setting -> one sentence, for `auth`, `signing` and `tls`."""
    errors: dict[str, str] = {}
    auth = config.get("auth") or {"kind": "none"}
    if not isinstance(auth, dict) or auth.get("kind") not in AUTH_KINDS:
        errors["auth"] = f'Write the authentication as {{"kind": ...}} with one of {", ".join(AUTH_KINDS)}.'
    elif problem := _auth_problem(auth, config.get("headers")):
        errors["auth"] = problem
    if (signing := config.get("signing") or {}) and (
        problem := _members_problem(signing, SIGNING_MEMBERS, needed=SIGNING_MEMBERS)
    ):
        errors["signing"] = problem
    if (tls := config.get("tls") or {}) and (problem := _tls_problem(tls)):
        errors["tls"] = problem
    return errors


def _members_problem(part: Any, known: tuple[str, ...], needed: tuple[str, ...]) -> str:
    if not isinstance(part, dict):
        return f"Write an object with {' and '.join(known)}."
    if unknown := set(part) - {"kind", *known}:
        return f"There is no {sorted(unknown)[0]!r} here: write {' and '.join(known) or 'nothing besides kind'}."
    for name in part:
        if not isinstance(part[name], str):
            return f"Write {name} as a text."
    if missing := [name for name in needed if not part.get(name)]:
        what = "the variable that its secret is bound under" if missing[0] in _SECRETS else "a text"
        return f"{missing[0]} is missing: give {what}."
    return next((problem for name in ("username",) if (problem := Renderer.syntax_problem(part.get(name, "")))), "")


def _auth_problem(auth: Mapping[str, Any], headers: Any) -> str:
    members = AUTH_KINDS[auth["kind"]]
    return _members_problem(auth, members, needed=members) or _header_problem(auth, headers)


def _header_problem(auth: Mapping[str, Any], headers: Any) -> str:
    name = auth.get("name", "Authorization") if auth["kind"] != "none" else ""
    if not name:
        return ""
    try:
        check_headers([(name, "")])
    except EgressRefused as error:
        return str(error)
    if isinstance(headers, dict) and name.lower() in {str(own).lower() for own in headers}:
        return f"The header {name} is among the headers too: remove it there or here."
    return ""


def _tls_problem(tls: Any) -> str:
    if problem := _members_problem(tls, TLS_MEMBERS, needed=()):
        return problem
    if tls.get("key") and not tls.get("certificate"):
        return "certificate is missing: a key belongs to one."
    return ""


def credentials(context: ExecutionContext, renderer: Renderer) -> Credentials:
    """What goes with the request; raises UnrunnableError for a secret that is not bound."""
    auth = context.config.get("auth") or {"kind": "none"}
    tls = context.config.get("tls") or {}
    headers: list[tuple[str, str]] = []
    masked: list[str] = []
    if auth["kind"] == "basic":
        user = renderer.text(auth["username"], Place("text", "the user name"))
        pair = f"{user}:{_secret(auth, 'password', context, renderer)}"
        token = base64.b64encode(pair.encode()).decode()
        headers.append(("Authorization", f"Basic {token}"))
        # Around the password itself a few characters of the encoded pair would tell of its ends.
        masked += [token, pair]
    elif auth["kind"] == "bearer":
        headers.append(("Authorization", f"Bearer {_secret(auth, 'token', context, renderer)}"))
    elif auth["kind"] == "header":
        headers.append((auth["name"], _secret(auth, "value", context, renderer)))
    certificate = [_secret(tls, name, context, renderer) for name in ("certificate", "key") if tls.get(name)]
    ca = _secret(tls, "ca", context, renderer) if tls.get("ca") else ""
    return Credentials(
        headers=tuple(headers),
        client_certificate="\n".join(certificate).encode() or None,
        ca_bundle=ca.encode() or None,
        masked=tuple(masked),
    )


def signature(context: ExecutionContext, renderer: Renderer, body: bytes) -> tuple[tuple[str, str], ...]:
    """The Standard Webhooks headers of this attempt. The id is the run's, so it stays the same over tries."""
    signing = context.config.get("signing") or {}
    if not signing:
        return ()
    secret = _secret(signing, "secret", context, renderer)
    try:
        return tuple(sign(str(context.run_uid), context.at, body, [secret]).items())
    except SignatureRejected:
        raise UnrunnableError(
            "secret", f"The secret {signing['secret']} cannot sign: store whsec_ and the key in Base64."
        ) from None


def _secret(part: Mapping[str, str], member: str, context: ExecutionContext, renderer: Renderer) -> str:
    wanted = part[member]
    for variable, value in context.secrets.items():
        if variable.lower() == wanted.lower():
            renderer.use(variable)
            # Of a pasted secret the last line break is nobody's intention, and no header could hold it.
            return value.strip()
    raise UnrunnableError(
        "secret", f"{_SECRETS[member]} names {wanted}, under which this action has no secret: bind one under that name."
    )
