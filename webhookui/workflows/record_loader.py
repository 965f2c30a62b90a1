"""Records and users that criteria and templates look at, read once per save and only when something asks for them."""

from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from webhookui.crm.field_types import FieldInfo
from webhookui.crm.history import change_up_to, values_after
from webhookui.crm.tables import Change, Link, Record
from webhookui.people.tables import User

_R = Record.__table__.c  # type: ignore[attr-defined]
_L = Link.__table__.c  # type: ignore[attr-defined]
CHUNK = 500
"""Ids in one query: below what any supported database takes as parameters."""


class RecordLoader:
    """Reads referenced records and users for one save. Does not care about the record that was saved."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._records: dict[int, Record | None] = {}
        self._users: dict[int, User | None] = {}

    def record(self, record_id: int, among: Iterable[int] = ()) -> Record | None:
        """The record as it is now, None when it is gone. `among`: ids that will be asked for next, read along."""
        if record_id not in self._records:
            missing = sorted({record_id, *among} - self._records.keys())
            for start in range(0, len(missing), CHUNK):
                ids = missing[start : start + CHUNK]
                records = self.session.scalars(select(Record).where(_R.id.in_(ids)))
                self._records.update(dict.fromkeys(ids))
                self._records.update({record.id: record for record in records if record.id is not None})
        return self._records[record_id]

    def referring(self, record_id: int, module: str, fields: Iterable[str], limit: int) -> list[Record]:
        """Records of `module` whose reference `fields` point to the record, each once, the oldest first."""
        query = select(Record).where(*_pointing(record_id, module, fields)).order_by(_R.id).limit(limit)
        return list(self.session.scalars(query))

    def count_referring(self, record_id: int, module: str, fields: Iterable[str]) -> int:
        query = select(func.count()).select_from(Record).where(*_pointing(record_id, module, fields))
        return self.session.scalar(query) or 0

    def user(self, user_id: int) -> User | None:
        if user_id not in self._users:
            self._users[user_id] = self.session.get(User, user_id)
        return self._users[user_id]

    def user_values(self, user_id: int) -> dict[str, Any] | None:
        """What can be said of a user (`field_path.USER_FIELDS`)."""
        user = self.user(user_id)
        return {"id": user.id, "name": user.name, "email": user.email} if user is not None else None

    def values(self, field: FieldInfo, target: int) -> Mapping[str, Any] | None:
        """The stored values of the record or user that a field points to."""
        if field.kind.family == "user":
            return self.user_values(target)
        record = self.record(target)
        return record.values if record is not None else None

    def zone(self, user_id: int | None) -> ZoneInfo:
        """The time zone of a user; UTC when there is no such user or zone."""
        user = self.user(user_id) if user_id is not None else None
        return user.zone if user else ZoneInfo("UTC")


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
        record, last = self.session.get(Record, record_id), change_up_to(self.session, record_id, self._change)
        if last is None:
            return record
        if last.kind == "delete":
            return None
        values = values_after(self.session, record, record_id, self._change)
        return Record(id=record_id, module=last.module, name=last.record_name, values=values)


def _pointing(record_id: int, module: str, fields: Iterable[str]) -> tuple[ColumnElement[bool], ...]:
    ids = select(_L.record_id).where(_L.target_id == record_id, _L.field.in_(tuple(fields)))
    return _R.module == module, _R.id.in_(ids)
