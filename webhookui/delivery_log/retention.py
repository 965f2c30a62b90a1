"""Retention: finished deliveries that are older than the setting leave the log, a few at a time (specification section 7).

Attempts, requests, captured values, the counts of the log's groups and the text index go along; the changes of records stay,
but for those of a record that was purged itself.
What is not finished is never touched, however old it is.
"""

import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from webhookui.core.database import Database
from webhookui.crm import deleted_records
from webhookui.delivery import states
from webhookui.delivery.tables import Attempt, CapturedValue, Delivery, DeliveryRequest
from webhookui.delivery_log.indexing import remove_from_index

log = structlog.get_logger("webhookui.delivery")

_D = Delivery.__table__.c  # type: ignore[attr-defined]

BATCH = 100
"""Deliveries of one transaction: short enough that no save waits for long."""
TURN_S = 20.0
"""A purge ends after so long; the next minute's goes on."""
_BELONGING = (CapturedValue, Attempt, DeliveryRequest)


def before(days: int, at: datetime) -> datetime:
    """What was finished before this time is to go."""
    return at - timedelta(days=days)


def purge(db: Database, limit: datetime, stopped: Callable[[], bool] = lambda: False) -> int:
    """Deletes what was made and finished before `limit`, oldest first, for one turn. Returns how many deliveries.

    After each batch it pauses as long as that took. Space is given back to the file system in steps as small.
    """
    end = time.monotonic() + TURN_S
    total, position = 0, None
    while not stopped() and time.monotonic() < end:
        started = time.monotonic()
        with db.write() as session:
            position, gone = _purge_some(session, limit, position)
        total += gone
        if position is None:
            break
        time.sleep(time.monotonic() - started)
    while not stopped() and time.monotonic() < end:
        started = time.monotonic()
        if not db.give_back():
            break
        time.sleep(time.monotonic() - started)
    if total:
        log.info("purged", deliveries=total, before=limit.isoformat())
    return total


def _purge_some(session: Session, limit: datetime, position: Any) -> tuple[Any, int]:
    """The next batch after `position`, a time and an id. Returns where it came to, None at the end, and how many went."""
    statement = (
        select(_D.id, _D.record_id, _D.url, _D.error, _D.log_bucket_id, _D.status, _D.created_at, _D.finished_at)
        .where(_D.created_at < limit)
        .order_by(_D.created_at, _D.id)
        .limit(BATCH)
    )
    if position is not None:
        statement = statement.where(_D.created_at >= position[0], tuple_(_D.created_at, _D.id) > position)
    rows = session.execute(statement).all()
    old = [row for row in rows if row.status in states.FINAL and (row.finished_at or row.created_at) < limit]
    if old:
        ids = [row.id for row in old]
        remove_from_index(session, old)
        for table in _BELONGING:
            session.execute(delete(table).where(table.delivery_id.in_(ids)))  # type: ignore[attr-defined]
        session.execute(delete(Delivery).where(_D.id.in_(ids)))
        records = {row.record_id for row in old if row.record_id is not None}
        deleted_records.forget_timelines(session, records, has_deliveries)
    return ((rows[-1].created_at, rows[-1].id) if len(rows) == BATCH else None), len(old)


def has_deliveries(session: Session, records: Collection[int]) -> set[int]:
    """Those of these records that the log has deliveries of."""
    return set(session.scalars(select(_D.record_id).where(_D.record_id.in_(records)).distinct()))


def oldest(session: Session) -> datetime | None:
    """When the oldest delivery of the log was made."""
    return session.scalar(select(_D.created_at).order_by(_D.created_at).limit(1))
