"""The HTTP kind: method, URI, query, headers and body templated in `#{...}`; rendered and judged here, sent by the
engine (RFC, "Internal Events and Outgoing HTTP Actions")."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Literal

from actions.kinds.base import ConfigError, ExecutionContext, Field, Outcome, PreparedRequest, UnrunnableError
from actions.kinds.http_body import BODY_KINDS, render_body
from actions.kinds.http_credentials import credential_problems, credentials, signature
from actions.kinds.rendering import Place, Renderer, origin_of
from actions.redaction import Masker
from reactions_project.egress.policy import EgressError, EgressRequest, EgressResponse
from triggers.filters.fields import EventFacts, Found, look_up

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
ON_UNRESOLVED = ("fail", "keep", "empty")
# What a target may answer so that a later try may go better; other 4xx are the request's own fault (SEC-44).
RETRYABLE = frozenset({408, 425, 429})
_KEPT_BYTES = 262_144
_SCHEME = re.compile(r"\A(https?://|#\{)", re.IGNORECASE)


class HttpKind:
    name: ClassVar[str] = "http"
    label: ClassVar[str] = "HTTP request"
    description: ClassVar[str] = "Send a request whose URI, headers and body are templates."
    sends_http: ClassVar[bool] = True
    executor: ClassVar[Literal["http", "script"]] = "http"
    fields: ClassVar[tuple[Field, ...]] = (
        Field("method", "Method", "choice", required=True, choices=tuple((m, m) for m in METHODS), default="POST"),
        Field("url", "URI", "template", required=True, help="https://monitor.example.com/#{Octopus.Project.Id}"),
        Field("query", "Query", "headers", default={}),
        Field("headers", "Headers", "headers", default={}),
        Field("body", "Body", "json", default={"kind": "none"}),
        Field(
            "auth",
            "Authentication",
            "json",
            default={"kind": "none"},
            help='{"kind": "basic", "username": …, "password": VARIABLE}, {"kind": "bearer", "token": VARIABLE} or '
            '{"kind": "header", "name": …, "value": VARIABLE}; VARIABLE is what a secret is bound under.',
        ),
        Field(
            "signing",
            "Signature (Standard Webhooks)",
            "json",
            default={},
            help='{"secret": VARIABLE} adds webhook-id, webhook-timestamp and webhook-signature.',
        ),
        Field(
            "tls",
            "Certificates",
            "json",
            default={},
            help='{"certificate": VARIABLE, "key": VARIABLE, "ca": VARIABLE}, each optional, as PEM.',
        ),
        Field(
            "on_unresolved",
            "When a token is not known",
            "choice",
            choices=(
                ("fail", "Fail before sending"),
                ("keep", "Send it as it stands"),
                ("empty", "Send nothing for it"),
            ),
            default="fail",
        ),
        Field("expect", "Statuses that count as success", "json", default=[]),
        Field("capture", "Values to keep from the answer", "json", default={}),
    )

    def validate(self, config: Mapping[str, Any]) -> None:
        errors = {
            name: f"An HTTP action has no setting {name!r}: remove it."
            for name in set(config) - {field.name for field in self.fields}
        }
        if config.get("method", "POST") not in METHODS:
            errors["method"] = f"Choose a method: {', '.join(METHODS)}."
        url = config.get("url")
        if not isinstance(url, str) or not _SCHEME.match(url):
            errors["url"] = "Write an address that begins with https:// or http://, or with a variable that does."
        for name in ("query", "headers", "capture"):
            if not _is_text_map(config.get(name, {})):
                errors[name] = f"Write {name} as an object of names and texts."
        if config.get("on_unresolved", "fail") not in ON_UNRESOLVED:
            errors["on_unresolved"] = f"Choose one of {', '.join(ON_UNRESOLVED)}."
        expect = config.get("expect", [])
        if not isinstance(expect, list) or not all(isinstance(code, int) and 100 <= code < 600 for code in expect):
            errors["expect"] = "Write a list of statuses such as [200, 201]."
        errors.update(credential_problems(config))
        if problem := _body_problem(config.get("body", {"kind": "none"})):
            errors["body"] = problem
        for place, text in _templates(config):
            if problem := Renderer.syntax_problem(text):
                errors.setdefault(place, f"{problem}")
        if errors:
            raise ConfigError(errors)

    def target_key(self, config: Mapping[str, Any], variables: Mapping[str, str]) -> str:
        return Renderer(variables).origin(str(config["url"]))

    def prepare(self, context: ExecutionContext) -> PreparedRequest:
        prepared = self.draft(context)
        if prepared.unresolved and context.config.get("on_unresolved", "fail") == "fail":
            raise UnrunnableError("unresolved", " ".join(token.sentence for token in prepared.unresolved[:5]))
        return prepared

    def draft(self, context: ExecutionContext) -> PreparedRequest:
        config = context.config
        policy = str(config.get("on_unresolved", "fail"))
        renderer = Renderer({**context.variables, **context.secrets}, policy)
        url = renderer.url(str(config["url"]), dict(config.get("query", {})))
        headers = [
            (name, renderer.text(value, Place("header", name))) for name, value in config.get("headers", {}).items()
        ]
        content_type, body = render_body(config.get("body", {"kind": "none"}), renderer)
        if content_type and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", content_type))
        proof = credentials(context, renderer)
        headers += [*proof.headers, *signature(context, renderer, body)]
        own = {name.lower() for name, _ in headers}
        headers += [(name, value) for name, value in _identity(context) if name.lower() not in own]
        request = EgressRequest(
            method=str(config.get("method", "POST")),
            url=url,
            headers=tuple(headers),
            body=body,
            deadline=float(context.timeout_seconds),
            allowed_hosts=_allowed_hosts(context, renderer),
            client_certificate=proof.client_certificate,
            ca_bundle=proof.ca_bundle,
        )
        masker = Masker([*proof.masked, *context.secrets.values()])
        return PreparedRequest(request, self._shown(request, masker), tuple(renderer.unresolved), masker)

    def conclude(
        self, context: ExecutionContext, prepared: PreparedRequest, answer: EgressResponse | EgressError
    ) -> Outcome:
        if isinstance(answer, EgressError):
            return Outcome(
                ok=False, code=answer.kind, reason=str(answer), retryable=answer.retryable, request=prepared.shown
            )
        masker = prepared.masker
        status = answer.status
        expected = context.config.get("expect") or ()
        ok = status in expected if expected else 200 <= status < 300
        text = answer.body.decode("utf-8", "replace").replace("\0", "\ufffd")
        captured, problem = _captured(context.config.get("capture", {}), text) if ok else ({}, "")
        host = prepared.shown["host"]
        return Outcome(
            ok=ok,
            code="ok" if ok else f"http_{status}",
            reason=f"{host} answered {status} {answer.reason}".rstrip() + f".{problem}",
            retryable=status in RETRYABLE or status >= 500,
            retry_after=_retry_after(answer, context.at),
            http_status=status,
            request=prepared.shown,
            response={
                "status": status,
                "headers": [[name, masker.mask(value)] for name, value in answer.headers],
                "body": masker.mask(text[:_KEPT_BYTES]),
                "truncated": answer.truncated,
            },
            timings=answer.timings.to_json(),
            outputs={name: masker.mask(value) for name, value in captured.items()},
        )

    def _shown(self, request: EgressRequest, masker: Masker) -> dict[str, Any]:
        return {
            "method": request.method,
            "url": masker.mask(request.url),
            "host": masker.mask(origin_of(request.url)),
            "headers": [[name, masker.mask(value)] for name, value in request.headers],
            "body": masker.mask(request.body.decode("utf-8", "replace"))[:_KEPT_BYTES],
        }


def _identity(context: ExecutionContext) -> tuple[tuple[str, str], ...]:
    return (
        ("User-Agent", "Reactions"),
        # Stable over tries, so that the target can tell a repeat (SEC-44).
        ("Idempotency-Key", str(context.run_uid)),
        ("X-Reactions-Attempt", str(context.attempt)),
    )


def _allowed_hosts(context: ExecutionContext, renderer: Renderer) -> tuple[str, ...] | None:
    """Where every secret that was used may go; None when none of them is limited (SEC-23)."""
    limits = [set(hosts) for variable, hosts in context.allowed_hosts.items() if renderer.used(variable)]
    return tuple(sorted(set.intersection(*limits))) if limits else None


def _captured(wanted: Mapping[str, str], text: str) -> tuple[dict[str, str], str]:
    """Values of the answer by their paths, and a sentence when something was not there."""
    if not wanted:
        return {}, ""
    try:
        answer = json.loads(text)
    except ValueError:
        return {}, " Nothing was captured, since the answer is not JSON."
    facts = EventFacts(type="", payload=answer)
    found: dict[str, str] = {}
    missing: list[str] = []
    for name, path in wanted.items():
        value = look_up(f"payload{path}" if path.startswith("[") else f"payload.{path}", facts)
        if isinstance(value, Found):
            found[name] = value.value if isinstance(value.value, str) else json.dumps(value.value)
        else:
            missing.append(path)
    return found, f" The answer has no {', '.join(missing)} to capture." if missing else ""


def _retry_after(answer: EgressResponse, now: datetime) -> float | None:
    """Seconds to wait: the header holds them, or a date (RFC 9110 §10.2.3)."""
    value = next((value.strip() for name, value in answer.headers if name.lower() == "retry-after"), "")
    if value.isdecimal() and value.isascii():
        return float(value[:10])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())


def _is_text_map(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(k, str) and isinstance(v, str) for k, v in value.items())


def _body_problem(body: Any) -> str:
    if not isinstance(body, dict) or body.get("kind") not in BODY_KINDS:
        return f'Write the body as {{"kind": ...}} with one of {", ".join(BODY_KINDS)}.'
    return BODY_KINDS[body["kind"]](body)


def _templates(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [("url", config.get("url"))]
    found += [("headers", value) for value in dict(config.get("headers") or {}).values()]
    found += [("query", value) for value in dict(config.get("query") or {}).values()]
    return [(place, text) for place, text in found if isinstance(text, str)]
