"""The product's settings with throw-away keys and data, on the database that was asked for.

A settings module rather than conftest.py: Django is set up before pytest reads any conftest.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

# Nothing of a test may touch a real data folder.
_DATA = tempfile.mkdtemp(prefix="reactions-test-")
atexit.register(shutil.rmtree, _DATA, ignore_errors=True)
# Collected files would be here; WhiteNoise warns of a folder that is missing.
(Path(_DATA) / "static").mkdir()

os.environ["REACTIONS_DATA_DIR"] = _DATA
os.environ["SECRET_KEY"] = "a key for tests only, of a fair length, used nowhere else at all 0123456789"
os.environ["REACTIONS_ENCRYPTION_KEYS"] = "an encryption key for tests only 0123456789"
# A power cut in the middle of a test costs nothing.
os.environ["REACTIONS_SQLITE_SYNCHRONOUS"] = "OFF"
for _name in ("DATABASE_URL", "REDIS_URL"):
    os.environ.pop(_name, None)
    if _value := os.environ.get(f"TEST_{_name}"):
        os.environ[_name] = _value
# Each process of a parallel run counts in a Redis database of its own: every test begins by taking the counts away,
# and would take those of the test beside it.
_beside, _url = os.environ.get("PYTEST_XDIST_WORKER", ""), os.environ.get("REDIS_URL")
if _beside and _url:
    _number = int(urlsplit(_url).path.strip("/") or 0) + 1 + int(_beside.removeprefix("gw"))
    os.environ["REDIS_URL"] = urlsplit(_url)._replace(path=f"/{_number}").geturl()

_SHARED = Path(os.environ.get("REACTIONS_SHARED", Path(__file__).resolve().parents[2] / "shared"))
if not os.environ.get("REACTIONS_PWSH") and (_SHARED / "pwsh" / "pwsh").exists():
    os.environ["REACTIONS_PWSH"] = str(_SHARED / "pwsh" / "pwsh")

# Processes that a test starts have the product's own settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "reactions_project.settings"

from reactions_project.settings import *  # noqa: E402, F403

if EMBEDDED:  # noqa: F405
    # A file, as in production: one in memory has other locks, and threads would share one connection.
    # Each process of a parallel run has its own throw-away folder, and so its own file.
    DATABASES["default"]["TEST"] = {"NAME": f"{_DATA}/test.sqlite3"}  # noqa: F405
