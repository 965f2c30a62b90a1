"""A save of a record as workflows see it: while it happens, one of the past, or the record as it stands now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.crm.tables import Change, Record
from webhookui.workflows.record_loader import RecordLoader

if TYPE_CHECKING:
    from webhookui.crm.records import RecordEvent


@dataclass(frozen=True)
class RecordChange:
    """What a save did. `kind` is "create", "update" or "delete"; "" for a record that is merely looked at.

    `values` are the stored values after the save (before it, for a deletion); `before` those before it: nothing at a
    creation, the same as `values` at a deletion, which changes no field.
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

    @classmethod
    def happening(cls, event: RecordEvent) -> Self:
        """The save that an event announces, inside its transaction."""
        values = event.after if event.after is not None else (event.before or {})
        return cls._of(event.record, event.change, dict(values), dict(event.before or {}))

    @classmethod
    def past(cls, session: Session, change: Change) -> Self:
        """The save that `change` is the trace of; the record may have changed or gone since then."""
        record = session.get(Record, change.record_id)
        after = _values_after(session, record, change.record_id, change)
        before = {**after, **{field: old for field, (old, _) in change.values.items()}}
        if change.kind == "delete":
            after = before
        return cls._of(record, change, after, {} if change.kind == "create" else before)

    @classmethod
    def standing(cls, session: Session, record: Record) -> Self:
        """The record as it is now, with the values before its latest save."""
        values = dict(record.values)
        latest = latest_change(session, record.id or 0)
        changed = latest.values if latest is not None else {}
        before = {**values, **{field: old for field, (old, _) in changed.items()}}
        return cls(
            "", record.module, record.id or 0, record.name, record.created_at, record.updated_at, values, before, now()
        )

    @classmethod
    def _of(cls, record: Record | None, change: Change, values: dict[str, Any], before: dict[str, Any]) -> Self:
        return cls(
            kind=change.kind,
            module=change.module,
            record_id=change.record_id,
            name=change.record_name,
            created_at=record.created_at if record else None,
            updated_at=change.at,
            values=values,
            before=before,
            at=change.at,
            source=change.source,
            change=change,
        )


def _values_after(session: Session, record: Record | None, record_id: int, change: Change) -> dict[str, Any]:
    """The record's stored values right after a past change, of it or of another: today's, with every later one undone."""
    values = dict(record.values) if record else {}
    later = select(Change).where(Change.record_id == record_id, Change.id > change.id)  # type: ignore[arg-type, operator]
    for undone in session.scalars(later.order_by(Change.id.desc())):  # type: ignore[union-attr]
        values.update({field: old for field, (old, _) in undone.values.items()})
    return values


class PastRecordLoader(RecordLoader):
    """Reads what a past save saw: referenced records with the values that they had then, deleted ones too."""

    def __init__(self, session: Session, change: Change) -> None:
        super().__init__(session)
        self._change = change

    def record(self, record_id: int, among: Iterable[int] = ()) -> Record | None:
        if record_id not in self._records:
            self._records[record_id] = self._then(record_id)
        return self._records[record_id]

    def _then(self, record_id: int) -> Record | None:
        record, last = self.session.get(Record, record_id), self._last(record_id)
        if last is None:
            return record
        if last.kind == "delete":
            return None
        values = _values_after(self.session, record, record_id, self._change)
        return Record(id=record_id, module=last.module, name=last.record_name, values=values)

    def _last(self, record_id: int) -> Change | None:
        """The newest change of the record up to the save."""
        query = select(Change).where(Change.record_id == record_id, Change.id <= self._change.id)  # type: ignore[arg-type, operator]
        return self.session.scalars(query.order_by(Change.id.desc()).limit(1)).first()  # type: ignore[union-attr]


def latest_change(session: Session, record_id: int, *, without_captures: bool = False) -> Change | None:
    """The record's newest change, or the newest that a capture did not make."""
    query = select(Change).where(Change.record_id == record_id)  # type: ignore[arg-type]
    if without_captures:
        query = query.where(Change.source != "capture")  # type: ignore[arg-type]
    return session.scalars(query.order_by(Change.id.desc()).limit(1)).first()  # type: ignore[union-attr]
