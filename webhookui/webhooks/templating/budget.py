"""What the templates of one save may cost together: processor time, and the size of what they make (specification section 6).

Sizes are counted as memory is taken: a character is one, an element of a list fifty. They are charged before a value is made, or,
where that can't be known, right after a step that can't make much more than it was given.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Context, Decimal, localcontext
from typing import Any

from jinja2.sandbox import SecurityError

MAX_TIME_S = 3.0
"""Processor time of all the templates of one save."""
MAX_SIZE = 40_000_000
"""Size of all that they make."""
LEAST_TIME_S, LEAST_SIZE = 0.05, 500_000
"""What a request always has, however much those before it took."""
MAX_OUTPUT = 1_000_000
"""Characters of any text in a template."""
MAX_LIST = 2_000_000
"""Size of any list in a template: forty thousand elements."""
MAX_WIDTH = 1000
"""What a text may be padded to, a number rounded and formatted to, and characters of what is looked for in a text."""
ELEMENT = 50
EXACT = Context(prec=34)
"""Decimal arithmetic: every amount that a field can hold, and four digits more (IEEE 754 decimal128)."""


class _Left(threading.local):
    end: float | None = None
    """When the request under way has to be finished, by the thread's processor time; None when there is none."""
    size = 0
    save: list[float] | None = None
    """Seconds and size that the save has left; None outside of one."""


_left = _Left()


@contextmanager
def shared() -> Iterator[None]:
    """All requests built inside share one budget. Each may take half of what is left, so that none starves the next."""
    if _left.save is not None:
        yield
        return
    _left.save = [MAX_TIME_S, MAX_SIZE]
    try:
        yield
    finally:
        _left.save = None


@contextmanager
def limited() -> Iterator[None]:
    """All rendering inside has one request's budget together."""
    if _left.end is not None:
        yield
        return
    save = _left.save or [MAX_TIME_S, MAX_SIZE]
    start, size = time.thread_time(), max(LEAST_SIZE, int(save[1] / 2))
    _left.end, _left.size = start + max(LEAST_TIME_S, save[0] / 2), size
    try:
        with localcontext(EXACT):
            yield
    finally:
        save[0] -= time.thread_time() - start
        save[1] -= size - _left.size
        _left.end = None


def go_on() -> None:
    """Raises SecurityError when the time is up."""
    if _left.end is not None and time.thread_time() > _left.end:
        raise SecurityError("it takes too long.")


def take(size: int) -> None:
    """Raises SecurityError when that much more is too much."""
    if _left.end is not None:
        _left.size -= size
        if _left.size < 0:
            raise SecurityError("it takes too much memory.")


def size_of(value: Any) -> int:
    """How large a value is, what stands in it several times counted as often."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, int):
        return 1 + value.bit_length() // 3
    if isinstance(value, Decimal):
        return 34 + abs(value.adjusted())
    if isinstance(value, list | tuple):
        go_on()
        return sum(map(size_of, value)) + ELEMENT * len(value)
    if isinstance(value, dict):
        go_on()
        return sum(len(key) + size_of(inner) for key, inner in value.items()) + 2 * ELEMENT * len(value)
    return ELEMENT


def fits(value: Any) -> Any:
    """The value, charged; SecurityError when it is too large by itself or beside all the rest."""
    go_on()
    size = size_of(value)
    if isinstance(value, str):
        text_fits(size)
    elif size > MAX_LIST:
        raise SecurityError(f"a list exceeds {MAX_LIST // ELEMENT} elements.")
    take(size)
    return value


def text_fits(length: int) -> None:
    """Raises SecurityError for a text of that length, which is not made yet."""
    if length > MAX_OUTPUT:
        raise SecurityError(f"the text exceeds {MAX_OUTPUT} characters.")


def listed(values: Iterable[Any]) -> list[Any]:
    """The elements as a list, each charged before the next one is made."""
    elements, size = [], 0
    for value in values:
        go_on()
        cost = size_of(value) + ELEMENT
        size += cost
        if size > MAX_LIST:
            raise SecurityError(f"a list exceeds {MAX_LIST // ELEMENT} elements.")
        take(cost)
        elements.append(value)
    return elements


def is_record(value: Any) -> bool:
    """Whether the value stands for a record, a user or the like: a mapping, but none that a template made."""
    return isinstance(value, Mapping) and not isinstance(value, dict)
