"""Text to Template (SPEC §2, §10): whole, or going on after errors. The grammar itself is in `parsing`."""

from actions.octostache.errors import LimitError, TemplateSyntaxError
from actions.octostache.limits import MOST_TEMPLATE_CHARACTERS
from actions.octostache.nodes import Template, Text, Token
from actions.octostache.parsing.blocks import Blocks


def _syntax_error(parser: Blocks) -> TemplateSyntaxError:
    at = parser.furthest
    if at >= parser.end:
        return TemplateSyntaxError("The template ends where more was expected: a token or block is not closed.", at)
    return TemplateSyntaxError(f"The template cannot be read at character {at + 1}, {parser.text[at]!r}.", at)


def parse(text: str) -> Template:
    """All or nothing: a text that does not parse gives a Template with an error and no tokens. Raises LimitError."""
    parser = _checked(text)
    tokens, at = parser.tokens(0)
    if at < parser.end:
        error = _syntax_error(parser)
        return Template((), str(error), error.offset)
    return Template(tuple(tokens))


def parse_leniently(text: str) -> Template:
    """Going on after errors (SPEC §10): what does not parse stays as text, up to where it failed."""
    parser = _checked(text)
    tokens: list[Token] = []
    at = 0
    while at < parser.end:
        parser.furthest = at
        one = parser.token(at)
        if one is not None:
            tokens.append(one[0])
            at = one[1]
            continue
        if parser.furthest <= at:
            error = _syntax_error(parser)
            return Template((), str(error), error.offset)
        tokens.append(Text(text[at : parser.furthest], at))
        at = parser.furthest
    return Template(tuple(tokens))


def _checked(text: str) -> Blocks:
    if len(text) > MOST_TEMPLATE_CHARACTERS:
        raise LimitError(f"The template is longer than {MOST_TEMPLATE_CHARACTERS:,} characters.")
    return Blocks(text)
