"""The template language beside Jinja2, same texts, same run, warm caches: `make bench`."""

import json
import re
from typing import Any

import jinja2
import pytest

from actions.octostache import Opaque, VariableTree, render
from tests.conftest import SHARED

MARKER = (
    '{"deployment": {"revision": "%s", "changelog": "%s", "description": "%s of %s to %s by %s", "user": "%s", '
    '"timestamp": "%s"}}'
)
NAMES = (
    "Octopus.Release.Number", "Octopus.Release.Notes", "Octopus.Deployment.Name", "Octopus.Project.Name",
    "Octopus.Environment.Name", "Octopus.Deployment.CreatedBy.Username", "Octopus.Event.Username", "Octopus.Event.Occurred",
)  # fmt: skip
VALUES = {name: Opaque(f"the value of {name}, with some words behind it") for name in NAMES}
ITEMS = {f"Package[{n}].{part}": f"{part} {n}" for n in range(50) for part in ("Name", "Version")}

BODIES: dict[str, tuple[str, dict[str, str], str, dict[str, Any]]] = {
    "a marker with 8 tokens": (
        MARKER % tuple(f"#{{{name}}}" for name in NAMES),
        dict(VALUES),
        MARKER % tuple(f"{{{{ {name.replace('.', '_')} }}}}" for name in NAMES),
        {name.replace(".", "_"): str(value) for name, value in VALUES.items()},
    ),
    "an each over 50 items": (
        "#{each p in Package}#{p.Name | ToUpper}=#{p.Version}#{if Octopus.Template.Each.Last}.#{else}, #{/if}#{/each}",
        ITEMS,
        "{% for p in packages %}{{ p.name | upper }}={{ p.version }}{% if loop.last %}.{% else %}, {% endif %}{% endfor %}",
        {"packages": [{"name": f"Name {n}", "version": f"Version {n}"} for n in range(50)]},
    ),
}


def shared_marker() -> dict[str, tuple[str, dict[str, str], str, dict[str, Any]]]:
    """The deployment marker of the shared list of integrations, where it lies beside the checkout."""
    listed = SHARED / "octopus" / "integrations.json"
    if not listed.is_file():
        return {}
    operations = [one for made in json.loads(listed.read_text())["outgoing"] for one in made["operations"]]
    body = json.dumps(next(one["body"] for one in operations if one["id"] == "deployment_marker_rest_v2"))
    names = re.findall(r"#\{([\w.]+)\}", body)
    theirs = re.sub(r"#\{([\w.]+)\}", lambda token: "{{ " + token[1].replace(".", "_") + " }}", body)
    values = {name: f"the value of {name}, with some words behind it" for name in names}
    named = {name.replace(".", "_"): value for name, value in values.items()}
    return {"the shared New Relic marker": (body, {k: Opaque(v) for k, v in values.items()}, theirs, named)}


BODIES |= shared_marker()


@pytest.mark.parametrize("engine", ["ours", "jinja2"])
@pytest.mark.parametrize("body", BODIES)
def test_rendering(benchmark: Any, body: str, engine: str) -> None:
    ours, variables, theirs, context = BODIES[body]
    benchmark.group = body
    tree = VariableTree(variables)
    template = jinja2.Environment(autoescape=False).from_string(theirs)
    assert render(ours, tree).text == template.render(context)
    if engine == "ours":
        benchmark(lambda: render(ours, tree))
    else:
        benchmark(lambda: template.render(context))
