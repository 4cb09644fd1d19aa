"""Where the interpreters of this worker are."""

import shutil
from pathlib import Path


def find_program(name: str, search_path: str) -> Path | None:
    found = shutil.which(name, path=search_path)
    return Path(found) if found else None


def chosen(setting: Path | None, name: str, search_path: str) -> Path | None:
    """The operator's choice if there is one, and then no other; otherwise what is found."""
    if setting is None:
        return find_program(name, search_path)
    return setting if shutil.which(str(setting)) else None
