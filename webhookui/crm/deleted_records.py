"""Deleted records: looked through, brought back as far as that can be, purged (specification section 2)."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from webhookui.core.database import Database
from webhookui.core.errors import NotFound
from webhookui.core.paging import Page
from webhookui.core.text_index import ColumnIndex
from webhookui.crm import deleted_references
from webhookui.crm.catalog import FieldInfo, ModuleInfo
from webhookui.crm.filters import has_words
from webhookui.crm.listing import FEW, search_words
from webhookui.crm.tables import Change, DeletedRecord, ModuleField, Record
from webhookui.people.tables import User

log = structlog.get_logger("webhookui.crm")

TEXT = ColumnIndex("deleted_record", "search_text")
BATCH = 100
"""Records of one transaction of a purge."""
TURN_S = 20.0
"""A purge ends after so long; the next minute's goes on."""

HasDeliveries = Callable[[Session, Collection[int]], set[int]]
"""Those of these records that the webhook log still has deliveries of."""

_D = DeletedRecord.__table__.c  # type: ignore[attr-defined]
_C = Change.__table__.c  # type: ignore[attr-defined]
_R = Record.__table__.c  # type: ignore[attr-defined]


class NotDeleted(NotFound):
    """No such record is among the deleted ones."""

    hint = "It may have been restored or deleted for good."


@dataclass(frozen=True)
class DeletedQuery:
    """What to list; empty parts are not looked at. `user_id`: who deleted it; from `since` on and before `until`."""

    module: str = ""
    q: str = ""
    user_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def get(session: Session, record_id: int, module: str = "", *, for_update: bool = False) -> DeletedRecord:
    """Raises NotDeleted."""
    deleted = session.get(DeletedRecord, record_id, with_for_update=for_update or None)
    if deleted is None or (module and deleted.module != module):
        raise NotDeleted(f"There is no deleted record {record_id}{f' in {module}' if module else ''}.")
    return deleted


def page(
    session: Session, query: DeletedQuery, limit: int = 50, *, before: int | None = None, after: int | None = None
) -> Page[DeletedRecord]:
    """What was deleted last comes first. `before`, `after`: the `change_id` that the page begins behind, or ends at."""
    place = _D.change_id.desc() if after is None else _D.change_id
    where = _conditions(session, query)
    where += [_D.change_id < before] if before is not None else []
    where += [_D.change_id > after] if after is not None else []
    rows = list(session.scalars(select(DeletedRecord).where(*where).order_by(place).limit(limit + 1)))
    is_full, rows = len(rows) > limit, rows[:limit]
    if after is not None:
        rows.reverse()
        if not is_full:
            return page(session, query, limit)  # the first one is a whole one
    older = rows[-1].change_id if rows and (is_full or after is not None) else None
    return Page(rows, older, rows[0].change_id if rows and (before or after) is not None else None)


def _conditions(session: Session, query: DeletedQuery) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if query.module:
        where.append(_D.module == query.module)
    if query.user_id is not None:
        where.append(_D.user_id == query.user_id)
    if query.since is not None:
        where.append(_D.change_id >= _first_since(session, query.since))
    if query.until is not None:
        where.append(_D.change_id < _first_since(session, query.until))
    if words := search_words(query.q):
        asked = has_words(session, words, _D.search_text, TEXT)
        where.append(asked.holds)
        few = session.scalars(asked.candidates.limit(FEW + 1)).all() if asked.candidates is not None else ()
        if asked.candidates is not None and len(few) <= FEW:
            where.append(_D.id.in_(few))
    return where


def _first_since(session: Session, at: datetime) -> int:
    """The `change_id` of what was deleted first from a time on: the list is in the order of these."""
    first = select(_D.change_id).where(_D.deleted_at >= at).order_by(_D.deleted_at, _D.id).limit(1)
    return session.scalar(first) or 2**31 - 1


# ---- bringing back ----------------------------------------------------------------------------------------------------


def values_again(session: Session, info: ModuleInfo, deleted: DeletedRecord) -> tuple[dict[str, Any], list[str]]:
    """The values that a record comes back with, and what it does not come back with, in sentences.

    What is not as it was stops no restoration: a retired option and a deactivated owner stay, as they do in other records.
    """
    record_id = deleted.id or 0
    values = {name: deleted.values.get(name, field.kind.nothing()) for name, field in info.fields.items()}
    awaited = deleted_references.awaited(session, record_id, values)
    values |= {name: target for name, target in awaited.items() if name in info.fields}
    notes = _removed_fields(session, info, deleted)
    pointing = {field.name: values[field.name] for field in info.references if values[field.name] is not None}
    modules = dict(session.execute(select(_R.id, _R.module).where(_R.id.in_(pointing.values()))).all())
    modules[record_id] = deleted.module
    away = {name: target for name, target in pointing.items() if modules.get(target) != info.fields[name].target}
    gone: dict[int, str] = dict(session.execute(select(_D.id, _D.name).where(_D.id.in_(away.values()))).all())
    for name, target in away.items():
        values[name] = None
        notes.append(_away(info.fields[name], gone.get(target)))
    deleted_references.wait_for(session, record_id, {name: target for name, target in away.items() if target in gone})
    for field in info.fields.values():
        if field.required and values[field.name] in (None, []):
            notes.append(f"{field.label} is required and empty.")
    return values, notes + _users(session, info, values)


def _away(field: FieldInfo, name: str | None) -> str:
    if name is None:
        return f"{field.label} is empty: the record that it referred to is gone."
    return f"{field.label} is empty: {name or 'the record that it referred to'} is deleted too. It is set when that is restored."


def _removed_fields(session: Session, info: ModuleInfo, deleted: DeletedRecord) -> list[str]:
    names = [
        name for name, value in deleted.values.items() if name not in info.fields and value not in (None, [], False, "")
    ]
    labels = select(ModuleField.label).where(ModuleField.module == info.name, ModuleField.name.in_(names))  # type: ignore[call-overload, attr-defined]
    return [f"The field {label} was removed; its value stays in the timeline." for label in session.scalars(labels)]


def _users(session: Session, info: ModuleInfo, values: Mapping[str, Any]) -> list[str]:
    notes = []
    for field in info.fields.values():
        if field.kind.family == "user" and values[field.name] is not None:
            user = session.get(User, values[field.name])
            if user is not None and not user.active:
                notes.append(f"{field.label} is still {user.name}, who is deactivated.")
    return notes


# ---- purging ----------------------------------------------------------------------------------------------------------


def purge(
    db: Database, limit: datetime, has_deliveries: HasDeliveries, stopped: Callable[[], bool] = lambda: False
) -> int:
    """Deletes for good what was deleted before `limit`, oldest first, for one turn. Returns how many records.

    After each batch it pauses as long as that took.
    """
    end = time.monotonic() + TURN_S
    total = 0
    while not stopped() and time.monotonic() < end:
        started = time.monotonic()
        with db.write() as session:
            oldest = select(_D.id).where(_D.deleted_at < limit).order_by(_D.deleted_at, _D.id).limit(BATCH)
            ids = session.scalars(oldest).all()
            remove(session, ids, has_deliveries)
        total += len(ids)
        if len(ids) < BATCH:
            break
        time.sleep(time.monotonic() - started)
    if total:
        log.info("purged_deleted_records", records=total, before=limit.isoformat())
    return total


def remove(session: Session, ids: Collection[int], has_deliveries: HasDeliveries) -> None:
    """Deletes deleted records for good. The timeline goes along, unless the log still has deliveries of the record: what they
    were made of stays as long as they do."""
    if not ids:
        return
    deleted_references.forget(session, ids)
    session.execute(delete(DeletedRecord).where(_D.id.in_(ids)))
    forget_timelines(session, set(ids), has_deliveries)


def forget_timelines(session: Session, ids: Collection[int], has_deliveries: HasDeliveries) -> None:
    """Takes away the changes of those of these records that are gone for good, and of which no delivery is left."""
    left = set(ids) - set(session.scalars(select(_R.id).where(_R.id.in_(ids))))
    left -= set(session.scalars(select(_D.id).where(_D.id.in_(ids))))
    left -= has_deliveries(session, left)
    if left:
        session.execute(delete(Change).where(_C.record_id.in_(left)))
