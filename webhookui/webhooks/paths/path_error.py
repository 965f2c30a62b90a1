"""What is wrong with a path of a capture."""

MAX_PATH = 1000
"""Characters."""


class PathError(Exception):
    """A path that can't be read, or can't be followed in a response. `column` counts from 1; None when it is not known."""

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message)
        self.column = column
