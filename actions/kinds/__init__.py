"""Action kinds: importing this package registers them."""

from actions.kinds.http import HttpKind
from actions.kinds.registry import kinds
from actions.kinds.script import ScriptKind

for _kind in (HttpKind(), ScriptKind()):
    if _kind.name not in kinds:
        kinds.add(_kind)

__all__ = ["kinds"]
