"""Runs a Python script with everything it may use put into its globals; nothing has to be imported."""

# Paths stay text: this starts often and must start fast.
# ruff: noqa: PTH100, PTH108, PTH109, PTH113, PTH118, PTH119, PTH123, PTH202

import base64
import json
import os
import runpy
import sys
import traceback

sys.path.insert(0, os.environ["REACTIONS_INPUTS"])
from api_client import OctopusApiError, OctopusClient

sys.path.pop(0)


def _read_context():
    path = os.path.join(os.environ["REACTIONS_INPUTS"], "context.json")
    with open(path, encoding="utf-8") as file:
        context = json.load(file)
    os.unlink(path)
    return context


def _encode(value):
    return base64.b64encode(str(value).encode("utf-8", "surrogatepass")).decode("ascii")


def _send(kind, /, stream=None, **attributes):
    values = "".join(f" {name}='{_encode(value)}'" for name, value in attributes.items() if value is not None)
    print(f"##octopus[{kind}{values}]", file=stream or sys.stdout, flush=True)


def _at_level(level, text):
    _send(f"stdout-{level}")
    print(text, flush=True)
    _send("stdout-default")


octopusvariables = {}


def get_octopusvariable(name):
    return octopusvariables.get(name, "")


def set_octopusvariable(name, value, sensitive=False):
    octopusvariables[name] = value
    if sensitive:
        maskvalue(value)
    _send("setVariable", name=name, value=value, sensitive="True" if sensitive else None)


def maskvalue(value):
    """Both streams: they are read apart, and whichever comes first must know."""
    _send("mask", value=value)
    _send("mask", stream=sys.stderr, value=value)


def createartifact(path, fileName=None):  # noqa: N803 - the name authors know
    path = os.path.abspath(path)
    length = os.path.getsize(path) if os.path.isfile(path) else None
    _send("createArtifact", path=path, name=fileName or os.path.basename(path), length=length)


def updateprogress(progress, message=None):
    _send("progress", percentage=progress, message=message)


def failstep(message=None):
    if message is not None:
        _send("resultMessage", message=message)
    sys.exit(-1)


def printverbose(message):
    _at_level("verbose", message)


def printhighlight(message):
    _at_level("highlight", message)


def printwait(message):
    _at_level("wait", message)


def printwarning(message):
    _at_level("warning", message)


def _globals(context):
    octopusvariables.update(context["variables"])
    api = context["api"]
    return {
        "octopusvariables": octopusvariables,
        "get_octopusvariable": get_octopusvariable,
        "set_octopusvariable": set_octopusvariable,
        "maskvalue": maskvalue,
        "createartifact": createartifact,
        "updateprogress": updateprogress,
        "failstep": failstep,
        "printverbose": printverbose,
        "printhighlight": printhighlight,
        "printwait": printwait,
        "printwarning": printwarning,
        "payload": json.loads(context["payload"]) if context["payload"] else None,
        "query": context["query"],
        "event": json.loads(context["event"]),
        "octopus": OctopusClient(api["base_url"], api["token"], api["socket"]),
        "OctopusApiError": OctopusApiError,
    }


def _report(problem, script):
    """Only the script's own part of the traceback: how it was started says nothing to its author."""
    frames = problem.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != script:
        frames = frames.tb_next
    if isinstance(problem, OctopusApiError):
        last = frames
        while last is not None and last.tb_next is not None and last.tb_next.tb_frame.f_code.co_filename == script:
            last = last.tb_next
        if last is not None:
            last.tb_next = None
    sys.stdout.flush()
    sys.stderr.write("".join(traceback.format_exception(type(problem), problem, frames)))


def main():
    context = _read_context()
    script = context["script"]
    sys.argv = [script]
    sys.path.insert(0, os.getcwd())
    names = _globals(context)
    del context
    try:
        runpy.run_path(script, init_globals=names, run_name="__main__")
    except Exception as problem:
        _report(problem, script)
        sys.exit(1)


main()
