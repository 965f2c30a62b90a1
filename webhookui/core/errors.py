"""What the domain raises and every door answers in one place."""

from collections.abc import Mapping


class NotFound(Exception):
    """There is no such thing; the text says what. `hint`: a sentence about why, where it can be told."""

    hint = "It may have been deleted, or the address is misspelled."


class Invalid(Exception):
    """It can't be saved like that. `errors`: field → sentence."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = dict(errors)
