"""A team's and a project's own variables: names and texts that their actions' templates and scripts read. Pure.

A value may refer to other variables with `#{...}`, as in Octopus. They are no place for secrets: whoever may read the
project reads them.
"""

import re
from typing import Any

MOST_VARIABLES = 200
LONGEST_VALUE = 10_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ .\-]{0,99}")
# What events, runs and connections say cannot be said otherwise.
_RESERVED = ("octopus", "payload", "query", "request", "connection", "integration")


def variables_problem(variables: Any) -> str:
    """What is wrong with a set of variables, "" when nothing is."""
    if not isinstance(variables, dict):
        return "Write the variables as an object of names and texts."
    if len(variables) > MOST_VARIABLES:
        return f"There are {len(variables)} variables: keep at most {MOST_VARIABLES}."
    seen: set[str] = set()
    for name, value in variables.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            return f"{str(name)[:40]!r} cannot be a variable's name: use letters, digits, dots and dashes."
        if name.lower().split(".")[0] in _RESERVED:
            return f"{name} belongs to Reactions itself: choose a name that begins otherwise."
        if name.lower() in seen:
            return f"{name} is there twice, since upper and lower case are the same: keep one."
        seen.add(name.lower())
        if not isinstance(value, str) or len(value) > LONGEST_VALUE or "\0" in value:
            return f"The value of {name} is no text of at most {LONGEST_VALUE} characters."
    return ""
