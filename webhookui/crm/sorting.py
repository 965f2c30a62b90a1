"""The order of a list of records, as stretches that an index holds in order, and the cursors that go on in it
(specification sections 2, 10). The same on SQLite and PostgreSQL."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, and_, func, literal, select, tuple_
from sqlalchemy.orm import Session

from webhookui.core.database import row_number
from webhookui.core.exact_json import dumps, loads
from webhookui.crm import record_keys
from webhookui.crm.catalog import FieldInfo, ModuleInfo, catalog
from webhookui.crm.field_types import id_key, text_key
from webhookui.crm.record_keys import NAME
from webhookui.crm.tables import Link, Record, RecordKey
from webhookui.people import accounts

_R = Record.__table__.c  # type: ignore[attr-defined]
_KEYS = RecordKey.__table__.alias("sorted_by")  # type: ignore[attr-defined]
_K = _KEYS.c
_L = Link.__table__.c  # type: ignore[attr-defined]

NOT_OURS = "This cursor is not valid. Use next_cursor of the previous page."
Mark = tuple[Any, ...]
"""Where a row stands within its stretch: its key, if the stretch has several, and its id."""


class InvalidListing(Exception):
    """A sort, filter or cursor that can't be: `field` names it, the text says why. `part`: "sort", "filter" or "cursor"."""

    def __init__(self, field: str, message: str, part: str = "filter") -> None:
        super().__init__(message)
        self.field = field
        self.part = part


class Stretch(Protocol):
    """A part of a sorted list, which an index holds in order. `columns` make a row's mark."""

    @property
    def columns(self) -> tuple[ColumnElement[Any], ...]: ...

    def rows(self, *columns: Any, has_least: bool = False) -> Select[Any]:
        """Its records, in no order yet. Of no columns: what its marks are made of. `has_least`: a mark is the least of them; of
        two lower bounds SQLite takes the first, and reads from there on."""
        ...

    def read(self, carried: Sequence[Any]) -> Mark:
        """A mark that a cursor has carried. Raises ValueError, TypeError."""
        ...


def in_order(
    stretch: Stretch, *, descending: bool, after: Mark | None, columns: Sequence[Any], until: Mark | None = None
) -> Select[Any]:
    """The query for a stretch's rows, from behind a mark on and up to one: the columns that are asked for, then its mark."""
    has_least = (until if descending else after) is not None
    statement = stretch.rows(*columns, has_least=has_least).add_columns(*stretch.columns)
    row = tuple_(*stretch.columns)
    if until is not None:
        last = tuple_(*_literals(until, stretch))
        statement = statement.where(row >= last if descending else row <= last)
    if after is not None:
        mark = _literals(after, stretch)
        bound = tuple_(*mark)
        statement = statement.where(row < bound if descending else row > bound)
        first = stretch.columns[0]
        if first.table is not stretch.columns[-1].table:  # type: ignore[attr-defined]  # no index has them all: where to begin
            statement = statement.where(first <= mark[0] if descending else first >= mark[0])
    return statement.order_by(*(column.desc() if descending else column.asc() for column in stretch.columns))


def _literals(mark: Mark, stretch: Stretch) -> list[ColumnElement[Any]]:
    return [literal(value, column.type) for value, column in zip(mark, stretch.columns, strict=True)]


@dataclass(frozen=True)
class ByColumn:
    """All records of a module by a column that has an index."""

    module: str
    column: ColumnElement[Any]

    @property
    def columns(self) -> tuple[ColumnElement[Any], ...]:
        return (_R.id,) if self.column is _R.id else (self.column, _R.id)

    def rows(self, *columns: Any, has_least: bool = False) -> Select[Any]:
        return select(*columns).select_from(Record).where(_R.module == self.module)

    def read(self, carried: Sequence[Any]) -> Mark:
        times = [datetime.fromisoformat(_text(value)) for value in carried[:-1]]
        return (*times, _id(carried[-1]))


@dataclass(frozen=True)
class ByKey:
    """The records that have a value in a field, or exactly the one with the key `only`, or one of those in `among`."""

    field_id: int
    only: str | None = None
    among: tuple[str, ...] | None = None

    @property
    def columns(self) -> tuple[ColumnElement[Any], ...]:
        return (_K.record_id,) if self.only is not None else (_K.key, _K.record_id)

    def rows(self, *columns: Any, has_least: bool = False) -> Select[Any]:
        if self.only is not None:
            return self._rows(*columns).where(_K.key == self.only)
        if self.among is not None:
            return self._rows(*columns).where(_K.key.in_(self.among))
        return self._rows(*columns) if has_least else self._rows(*columns).where(_K.key > "")

    def _rows(self, *columns: Any) -> Select[Any]:
        """Of any key."""
        statement = select(*columns).select_from(_KEYS).where(_K.field_id == self.field_id)
        return statement.join(Record, _R.id == _K.record_id) if columns else statement

    def beginning(self, text: str) -> Select[Any]:
        """Its records whose key begins with a text, in order."""
        statement = self._rows(Record).where(record_keys.beginning(_K.key, text))
        return statement.order_by(_K.key, _K.record_id)

    def read(self, carried: Sequence[Any]) -> Mark:
        return (*map(_text, carried[:-1]), _id(carried[-1]))


@dataclass(frozen=True)
class ByReference:
    """The records that refer to one of another module, in the order of the names there."""

    module: str
    field: str
    target_id: int
    """Of the module that it refers to."""

    columns = (_K.key, _K.record_id, _L.record_id)

    def rows(self, *columns: Any, has_least: bool = False) -> Select[Any]:
        link = and_(_L.target_id == _K.record_id, _L.field == self.field)
        statement = select(*columns).join_from(_KEYS, Link, link).join(Record, _R.id == _L.record_id)
        # Other modules may have a field of that name; the function keeps SQLite from beginning with the module's records.
        return statement.where(_K.field_id == -self.target_id, func.coalesce(_R.module, "") == self.module)

    def read(self, carried: Sequence[Any]) -> Mark:
        name, target, record = carried
        return _text(name), _id(target), _id(record)


def _text(carried: Any) -> str:
    if not isinstance(carried, str) or len(carried) > 1000:
        raise ValueError
    return carried


def _id(carried: Any) -> int:
    number = None if isinstance(carried, bool) else row_number(str(carried))
    if number is None:
        raise ValueError
    return number


@dataclass(frozen=True)
class SortOrder:
    """By a value, empty ones last, and by id so that pages never overlap. `stretches` follow one another in the list."""

    sort: str
    field: str
    stretches: tuple[Stretch, ...]
    descending: bool

    def cursor(self, stretch: int, mark: Mark) -> str:
        """For programs and links: where a row stands."""
        carried = [value.isoformat() if isinstance(value, datetime) else value for value in mark]
        content = dumps([self.sort, stretch, *carried])
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    def read(self, cursor: str) -> tuple[int, Mark]:
        """(stretch, mark) of a cursor. Raises InvalidListing."""
        try:
            sort, stretch, *carried = loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if not isinstance(sort, str):
                raise ValueError
            if sort != self.sort:
                words = f"This cursor belongs to a list sorted by “{sort[:60]}”. Start again without a cursor."
                raise InvalidListing("cursor", words, "cursor")
            number = _id(stretch)
            mark = self.stretches[number].read(carried)
            if len(mark) != len(self.stretches[number].columns):
                raise ValueError
        except (ValueError, TypeError, IndexError, RecursionError, binascii.Error):
            raise InvalidListing("cursor", NOT_OURS, "cursor") from None
        return number, mark


_COLUMNS: Mapping[str, ColumnElement[Any]] = {"id": _R.id, "created_at": _R.created_at, "updated_at": _R.updated_at}
"""What every module can be sorted by beside its fields and its name."""


def sort_order(session: Session, info: ModuleInfo, sort: str) -> SortOrder:
    """`sort`: the name of a field, with "-" before it for descending. Raises InvalidListing.

    A reference and a user sort by their names, a picklist by the order of its options.
    """
    name, descending = sort.removeprefix("-") or "updated_at", sort.startswith("-")
    field = info.fields.get(name)
    if field is not None:
        filled = _stretches(session, info, field)
        empty = ByKey(field.id, only="")
        return SortOrder(sort, name, (*(reversed(filled) if descending else filled), empty), descending)
    if name == "name":
        stretches = (ByKey(-info.id), ByKey(-info.id, only=""))
        return SortOrder(sort, NAME, stretches, descending)
    if name not in _COLUMNS:
        raise InvalidListing(name, f"{info.label} has no field “{name}”.", "sort")
    return SortOrder(sort, name, (ByColumn(info.name, _COLUMNS[name]),), descending)


def newest_referring(info: ModuleInfo, field: FieldInfo, target_id: int) -> SortOrder:
    """The records of a module that refer to one record by a field, the newest first."""
    stretch = ByKey(field.id, only=id_key(target_id))
    return SortOrder(f"-id of {info.name}.{field.name}", field.name, (stretch,), descending=True)


def _stretches(session: Session, info: ModuleInfo, field: FieldInfo) -> list[Stretch]:
    """Those of the records that have a value, ascending."""
    if field.kind.family == "reference":
        return [ByReference(info.name, field.name, catalog(session).module(field.target or "").id)]
    if field.kind.family == "user":
        users = sorted(accounts.all_users(session), key=lambda user: (text_key(user.name), user.id))
        keys = tuple(id_key(user.id or 0) for user in users)
    elif field.kind.family == "choice":
        keys = tuple(map(text_key, field.all_options))
    else:
        return [ByKey(field.id)]
    retired = tuple(key for key in record_keys.distinct(session, field.id) if key not in keys)
    return [*(ByKey(field.id, only=key) for key in keys), ByKey(field.id, among=retired)]
