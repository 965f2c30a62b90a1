"""Lists of records: search, filter, sort, pages (specification section 2). The same queries on SQLite and PostgreSQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, false, func, or_, select
from sqlalchemy.orm import Session

from webhookui.core.database import dumps, row_number
from webhookui.core.paging import Page, one_page
from webhookui.core.sql_numbers import json_number
from webhookui.crm.catalog import FieldInfo, ModuleInfo, catalog
from webhookui.crm.field_types import FieldError
from webhookui.crm.sorting import InvalidListing, sort_order
from webhookui.crm.tables import Record

_R = Record.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True)
class ListQuery:
    """What to list. `sort`: a field's name, with "-" before it for descending; `filters`: field → text."""

    module: str
    q: str = ""
    sort: str = "-updated_at"
    filters: Mapping[str, str] = field(default_factory=dict)


def page(session: Session, query: ListQuery, page: int = 1, per_page: int = 50) -> Page[Record]:
    """One page by number, for people. Raises InvalidListing."""
    info = catalog(session).module(query.module)
    where = _where(info, query)
    total = session.scalar(select(func.count()).select_from(Record).where(*where)) or 0
    pages = max(1, -(-total // per_page))
    page = min(max(1, page), pages)
    statement = (
        select(Record)
        .where(*where)
        .order_by(*sort_order(info, query.sort).clauses())
        .limit(per_page)
        .offset((page - 1) * per_page)
    )
    following, preceding = page + 1 if page < pages else None, page - 1 if page > 1 else None
    return Page(list(session.scalars(statement)), following, preceding, total)


def page_after(session: Session, query: ListQuery, cursor: str, limit: int) -> Page[Record]:
    """One page by cursor, for programs. Raises InvalidListing.

    A cursor says the last record's sort value and id: what is made, changed or deleted meanwhile shifts nothing.
    """
    info = catalog(session).module(query.module)
    order = sort_order(info, query.sort)
    statement = select(Record, order.carried).where(*_where(info, query)).order_by(*order.clauses())
    if cursor:
        statement = statement.where(order.after(cursor))
    rows = one_page(
        session.execute(statement.limit(limit + 1)).all(), limit, lambda row: order.cursor(row[1], row[0].id)
    )
    return Page([record for record, _ in rows.items], rows.next_page)


def search(session: Session, q: str, limit: int = 20, module: str | None = None) -> list[Record]:
    """Records of all modules, or of one, whose text has all the words; best names first."""
    words = q.casefold().split()
    statement = select(Record).where(*(_has(word) for word in words))
    if module:
        statement = statement.where(_R.module == module)
    first = func.lower(_R.name).like(_pattern(q.casefold()[:500])[1:], escape="\\")
    return list(session.scalars(statement.order_by(first.desc(), _R.updated_at.desc(), _R.id.desc()).limit(limit)))


LONGEST_PATTERN = 50_000
"""Bytes of a pattern that SQLite takes; nothing that is stored would match a longer one."""


def _contains(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    pattern = _pattern(text)
    if len(pattern.encode("utf-8", "replace")) > LONGEST_PATTERN:
        return false()
    return column.like(pattern, escape="\\")


def _pattern(text: str) -> str:
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _has(word: str) -> ColumnElement[bool]:
    return or_(_contains(_R.search_text, word), _contains(func.lower(_R.name), word))


def _where(info: ModuleInfo, query: ListQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [_R.module == info.name]
    conditions += [_has(word) for word in query.q.casefold().split()]
    for name, text in query.filters.items():
        if str(text).strip():
            conditions.append(_matches(_field(info, name), str(text).strip()))
    return conditions


def _field(info: ModuleInfo, name: str) -> FieldInfo:
    field = info.fields.get(name)
    if field is None:
        raise InvalidListing(name, f"{info.label} has no field “{name}”.")
    return field


def _value(field: FieldInfo) -> ColumnElement[Any]:
    """The field's stored value as text."""
    return _R["values"][field.name].as_string()


def _matches(field: FieldInfo, text: str) -> ColumnElement[bool]:
    """Text contains; everything else equals, as the field's type reads the filter's text."""
    family = field.kind.family
    if family == "text":
        return _contains(func.lower(_value(field)), text.lower())
    try:
        stored = field.kind.parse(text, field)
    except FieldError as error:
        raise InvalidListing(field.name, str(error)) from None
    if family in ("reference", "user") and row_number(str(stored)) is None:
        return false()
    if field.name == "owner":
        return _R.owner_id == stored
    if family == "boolean":
        return _R["values"][field.name].as_boolean() == stored
    if family == "number":
        return json_number(_R["values"], field.name) == stored
    if family == "choices":
        return and_(*(_contains(func.lower(_value(field)), dumps(value.lower())) for value in stored))
    return _value(field) == cast(str(stored), String)
