"""The sort keys of records in step with their values: what lists are sorted and filtered by (specification section 2)."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, insert, literal, select, update
from sqlalchemy.orm import Session

from webhookui.core.database import Bytewise
from webhookui.crm.catalog import ModuleInfo
from webhookui.crm.field_types import text_key
from webhookui.crm.tables import Record, RecordKey

NAME = ""
"""The name's place among a record's keys."""

_K = RecordKey.__table__.c  # type: ignore[attr-defined]
_R = Record.__table__.c  # type: ignore[attr-defined]
Keys = Mapping[str, str]
"""Field → key, for those that have one."""


def keys_of(info: ModuleInfo, values: Mapping[str, Any], name: str) -> dict[str, str]:
    keys = {NAME: text_key(name)} if name else {}
    for field in info.fields.values():
        value = values.get(field.name)
        if value not in (None, "", []):
            keys[field.name] = field.kind.key(value)
    return keys


def key_in(columns: Any, field: str) -> ColumnElement[str]:
    """The key of a field in a record's own column: what the index says of it, too."""
    return Bytewise(func.coalesce(columns.sort_keys[field].as_string(), ""))


def beginning(key: Any, text: str) -> ColumnElement[bool]:
    """Whether a key begins with a text, as a stretch of the index."""
    return and_(key >= text, key < text + "\U0010ffff")


def ids_of(info: ModuleInfo) -> dict[str, int]:
    """Field → the `field_id` of its rows."""
    return {NAME: -info.id, **{field.name: field.id for field in info.fields.values()}}


def add(session: Session, info: ModuleInfo, keys: Mapping[int, Keys]) -> None:
    """The rows of new records: their ids → their keys."""
    numbers = ids_of(info).items()
    rows = sorted((number, of.get(name, ""), record_id) for record_id, of in keys.items() for name, number in numbers)
    connection, columns = session.connection(), ("field_id", "key", "record_id")
    # There are many and they are short: what SQLAlchemy does for each of them would take longer than the database.
    statement = insert(RecordKey.__table__).compile(dialect=connection.dialect, column_keys=columns)  # type: ignore[attr-defined]
    values = rows if statement.positional else [dict(zip(columns, row, strict=True)) for row in rows]
    connection.exec_driver_sql(str(statement), values)  # type: ignore[arg-type]


def move(session: Session, info: ModuleInfo, record_id: int, before: Keys, after: Keys) -> None:
    """After a save: the keys that have changed."""
    rows = [
        {"its_field": number, "old": before.get(name, ""), "its_record": record_id, "new": after.get(name, "")}
        for name, number in ids_of(info).items()
        if before.get(name, "") != after.get(name, "")
    ]
    if rows:
        session.connection().execute(_MOVE, rows)


def remove(session: Session, info: ModuleInfo, record_id: int, keys: Keys) -> None:
    rows = [
        {"its_field": number, "old": keys.get(name, ""), "its_record": record_id}
        for name, number in ids_of(info).items()
    ]
    session.connection().execute(_REMOVE, rows)


def add_field(session: Session, module: str, field_id: int) -> None:
    """The rows of a new field, which no record has a value in."""
    empty = select(literal(field_id), literal(""), _R.id).where(_R.module == module)
    session.execute(insert(RecordKey).from_select(["field_id", "key", "record_id"], empty))


def distinct(session: Session, field_id: int) -> list[str]:
    """The keys of a field that has few of them, in order: a look into the index for each."""
    keys = select(func.min(_K.key).label("key")).where(_K.field_id == field_id, _K.key > "").cte("keys", recursive=True)
    following = select(func.min(_K.key)).where(_K.field_id == field_id, _K.key > keys.c.key).scalar_subquery()
    keys = keys.union_all(select(following).where(keys.c.key.is_not(None)))
    return list(session.scalars(select(keys.c.key).where(keys.c.key.is_not(None))))


def remove_field(session: Session, field_id: int) -> None:
    session.execute(delete(RecordKey).where(_K.field_id == field_id))


_ROW = (
    (_K.field_id == bindparam("its_field")) & (_K.key == bindparam("old")) & (_K.record_id == bindparam("its_record"))
)
_MOVE = update(RecordKey.__table__).where(_ROW).values(key=bindparam("new"))  # type: ignore[attr-defined]
_REMOVE = delete(RecordKey.__table__).where(_ROW)  # type: ignore[attr-defined]
