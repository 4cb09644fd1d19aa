"""Browser files from others are what their list says, with a licence beside each, and nothing of ours is inline."""

import hashlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT / "reactions_project/static/vendor", ROOT / "tests/browser/vendor"]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_every_vendored_file_is_listed_and_unchanged(folder):
    listed = {entry["file"]: entry for entry in json.loads((folder / "VENDOR.json").read_text())}
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    licences = {path for path in present if path.endswith("/LICENSE")}
    assert present - licences - {"VENDOR.json"} == set(listed)
    for name, entry in listed.items():
        content = (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], f"{name} was changed"
        assert len(content) == entry["size"]
        assert f"{name.split('/')[0]}/LICENSE" in licences


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_sec_71_no_template_has_inline_script_style_or_handlers(template):
    text = template.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert not re.search(r"(src|href)=\"(https?:)?//", text)
    assert "|safe" not in text
    assert "autoescape off" not in text


def test_every_icon_that_a_template_names_is_in_the_sprite():
    sprite = (ROOT / "reactions_project/static/vendor/lucide-1.62.0/icons.svg").read_text()
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', sprite))
    used = set()
    for template in TEMPLATES:
        text = template.read_text()
        used |= set(re.findall(r'{% icon "([\w-]+)"', text))
        used |= set(re.findall(r'{% pill "[^"]+" "[\w-]+" "([\w-]+)"', text))
    from actions.templatetags import states

    for table in (states._RUN, states._VERDICT, states._DEPLOYMENT):
        used |= {icon for _, _, icon in table.values()}
    assert used <= drawn
