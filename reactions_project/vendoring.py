"""Fetch the pinned browser files and write them below static/vendor, with licences and VENDOR.json.

For developers only: the server itself needs no Node. Run it where npm is: `python -m reactions_project.vendoring`.
"""

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "reactions_project" / "static" / "vendor"
TESTS = ROOT / "tests" / "browser" / "vendor"


@dataclass(frozen=True)
class Package:
    """`files` maps a path in the package to the name that the file has here."""

    place: Path
    name: str
    version: str
    licence: str
    files: Mapping[str, str]


PACKAGES = (
    Package(STATIC, "htmx.org", "2.0.11", "0BSD", {"dist/htmx.min.js": "htmx.min.js"}),
    Package(
        STATIC,
        "@fontsource-variable/inter",
        "5.3.0",
        "OFL-1.1",
        {"files/inter-latin-wght-normal.woff2": "inter-latin.woff2"},
    ),
    Package(
        STATIC,
        "@fontsource-variable/jetbrains-mono",
        "5.3.0",
        "OFL-1.1",
        {"files/jetbrains-mono-latin-wght-normal.woff2": "jetbrains-mono-latin.woff2"},
    ),
    Package(TESTS, "axe-core", "4.14.1", "MPL-2.0", {"axe.min.js": "axe.min.js"}),
)
LUCIDE = Package(STATIC, "lucide-static", "1.62.0", "ISC", {})
ICONS = """
activity arrow-right ban box chevron-left chevron-right
circle-check circle-dot circle-minus circle-off circle-slash circle-stop circle-x clock
copy copy-check download external-link eye-off folder globe inbox log-out moon play power repeat-2 rocket rotate-ccw
settings shield-off sun sun-moon terminal triangle-alert unplug user webhook x zap
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for place in (STATIC, TESTS):
            entries = [entry for package in PACKAGES if package.place == place for entry in copied(package, scratch)]
            if place == STATIC:
                entries.append(sprite(LUCIDE, scratch))
            (place / "VENDOR.json").write_text(json.dumps(entries, indent=2) + "\n")


def copied(package: Package, scratch: Path) -> Iterator[dict[str, object]]:
    unpacked = unpack(package, scratch)
    folder = package.place / folder_of(package)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(unpacked / "LICENSE", folder / "LICENSE")
    for path, name in package.files.items():
        shutil.copy(unpacked / path, folder / name)
        yield entry_of(folder / name, package, path)


def sprite(package: Package, scratch: Path) -> dict[str, object]:
    """One SVG with a symbol per icon, used as <use href="…/icons.svg#name">."""
    unpacked = unpack(package, scratch)
    folder = package.place / folder_of(package)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(unpacked / "LICENSE", folder / "LICENSE")
    symbols = []
    for name in ICONS.split():
        text = (unpacked / "icons" / f"{name}.svg").read_text()
        shapes = re.sub(r"\s+", " ", re.sub(r"\A.*?<svg.*?>|</svg>", "", text, flags=re.DOTALL)).strip()
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{shapes}</symbol>')
    target = folder / "icons.svg"
    target.write_text('<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n")
    return entry_of(target, package, "icons/*.svg")


def unpack(package: Package, scratch: Path) -> Path:
    made = subprocess.run(
        ["npm", "pack", "--silent", f"{package.name}@{package.version}"],
        cwd=scratch,
        check=True,
        capture_output=True,
        text=True,
    )
    folder = scratch / folder_of(package)
    with tarfile.open(scratch / made.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def folder_of(package: Package) -> str:
    name = package.name.rsplit("/", 1)[-1].removesuffix(".org").removesuffix("-static")
    return f"{name}-{package.version}"


def entry_of(file: Path, package: Package, path: str) -> dict[str, object]:
    content = file.read_bytes()
    return {
        "file": str(file.relative_to(package.place)),
        "package": package.name,
        "version": package.version,
        "licence": package.licence,
        "path_in_package": path,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }


if __name__ == "__main__":
    main()
