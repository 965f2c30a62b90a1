"""Why something could not be computed, in words for the log, whatever was raised (SPEC section 6)."""

from __future__ import annotations

from decimal import DecimalException, DivisionByZero

LONGEST = 1000
"""Characters of a reason: an exception may quote any value."""
WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (MemoryError, "it takes too much memory."),
    (RecursionError, "it is nested too deeply."),
    (DivisionByZero, "a division by zero."),
    (ZeroDivisionError, "a division by zero."),
    (DecimalException, "a number that can't be computed."),
    (OverflowError, "a number or date that is too large."),
    (UnicodeError, "half a character, which can't be written as text."),
)
"""Exceptions whose own words are for programmers."""


def reason(error: BaseException) -> str:
    """The end of a sentence: "…: a division by zero."."""
    for kind, words in WORDS:
        if isinstance(error, kind):
            return words
    said = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return storable(said.strip() or f"an error of the kind {type(error).__name__}.")


def storable(text: str) -> str:
    """The text as any database holds it, cut to LONGEST characters."""
    return text[:LONGEST].encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
