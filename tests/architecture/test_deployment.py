"""A production environment passes Django's own checks, and models and migrations agree."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_sec_71_check_deploy_is_clean(tmp_path: Path):
    environment = {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "PYTHONPATH"}},
        "REACTIONS_DATA_DIR": str(tmp_path),
        "REACTIONS_BASE_URL": "https://reactions.example.com",
        "ALLOWED_HOSTS": "reactions.example.com",
        "SECRET_KEY": "N0t-for-use-8c1f4f0e9d527f1a33c0d001-only-for-this-check-of-settings",
        "REACTIONS_ENCRYPTION_KEYS": "an encryption key for this check only 0123456789",
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110)
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout
