"""Cells as people and programs write them, per type of field: what a column's dates and decimals look like, and how they are
read (specification section 2). It knows no database."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from webhookui.crm.catalog import FieldInfo, ModuleInfo
from webhookui.crm.field_types import FieldError, iso_time
from webhookui.crm.imports.csv_files import restored

ID = "id"
"""In place of a field's name: the record's own number."""
ID_LABEL = "Record ID"
DATE_ORDERS = {"ymd": "2026-12-31 (year, month, day)", "dmy": "31.12.2026 (day, month, year)",
               "mdy": "12/31/2026 (month, day, year)"}  # fmt: skip
DECIMAL_SIGNS = {".": "1,250.50 (decimal point)", ",": "1.250,50 (decimal comma)"}

_DAY = re.compile(r"(\d{1,4})\s?([./-])\s?(\d{1,2})\s?\2\s?(\d{1,4})\.?", re.ASCII)
_TIME = re.compile(r"[T ,]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([ap])?\.?m?\.?\s*(Z|[+-]\d{2}:?\d{2}(?::\d{2})?)?",
                   re.ASCII | re.IGNORECASE)  # fmt: skip
_BLANKS = re.compile(r"[\s\u00a0\u202f'’]")


def forms_of(field: FieldInfo | None) -> dict[str, str]:
    """How the values of a field may be written, in words; none where there is one way."""
    if field is None:
        return {}
    return {"date": DATE_ORDERS, "datetime": DATE_ORDERS, "number": DECIMAL_SIGNS}.get(field.kind.family, {})


# ---- telling ----------------------------------------------------------------------------------------------------------


def form_of(field: FieldInfo | None, cells: Iterable[str], separator: str) -> tuple[str, bool]:
    """(how these values are written: a key of `forms_of`, whether they say so or it is a guess)"""
    forms = forms_of(field)
    if not forms:
        return "", True
    texts = [text for cell in cells if (text := restored(cell).strip())]
    return _date_order(texts) if forms is DATE_ORDERS else _decimal_sign(texts, separator)


def _date_order(texts: Sequence[str]) -> tuple[str, bool]:
    parts = [match for text in texts if (match := _DAY.match(text)) and len(match[1]) < 4]
    if not parts:
        return "ymd", True
    if parts[0][2] == ".":
        return "dmy", True  # nobody writes the month first with points
    day_first, month_first = (sum(int(match[place]) > 12 for match in parts) for place in (1, 3))
    if day_first == month_first:
        return ("mdy" if parts[0][2] == "/" else "dmy"), False
    return ("dmy" if day_first > month_first else "mdy"), not (day_first and month_first)


def _decimal_sign(texts: Sequence[str], separator: str) -> tuple[str, bool]:
    """Excel separates cells by semicolons where the comma is the decimal sign."""
    usual = "," if separator == ";" else "."
    votes = {".": 0, ",": 0}
    for text in texts:
        number = _BLANKS.sub("", text)
        last = max(number.rfind("."), number.rfind(","))
        if last < 0:
            continue
        sign = number[last]
        other = "," if sign == "." else "."
        if number.count(sign) > 1:
            votes[other] += 1
        elif other in number or len(re.sub(r"\D.*", "", number[last + 1 :])) != 3:
            votes[sign] += 1
    if votes["."] == votes[","]:
        is_whole = not any("." in text or "," in text for text in texts)
        return usual, is_whole
    return max(votes, key=lambda sign: votes[sign]), True


def guessed_fields(info: ModuleInfo, header: Sequence[str]) -> list[str]:
    """The field of each column, by its label or name; "" for none. No field has two columns."""
    names: dict[str, list[str]] = {_plain(ID_LABEL): [ID], ID: [ID]}
    for of in (lambda field: field.label, lambda field: field.name):
        for field in info.fields.values():
            names.setdefault(_plain(of(field)), []).append(field.name)
    guessed: list[str] = []
    for title in header:
        fitting = names.get(_plain(restored(title)), [])
        guessed.append(next((name for name in fitting if name not in guessed), ""))
    return guessed


def _plain(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


# ---- reading ----------------------------------------------------------------------------------------------------------


def read_cell(field: FieldInfo, cell: str, form: str, zone: tzinfo) -> Any:
    """What the field's type reads, out of a cell. Raises FieldError. `zone`: of times that name none."""
    text = restored(cell)
    if not text.strip():
        return None
    if field.kind.family == "number":
        return _number(text, form)
    if field.kind.family == "date":
        return _date(text, form)
    return _datetime(text, form, zone) if field.kind.family == "datetime" else text


def _number(text: str, sign: str) -> str:
    """As a program writes it: `1250.50`. Groups of thousands and a symbol of a currency may be in it."""
    plain = "".join(character for character in _BLANKS.sub("", text) if unicodedata.category(character) != "Sc")
    plain = plain.replace("\u2212", "-")
    group = "," if sign == "." else "."
    whole, point, places = plain.partition(sign)
    if group in whole and not re.fullmatch(rf"[+-]?\d{{1,3}}({re.escape(group)}\d{{3}})+", whole, re.ASCII):
        raise _not_a_number(text, sign)
    if point and not re.fullmatch(r"\d*(e[+-]?\d+)?", places, re.ASCII | re.IGNORECASE):
        raise _not_a_number(text, sign)
    return whole.replace(group, "") + ("." + places if point else "")


def _not_a_number(text: str, sign: str) -> FieldError:
    return FieldError(f"“{text[:40]}” is not a number with a decimal {'point' if sign == '.' else 'comma'}.")


def _day(text: str, order: str) -> tuple[date, str]:
    """(the day, what stands behind it)"""
    match = _DAY.match(text.strip())
    words = f"“{text.strip()[:40]}” is not a date like {DATE_ORDERS.get(order, DATE_ORDERS['ymd'])}."
    if match is None:
        raise FieldError(words)
    numbers = match[1], match[3], match[4]
    order = "ymd" if len(match[1]) > 2 else order
    parts = dict(zip(order, numbers, strict=True))
    year = int(parts["y"])
    if len(parts["y"]) == 2:
        year += 2000 if year < 69 else 1900  # as POSIX reads it
    elif len(parts["y"]) != 4:
        raise FieldError(words)
    try:
        return date(year, int(parts["m"]), int(parts["d"])), text.strip()[match.end() :]
    except ValueError:
        raise FieldError(words) from None


def _date(text: str, order: str) -> str:
    day, rest = _day(text, order)
    if rest and not re.fullmatch(r"[T ]\s?0?0:00(:00)?(\.0+)?", rest):  # Excel writes midnight behind some dates
        raise FieldError(f"“{text.strip()[:40]}” is not a date alone.")
    return day.isoformat()


def _datetime(text: str, order: str, zone: tzinfo) -> str:
    day, rest = _day(text, order)
    if not rest:
        return iso_time(datetime(day.year, day.month, day.day, tzinfo=zone))
    match = _TIME.fullmatch(rest)
    try:
        if match is None:
            raise ValueError
        hour = int(match[1])
        if match[4]:
            if not 1 <= hour <= 12:
                raise ValueError
            hour = hour % 12 + (12 if match[4].lower() == "p" else 0)
        time = datetime.combine(day, datetime.min.time()).replace(
            hour=hour, minute=int(match[2]), second=int(match[3] or 0)
        )
        offset = (match[5] or "").upper().replace("Z", "+00:00")
        time = datetime.fromisoformat(time.isoformat() + offset) if offset else time.replace(tzinfo=zone)
        return iso_time(time.astimezone(UTC))
    except (ValueError, OverflowError):
        raise FieldError(f"“{text.strip()[:40]}” is not a time. Write it like 2026-12-31 14:30.") from None
