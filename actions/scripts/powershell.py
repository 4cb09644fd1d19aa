"""PowerShell scripts, for PowerShell 7.2 and newer."""

from importlib import resources
from pathlib import Path

from actions.scripts.base import Layout, ScriptJob, ScriptSettings
from actions.scripts.interpreters import chosen

_BOOTSTRAP = resources.files("actions.scripts") / "bootstrap"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class PowerShell:
    name = "powershell"
    label = "PowerShell"
    extension = "ps1"
    setting = "REACTIONS_PWSH"

    def find(self, settings: ScriptSettings) -> Path | None:
        return chosen(settings.pwsh, "pwsh", settings.search_path)

    def folders(self, interpreter: Path, settings: ScriptSettings) -> list[Path]:
        del settings
        return [interpreter.resolve().parent]

    def command(self, interpreter: Path, layout: Layout) -> list[str]:
        helper = str(layout.inputs / "powershell.ps1")
        return [str(interpreter.resolve()), "-NoProfile", "-NoLogo", "-NonInteractive", "-File", helper]

    def files(self, job: ScriptJob) -> dict[str, bytes]:
        del job
        return {"powershell.ps1": _BYTE_ORDER_MARK + (_BOOTSTRAP / "powershell.ps1").read_bytes()}

    def environment(self, settings: ScriptSettings, job: ScriptJob, layout: Layout) -> dict[str, str]:
        """The module cache is private to the run: shared ones are corrupted by parallel starts."""
        del settings
        return {
            "XDG_CACHE_HOME": str(layout.temporary / "cache"),
            "POWERSHELL_TELEMETRY_OPTOUT": "1",
            "POWERSHELL_UPDATECHECK": "Off",
            "DOTNET_EnableDiagnostics": "0",
            "DOTNET_GCHeapHardLimit": f"0x{job.limits.memory_bytes:x}",
            "NO_COLOR": "1",
        }
