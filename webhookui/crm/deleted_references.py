"""References to deleted records: emptied when their target is deleted, set again when it is restored (specification section 2).

A few are dealt with in the transaction of the deletion itself; what is more is left to a background job, so that no save waits
for the hundred thousand records that refer to one. Until the job has come to them, they still name the record that is deleted.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from webhookui.core import background_jobs
from webhookui.core.background_jobs import Job, JobKind
from webhookui.core.database import insert_or_update, now
from webhookui.crm import record_keys
from webhookui.crm.catalog import FieldInfo, catalog
from webhookui.crm.tables import ASKED_NONE, Change, DeletedLink, DeletedRecord, Link, Record

REFERENCES = "references"
"""The kind of job that goes on where there are more than one batch."""
BATCH = 500
"""References of one transaction."""
NAMED = 3
"""Records that a note names; the rest is counted."""

_R = Record.__table__.c  # type: ignore[attr-defined]
_L = Link.__table__.c  # type: ignore[attr-defined]
_D = DeletedLink.__table__.c  # type: ignore[attr-defined]
_DELETED = DeletedRecord.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Target:
    """The record that the references name. `restored`: it is there again; else it was deleted."""

    module: str
    id: int
    name: str
    user_id: int | None
    restored: bool

    @property
    def by(self) -> str:
        """What the timelines of the others say."""
        return f"{'Restoration' if self.restored else 'Deletion'} of {self.name or f'record {self.id}'}"

    def is_meant_by(self, field: FieldInfo | None) -> bool:
        """A field may have been removed since, and another one have come under its name."""
        return field is not None and field.kind.family == "reference" and field.target == self.module


def keep(session: Session, target_id: int) -> None:
    """Takes the references to a record, and its own, out of the way, so that it can be deleted; the values stay for now."""
    pointing = select(_L.target_id, _L.record_id, _L.field).where(_L.target_id == target_id, _L.record_id != target_id)
    rows = insert_or_update(session, DeletedLink).from_select(["target_id", "record_id", "field"], pointing)
    session.execute(rows.on_conflict_do_nothing())
    session.execute(delete(Link).where((_L.record_id == target_id) | (_L.target_id == target_id)))


def follow(session: Session, target: Target) -> None:
    """Empties the references, or sets them again: the first of them now, more than a few in a job."""
    position, _ = settle(session, target, 0)
    if position is None:
        return
    left = select(func.count()).select_from(DeletedLink).where(_D.target_id == target.id, _D.record_id > position)
    arguments = {"module": target.module, "record_id": target.id, "name": target.name, "restored": target.restored,
                 "user_id": target.user_id}  # fmt: skip
    job = background_jobs.start(
        session, REFERENCES, by=target.by, user_id=target.user_id, arguments=arguments, total=session.scalar(left)
    )
    job.position = position


def settle(session: Session, target: Target, after: int) -> tuple[int | None, int]:
    """The next batch, of the records after one. Returns where it came to, None at the end, and how many records it changed."""
    statement = select(_D.record_id, _D.field).where(_D.target_id == target.id, _D.record_id > after)
    rows = session.execute(statement.order_by(_D.record_id, _D.field).limit(BATCH)).all()
    is_full = len(rows) == BATCH
    fields: dict[int, list[str]] = defaultdict(list)
    for record_id, field in rows:
        fields[record_id].append(field)
    if is_full:
        fields.popitem()  # more of its fields may follow
    pointing = select(Record).where(_R.id.in_(fields)).order_by(_R.id).with_for_update()
    records = session.scalars(pointing.execution_options(populate_existing=True)).all()
    changes = [_settled(session, record, fields[record.id or 0], target) for record in records]
    session.add_all(change for change in changes if change is not None)
    session.flush()
    if target.restored and fields:
        kept = select(_DELETED.id)  # of a record that is deleted itself, until that is restored
        handled = (_D.target_id == target.id, _D.record_id.in_(fields), _D.record_id.not_in(kept))
        session.execute(delete(DeletedLink).where(*handled))
    return (max(fields) if is_full else None), sum(change is not None for change in changes)


def _settled(session: Session, record: Record, names: list[str], target: Target) -> Change | None:
    """Changes one record; the trace of it, when there was something to change. No workflow runs."""
    info = catalog(session).module(record.module)
    values: dict[str, list[Any]] = {}
    links: list[dict[str, Any]] = []
    for name in names:
        stands = record.values.get(name)
        if not target.is_meant_by(info.fields.get(name)):
            continue
        if not target.restored and stands == target.id:
            values[name] = [target.id, None]
        elif target.restored and stands in (None, target.id):
            links.append({"record_id": record.id, "field": name, "target_id": target.id})
            if stands is None:
                values[name] = [None, target.id]
    if links:
        session.execute(insert_or_update(session, Link).on_conflict_do_nothing(), links)
    if not values:
        return None
    keys = record.sort_keys
    record.values = {**record.values, **{name: after for name, (_, after) in values.items()}}
    record.sort_keys = record_keys.keys_of(info, record.values, record.name)
    record.version += 1
    record.updated_at = now()
    record_keys.move(session, info, record.id or 0, keys, record.sort_keys)
    return Change(
        record_id=record.id or 0, module=record.module, record_name=record.name, kind="update", at=record.updated_at,
        source="system", user_id=target.user_id, by=target.by, version=record.version, workflows_revision=ASKED_NONE,
        values=values,
    )  # fmt: skip


def left_alone(session: Session, target_id: int) -> list[str]:
    """Before the references to a restored record are set again: which can't be, in sentences."""
    mine = select(_D.record_id).where(_D.target_id == target_id)
    filled = mine.join(Link, (_L.record_id == _D.record_id) & (_L.field == _D.field)).where(_L.target_id != target_id)
    named = select(_R.name).where(_R.id.in_(filled)).order_by(_R.id).limit(NAMED)
    names = [name or "a record without a name" for name in session.scalars(named)]
    number = _number(session, filled)
    sentences = []
    if number:
        more = f" and {number - len(names):,} more" if number > len(names) else ""
        words = "refers to another record by now; it stays" if number == 1 else "refer to others by now; they stay"
        sentences.append(f"{', '.join(names)}{more} {words} so.")
    deleted = _number(session, mine.where(_D.record_id.in_(select(_DELETED.id))))
    if deleted:
        words = "One record that referred to it is" if deleted == 1 else f"{deleted:,} records that referred to it are"
        sentences.append(f"{words} deleted too; restored, {'it refers' if deleted == 1 else 'they refer'} to it again.")
    return sentences


def _number(session: Session, ids: Any) -> int:
    return session.scalar(select(func.count()).select_from(ids.distinct().subquery())) or 0


def awaited(session: Session, record_id: int, values: Mapping[str, Any]) -> dict[str, int]:
    """The empty reference fields of a deleted record whose targets were restored before it: field → target."""
    there = select(_D.field, _D.target_id).join(Record, _R.id == _D.target_id).where(_D.record_id == record_id)
    rows = session.execute(there.order_by(_D.target_id)).all()
    return {field: target for field, target in rows if values.get(field) is None}


def wait_for(session: Session, record_id: int, targets: Mapping[str, int]) -> None:
    """A restored record refers to others that are deleted: they are set with those."""
    rows = [{"target_id": target, "record_id": record_id, "field": field} for field, target in targets.items()]
    if rows:
        session.execute(insert_or_update(session, DeletedLink).on_conflict_do_nothing(), rows)


def settled_with(session: Session, record_id: int) -> None:
    """After a record was restored: what it waited for, and is there, is set."""
    there = select(_R.id)
    session.execute(delete(DeletedLink).where(_D.record_id == record_id, _D.target_id.in_(there)))


def forget(session: Session, ids: Collection[int]) -> None:
    """Of records that are gone for good. What a job has not emptied yet, it still empties."""
    busy = {job.arguments["record_id"] for job in background_jobs.running(session, [REFERENCES])}
    session.execute(delete(DeletedLink).where(_D.target_id.in_(set(ids) - busy) | _D.record_id.in_(ids)))


def _step(session: Session, job: Job) -> bool:
    asked = job.arguments
    target = Target(asked["module"], asked["record_id"], asked["name"], asked["user_id"], asked["restored"])
    there = session.scalar(select(_R.id).where(_R.id == target.id)) is not None
    if there != target.restored:
        return True  # it was restored, or deleted again, meanwhile: what that left to do is another job
    position, changed = settle(session, target, job.position)
    job.position, job.updated = position or job.position, job.updated + changed
    if position is None and not there and session.get(DeletedRecord, target.id) is None:
        session.execute(delete(DeletedLink).where(_D.target_id == target.id))  # it was deleted for good meanwhile
    return position is None


KIND = JobKind("References to a deleted or restored record", _step, can_be_cancelled=False)
