"""What can't be saved as it was typed."""

from __future__ import annotations

from collections.abc import Mapping


class Invalid(Exception):
    """`errors`: field → sentence for people."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = dict(errors)
