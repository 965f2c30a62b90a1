"""The types of fields, one entry each: how a value is read, kept, typed and shown (SPEC section 2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email

from webhookui.crm.catalog import FieldInfo
from webhookui.db import row_number

MAX_TEXT = 1000
MAX_LONG_TEXT = 100_000
MAX_DIGITS = 30


class FieldError(Exception):
    """A value that the field can't take; the text is the sentence at the field."""


@dataclass(frozen=True)
class FieldType:
    """One type. `read` makes the stored form of what a form or a program sent (never empty), or raises FieldError."""

    name: str
    label: str
    family: str
    """text, number, boolean, date, datetime, choice, choices, reference or user: what operators go by."""
    read: Callable[[Any, FieldInfo], Any]
    typed: Callable[[Any], Any] = lambda stored: stored
    show: Callable[[Any, tzinfo], str] = lambda stored, _zone: str(stored)
    empty: Any = None

    def parse(self, raw: Any, field: FieldInfo) -> Any:
        """The stored form; the type's empty value for nothing. Raises FieldError."""
        if raw is None or (isinstance(raw, str) and not raw.strip()) or (isinstance(raw, list) and not raw):
            return list(self.empty) if isinstance(self.empty, list) else self.empty
        return self.read(raw, field)

    def text(self, stored: Any, time_zone: tzinfo | str = UTC) -> str:
        """For lists, search and CSV; empty for nothing."""
        zone = ZoneInfo(time_zone) if isinstance(time_zone, str) else time_zone
        return "" if stored is None else self.show(stored, zone)


def _text(raw: Any, field: FieldInfo, most: int = MAX_TEXT) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int | Decimal | float):
        raise FieldError("This must be text.")
    text = str(raw).strip()
    if "\0" in text:
        raise FieldError("This has a character that can't be stored.")
    if len(text) > most:
        raise FieldError(f"At most {most} characters; these are {len(text)}.")
    return text


def _long_text(raw: Any, field: FieldInfo) -> str:
    return _text(raw, field, MAX_LONG_TEXT).replace("\r\n", "\n")


def _decimal(raw: Any, example: str) -> Decimal:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float | Decimal):
        raise FieldError(f"This is not a number. Write it like {example}.")
    text = str(raw).strip().replace("\u00a0", "").replace(" ", "")
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise FieldError(f"“{str(raw)[:40]}” is not a number. Write it like {example}.") from None
    if not value.is_finite() or len(value.as_tuple().digits) > MAX_DIGITS or abs(value.adjusted()) > MAX_DIGITS:
        raise FieldError("This number can't be stored exactly: too many digits.")
    return value


def _number(raw: Any, field: FieldInfo) -> int | Decimal:
    value = _decimal(raw, "1250 or 0.5")
    if value == value.to_integral_value():
        return int(value)
    return Decimal(format(value.normalize(), "f"))


def _currency(raw: Any, field: FieldInfo) -> Decimal:
    value = _decimal(raw, "1250.00")
    exponent = value.as_tuple().exponent
    places = max(2, -exponent if isinstance(exponent, int) else 2)
    if places > 6:
        shortened = value.normalize()
        places = max(2, -int(shortened.as_tuple().exponent))
        if places > 6:
            raise FieldError("An amount has at most six decimals.")
    return value.quantize(Decimal(1).scaleb(-places))


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
    raise FieldError("This is either yes or no.")


def _date(raw: Any, field: FieldInfo) -> str:
    text = str(raw).strip() if isinstance(raw, str) else ""
    match = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", text)
    try:
        if not match:
            raise ValueError
        return date(*(int(part) for part in match.groups())).isoformat()
    except ValueError:
        raise FieldError(f"“{str(raw)[:40]}” is not a date. Write it like 2026-12-31.") from None


def _datetime(raw: Any, field: FieldInfo) -> str:
    text = str(raw).strip() if isinstance(raw, str) else ""
    try:
        if not re.match(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}|$)", text):
            raise ValueError
        time = datetime.fromisoformat(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise FieldError(f"“{str(raw)[:40]}” is not a time. Write it like 2026-12-31 14:30.") from None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _picklist(raw: Any, field: FieldInfo) -> str:
    text = _text(raw, field)
    for option in field.options:
        if option == text or option.casefold() == text.casefold():
            return option
    raise FieldError(f"“{text[:60]}” is not one of: {', '.join(field.options)}.")


def _multi_picklist(raw: Any, field: FieldInfo) -> list[str]:
    parts = raw if isinstance(raw, list | tuple) else str(raw).replace(";", ",").split(",")
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
        raise FieldError("Choose one from the list (a program sends the record's id).")
    return number


def typed_time(stored: str) -> datetime:
    return datetime.fromisoformat(stored.replace("Z", "+00:00"))


def _show_time(stored: Any, zone: tzinfo) -> str:
    return typed_time(stored).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _plain(stored: Any, _zone: tzinfo = UTC) -> str:
    return format(stored, "f") if isinstance(stored, Decimal) else str(stored)


FIELD_TYPES: dict[str, FieldType] = {
    each.name: each
    for each in (
        FieldType("text", "Text", "text", _text),
        FieldType("long_text", "Long text", "text", _long_text),
        FieldType("number", "Number", "number", _number, show=_plain),
        FieldType("currency", "Currency", "number", _currency, lambda stored: Decimal(str(stored)), _plain),
        FieldType(
            "checkbox", "Checkbox", "boolean", _checkbox, bool, lambda stored, _zone: "yes" if stored else "no", False
        ),
        FieldType("date", "Date", "date", _date, date.fromisoformat),
        FieldType("datetime", "Date and time", "datetime", _datetime, typed_time, _show_time),
        FieldType("picklist", "Picklist", "choice", _picklist),
        FieldType(
            "multi_picklist", "Multi-select picklist", "choices", _multi_picklist, list,
            lambda stored, _zone: ", ".join(stored), [],
        ),
        FieldType("email", "E-mail", "text", _email),
        FieldType("phone", "Phone", "text", _phone),
        FieldType("url", "URL", "text", _url),
        FieldType("reference", "Reference", "reference", _id),
        FieldType("user", "User", "user", _id),
    )
}  # fmt: skip
