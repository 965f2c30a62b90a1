"""The values that placeholders stand for, as JSON values and as text (specification section 4.1)."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from jinja2 import Undefined

from webhookui.core import exact_json

MAX_EXPONENT = 308
LARGEST = 10 ** (MAX_EXPONENT + 1)
"""Numbers beyond can't be sent: what receivers compute with ends there (RFC 8259 section 6)."""
NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?")
"""A number as JSON writes it; zeros may stand before it."""
MOST_DIGITS = 400


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


class JsonText(str):
    """What `tojson` gives: text that is JSON already."""

    __slots__ = ()


class NoValue(ValueError):
    """It can't be sent; the text says why, the end of a sentence for people."""


def plain(value: Any) -> Any:
    """A JSON value: dates as ISO 8601, times in UTC with Z, a record or user as its name. Raises NoValue for what is none:
    a method that was not called, a number without end, half a character."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if not value.isascii():
            value.encode()  # raises for half a surrogate pair
        return None if isinstance(value, JsonText) and value == "null" else value
    if isinstance(value, int | Decimal | float):
        return _number(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {as_text(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, Mapping):
        return plain(value.get("name", value.get("id")))
    if isinstance(value, list | tuple | set | frozenset | Iterator):
        return [plain(inner) for inner in value]
    text = str(value)  # raises for a name that does not exist
    if isinstance(value, Undefined):
        return None  # {{ a if b }} without an else
    if isinstance(value, timedelta):
        return _duration(value)
    if not isinstance(value, time):
        raise NoValue("this is not a value; are the parentheses of a call missing?")
    return text


def _duration(value: timedelta) -> str:
    """ISO 8601, as the dates are: "P3DT12H", "-PT5M"."""
    sign, seconds = ("-", -value) if value < timedelta(0) else ("", value)
    days, rest = seconds.days, seconds.seconds
    parts = ((rest // 3600, "H"), (rest // 60 % 60, "M"), (rest % 60, "S"))
    within_a_day = "".join(f"{number}{letter}" for number, letter in parts if number)
    on_days = f"{days}D" if days else ""
    return f"{sign}P{on_days}{'T' if within_a_day else ''}{within_a_day}" if days or within_a_day else "PT0S"


def number_of(text: str) -> int | Decimal:
    """The number that a text is, blanks around it aside. Raises ValueError for what JSON would not take for a number: 1_000, ٣,
    0x10, NaN, and what is too large."""
    digits = text.strip(" \t\r\n")
    if not NUMBER.fullmatch(digits) or len(digits) > MOST_DIGITS:
        raise NoValue("this is not a number.")
    number = Decimal(digits)
    if number and abs(number.adjusted()) > MAX_EXPONENT:
        raise NoValue("this number is too large.")
    return (
        int(number) if number == number.to_integral_value() and "." not in digits and number.adjusted() < 40 else number
    )


def _number(value: float | Decimal) -> int | Decimal:
    number = Decimal(repr(value)) if isinstance(value, float) else value
    if isinstance(number, int):
        small = -LARGEST < number < LARGEST
    else:
        small = number.is_finite() and (not number or abs(number.adjusted()) <= MAX_EXPONENT)
    if not small:
        raise NoValue("this is too large, or not a number.")
    return number


def as_text(value: Any) -> str:
    """For running text, XML, FORM, query strings: decimal text, true or false, nothing for null, lists joined."""
    if isinstance(value, JsonText):
        return str(value)
    plain_value = plain(value)
    if plain_value is None:
        return ""
    if isinstance(plain_value, bool):
        return "true" if plain_value else "false"
    if isinstance(plain_value, Decimal):
        return format(plain_value, "f")
    if isinstance(plain_value, list) and not any(isinstance(item, list | dict) for item in plain_value):
        return ", ".join(as_text(item) for item in plain_value)
    return exact_json.dumps(plain_value) if isinstance(plain_value, list | dict) else str(plain_value)


def is_empty(value: Any) -> bool:
    """What *required* and *left out when empty* mean by empty: null, text of nothing but blanks, no element."""
    return value is None or (isinstance(value, str) and not value.strip()) or value == [] or value == {}
