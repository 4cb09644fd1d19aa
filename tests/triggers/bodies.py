"""Bodies as MyGet and GitHub send them, in words of our own."""

import json
from typing import Any

MYGET = "application/vnd.myget.webhooks.v1+json"


def myget(
    kind: str = "PackageAdded", identifier: str = "3c1f2f2e-1111-4222-8333-444455556666", **payload: Any
) -> bytes:
    """With the byte order mark that MyGet sends."""
    body = {
        "Identifier": identifier,
        "Username": "release-bot",
        "When": "2026-03-04T05:06:07.1234567Z",
        "PayloadType": f"{kind}WebHookEventPayloadV1",
        "Payload": {
            "PackageType": "NuGet",
            "PackageIdentifier": "Acme.Web",
            "PackageVersion": "1.4.2",
            "PackageMetadata": {"ReleaseNotes": "Größer, schneller ☃", "Dependencies": []},
            "FeedIdentifier": "acme",
            "FeedUrl": "https://www.myget.org/F/acme/",
            **payload,
        },
    }
    return b"\xef\xbb\xbf" + json.dumps(body, ensure_ascii=False).encode()


def github_push() -> dict[str, Any]:
    return {
        "ref": "refs/heads/main",
        "repository": {"full_name": "acme/web"},
        "sender": {"login": "release-bot"},
        "commits": [],
    }
