"""SEC-54: what scripts are given arrives as data, under names that steer nothing."""

import subprocess
import sys

import pytest

from actions.scripts.base import InvalidJobError, ScriptSettings
from actions.scripts.bash import unfold
from actions.scripts.inputs import check_environment
from tests.actions.scripts.conftest import run

HOSTILE = [
    "$(touch /tmp/owned)",
    "`id`",
    "'; exit 7; '",
    '"; exit 7; "',
    "\n'@\nexit 7\n@'",
    "${IFS}",
    "#{Octopus.Project.Name}",
    "##octopus[setVariable name='QQ==' value='Yg==']",
    "\\u0041 \\x41 \\",
    "-n",
    "%s%n",
    "é \u202e \U0001f600",
    "tab\tnew\nline",
]
SHOWING = {
    "powershell": "foreach ($value in $Payload.value, $OctopusParameters['Hostile'], $Query.q) "
    "{ [Convert]::ToHexString([Text.Encoding]::UTF8.GetBytes($value)).ToLower() }",
    "python": "for value in payload['value'], get_octopusvariable('Hostile'), query['q']: print(value.encode().hex())",
    "bash": 'for v in "$(get_octopusvariable Payload.value)" "$(get_octopusvariable Hostile)" "${Query[q]}"; do '
    "printf %s \"$v\" | od -An -v -tx1 | tr -d ' \\n'; echo; done",
}


def test_sec_54_hostile_values_arrive_unchanged_and_run_nothing(settings: ScriptSettings, language: str) -> None:
    for value in HOSTILE:
        given = {"payload": {"value": value}, "query": {"q": value}, "variables": {"Hostile": value}}
        ran = run(settings, language, SHOWING[language], **given)
        assert ran.text.split("\n") == [value.encode().hex()] * 3, ran.text
        assert ran.result.outputs == {}


NAMES = dict.fromkeys(
    (
        "LD_PRELOAD",
        "PYTHONPATH",
        "BASH_ENV",
        "PATH",
        "PSModulePath",
        "PSHOME",
        "ErrorActionPreference",
        "LASTEXITCODE",
        "OFS",
        "a]b$(touch x)",
        "",
        "=",
        "é",
        "x\x00y",
    ),
    "hostile",
)
STILL_FINE = {
    "powershell": "\"$PSHOME|$ErrorActionPreference|$env:LD_PRELOAD$env:PSModulePath|$OFS\" -match 'hostile'\n"
    "[string]::IsNullOrEmpty($env:BASH_ENV)",
    "python": "import os\nprint('hostile' in os.environ.values())\nprint(not os.environ.get('BASH_ENV'))",
    "bash": 'set -eu\ncase "$PATH${LD_PRELOAD-}${BASH_ENV-}${PSHOME-}" in *hostile*) echo True;; *) echo False;; esac\n'
    'get_octopusvariable xy >&2; [ -z "${BASH_ENV-}" ] && echo True',
}


def test_sec_54_variable_names_reach_neither_environment_nor_engine(settings: ScriptSettings, language: str) -> None:
    ran = run(settings, language, STILL_FINE[language], variables=NAMES, query=NAMES)
    assert ran.at("info") == ["False", "True"], ran.text
    assert ran.result.exit_code == 0


@pytest.mark.parametrize(
    "name",
    [
        "LD_PRELOAD",
        "ld_library_path",
        "PYTHONSTARTUP",
        "BASH_ENV",
        "BASH_FUNC_ls%%",
        "PATH",
        "PSModulePath",
        "ENV",
        "IFS",
        "NODE_OPTIONS",
        "REACTIONS_INPUTS",
        "1A",
        "a b",
        "a=b",
        "",
        "é",
    ],
)
def test_sec_54_environment_names_that_steer_programs_are_refused(name: str, plain: ScriptSettings) -> None:
    with pytest.raises(InvalidJobError):
        check_environment({name: "x"})
    assert "environment value" in run(plain, "bash", "true", environment={name: "x"}).result.reason


def test_sec_54_other_environment_values_arrive(settings: ScriptSettings) -> None:
    assert run(settings, "bash", 'echo "$TARGET"', environment={"TARGET": "a 'b'\n$c"}).text == "a 'b'\n$c"


def test_sec_54_the_workers_environment_is_not_passed_on(
    settings: ScriptSettings, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "of-the-worker")
    sources = {
        "powershell": "[Environment]::GetEnvironmentVariable('SECRET_KEY') -eq $null",
        "python": "import os; print('SECRET_KEY' not in os.environ)",
        "bash": 'echo "${SECRET_KEY-True}"',
    }
    assert run(settings, language, sources[language]).text == "True"


LEFT = {
    "powershell": "[IO.Directory]::GetFiles($env:REACTIONS_INPUTS) | % { [IO.Path]::GetFileName($_) }",
    "python": "import os; print(' '.join(sorted(os.listdir(os.environ['REACTIONS_INPUTS']))))",
    "bash": 'cd "$REACTIONS_INPUTS"; echo *',
}


def test_files_with_the_token_are_gone_when_the_script_starts(settings: ScriptSettings, language: str) -> None:
    left = run(settings, language, LEFT[language], api_token="token-of-run").text
    assert "context.json" not in left
    assert not {"api", "variables", "query"} & set(left.split())
    assert "payload.json" in left


def test_secrets_are_in_no_command_line(settings: ScriptSettings, language: str) -> None:
    sources = {
        "powershell": "foreach ($f in [IO.Directory]::GetDirectories('/proc')) { "
        "try { [IO.File]::ReadAllText(\"$f/cmdline\").Contains('tok' + 'en-of-run') } catch { } }",
        "python": "import glob\nfor f in glob.glob('/proc/[0-9]*/cmdline'):\n"
        "    try: print('tok' + 'en-of-run' in open(f).read())\n    except OSError: pass",
        "bash": "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c 'tok[e]n-of-run' | sed s/0/False/",
    }
    ran = run(settings, language, sources[language], api_token="token-of-run", sensitive=["token-of-run"])
    assert set(ran.at("info")) == {"False"}, ran.text


def test_running_scripts_needs_no_web_framework() -> None:
    program = "import actions.scripts.runner, sys; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_bash_gets_one_variable_per_value() -> None:
    assert dict(unfold("P", {"a": [1, {"b": None}], "c": {"d": True}, "e": ""})) == {
        "P.a[0]": "1",
        "P.c.d": "true",
        "P.e": "",
    }
