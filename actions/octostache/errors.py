"""What evaluating a template may raise.

OctostacheError
├── TemplateSyntaxError   the text cannot be parsed (evaluate reports it instead of raising)
├── LoopError             a variable refers to itself
├── LimitError            too many steps, too deep, too long (SEC-62)
└── FilterError           a filter's input is unusable where the language says that it raises
"""


class OctostacheError(Exception):
    """Base of everything that this package raises."""


class TemplateSyntaxError(OctostacheError):
    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class LoopError(OctostacheError):
    pass


class LimitError(OctostacheError):
    pass


class FilterError(OctostacheError):
    pass
