"""What script authors find in each language: the same functions, the same facts, the same endings."""

import pytest

from actions.scripts.base import Artifact, InvalidJobError, OutputVariable, Progress, ScriptSettings
from actions.scripts.languages import find_interpreter, languages, missing_interpreter
from tests.actions.scripts.conftest import run

PAYLOAD = {
    "release": {"version": "1.2.3", "ok": True},
    "tags": ["a", "b"],
    "size": 12345678901,
    "ratio": 0.5,
    "no": None,
}
GIVEN = {
    "payload": PAYLOAD,
    "query": {"feed": "ext é"},
    "event": {"type": "ReleaseCreated", "release": {"id": "Releases-1"}},
    "variables": {"Octopus.Project.Name": "Core Web", "Odd[x]": "y", "Empty": ""},
}

READING = {
    "powershell": """
        $Payload.release.version
        $Payload.tags[1]
        "$($Payload.tags.Count) $($Payload.release.ok) $($Payload.size) $($Payload.ratio) $($null -eq $Payload.no)"
        $Query.feed
        $Event.release.id
        $OctopusParameters["octopus.project.name"]
        $OctopusProjectName
        Get-OctopusVariable "Odd[x]"
        "[$(Get-OctopusVariable 'Unknown')]"
        [IO.File]::ReadAllText($env:PAYLOAD_FILE).Length -gt 10
    """,
    "python": """
print(payload["release"]["version"])
print(payload["tags"][1])
print(len(payload["tags"]), payload["release"]["ok"], payload["size"], payload["ratio"], payload["no"] is None)
print(query["feed"])
print(event["release"]["id"])
print(get_octopusvariable("Octopus.Project.Name"))
print(octopusvariables["Octopus.Project.Name"])
print(get_octopusvariable("Odd[x]"))
print(f"[{get_octopusvariable('Unknown')}]")
import os
print(len(open(os.environ["PAYLOAD_FILE"]).read()) > 10)
""",
    "bash": """
        set -euo pipefail
        get_octopusvariable Payload.release.version
        get_octopusvariable "Payload.tags[1]"
        echo "2 $(get_octopusvariable Payload.release.ok) $(get_octopusvariable Payload.size)" \
          "$(get_octopusvariable Payload.ratio) True"
        echo "${Query[feed]}"
        get_octopusvariable Event.release.id
        get_octopusvariable Octopus.Project.Name
        name=$(get_octopusvariable Octopus.Project.Name); echo "$name"
        echo "${octopus_parameters[Odd[x]]}"
        echo "[$(get_octopusvariable Unknown)]"
        [ "$(wc -c <"$PAYLOAD_FILE")" -gt 10 ] && echo True
    """,
}


def test_every_language_reads_payload_query_event_and_variables(settings: ScriptSettings, language: str) -> None:
    ran = run(settings, language, READING[language], **GIVEN)
    assert ran.result.reason == "", ran.text
    assert [line.replace("true", "True") for line in ran.text.split("\n")] == [
        "1.2.3",
        "b",
        "2 True 12345678901 0.5 True",
        "ext é",
        "Releases-1",
        "Core Web",
        "Core Web",
        "y",
        "[]",
        "True",
    ]


TELLING = {
    "powershell": """
        Set-OctopusVariable -name "Url" -value "https://x/é"
        Set-OctopusVariable Empty ""
        Set-OctopusVariable -name Pw -value geheim -sensitive
        "pw geheim $($OctopusParameters['Url'])"
        Update-Progress 50 "half way"
        Write-Verbose v; Write-Debug v; Write-Highlight h; Write-Wait w; Write-Warning careful
        [IO.File]::WriteAllText("$PWD/out.txt", "abc")
        New-OctopusArtifact -Path out.txt -Name report.txt
        Write-Host plain
        [Console]::Error.WriteLine("bad")
    """,
    "python": """
set_octopusvariable("Url", "https://x/é")
set_octopusvariable("Empty", "")
set_octopusvariable("Pw", "geheim", sensitive=True)
print("pw geheim " + get_octopusvariable("Url"))
updateprogress(50, "half way")
printverbose("v"); printverbose("v"); printhighlight("h"); printwait("w"); printwarning("careful")
open("out.txt", "w").write("abc")
createartifact("out.txt", "report.txt")
print("plain")
import sys
print("bad", file=sys.stderr)
""",
    "bash": """
        set -euo pipefail
        set_octopusvariable Url "https://x/é"
        set_octopusvariable Empty
        set_octopusvariable Pw geheim -sensitive
        echo "pw geheim $(get_octopusvariable Url)"
        update_progress 50 "half way"
        write_verbose v; write_verbose v; write_highlight h; write_wait w; write_warning careful
        printf abc >out.txt
        new_octopusartifact out.txt report.txt
        echo plain
        echo bad >&2
    """,
}


def test_every_language_tells_outputs_levels_progress_and_artifacts(settings: ScriptSettings, language: str) -> None:
    ran = run(settings, language, TELLING[language])
    result = ran.result
    assert result.reason == "", ran.text
    assert result.outputs == {
        "Url": OutputVariable("https://x/é"),
        "Empty": OutputVariable(""),
        "Pw": OutputVariable("geheim", sensitive=True),
    }
    assert result.progress == Progress(50, "half way")
    assert result.highlights == ("h",)
    assert ran.at("info") == ["pw ***** https://x/é", "plain"]
    assert ran.at("verbose") == ["v", "v"]
    assert (ran.at("wait"), ran.at("warning"), ran.at("error")) == (["w"], ["careful"], ["bad"])
    (artifact,) = result.artifacts
    assert (artifact.name, artifact.length) == ("report.txt", 3)
    assert artifact.path.endswith("/work/out.txt")


ENDINGS = [
    ("powershell", "exit 2", 2),
    ("powershell", "bash -c 'exit 4'", 4),
    ("powershell", "bash -c 'exit 4'; exit 0", 0),
    ("powershell", "throw 'broken'", 1),
    ("powershell", "Write-Error 'broken'", 1),
    ("powershell", "if (", 1),
    ("powershell", "function f { throw 'broken' }; f", 1),
    ("python", "import sys; sys.exit(2)", 2),
    ("python", "raise ValueError('broken')", 1),
    ("python", "if (", 1),
    ("python", "pass", 0),
    ("bash", "exit 2", 2),
    ("bash", "true; false", 1),
    ("bash", "false; true", 0),
    ("bash", "set -e; false; true", 1),
    ("bash", "set -u; echo $unknown", 1),
    ("bash", "kill -9 $$", 137),
    ("bash", "if (", 2),
    ("bash", "echo a\r\nexit 5\r\n", 5),
]


@pytest.mark.parametrize(("language", "source", "code"), ENDINGS)
def test_the_exit_code_is_the_scripts_own(language: str, source: str, code: int, plain: ScriptSettings) -> None:
    if language == "powershell" and plain.pwsh is None:
        pytest.skip("PowerShell is not installed: set REACTIONS_PWSH to run its tests.")
    ran = run(plain, language, source)
    assert (ran.result.exit_code, ran.result.succeeded) == (code, code == 0), ran.text
    if 0 < code < 128:
        assert ran.result.reason == f"The script ended with exit code {code}."


FAILING = {"powershell": "Fail-Step 'no good'", "python": "failstep('no good')", "bash": "fail_step 'no good'"}


def test_a_failed_step_gives_its_message_as_the_reason(settings: ScriptSettings, language: str) -> None:
    result = run(settings, language, FAILING[language]).result
    assert (result.message, result.reason) == ("no good", "no good")
    assert result.exit_code == (1 if language == "bash" else 255)


ERRORS = {
    "powershell": ("function Do-It { throw 'broken' }\nDo-It", ["broken", "script.ps1:1"]),
    "python": ("def do_it():\n    raise ValueError('broken')\ndo_it()", ["ValueError: broken", 'script.py", line 2']),
    "bash": ("set -u\necho ${broken}", ["broken: unbound variable", "script.sh: line 2"]),
}


def test_an_error_names_the_place_in_the_script_and_not_in_the_helper(settings: ScriptSettings, language: str) -> None:
    source, expected = ERRORS[language]
    errors = "\n".join(run(settings, language, source).at("error"))
    assert all(text in errors for text in expected), errors
    assert "helper" not in errors
    assert "powershell.ps1" not in errors
    assert "bash.sh" not in errors


def test_error_output_alone_does_not_fail_a_run_unless_asked(plain: ScriptSettings) -> None:
    assert run(plain, "bash", "echo x >&2").result.succeeded
    strict = run(plain, "bash", "echo x >&2", variables={"Octopus.Action.FailScriptOnErrorOutput": "True"})
    assert "error output" in strict.result.reason


WITHOUT = {
    "powershell": '"$($null -eq $Payload) [$PayloadText] $($Query.Count)"',
    "python": "print(payload is None, f\"[{get_octopusvariable('Payload')}]\", len(query))",
    "bash": 'echo "True [$(get_octopusvariable Payload)] ${#Query[@]}"',
}


def test_a_run_without_payload_has_an_empty_one(settings: ScriptSettings, language: str) -> None:
    assert run(settings, language, WITHOUT[language]).text == "True [] 0"


def test_powershell_builds_the_same_objects_as_its_own_json_command(plain: ScriptSettings) -> None:
    if plain.pwsh is None:
        pytest.skip("PowerShell is not installed: set REACTIONS_PWSH to run its tests.")
    source = """
        $Payload.GetType().Name
        $Payload[0].nested[0][0].GetType().Name
        $Payload[0].nested[1].Count
        $Payload[0].big.GetType().Name
        $Payload[0].real.GetType().Name
        $Payload[0].date.GetType().Name
        $Payload[0].PSObject.Properties.Name -join ','
        "$($Payload[1])|$($null -eq $Payload[2])"
    """
    payload = [
        {"nested": [[1], []], "big": 2**80, "real": 1e3, "date": "2020-01-01T00:00:00Z", "": 1, "REAL": 2},
        "s",
        None,
    ]
    assert run(plain, "powershell", source, payload=payload).text.split("\n") == [
        "Object[]",
        "Int64",
        "0",
        "BigInteger",
        "Double",
        "String",
        "nested,big,real,date",
        "s|True",
    ]


def test_powershell_retries_a_block(plain: ScriptSettings) -> None:
    if plain.pwsh is None:
        pytest.skip("PowerShell is not installed: set REACTIONS_PWSH to run its tests.")
    source = """
        $script:count = 0
        Execute-WithRetry { $script:count++; if ($script:count -lt 3) { throw "no" }; "done $script:count" } `
            -maxFailures 3 -sleepBetweenFailures 0
        Execute-WithRetry { throw "never" } -maxFailures 2 -sleepBetweenFailures 0
    """
    ran = run(plain, "powershell", source)
    assert ran.at("info") == ["done 3"]
    assert len(ran.at("verbose")) == 3
    assert ran.at("error")[0] == "never"


def test_powershell_helpers_take_the_pipeline_and_odd_values(plain: ScriptSettings) -> None:
    if plain.pwsh is None:
        pytest.skip("PowerShell is not installed: set REACTIONS_PWSH to run its tests.")
    source = """
        [IO.File]::WriteAllText("$PWD/a.txt", "abcd")
        "a.txt", "missing.txt" | New-OctopusArtifact
        [IO.FileInfo]::new("$PWD/a.txt") | New-OctopusArtifact -Name b.txt
        Set-OctopusVariable Nothing $null
        Write-Verbose ""
        "one" | Write-Warning
        "two" | Write-Wait
        "three" | Write-Debug
        Set-OctopusVariable later 1
        "$($OctopusParameters['LATER']) $Deep_Name $DeepName $PSVersionTable"
        try { Invoke-OctopusApi "/a b" } catch { "$_" }
        try { Invoke-OctopusApi -Path /x -Method "G T" } catch { "$_" }
        $loop = @{}; $loop.self = $loop
        $__Octopus.BaseUrl = 'http://127.0.0.1:1'
        try { Invoke-OctopusApi /x -Method POST -Body $loop } catch { "$_" }
        __Octopus_ToJson ([ordered] @{ d = [decimal] 1.50; f = [single] 0.5; b = [byte] 7; c = [char] 'x'; n = @() })
        Fail-Step
    """
    ran = run(plain, "powershell", source, variables={"Deep.Na-me": "no", "Deep_Name": "yes", "PSVersionTable": "no"})
    assert [(one.name, one.length) for one in ran.result.artifacts] == [
        ("a.txt", 4),
        ("missing.txt", None),
        ("b.txt", 4),
    ]
    assert ran.result.outputs["Nothing"] == OutputVariable("")
    assert (ran.at("verbose"), ran.at("warning"), ran.at("wait")) == (["", "three"], ["one"], ["two"])
    assert ran.at("info") == [
        "1 yes no System.Management.Automation.PSVersionHashTable",
        '"GET /a b" is not a request: check method and path.',
        '"G T /x" is not a request: check method and path.',
        "The request body is nested too deeply: send at most 64 levels.",
        '{"d":1.5,"f":0.5,"b":7,"c":"x","n":[]}',
    ]
    assert ran.result.exit_code == 255


def test_an_unknown_language_and_a_missing_interpreter_say_what_to_do(plain: ScriptSettings) -> None:
    assert "choose one of" in run(plain, "cobol", "x").result.reason
    with pytest.raises(InvalidJobError):
        find_interpreter("cobol", plain)
    assert set(languages) == {"powershell", "python", "bash"}
    empty = ScriptSettings(work_root=plain.work_root, sandbox=plain.sandbox, search_path="/nonexistent")
    result = run(empty, "powershell", "1").result
    assert result.reason == missing_interpreter("powershell")
    assert "install pwsh, or set REACTIONS_PWSH" in result.reason
    assert result.exit_code is None


def test_artifact_values_compare() -> None:
    assert Artifact("/a", "a") == Artifact("/a", "a", None)
