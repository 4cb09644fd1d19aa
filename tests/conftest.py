"""What every test has: throw-away keys and data, the database that was asked for, and the shared corpus if it is there."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# Before Django reads its settings: nothing of a test may touch a real data folder.
_DATA = tempfile.mkdtemp(prefix="reactions-test-")
atexit.register(shutil.rmtree, _DATA, ignore_errors=True)
os.environ["REACTIONS_DATA_DIR"] = _DATA
os.environ["SECRET_KEY"] = "a key for tests only, of a fair length, used nowhere else at all 0123456789"
os.environ["REACTIONS_ENCRYPTION_KEYS"] = "an encryption key for tests only 0123456789"
for name in ("DATABASE_URL", "REDIS_URL"):
    os.environ.pop(name, None)
    if value := os.environ.get(f"TEST_{name}"):
        os.environ[name] = value
SHARED = Path(os.environ.get("REACTIONS_SHARED", Path(__file__).resolve().parents[2] / "shared"))
if not os.environ.get("REACTIONS_PWSH") and (SHARED / "pwsh" / "pwsh").exists():
    os.environ["REACTIONS_PWSH"] = str(SHARED / "pwsh" / "pwsh")

import pytest  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402

from accounts.models import User  # noqa: E402


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The shared corpus beside the checkout; tests that need it skip where it is not."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared corpus is not at {SHARED}: set REACTIONS_SHARED to run this test")
    return SHARED


@pytest.fixture
def client_for():
    """`client_for(user)` is an API client with a fresh key of that person; `client_for(None)` has none."""
    from tests.factories import api_key

    def make(user: User | None, scopes: tuple[str, ...] = ("read", "write", "run")) -> APIClient:
        client = APIClient()
        if user is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_key(user, scopes)}")
        return client

    return make
