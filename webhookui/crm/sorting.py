"""The order of a list of records, and the cursors that go on in it. The same on SQLite and PostgreSQL
(specification sections 2, 10)."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, String, and_, case, cast, func, literal, null, or_, select

from webhookui.core.database import UtcDateTime, row_number
from webhookui.core.exact_json import dumps, loads
from webhookui.core.sql_numbers import CarriedNumber, json_number
from webhookui.crm.catalog import FieldInfo, ModuleInfo
from webhookui.crm.tables import Record
from webhookui.people.tables import User

_R = Record.__table__.c  # type: ignore[attr-defined]

LONGEST_TEXT = 200
"""Characters of a text that decide its place; what they leave open, the id decides."""
NOT_OURS = "This cursor is not valid. Use next_cursor of the previous page."


class InvalidListing(Exception):
    """A sort, filter or cursor that can't be: `field` names it, the text says why. `part`: "sort", "filter" or "cursor"."""

    def __init__(self, field: str, message: str, part: str = "filter") -> None:
        super().__init__(message)
        self.field = field
        self.part = part


@dataclass(frozen=True)
class _Kind:
    """How values are compared: `key` makes what is compared of a column or of a value that a cursor carried, `read` reads it."""

    key: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    read: Callable[[Any], Any]
    type: Any


def _read_text(carried: Any) -> str:
    if not isinstance(carried, str) or len(carried) > LONGEST_TEXT:
        raise ValueError
    return carried


def _read_whole(carried: Any) -> int:
    number = row_number(_read_text(carried))
    if number is None:
        raise ValueError
    return number


TEXT = _Kind(lambda value: func.lower(func.substr(value, 1, LONGEST_TEXT)), _read_text, String)
NUMBER = _Kind(lambda value: value, lambda carried: CarriedNumber.checked(_read_text(carried)), CarriedNumber)
WHOLE = _Kind(lambda value: value, _read_whole, Integer)
TIME = _Kind(lambda value: value, lambda carried: datetime.fromisoformat(_read_text(carried)), UtcDateTime)

LIFTED: dict[str, tuple[ColumnElement[Any], _Kind]] = {
    "id": (_R.id, WHOLE),
    "name": (_R.name, TEXT),
    "created_at": (_R.created_at, TIME),
    "updated_at": (_R.updated_at, TIME),
}
"""What every module can be sorted by beside its fields."""


@dataclass(frozen=True)
class SortOrder:
    """By a value, empty ones last, and by id so that pages never overlap."""

    sort: str
    value: ColumnElement[Any]
    kind: _Kind

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")

    @property
    def carried(self) -> ColumnElement[Any]:
        """What a cursor says of a row."""
        return func.substr(self.value, 1, LONGEST_TEXT) if self.kind is TEXT else self.value

    def clauses(self) -> tuple[ColumnElement[Any], ...]:
        key = self.kind.key(self.value)
        if self.descending:
            return key.is_(None), key.desc(), _R.id.desc()
        return key.is_(None), key.asc(), _R.id.asc()

    def cursor(self, carried: Any, record_id: int | None) -> str:
        sort_value = carried.isoformat() if isinstance(carried, datetime) else carried
        content = dumps([self.sort, None if sort_value is None else str(sort_value), record_id])
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    def after(self, cursor: str) -> ColumnElement[bool]:
        """What comes after the row that a cursor speaks of. Raises InvalidListing."""
        carried, record_id = self._read(cursor)
        key = self.kind.key(self.value)
        later_id = _R.id < record_id if self.descending else _R.id > record_id
        if carried is None:
            return and_(key.is_(None), later_id)
        bound = self.kind.key(literal(carried, self.kind.type))
        return or_(key < bound if self.descending else key > bound, and_(key == bound, later_id), key.is_(None))

    def _read(self, cursor: str) -> tuple[Any, int]:
        try:
            sort, carried, record_id = loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if isinstance(record_id, bool) or row_number(str(record_id)) is None or not isinstance(sort, str):
                raise ValueError
            value = None if carried is None else self.kind.read(carried) if sort == self.sort else carried
        except (ValueError, TypeError, RecursionError, binascii.Error):
            raise InvalidListing("cursor", NOT_OURS, "cursor") from None
        if sort != self.sort:
            words = f"This cursor belongs to a list sorted by “{sort[:60]}”. Start again without a cursor."
            raise InvalidListing("cursor", words, "cursor")
        return value, record_id


def sort_order(info: ModuleInfo, sort: str) -> SortOrder:
    """`sort`: the name of a field, with "-" before it for descending. Raises InvalidListing.

    A reference and a user sort by their names, a picklist by the order of its options.
    """
    name = sort.removeprefix("-") or "updated_at"
    if name in LIFTED and name not in info.fields:
        return SortOrder(sort, *LIFTED[name])
    field = info.fields.get(name)
    if field is None:
        raise InvalidListing(name, f"{info.label} has no field “{name}”.", "sort")
    return SortOrder(sort, *_of_field(field))


def _of_field(field: FieldInfo) -> tuple[ColumnElement[Any], _Kind]:
    value = _R["values"][field.name].as_string()
    family = field.kind.family
    if family in ("reference", "user"):
        target = (Record if family == "reference" else User).__table__.alias().c  # type: ignore[union-attr]
        return select(target.name).where(target.id == cast(value, Integer)).scalar_subquery(), TEXT
    if family == "choice" and field.options:
        places = [(value == option, place) for place, option in enumerate(field.options)]
        return case((value.is_(None), null()), *places, else_=len(field.options)), WHOLE
    return (json_number(_R["values"], field.name), NUMBER) if family == "number" else (value, TEXT)
