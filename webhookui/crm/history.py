"""What saves did to a record, while they happen and later; the values that there were then (specification sections 2, 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.core.events import Event
from webhookui.crm.catalog import catalog
from webhookui.crm.tables import Change, Record

_C = Change.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True)
class RecordChange:
    """What a save did. `kind` is "create", "update", "delete" or "restore"; "" for a record that is merely looked at.

    `values` are the stored values after the save (before it, for a deletion); `before` those before it: nothing at a
    creation or restoration, the same as `values` at a deletion, which changes no field. `last_saved`: when an update's record
    was saved before.
    """

    kind: str
    module: str
    record_id: int
    name: str
    created_at: datetime | None
    updated_at: datetime | None
    values: Mapping[str, Any]
    before: Mapping[str, Any]
    at: datetime
    source: str = ""
    change: Change | None = None
    last_saved: datetime | None = None

    @classmethod
    def of(
        cls,
        change: Change,
        record: Record | None,
        values: Mapping[str, Any],
        before: Mapping[str, Any],
        last_saved: datetime | None = None,
    ) -> Self:
        """The save that `change` is the trace of."""
        return cls(
            change.kind, change.module, change.record_id, change.record_name, record.created_at if record else None,
            change.at, values, before, change.at, change.source, change, last_saved,
        )  # fmt: skip

    @classmethod
    def past(cls, session: Session, change: Change) -> Self:
        """A save of which the trace is left; the record may have changed or gone since then."""
        record = session.get(Record, change.record_id)
        info = catalog(session).module(change.module)
        after = info.current(values_after(session, record, change.record_id, change))
        before = info.current({**after, **_old_values(change)})
        values = before if change.kind == "delete" else after
        return cls.of(change, record, values, {} if change.kind in ("create", "restore") else before)

    @classmethod
    def standing(cls, session: Session, record: Record) -> Self:
        """The record as it is now, with the values before its latest save."""
        latest = latest_change(session, record.id or 0)
        info = catalog(session).module(record.module)
        values = info.current(record.values)
        before = info.current({**values, **_old_values(latest)}) if latest is not None else values
        return cls(
            "", record.module, record.id or 0, record.name, record.created_at, record.updated_at, values, before, now()
        )  # fmt: skip


record_saved: Event[[RecordChange]] = Event()
"""A record was created, updated or deleted, in the transaction that does so."""


def latest_change(session: Session, record_id: int, *which: ColumnElement[bool]) -> Change | None:
    """The record's newest change, or the newest `which` is true of."""
    newest = select(Change).where(_C.record_id == record_id, *which).order_by(_C.id.desc())
    return session.scalars(newest.limit(1)).first()


def latest_trigger(session: Session, record_id: int) -> Change | None:
    """The record's newest change that no capture made."""
    return latest_change(session, record_id, _C.source != "capture")


def change_up_to(session: Session, record_id: int, change: Change) -> Change | None:
    """The newest change of a record up to a change of this or another one."""
    return latest_change(session, record_id, _C.id <= change.id)


def timeline(session: Session, record_id: int, limit: int = 50, before: int | None = None) -> list[Change]:
    """The record's changes, newest first. `before`: the id of the change to go on from."""
    statement = select(Change).where(_C.record_id == record_id)
    if before is not None:
        statement = statement.where(_C.id < before)
    return list(session.scalars(statement.order_by(_C.id.desc()).limit(limit)))


def since(session: Session, record_id: int, version: int) -> list[Change]:
    """The record's changes after a version of it, newest first."""
    return list(
        session.scalars(select(Change).where(_C.record_id == record_id, _C.version > version).order_by(_C.id.desc()))
    )


def values_at(session: Session, record: Record, version: int) -> dict[str, Any]:
    """The record's stored values as they were at an earlier version."""
    return _taken_back(session, record.values, _C.record_id == record.id, _C.version > version)


def values_after(session: Session, record: Record | None, record_id: int, change: Change) -> dict[str, Any]:
    """The stored values of a record, which may be gone, right after a past change of this or another one."""
    return _taken_back(session, record.values if record else {}, _C.record_id == record_id, _C.id > change.id)


def _taken_back(session: Session, values: Mapping[str, Any], *later: ColumnElement[bool]) -> dict[str, Any]:
    earlier = dict(values)
    for change in session.scalars(select(Change).where(*later).order_by(_C.id.desc())):
        earlier.update(_old_values(change))
    return earlier


def _old_values(change: Change) -> dict[str, Any]:
    return {name: old for name, (old, _) in change.values.items()}
