"""One server per module: starting it is what takes time."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.server import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A demo without PowerShell, as on a machine that has no pwsh."""
    with running_server(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture(scope="module")
def server_with_powershell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not Path(os.environ.get("REACTIONS_PWSH", "")).is_file():
        if os.environ.get("REACTIONS_REQUIRE_PWSH"):
            pytest.fail("PowerShell is required here and was not found: set REACTIONS_PWSH.")
        pytest.skip("no PowerShell engine: set REACTIONS_PWSH to run this test")
    with running_server(tmp_path_factory.mktemp("data"), powershell=True) as running:
        yield running
