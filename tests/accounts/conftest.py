from uuid import uuid4

import pytest

from accounts.callers import Caller, RunGrant
from accounts.models import Project


@pytest.fixture
def run_caller():
    """`run_caller(project)` is what a script's API client acts as."""

    def make(project: Project) -> Caller:
        return Caller(user=None, run=RunGrant(project.pk, uuid4(), uuid4(), (), "reaction Tell them"))

    return make
