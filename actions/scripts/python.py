"""Python scripts. They run under the worker's own Python version, without the product's packages, unless the operator
names another interpreter; its virtual environment then comes along."""

import sys
from importlib import resources
from pathlib import Path

from actions.scripts.base import Layout, ScriptJob, ScriptSettings
from actions.scripts.interpreters import chosen

_BOOTSTRAP = resources.files("actions.scripts") / "bootstrap"


class Python:
    name = "python"
    label = "Python"
    extension = "py"
    setting = "REACTIONS_PYTHON"

    def find(self, settings: ScriptSettings) -> Path | None:
        return worker_python(settings)

    def folders(self, interpreter: Path, settings: ScriptSettings) -> list[Path]:
        del settings
        return python_folders(interpreter)

    def command(self, interpreter: Path, layout: Layout) -> list[str]:
        # -I keeps environment and current folder out of the import path, -u lets output through at once.
        return [str(interpreter), "-u", "-I", "-B", "-X", "utf8", str(layout.inputs / "python_helper.py")]

    def files(self, job: ScriptJob) -> dict[str, bytes]:
        del job
        return {name: (_BOOTSTRAP / name).read_bytes() for name in ("python_helper.py", "api_client.py")}

    def environment(self, settings: ScriptSettings, job: ScriptJob, layout: Layout) -> dict[str, str]:
        del settings, job, layout
        return {}


def worker_python(settings: ScriptSettings) -> Path | None:
    if settings.python is not None:
        return chosen(settings.python, "python3", settings.search_path)
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    return base if base.exists() else chosen(None, "python3", settings.search_path)


def python_folders(interpreter: Path) -> list[Path]:
    """The installation, and for a virtual environment both it and the installation it was made from."""
    prefixes = {interpreter.resolve().parent.parent}
    if (interpreter.parent.parent / "pyvenv.cfg").exists():
        prefixes.add(interpreter.parent.parent)
    return sorted(prefix for prefix in prefixes if prefix != Path("/"))
