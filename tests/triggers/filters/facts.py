"""Events to put filters to: a package that MyGet announces, and a deployment to Staging."""

from triggers.filters import EventFacts

PACKAGE = EventFacts(
    type="webhook",
    source="webhook",
    project={"id": "Projects-12", "name": "Core Web", "slug": "core-web"},
    payload={
        "Identifier": "7a48ce8c-728d-4350-8da8-e283d6fce277",
        "PayloadType": "PackageAddedWebHookEventPayloadV1",
        "Payload": {
            "PackageIdentifier": "Acme.Web",
            "PackageVersion": "1.0.0-CI00002",
            "PackageMetadata": {
                "Size": 6158,
                "ReleaseNotes": None,
                "Tags": ["web", "shop"],
                "IsListed": True,
                "Dependencies": [
                    {"PackageIdentifier": "Acme.Core", "PackageVersion": "2.0.0"},
                    {"PackageIdentifier": "Acme.Data", "TargetFramework": "net48"},
                ],
            },
            "detail-type": "push",
            "a.b": {'say "hi"': 1},
        },
        "Empty": [],
    },
    query={"feed": "acme", "dry-run": "False", "limit": "10"},
    headers={"User-Agent": "MyGet/1.0", "X-GitHub-Event": "push"},
)

DEPLOYMENT = EventFacts(
    type="DeploymentSucceeded",
    source="catalog",
    actor="alice",
    project={"id": "Projects-12", "name": "Core Web", "slug": "core-web"},
    environment={"id": "Environments-3", "name": "Staging", "slug": "staging"},
    release={"id": "Releases-31", "version": "1.10.0"},
    deployment={"id": "Deployments-77"},
    payload={"Release": {"Number": "1.10.0"}},
)
