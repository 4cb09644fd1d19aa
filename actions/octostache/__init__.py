"""The `#{...}` template language of Octopus: a parser, an evaluator and filters of its own, pure Python.

`evaluate(text, variables)` gives text, missing tokens and error; `render(text, VariableTree(variables))` is the same
for many templates over one variable set. Values of the type Opaque came from outside and are never expanded.
Everything that is raised is an OctostacheError. Limits bound what one evaluation may cost.
"""

from actions.octostache.api import Evaluation, arguments, canonical, evaluate, get, indexes, is_truthy
from actions.octostache.errors import FilterError, LimitError, LoopError, OctostacheError, TemplateSyntaxError
from actions.octostache.limits import Limits
from actions.octostache.template import MissingToken, Rendered, render
from actions.octostache.tree import Opaque, VariableTree

__all__ = [
    "Evaluation",
    "FilterError",
    "LimitError",
    "Limits",
    "LoopError",
    "MissingToken",
    "OctostacheError",
    "Opaque",
    "Rendered",
    "TemplateSyntaxError",
    "VariableTree",
    "arguments",
    "canonical",
    "evaluate",
    "get",
    "indexes",
    "is_truthy",
    "render",
]
