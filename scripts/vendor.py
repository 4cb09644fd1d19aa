"""Fetch the pinned browser files and write them below static/vendor, with licences and VENDOR.json.

For developers only: the server itself needs no Node. Run it as `python scripts/vendor.py` where npm is installed.
"""

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "reactions_project" / "static" / "vendor"
TESTS = ROOT / "tests" / "browser" / "vendor"

# (where, package, version, licence, {path in the package: file name here})
PACKAGES = (
    (STATIC, "htmx.org", "2.0.11", "0BSD", {"dist/htmx.min.js": "htmx.min.js"}),
    (
        STATIC,
        "@fontsource-variable/inter",
        "5.3.0",
        "OFL-1.1",
        {"files/inter-latin-wght-normal.woff2": "inter-latin.woff2"},
    ),
    (
        STATIC,
        "@fontsource-variable/jetbrains-mono",
        "5.3.0",
        "OFL-1.1",
        {"files/jetbrains-mono-latin-wght-normal.woff2": "jetbrains-mono-latin.woff2"},
    ),
    (TESTS, "axe-core", "4.14.1", "MPL-2.0", {"axe.min.js": "axe.min.js"}),
)
LUCIDE = ("lucide-static", "1.62.0", "ISC")
ICONS = """
activity arrow-right ban box chevron-left chevron-right
circle-check circle-dot circle-minus circle-off circle-slash circle-stop circle-x clock
copy copy-check download external-link eye-off folder globe inbox log-out moon play power repeat-2 rocket rotate-ccw
settings shield-off sun sun-moon terminal triangle-alert unplug user webhook x zap
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        for place in (STATIC, TESTS):
            entries = []
            for where, *package in PACKAGES:
                if where == place:
                    entries.extend(copy(place, Path(scratch), *package))
            if place == STATIC:
                entries.append(sprite(Path(scratch)))
            (place / "VENDOR.json").write_text(json.dumps(entries, indent=2) + "\n")


def copy(
    place: Path, scratch: Path, package: str, version: str, licence: str, files: dict[str, str]
) -> Iterator[dict[str, object]]:
    unpacked = unpack(scratch, package, version)
    folder = place / folder_of(package, version)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(unpacked / "LICENSE", folder / "LICENSE")
    for path, name in files.items():
        shutil.copy(unpacked / path, folder / name)
        yield entry(place, folder / name, package, version, licence, path)


def sprite(scratch: Path) -> dict[str, object]:
    """One SVG with a symbol per icon, used as <use href="…/icons.svg#name">."""
    package, version, licence = LUCIDE
    unpacked = unpack(scratch, package, version)
    folder = STATIC / folder_of("lucide", version)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(unpacked / "LICENSE", folder / "LICENSE")
    symbols = []
    for name in ICONS.split():
        text = (unpacked / "icons" / f"{name}.svg").read_text()
        shapes = re.sub(r"\s+", " ", re.sub(r"\A.*?<svg.*?>|</svg>", "", text, flags=re.DOTALL)).strip()
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{shapes}</symbol>')
    target = folder / "icons.svg"
    target.write_text('<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n")
    return entry(STATIC, target, package, version, licence, "icons/*.svg")


def unpack(scratch: Path, package: str, version: str) -> Path:
    made = subprocess.run(
        ["npm", "pack", "--silent", f"{package}@{version}"], cwd=scratch, check=True, capture_output=True, text=True
    )
    folder = scratch / folder_of(package, version)
    with tarfile.open(scratch / made.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def folder_of(package: str, version: str) -> str:
    return f"{package.removesuffix('.org').rsplit('/', 1)[-1]}-{version}"


def entry(place: Path, file: Path, package: str, version: str, licence: str, path: str) -> dict[str, object]:
    content = file.read_bytes()
    return {
        "file": str(file.relative_to(place)),
        "package": package,
        "version": version,
        "licence": licence,
        "path_in_package": path,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }


if __name__ == "__main__":
    main()
