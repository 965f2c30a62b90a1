"""Why something could not be computed, in words for the log, whatever was raised (specification section 6)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import DecimalException, DivisionByZero

from jinja2 import TemplateRuntimeError
from jinja2.sandbox import SecurityError

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
BARE: dict[type[BaseException], str] = {
    TypeError: "values that don't go together, such as a text and a number.",
    ValueError: "a value that can't be used like that.",
}
"""The same of what Python itself raises; kinds of these may have words of their own."""


SYNTAX: tuple[tuple[str, str], ...] = (
    (r"'?begin of print statement'?", "“{{”"),
    (r"'?end of print statement'?", "“}}”"),
    (r"'?begin of statement block'?", "“{%”"),
    (r"'?end of statement block'?", "“%}”"),
    (r"Unexpected end of template\..*closed is '(\w+)'\.", r"“{% end\1 %}” is missing."),
    (r"Missing end of comment tag", "“#}” is missing."),
    (r"Encountered unknown tag '(\w+)'.*", r"there is no “{% \1 %}”."),
    (r"No (filter|test) named '(.+?)'\.?", r"there is no \1 “\2”."),
    (r"(?:expected|Expected)(?: token| an)? (.+), got (.+)", r"\1 is expected, but \2 was found."),
    (r"expected name or number", "a name or a number is expected."),
    (r"unexpected char '(.)' at \d+", r"“\1” does not belong there, or is not closed."),
    (r"unexpected (.+)", r"\1 does not belong there."),
    (r"'(.+?)'", r"“\1”"),
)
"""What Jinja says of a template that it can't read → what a person reads."""


def syntax(message: str) -> str:
    """What Jinja found wrong, a sentence."""
    for pattern, words in SYNTAX:
        message = re.sub(pattern, words, message)
    return message


@contextmanager
def used(what: str) -> Iterator[None]:
    """Says of a filter or a method (`what`) that was given what it does not take, in place of Python's words."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if type(error) not in BARE:
            raise
        raise SecurityError(f"{what} can't handle the value that it is given.") from error


def reason(error: BaseException) -> str:
    """The end of a sentence: "…: a division by zero."."""
    for kind, words in WORDS:
        if isinstance(error, kind):
            return words
    if type(error) in BARE:
        return BARE[type(error)]
    if type(error) is TemplateRuntimeError:
        return syntax(str(error))
    message = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return storable(message.strip() or f"an error of type {type(error).__name__}.")


def storable(text: str) -> str:
    """The text as any database holds it, cut to LONGEST characters."""
    return text[:LONGEST].encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
