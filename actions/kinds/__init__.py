"""Action kinds: importing this package registers them."""

from actions.kinds.base import ActionKind
from actions.kinds.http import HttpKind
from actions.kinds.registry import kinds
from actions.kinds.script import ScriptKind

_KINDS: tuple[ActionKind, ...] = (HttpKind(), ScriptKind())
for _kind in _KINDS:
    if _kind.name not in kinds:
        kinds.add(_kind)

__all__ = ["kinds"]
