"""What the demo made, as one object for scripts and as a few lines for people."""

import json
from typing import Any

from actions.demo.people import load_people
from actions.demo.stories import ROUTE, load_stories

SAMPLE_PACKAGE = {
    "Identifier": "0a3f6d0e-5c1f-4f0e-9d52-7f1a33c0d001",
    "Username": "ci",
    "When": "2026-11-23T09:30:00Z",
    "PayloadType": "PackageAddedWebHookEventPayloadV1",
    "Payload": {
        "PackageType": "NuGet",
        "PackageIdentifier": "Acme.Web",
        "PackageVersion": "1.4.2",
        "PackageDetailsUrl": "https://www.myget.org/feed/acme/package/nuget/Acme.Web/1.4.2",
        "PackageMetadata": {
            "Description": "The web shop.",
            "ReleaseNotes": 'Fixes the "basket" page.',
            "Dependencies": [{"PackageIdentifier": "Acme.Core", "PackageVersion": "2.0.0"}],
        },
        "FeedIdentifier": "acme",
        "FeedUrl": "https://www.myget.org/F/acme/",
    },
}


def load_demo(monitor_url: str, base_url: str) -> dict[str, Any]:
    """Load the demo and describe it; the same answer however often it is called."""
    space = load_people()
    stories = load_stories(space.operator, space.project, monitor_url)
    webhook_url = f"{base_url}{stories.webhook.path}"
    return {
        "base_url": base_url,
        "monitor_url": monitor_url,
        "users": [
            {"username": person.username, "role": person.role, "password": person.password} for person in space.people
        ],
        "api_keys": {person.role: person.api_key for person in space.people},
        "project": {"id": str(space.project.pk), "name": space.project.name, "slug": space.project.slug},
        "projects": {project.slug: str(project.pk) for project in (space.project, space.other_project)},
        "environments": {name: str(environment.pk) for name, environment in stories.environments.items()},
        "triggers": [
            {
                "id": str(stories.webhook.pk),
                "name": stories.webhook.name,
                "kind": "webhook",
                "route": ROUTE,
                "url": webhook_url,
                "key": stories.webhook_key,
            },
            *(
                {"id": str(trigger.pk), "name": trigger.name, "kind": "internal", "event_type": event_type}
                for event_type, trigger in stories.triggers.items()
            ),
        ],
        "reactions": {
            name: {"id": str(reaction.pk), "name": reaction.name, "enabled": reaction.is_enabled}
            for name, reaction in stories.reactions.items()
        },
        "curl": (
            f"curl -X POST '{webhook_url}?apikey={stories.webhook_key}' "
            "-H 'Content-Type: application/vnd.myget.webhooks.v1+json' "
            f"-d '{json.dumps(SAMPLE_PACKAGE, separators=(',', ':'))}'"
        ),
    }
