"""What one inbound request may look like, and how its body, query and headers are read (SEC-31, SEC-34). Pure.

Nothing here knows of keys, triggers or the database. Every refusal is a PayloadRejected with the status to answer:
400 (broken or hostile), 413 (body too large), 415 (a kind of body we do not read), 431 (headers too large).
"""

from triggers.limits.base import DEFAULT_LIMITS, Limits, PayloadRejected
from triggers.limits.body import MediaType, Parsed, media_type_of, parse_body, parse_json
from triggers.limits.headers import check_headers, safe_headers
from triggers.limits.query import KEY_PARAMETERS, key_in_query, parse_query

__all__ = [
    "DEFAULT_LIMITS",
    "KEY_PARAMETERS",
    "Limits",
    "MediaType",
    "Parsed",
    "PayloadRejected",
    "check_headers",
    "key_in_query",
    "media_type_of",
    "parse_body",
    "parse_json",
    "parse_query",
    "safe_headers",
]
