"""The filters of a list of records: an operator and its operands for a field, as conditions of the database (specification
sections 2 and 3). Operators mean what they mean in entry criteria, on the value as it is stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, not_, or_, select
from sqlalchemy.orm import Session

from webhookui.core.database import dumps, now, row_number
from webhookui.core.text_index import ColumnIndex
from webhookui.crm.catalog import FieldInfo, ModuleInfo
from webhookui.crm.field_types import LONGEST_KEY, FieldError, iso_time
from webhookui.crm.operators import OPERATORS, Operator, operators_for
from webhookui.crm.record_keys import beginning, key_in
from webhookui.crm.sorting import InvalidListing
from webhookui.crm.tables import Record, RecordKey

_R = Record.__table__.c  # type: ignore[attr-defined]
_K = RecordKey.__table__.alias("filtered_by").c  # type: ignore[attr-defined]
TEXT = ColumnIndex("record", "search_text")

LONGEST_PATTERN = 50_000
"""Bytes of a pattern that SQLite takes; nothing that is stored would match a longer one."""


@dataclass(frozen=True)
class Filter:
    """`operands`: as many texts as the operator takes. An empty `operator` is the field's usual one."""

    field: str
    operator: str = ""
    operands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Condition:
    """`holds` judges a record. `candidates`: ids of all records that it may hold for, from an index; `exact`: that it does
    hold for."""

    holds: ColumnElement[bool]
    candidates: Select[Any] | None = None
    exact: bool = False


def usual_operator(field: FieldInfo) -> str:
    """What a filter does that names no operator: text contains, everything else is."""
    return "contains" if field.kind.family in ("text", "choices") else "is"


def filter_operators(field: FieldInfo) -> tuple[Operator, ...]:
    """Those that a filter on a field offers."""
    return tuple(operator for operator in operators_for(field.kind.family) if not operator.on_change)


def has_words(
    session: Session, words: Sequence[str], column: ColumnElement[str] = _R.search_text, index: ColumnIndex = TEXT
) -> Condition:
    """Records with all of these words, in lower case, somewhere in what is searched."""
    return Condition(and_(*(_contains(column, word) for word in words)), index.candidates(session, *words))


def condition(session: Session, info: ModuleInfo, asked: Filter, zone: tzinfo) -> Condition:
    """Raises InvalidListing."""
    field = info.fields.get(asked.field)
    if field is None:
        raise InvalidListing(asked.field, f"{info.label} has no field “{asked.field}”.")
    operator = OPERATORS.get(asked.operator or usual_operator(field))
    if operator is None or operator not in filter_operators(field):
        raise InvalidListing(field.name, f"“{asked.operator}” is no filter for {field.label}.")
    try:
        positive = _TESTS[operator.name](session, field, _Operands(field, asked.operands, zone))
    except FieldError as error:
        raise InvalidListing(field.name, str(error)) from None
    return Condition(not_(positive.holds)) if operator.negative else positive


class _Operands:
    """What was asked for, as the field's type reads it."""

    def __init__(self, field: FieldInfo, texts: Sequence[str], zone: tzinfo) -> None:
        self.field, self.zone = field, zone
        self.texts = [text.strip() for text in texts if text.strip()]

    @property
    def text(self) -> str:
        return self.texts[0] if self.texts else ""

    def stored(self, text: str) -> Any:
        """Raises FieldError. None for an id that no row has."""
        if self.field.kind.family in ("reference", "user") and row_number(text) is None:
            return None
        return self.field.kind.parse(text, self.field.with_retired)

    def bounds(self, text: str) -> tuple[str, str]:
        """The least key of a value, and the first one behind it: a day of a date-time is all of its moments."""
        if self.field.kind.family == "datetime" and len(text) == len("2026-12-31"):
            return self.days(datetime.fromisoformat(text).date().toordinal() - self.today, 0)
        key = self.field.kind.key(self.stored(text))
        return key, key + "\x01"  # which no text has

    @property
    def today(self) -> int:
        return now().astimezone(self.zone).date().toordinal()

    def days(self, first: int, more: int) -> tuple[str, str]:
        """The keys of the days from `first` on, counted from today, in the user's time zone."""
        begin, end = (self._key_of_day(self.today + first + step) for step in (0, more + 1))
        return begin, end

    def _key_of_day(self, ordinal: int) -> str:
        try:
            day = datetime.fromordinal(ordinal)
        except (ValueError, OverflowError):
            day = datetime.min if ordinal < 1 else datetime(9999, 12, 31)
        if self.field.kind.family == "date":
            return day.date().isoformat()
        try:
            return iso_time(datetime.combine(day, time(), self.zone))
        except OverflowError:
            return iso_time(day.replace(tzinfo=UTC))

    @property
    def number(self) -> int:
        """The N of the operators on days."""
        if not (self.text.isascii() and self.text.isdigit() and len(self.text) <= 6):
            raise FieldError("Enter a number of days.")
        return int(self.text)


Test = Callable[[Session, FieldInfo, _Operands], Condition]


def _by_key(field: FieldInfo, holds: Callable[[Any], ColumnElement[bool]]) -> Condition:
    """By the field's key alone: `holds` is asked of the record's and of the index's."""
    ids = select(_K.record_id).where(_K.field_id == field.id, holds(_K.key))
    return Condition(holds(key_in(_R, field.name)), ids, exact=True)


def _is(session: Session, field: FieldInfo, asked: _Operands) -> Condition:
    return _any(session, field, asked, asked.texts[:1])


def _any_of(session: Session, field: FieldInfo, asked: _Operands) -> Condition:
    if field.kind.family == "choices":
        options = [_choices(session, field, [text]).holds for text in asked.texts]
        return Condition(or_(false(), *options))
    return _any(session, field, asked, asked.texts)


def _any(session: Session, field: FieldInfo, asked: _Operands, texts: Sequence[str]) -> Condition:
    if field.kind.family == "datetime":
        first, end = asked.bounds(asked.text)
        return _by_key(field, lambda key: and_(key >= first, key < end))
    values = [value for value in map(asked.stored, texts) if value not in (None, [])]
    stored = [name for value in values for name in field.names_of(value)]
    keys = [field.kind.key(value) for value in stored]
    if field.kind.family == "boolean" and False in stored:
        keys.append("")  # a field that is newer than the record
    by_key = _by_key(field, lambda key: key.in_(keys))
    if field.kind.family in ("text", "choices") and any(len(key) >= LONGEST_KEY for key in keys):
        texts = [dumps(value) if isinstance(value, list) else value for value in stored]
        whole = func.lower(_value(field)).in_([text.lower() for text in texts])
        return Condition(and_(by_key.holds, whole), by_key.candidates)
    return by_key


def _contains_text(session: Session, field: FieldInfo, asked: _Operands) -> Condition:
    if field.kind.family == "choices":
        return _choices(session, field, asked.stored(asked.text))
    return _text_condition(session, field, asked.text, _contains(func.lower(_value(field)), asked.text.lower()))


def _starts_with(session: Session, field: FieldInfo, asked: _Operands) -> Condition:
    text = asked.text.lower()
    if not text or len(text) > LONGEST_KEY:
        return _text_condition(session, field, text, _like(func.lower(_value(field)), f"{_literally(text)}%"))
    return _by_key(field, lambda key: beginning(key, text))


def _ends_with(session: Session, field: FieldInfo, asked: _Operands) -> Condition:
    pattern = f"%{_literally(asked.text.lower())}"
    return _text_condition(session, field, asked.text, _like(func.lower(_value(field)), pattern))


def _text_condition(session: Session, field: FieldInfo, part: str, holds: ColumnElement[bool]) -> Condition:
    """On a text that the search of records looks into: its beginning, of a long one, is in the index of texts."""
    indexed = field.kind.is_searched and not field.kind.is_long
    return Condition(func.coalesce(holds, false()), TEXT.candidates(session, part.casefold()) if indexed else None)


def _choices(session: Session, field: FieldInfo, options: Sequence[str]) -> Condition:
    holds = and_(*(_contains(func.lower(_value(field)), dumps(option.lower())) for option in options))
    return Condition(
        func.coalesce(holds, false()), TEXT.candidates(session, *(option.casefold() for option in options))
    )


def _empty(session: Session, field: FieldInfo, asked: _Operands) -> Condition:
    return _by_key(field, lambda key: key == "")


def _not_empty(session: Session, field: FieldInfo, asked: _Operands) -> Condition:
    return _by_key(field, lambda key: key > "")


def _range(least: bool, inclusive: bool) -> Test:
    def test(session: Session, field: FieldInfo, asked: _Operands) -> Condition:
        first, end = asked.bounds(asked.text)
        if least:
            return _by_key(field, lambda key: key >= (first if inclusive else end))
        return _by_key(field, lambda key: and_(key > "", key < (end if inclusive else first)))

    return test


def _between(session: Session, field: FieldInfo, asked: _Operands) -> Condition:
    if len(asked.texts) != 2:
        raise FieldError("Enter both ends.")
    (first, _), (_, end) = (asked.bounds(text) for text in asked.texts)
    return _by_key(field, lambda key: and_(key >= first, key < end))


def _day(ahead: int) -> Test:
    return _within(lambda _n: (ahead, 0), counted=False)


def _within(days: Callable[[int], tuple[int, int]], *, counted: bool = True) -> Test:
    def test(session: Session, field: FieldInfo, asked: _Operands) -> Condition:
        first, end = asked.days(*days(asked.number if counted else 0))
        return _by_key(field, lambda key: and_(key >= first, key < end))

    return test


def _days_ago(session: Session, field: FieldInfo, asked: _Operands) -> Condition:
    first, _ = asked.days(-asked.number, 0)
    return _by_key(field, lambda key: and_(key > "", key < first))


def _days_later(session: Session, field: FieldInfo, asked: _Operands) -> Condition:
    _, end = asked.days(asked.number, 0)
    return _by_key(field, lambda key: key >= end)


_TESTS: Mapping[str, Test] = {
    "is": _is,
    "is_not": _is,
    "contains": _contains_text,
    "does_not_contain": _contains_text,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "is_empty": _empty,
    "is_not_empty": _not_empty,
    "less_than": _range(least=False, inclusive=False),
    "greater_than": _range(least=True, inclusive=False),
    "at_most": _range(least=False, inclusive=True),
    "at_least": _range(least=True, inclusive=True),
    "between": _between,
    "before": _range(least=False, inclusive=False),
    "after": _range(least=True, inclusive=False),
    "is_today": _day(0),
    "is_tomorrow": _day(1),
    "is_yesterday": _day(-1),
    "in_the_last_days": _within(lambda n: (-n, n)),
    "in_the_next_days": _within(lambda n: (0, n)),
    "more_than_days_ago": _days_ago,
    "more_than_days_later": _days_later,
    "is_any_of": _any_of,
    "is_none_of": _any_of,
}


def _value(field: FieldInfo) -> ColumnElement[Any]:
    """The field's stored value as text."""
    value: ColumnElement[Any] = _R["values"][field.name].as_string()
    return value


def _contains(column: ColumnElement[str], part: str) -> ColumnElement[bool]:
    return _like(column, f"%{_literally(part)}%")


def _like(column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    if len(pattern.encode("utf-8", "replace")) > LONGEST_PATTERN:
        return false()
    return column.like(pattern, escape="\\")


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
