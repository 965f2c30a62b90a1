"""The values that placeholders stand for, as JSON values and as text (SPEC section 4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from jinja2 import Undefined

from webhookui import exact_json

MAX_EXPONENT = 400
LARGEST = 10**MAX_EXPONENT
"""Numbers beyond can't be sent: they would be texts of any length."""


def plain(value: Any) -> Any:
    """A JSON value: dates as ISO 8601, times in UTC with Z, a record or user as its name. Raises ValueError for what is none:
    a method that was not called, a number without end, half a character."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if not value.isascii():
            value.encode()  # raises for half a surrogate pair
        return value
    if isinstance(value, int | Decimal | float):
        return _number(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, Mapping):
        return plain(value.get("name", value.get("id")))
    if isinstance(value, list | tuple | set | frozenset | Iterator):
        return [plain(inner) for inner in value]
    text = str(value)  # raises for a name that does not exist
    if isinstance(value, Undefined):
        return None  # {{ a if b }} without an else
    if not isinstance(value, time | timedelta):
        raise ValueError("this is no value; is something not called?")
    return text


def _number(value: float | Decimal) -> int | Decimal:
    number = Decimal(repr(value)) if isinstance(value, float) else value
    if isinstance(number, int):
        small = -LARGEST < number < LARGEST
    else:
        small = number.is_finite() and abs(number.adjusted()) <= MAX_EXPONENT
    if not small:
        raise ValueError("this number is too large, or none.")
    return number


def as_text(value: Any) -> str:
    """For running text, XML, FORM, query strings: decimal text, true or false, nothing for null, lists joined."""
    found = plain(value)
    if found is None:
        return ""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, Decimal):
        return format(found, "f")
    if isinstance(found, list) and not any(isinstance(each, list | dict) for each in found):
        return ", ".join(as_text(each) for each in found)
    return exact_json.dumps(found) if isinstance(found, list | dict) else str(found)


def is_empty(value: Any) -> bool:
    """What *required* and *left out when empty* mean by empty: null, text of nothing but blanks, no element."""
    return value is None or (isinstance(value, str) and not value.strip()) or value == [] or value == {}
