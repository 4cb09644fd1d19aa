"""JSON bodies of the management API, under the same limits as webhooks (SEC-31)."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.parsers import BaseParser

from reactions_project.strict_json import DEFAULT_LIMITS, JsonRejected, parse_json


class BodyRejected(APIException):
    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.status_code = code


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            # One byte over the limit is enough to refuse it; the rest stays unread.
            return parse_json(stream.read(DEFAULT_LIMITS.size_bytes + 1))
        except JsonRejected as error:
            raise BodyRejected(error.status, str(error)) from None
