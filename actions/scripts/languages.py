"""The languages a script may be written in, by name."""

from pathlib import Path

from actions.scripts.base import InvalidJobError, Language, ScriptSettings
from actions.scripts.bash import Bash
from actions.scripts.powershell import PowerShell
from actions.scripts.python import Python

languages: dict[str, Language] = {language.name: language for language in (PowerShell(), Python(), Bash())}


def language_named(name: str) -> Language:
    try:
        return languages[name]
    except KeyError:
        raise InvalidJobError(
            f'The script language "{name}" is unknown: choose one of {", ".join(languages)}.'
        ) from None


def find_interpreter(name: str, settings: ScriptSettings) -> Path | None:
    return language_named(name).find(settings)


def missing_interpreter(name: str) -> str:
    language = language_named(name)
    program = {"powershell": "pwsh", "python": "python3"}.get(name, name)
    return (
        f"{language.label} is not installed on this worker: install {program}, or set {language.setting} to the path "
        "of the program."
    )
