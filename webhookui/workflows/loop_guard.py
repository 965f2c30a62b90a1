"""No loop without a sign: a workflow that keeps firing for one record, because a third party writes back through the API, is
held for that record until an admin releases it (specification section 6; docs/decisions/0050).

Nothing is counted on the side: the saves and the deliveries that are stored anyhow are, under the record's lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import and_, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.core.database import insert_or_update, now
from webhookui.core.events import Event
from webhookui.crm.tables import Change
from webhookui.definitions.tables import Workflow, WorkflowHold
from webhookui.delivery import pending, states
from webhookui.delivery.events import telling
from webhookui.delivery.tables import Delivery
from webhookui.people import audit
from webhookui.people.tables import User

log = structlog.get_logger("webhookui.workflows")

WINDOW = timedelta(minutes=1)
CLOCKS_DIFFER_BY = timedelta(seconds=10)
"""Deliveries are looked for from so much earlier on: their ids are not quite in the order of their times."""

_C = Change.__table__.c  # type: ignore[attr-defined]
_D = Delivery.__table__.c  # type: ignore[attr-defined]
_H = WorkflowHold.__table__.c  # type: ignore[attr-defined]


workflow_held: Event[[int, int]] = Event()
"""A workflow (its id) is held for a record (its id) from now on."""


class NotHeld(Exception):
    """The workflow is not held for that record."""


@dataclass(frozen=True)
class Held:
    """A hold that stands, the workflow's name, and how many deliveries wait for its release."""

    hold: WorkflowHold
    workflow: str
    waits: int


@dataclass(frozen=True)
class Loops:
    """The holds of one workflow, the newest first."""

    workflow_id: int
    name: str
    held: list[Held]

    @property
    def waits(self) -> int:
        return sum(hold.waits for hold in self.held)


def look(
    session: Session, workflow_ids: Sequence[int], change: Change, last_saved: datetime | None, limit: int
) -> None:
    """Is called when a save by the API made these workflows fire, and their deliveries are written: holds those that fired
    more than `limit` times within a minute for the record, and tells so.

    A record that was never saved so often, or not within the last minute (`last_saved`: the save before), costs a comparison;
    one that is saved again within a minute, one look at the index of its changes.
    """
    if change.version <= limit or last_saved is None or change.at - last_saved > WINDOW:
        return
    since = now() - WINDOW
    connection = session.connection()
    earliest = connection.scalar(_EARLIEST, {"record_id": change.record_id, "limit": limit})
    if earliest is None or earliest <= since:
        return
    values = {
        "record_id": change.record_id, "ids": workflow_ids, "since": since, "made": since - CLOCKS_DIFFER_BY, "limit": limit,
    }  # fmt: skip
    fired = connection.execute(_FIRED, values).all()
    if not fired:
        return
    hold_values = {"module": change.module, "record_name": change.record_name, "at": now(), "released_at": None}
    rows = [{"workflow_id": row[0], "record_id": change.record_id, "fired": row[1], **hold_values} for row in fired]
    session.execute(delete(WorkflowHold).where(_H.released_at <= since))
    statement = insert_or_update(session, WorkflowHold)
    names = ("fired", *hold_values)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[_H.workflow_id, _H.record_id], set_={name: statement.excluded[name] for name in names}
        ),
        rows,
    )
    log.warning("workflow_held", record=change.record_id, workflows=[row[0] for row in fired])
    with telling(session, "hold_not_told", workflows=[row[0] for row in fired], record=change.record_id):
        for row in fired:
            workflow_held.send(session, row[0], change.record_id)


def standing(session: Session, workflow_id: int | None = None, record_id: int | None = None) -> list[Held]:
    """What is held, of all workflows or of one, the newest first."""
    conditions = [_H.released_at.is_(None)]
    if workflow_id is not None:
        conditions.append(_H.workflow_id == workflow_id)
    if record_id is not None:
        conditions.append(_H.record_id == record_id)
    waits = (
        select(func.count())
        .where(_D.record_id == _H.record_id, _D.workflow_id == _H.workflow_id, _D.status.in_(states.WAITING), ~_D.test)
        .scalar_subquery()
    )
    query = select(WorkflowHold, col(Workflow.name), waits).join(Workflow, col(Workflow.id) == _H.workflow_id)
    query = query.where(*conditions).order_by(_H.at.desc(), _H.record_id)
    return [Held(*row) for row in session.execute(query)]


def loops(session: Session, workflow_id: int | None = None) -> list[Loops]:
    """The same by workflow, that with the newest hold first."""
    by_workflow: dict[int, Loops] = {}
    for loop in standing(session, workflow_id):
        by_workflow.setdefault(loop.hold.workflow_id, Loops(loop.hold.workflow_id, loop.workflow, [])).held.append(loop)
    return list(by_workflow.values())


def release(session: Session, workflow_id: int, record_id: int | None, by: User | None) -> int:
    """Sends what waits, in the order of the saves, and counts anew from now on. `record_id` None: of all records for which the
    workflow is held. Returns how many deliveries go on. Raises NotHeld."""
    held = _held(session, workflow_id, record_id)
    session.execute(
        update(WorkflowHold)
        .where(_H.workflow_id == workflow_id, _H.record_id.in_([loop.hold.record_id for loop in held]))
        .values(released_at=now())
        .execution_options(synchronize_session=False)
    )
    for loop in held:
        pending.notify_workers_for(session, pending.of_loop(workflow_id, loop.hold.record_id))
    return _note(session, by, "released", held)


def give_up(session: Session, workflow_id: int, record_id: int | None, by: User | None) -> int:
    """Ends what waits for the release as Failed, without mails; the hold stands. Returns how many. Raises NotHeld."""
    held = _held(session, workflow_id, record_id)
    words = f"Given up{f' by {by.name}' if by else ''} while the workflow was held for the record."
    for loop in held:
        pending.end(session, pending.of_loop(workflow_id, loop.hold.record_id), words)
    return _note(session, by, "ended the held deliveries of", held)


def forget(session: Session, workflow_id: int) -> None:
    """A deleted workflow is held for nobody."""
    session.execute(delete(WorkflowHold).where(_H.workflow_id == workflow_id))


def _held(session: Session, workflow_id: int, record_id: int | None) -> list[Held]:
    held = standing(session, workflow_id, record_id)
    if not held:
        of = f"record {record_id}" if record_id is not None else "any record"
        raise NotHeld(f"The workflow is not (or no longer) held for {of}.")
    return held


def _note(session: Session, by: User | None, action: str, held: Sequence[Held]) -> int:
    number = sum(loop.waits for loop in held)
    record_ids = ", ".join(str(loop.hold.record_id) for loop in held[:100])
    details = {"records": record_ids, "deliveries": number}
    audit.note(session, by, action, "workflow", str(held[0].hold.workflow_id), held[0].workflow, details)
    return number


_EARLIEST = (
    select(_C.at)
    .where(_C.record_id == bindparam("record_id"))
    .order_by(_C.id.desc())
    .offset(bindparam("limit"))
    .limit(1)
)
"""The time of the save that is one more than the limit ago, whoever made it."""
_FIRST_MADE = select(_D.id).where(_D.created_at > bindparam("made")).order_by(_D.created_at).limit(1).scalar_subquery()
_FIRED = (
    select(_D.workflow_id, func.count(_D.change_id.distinct()))
    .join(Change, _C.id == _D.change_id)
    .outerjoin(WorkflowHold, and_(_H.workflow_id == _D.workflow_id, _H.record_id == _D.record_id))
    .where(
        _D.record_id == bindparam("record_id"),
        _D.workflow_id.in_(bindparam("ids", expanding=True)),
        _D.id >= _FIRST_MADE,
        _D.endpoint_key != "",
        ~_D.test,
        _C.source == "api",
        _C.at > bindparam("since"),
        or_(_H.workflow_id.is_(None), _C.at > _H.released_at),
    )
    .group_by(_D.workflow_id)
    .having(func.count(_D.change_id.distinct()) > bindparam("limit"))
)
"""Workflow → how often saves by the API made it fire for the record within the minute, and since the last release; those alone
that are over the limit and not held yet. What could not be built counts for nothing: nobody answers to it."""
