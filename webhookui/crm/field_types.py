"""The types of fields, one entry each: how a value is read, kept, typed and shown (specification section 2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from functools import cached_property, partial
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email

from webhookui.core.database import row_number
from webhookui.core.exact_json import dumps
from webhookui.core.sql_numbers import sort_key

MAX_TEXT = 1000
MAX_LONG_TEXT = 100_000
SEARCHED = 10_000
"""Characters of a long text that the search looks into."""
MAX_CHOSEN = 1000
"""Values of a multi-select picklist, repeated ones counted."""
MAX_DIGITS, MAX_WHOLE_DIGITS, MAX_PLACES = 28, 22, 6
"""Of a number, in all and before the decimal point, and decimals of a currency: 28 digits is what Python's decimals count with,
in templates too."""
FIRST_TIME, LAST_TIME = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC)
"""A day from the ends of the calendar, so that a date-time has a year from 1 to 9999 in every time zone."""
UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that PostgreSQL, UTF-8 or XML does not have."""

_EXACT = Context(prec=1000, traps=[Inexact, InvalidOperation, Overflow])
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)


class FieldError(Exception):
    """A value that the field can't take; the text is the sentence at the field."""


@dataclass(frozen=True)
class FieldInfo:
    """One field of a module. `type` is a name of FIELD_TYPES."""

    name: str
    label: str
    type: str = "text"
    required: bool = False
    custom: bool = False
    in_list: bool = False
    position: int = 0
    options: tuple[str, ...] = ()
    target: str | None = None
    default: Any = None
    id: int = 0
    """Of the field's row; 0 for one that has none yet."""
    retired_options: tuple[str, ...] = ()
    former_options: tuple[tuple[str, str], ...] = ()
    """(former name of an option, its name now)"""

    @cached_property
    def kind(self) -> FieldType:
        return FIELD_TYPES[self.type]

    @property
    def with_retired(self) -> FieldInfo:
        """The field with its retired options among the others: what filters and conditions may name."""
        return replace(self, options=self.all_options, retired_options=()) if self.retired_options else self

    @property
    def all_options(self) -> tuple[str, ...]:
        return (*self.options, *self.retired_options)

    def option_label(self, option: str) -> str:
        """What a menu says of an option."""
        return f"{option} (retired)" if option in self.retired_options else option

    def present(self, stored: Any) -> Any:
        """A stored value by the names that its options have now."""
        if not self.former_options:
            return stored
        if isinstance(stored, list):
            return [self.present(option) for option in stored]
        return dict(self.former_options).get(stored, stored) if isinstance(stored, str) else stored

    def names_of(self, stored: Any) -> tuple[Any, ...]:
        """The value, and the former names of the option that it is: records may have them for a while."""
        return (stored, *(former for former, name in self.former_options if name == stored))


@dataclass(frozen=True)
class FieldType:
    """One type. `read` makes the stored form of what a form or a program sent (never empty), or raises FieldError."""

    name: str
    label: str
    family: str
    """text, number, boolean, date, datetime, choice, choices, reference or user: what operators, sorting, filters and templates
    go by."""
    control: str
    """How it is entered and shown: a branch of `records/_control.html` and of `records/_value.html`."""
    read: Callable[[Any, FieldInfo], Any]
    typed: Callable[[Any], Any] = lambda stored: stored
    show: Callable[[Any, tzinfo], str] = lambda stored, _zone: str(stored)
    empty: Any = None
    fit: Callable[[list[Any]], Any] | None = None
    """What it takes for values out of a response; None: what `fitted` says."""
    key: Callable[[Any], str] = lambda stored: text_key(stored)
    """The text that sorts as the values do, character by character: what lists are sorted and filtered by. Never empty."""

    def parse(self, raw: Any, field: FieldInfo) -> Any:
        """The stored form; the type's empty value for nothing. Raises FieldError."""
        if raw is None or (isinstance(raw, str) and not raw.strip()) or (isinstance(raw, list) and not raw):
            return self.nothing()
        try:
            return self.read(raw, field)
        except (ArithmeticError, ValueError, RecursionError):
            raise FieldError(f"This can't be stored in a field of type {self.label}.") from None

    def fitted(self, values: list[Any]) -> Any:
        """Values out of a response in the shape that the type reads: one as it is, several as joined text."""
        if self.fit is not None:
            return self.fit(values)
        value = _joined(values)
        return as_text(value) if self.family in ("text", "choice") and value is not None else value

    def nothing(self) -> Any:
        """The stored form of an empty field."""
        return list(self.empty) if isinstance(self.empty, list) else self.empty

    @property
    def has_options(self) -> bool:
        return self.family in ("choice", "choices")

    @property
    def is_searched(self) -> bool:
        """Whether the search of records looks into it."""
        return self.has_options or self.family in ("text", "number")

    @property
    def is_long(self) -> bool:
        """Whether the search looks into the beginning alone."""
        return self.control == "textarea"

    def searched(self, stored: Any) -> str:
        """What the search looks into."""
        return self.text(stored)[: SEARCHED if self.is_long else None]

    @property
    def template_type(self) -> str:
        """The type whose methods and parts its values have in a template."""
        return {"choice": "text", "choices": "multi_picklist", "boolean": "checkbox"}.get(self.family, self.family)

    def text(self, stored: Any, time_zone: tzinfo | str = UTC) -> str:
        """For lists, search and CSV; empty for nothing."""
        zone = ZoneInfo(time_zone) if isinstance(time_zone, str) else time_zone
        return "" if stored is None else self.show(stored, zone)


LONGEST_KEY = 200
"""Characters of a text that decide its place in a list; what they leave open, the id decides."""


def text_key(text: Any) -> str:
    return str(text)[:LONGEST_KEY].lower()


def id_key(row_id: int) -> str:
    """As many digits as the largest id has."""
    return f"{row_id:010}"


def storable(text: str) -> str:
    """The text as it is. Raises FieldError for a character that some later step can't carry."""
    match = UNSTORABLE.search(text)
    if match:
        raise FieldError(f"This contains a character that can't be stored (U+{ord(match.group()):04X}).")
    return text


def _text(raw: Any, field: FieldInfo, most: int = MAX_TEXT) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int | Decimal | float):
        raise FieldError("This must be text.")
    text = storable(str(raw)).replace("\r\n", "\n").strip()
    if len(text) > most:
        raise FieldError(f"At most {most} characters; this has {len(text)}.")
    return text


def _decimal(raw: Any, example: str) -> Decimal:
    """A number that every way out carries digit by digit: sorting, JSON, XML, templates."""
    if isinstance(raw, bool) or not isinstance(raw, str | int | float | Decimal):
        raise FieldError(f"This is not a number. Write it like {example}.")
    text = str(raw).strip().replace("\u00a0", "").replace(" ", "")
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    if not _NUMBER.fullmatch(text):
        raise FieldError(f"“{str(raw)[:40]}” is not a number. Write it like {example}.")
    try:
        value = _EXACT.create_decimal(text)
        fits = value.adjusted() < MAX_WHOLE_DIGITS and max(value.adjusted() + 1, 0) + _decimals(value) <= MAX_DIGITS
    except DecimalException:
        fits = False
    if not fits:
        most = f"at most {MAX_DIGITS}, {MAX_WHOLE_DIGITS} of them before the decimal point"
        raise FieldError(f"This number can't be stored exactly: too many digits ({most}).")
    return value or Decimal(0)


def _decimals(value: Decimal) -> int:
    """Digits behind the decimal point, zeros at the end not counted."""
    return max(-int(value.normalize(_EXACT).as_tuple().exponent), 0)


def _number(raw: Any, field: FieldInfo) -> int | Decimal:
    value = _decimal(raw, "1250 or 0.5")
    places = _decimals(value)
    return value.quantize(Decimal(1).scaleb(-places), context=_EXACT) if places else int(value)


def _currency(raw: Any, field: FieldInfo) -> Decimal:
    value = _decimal(raw, "1250.00")
    places = max(2, _decimals(value))
    if places > MAX_PLACES:
        raise FieldError("An amount can have at most six decimal places.")
    return value.quantize(Decimal(1).scaleb(-places), context=_EXACT)


def _checkbox(raw: Any, field: FieldInfo) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, int) and raw in (0, 1):
        return bool(raw)
    word = str(raw).strip().lower()
    if word in ("true", "1", "yes", "on", "y"):
        return True
    if word in ("false", "0", "no", "off", "n"):
        return False
    raise FieldError("This must be yes or no.")


def _date(raw: Any, field: FieldInfo) -> str:
    text = str(raw).strip() if isinstance(raw, str) else ""
    match = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", text, re.ASCII)
    try:
        if not match:
            raise ValueError
        return date(*(int(part) for part in match.groups())).isoformat()
    except ValueError:
        raise FieldError(f"“{str(raw)[:40]}” is not a date. Write it like 2026-12-31.") from None


def _datetime(raw: Any, field: FieldInfo) -> str:
    text = str(raw).strip() if isinstance(raw, str) else ""
    try:
        if not re.match(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}|$)", text, re.ASCII):
            raise ValueError
        time = datetime.fromisoformat(text)
    except ValueError:
        raise FieldError(f"“{str(raw)[:40]}” is not a time. Write it like 2026-12-31 14:30.") from None
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else in_zone(time, UTC)
    if not FIRST_TIME <= time <= LAST_TIME:
        raise FieldError(f"“{text[:40]}” can't be stored: date-times range from 0001-01-02 to 9999-12-30.")
    return iso_time(time)


def _picklist(raw: Any, field: FieldInfo) -> str:
    text = _text(raw, field)
    for option in field.options:
        if option == text or option.casefold() == text.casefold():
            return option
    for former, option in field.former_options:
        if former.casefold() == text.casefold() and option in field.options:
            return option
    raise FieldError(f"“{text[:60]}” is not one of: {', '.join(field.options)}.")


def _multi_picklist(raw: Any, field: FieldInfo) -> list[str]:
    parts = raw if isinstance(raw, list | tuple) else str(raw).replace(";", ",").split(",")
    if len(parts) > MAX_CHOSEN:
        raise FieldError(f"At most {MAX_CHOSEN} values; there are {len(parts)}.")
    chosen = {_picklist(part, field) for part in parts if str(part).strip()}
    return [option for option in field.options if option in chosen]


def _email(raw: Any, field: FieldInfo) -> str:
    text = _text(raw, field)
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise FieldError(f"“{text[:60]}” is not an e-mail address. {error}") from None


def _phone(raw: Any, field: FieldInfo) -> str:
    text = _text(raw, field)
    if not re.fullmatch(r"[+\d][\d\s().\-/]*((x|ext\.?)\s*\d+)?", text, re.IGNORECASE) or not re.search(
        r"\d{3}", text.replace(" ", "")
    ):
        raise FieldError(f"“{text[:40]}” is not a phone number.")
    return text


def _url(raw: Any, field: FieldInfo) -> str:
    text = _text(raw, field)
    whole = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(whole)
        good = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", whole)
        good = good and parts.port != 0 and not re.match(r"[a-z][a-z0-9+.-]*:(?!//|\d)", text, re.IGNORECASE)
    except ValueError:
        good = False
    if not good:
        raise FieldError(f"“{text[:60]}” is not a web address. Write it like https://example.com.")
    return whole


def _id(raw: Any, field: FieldInfo) -> int:
    number = row_number(str(raw).strip()) if not isinstance(raw, bool) else None
    if number is None:
        raise FieldError("Choose one from the list (programs send the record's id).")
    return number


def iso_time(time: datetime) -> str:
    """As it is stored and sent: in UTC, with four digits of the year (`strftime` has less for early ones)."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def typed_time(stored: str) -> datetime:
    """The aware time. Older versions have stored early years with less than four digits."""
    return datetime.fromisoformat(stored.zfill(20).replace("Z", "+00:00"))


def in_zone(time: datetime, zone: tzinfo) -> datetime:
    """The time in a zone; as it is where that zone's calendar has no such day, as older versions have stored it."""
    try:
        return time.astimezone(zone)
    except (OverflowError, ValueError):
        return time


def _show_time(stored: Any, zone: tzinfo) -> str:
    return in_zone(typed_time(stored), zone).isoformat(" ")[:16]


def _plain(stored: Any, _zone: tzinfo = UTC) -> str:
    return format(stored, "f") if isinstance(stored, Decimal) else str(stored)


def as_text(value: Any) -> str:
    """A value out of a response; lists and objects as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal) and abs(value.adjusted()) < 40:
        return format(value, "f")
    return dumps(value) if isinstance(value, list | dict) else str(value)


_TIME_OF_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})([Tt ]\d{2}:\d{2}.*)")
_DAY_IN_A_ZONE = re.compile(r"(\d{4}-\d{2}-\d{2})(Z|[+-]\d{2}:\d{2})")


def _day(values: list[Any]) -> Any:
    """The day of a date-time as it is written, in the zone that it is written in; anything else as it is."""
    value = _joined(values)
    text = value.strip() if isinstance(value, str) else ""
    if match := _DAY_IN_A_ZONE.fullmatch(text):  # xs:date of XML Schema
        return match[1]
    if match := _TIME_OF_DAY.fullmatch(text):
        try:
            datetime.fromisoformat(text.upper())
        except ValueError:
            return value
        return match[1]
    return value


def _joined(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else ", ".join(map(as_text, values))


def _numeric(values: list[Any]) -> Any:
    value = _joined(values)
    return as_text(value) if isinstance(value, bool) else value


def _chosen(values: list[Any]) -> list[str]:
    return [as_text(part) for value in values for part in (value if isinstance(value, list) else [value])]


FIELD_TYPES: dict[str, FieldType] = {
    field_type.name: field_type
    for field_type in (
        FieldType("text", "Text", "text", "text", _text),
        FieldType("long_text", "Long text", "text", "textarea", partial(_text, most=MAX_LONG_TEXT)),
        FieldType("number", "Number", "number", "number", _number, show=_plain, fit=_numeric, key=sort_key),
        FieldType(
            "currency", "Currency", "number", "number", _currency, lambda stored: Decimal(str(stored)), _plain, fit=_numeric,
            key=sort_key,
        ),
        FieldType(
            "checkbox", "Checkbox", "boolean", "checkbox", _checkbox, bool,
            lambda stored, _zone: "yes" if stored else "no", False, key=lambda stored: str(int(stored)),
        ),
        FieldType("date", "Date", "date", "date", _date, date.fromisoformat, fit=_day),
        FieldType(
            "datetime", "Date and time", "datetime", "datetime-local", _datetime, typed_time, _show_time,
            key=lambda stored: stored.zfill(20),
        ),
        FieldType("picklist", "Picklist", "choice", "select", _picklist),
        FieldType(
            "multi_picklist", "Multi-select picklist", "choices", "checkboxes", _multi_picklist, list,
            lambda stored, _zone: ", ".join(stored), [], _chosen, lambda stored: text_key(", ".join(stored)),
        ),
        FieldType("email", "E-mail", "text", "email", _email),
        FieldType("phone", "Phone", "text", "tel", _phone),
        FieldType("url", "URL", "text", "url", _url),
        FieldType("reference", "Reference", "reference", "record", _id, key=id_key),
        FieldType("user", "User", "user", "user", _id, key=id_key),
    )
}  # fmt: skip
