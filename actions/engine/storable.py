"""What a target or a script gave may hold characters that no database keeps as text: NUL, which JSON may escape and a
template may make, and halves of surrogate pairs."""

import re
from dataclasses import replace
from typing import Any

from actions.kinds.base import Outcome

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(outcome: Outcome) -> Outcome:
    """The outcome, with U+FFFD in place of each such character."""
    texts = [outcome.reason]
    for part in (outcome.request, outcome.response, outcome.outputs):
        if part:
            _gather(part, texts)
    # Looked through together, since there are dozens of them and hardly ever such a character.
    together = "".join(texts)
    if "\0" not in together and (together.isascii() or _UNSTORABLE.search(together) is None):
        return outcome
    return replace(
        outcome,
        reason=_mended(outcome.reason),
        request=_mended(outcome.request),
        response=_mended(outcome.response),
        outputs=_mended(outcome.outputs),
    )


def _gather(value: Any, texts: list[str]) -> None:
    if isinstance(value, dict):
        texts += value
        value = value.values()
    for one in value:
        if isinstance(one, str):
            texts.append(one)
        elif isinstance(one, dict | list | tuple):
            _gather(one, texts)


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_mended(name): _mended(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(one) for one in value]
    return value
