"""Taking deliveries in hand, and giving back what a stale process had in hand (specification section 6)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from webhookui.core.database import Database, UtcDateTime, now
from webhookui.delivery import attempt_metrics, pending, states
from webhookui.delivery.tables import Attempt, Delivery, DeliveryRequest

_D = Delivery.__table__.c  # type: ignore[attr-defined]
_R = DeliveryRequest.__table__.c  # type: ignore[attr-defined]
_Older = Delivery.__table__.alias("older")  # type: ignore[attr-defined]

INTERRUPTED = "The process ended while the request was in flight; it is not known whether it arrived. It is sent again."


@dataclass(frozen=True)
class Claimed:
    """One delivery in hand, with all that its next attempt needs."""

    id: int
    endpoint_key: str
    host: str
    method: str
    url: str
    headers: Sequence[Sequence[str]]
    body: bytes | None
    message_id: str
    webhook_id: int | None
    module: str
    record_id: int | None
    attempt_count: int
    failure_count: int
    test: bool
    redelivery_of: int | None
    definition: dict[str, Any] | None
    secrets: str | None

    @property
    def number(self) -> int:
        """Number of the attempt to make."""
        return self.attempt_count + 1


_CLAIMED = (
    _D.id, _D.endpoint_key, _D.host, _D.method, func.coalesce(_R.url, _D.url), _R.headers, _R.body, _D.message_id, _D.webhook_id,
    _D.module, _D.record_id, _D.attempt_count, _D.failure_count, _D.test, _D.redelivery_of, _R.definition, _R.secrets,
)  # fmt: skip


def goes_before(older: Any, delivery: Any) -> tuple[ColumnElement[bool], ...]:
    """The deliveries of one webhook for one record are first sent in the order of the saves: none while an older one has never
    been answered, which goes for one that was interrupted too. `older`: columns; `delivery`: columns, or a delivery."""
    return (
        older.webhook_id == delivery.webhook_id,
        older.record_id == delivery.record_id,
        older.id < delivery.id,
        older.failure_count == 0,
        older.status.in_(states.OPEN),
    )


_FIRST_OF_ITS_RECORD = ~exists().where(*goes_before(_Older.c, _D))


_IDS: BindParameter[list[int]] = bindparam("ids", expanding=True)
_QUEUED = (
    select(_D.id, _D.created_at)
    .where(_D.endpoint_key == bindparam("key"), _D.status == "queued", _D.next_attempt_at.is_(None))
    .where(_FIRST_OF_ITS_RECORD, ~pending.LOOPS)
    .order_by(_D.id)
    .limit(bindparam("most"))
)
_RETRIES = (
    select(_D.id, _D.next_attempt_at)
    .where(_D.endpoint_key == bindparam("key"), _D.status == "retry", _D.next_attempt_at <= bindparam("time"))
    .where(~pending.LOOPS)
    .order_by(_D.next_attempt_at, _D.id)
    .limit(bindparam("most"))
)
_TAKE = (
    update(Delivery.__table__)  # type: ignore[attr-defined]
    .where(_D.id.in_(_IDS))
    .values(
        status=states.after("claimed", "queued"), claimed_by=bindparam("process"), claimed_at=bindparam("time"),
        next_attempt_at=None, version=_D.version + 1,
    )
)  # fmt: skip
_IN_HAND = select(*_CLAIMED).join_from(_D.id.table, _R.delivery_id.table).where(_D.id.in_(_IDS))
# Statements are made once: building one costs more than running it.


def claim(db: Database, process: str, key: str, limit: int, *, fresh_first: bool = False) -> list[Claimed]:
    """Marks up to `limit` deliveries of the key as dispatched by `process`, what has been due for the longest first.

    `fresh_first`: no retry while one waits that was never sent, as for a probe, which should not fail for its request's sake.
    """
    with db.write() as session:
        connection = session.connection()
        time = now()
        ids = _due(connection, db, key, limit, time, fresh_first)
        if not ids:
            return []
        connection.execute(_TAKE, {"ids": ids, "process": process, "time": time})
        claimed = {row[0]: Claimed(*tuple(row)) for row in connection.execute(_IN_HAND, {"ids": ids})}
        return [claimed[delivery_id] for delivery_id in ids if delivery_id in claimed]


def _due(connection: Connection, db: Database, key: str, limit: int, time: datetime, fresh_first: bool) -> list[int]:
    """A queued one is due since its save: a long backlog does not put retries off, nor they the backlog."""
    locked = db.skip_locked()
    values = {"key": key, "most": limit, "time": time}
    queued = connection.execute(_QUEUED.with_for_update(**locked) if locked else _QUEUED, values).all()
    if queued and fresh_first:
        return [row[0] for row in queued]
    retries = connection.execute(_RETRIES.with_for_update(**locked) if locked else _RETRIES, values).all()
    if retries:
        queued = sorted([*queued, *retries], key=lambda row: (row[1], row[0]))[:limit]
    return [row[0] for row in queued]


def is_due(db: Database, key: str) -> bool:
    """Whether the key has something that may be sent now."""
    values = {"key": key, "most": 1, "time": now()}
    with db.read() as session:
        connection = session.connection()
        return any(connection.execute(statement, values).first() is not None for statement in (_QUEUED, _RETRIES))


def release(db: Database, process: str, ids: Collection[int]) -> None:
    """Gives back what was claimed but not sent, as it was before."""
    if not ids:
        return
    with db.write() as session:
        session.execute(
            update(Delivery)
            .where(_D.id.in_(ids), _D.claimed_by == process, _D.status == "dispatched")
            .values(
                status=case(
                    (_D.attempt_count == 0, states.after("released_unsent", "dispatched")),
                    else_=states.after("released", "dispatched"),
                ),
                next_attempt_at=case((_D.attempt_count > 0, literal(now(), UtcDateTime()))),
                claimed_by=None,
                version=_D.version + 1,
            )
            .execution_options(synchronize_session=False)
        )


def recover(db: Database, gone: Collection[str]) -> list[int]:
    """Makes what the processes `gone` had in hand due again, each marked as interrupted. Returns the deliveries' ids."""
    recovered: list[int] = []
    while True:
        with db.write() as session:
            rows = session.execute(
                select(_D.id, _D.url, _D.attempt_count, _D.claimed_at)
                .where(_D.status == "dispatched", or_(_D.claimed_by.in_(gone), _D.claimed_by.is_(None)))
                .limit(500)
                .with_for_update(**db.skip_locked())
            ).all()
            if not rows:
                break
            attempt_metrics.count(session, "recovered", [("interrupted", 0.0)] * len(rows))
            session.execute(
                insert(Attempt),
                [
                    {
                        "delivery_id": row.id, "number": row.attempt_count + 1, "at": row.claimed_at or now(),
                        "outcome": "interrupted", "error_code": "interrupted", "error": INTERRUPTED, "request_url": row.url,
                        "request_headers": [], "response_headers": [], "timing_ms": {},
                    }
                    for row in rows
                ],
            )  # fmt: skip
            session.execute(
                update(Delivery)
                .where(_D.id.in_([row.id for row in rows]))
                .values(
                    status=states.after("interrupted", "dispatched"), next_attempt_at=now(), claimed_by=None,
                    attempt_count=_D.attempt_count + 1, version=_D.version + 1, note=_NOTE,
                )
                .execution_options(synchronize_session=False)
            )  # fmt: skip
        recovered += [row.id for row in rows]
    return recovered


_NOTE = case(
    (_D.note.is_(None), INTERRUPTED), (_D.note.endswith(INTERRUPTED), _D.note), else_=_D.note + f" {INTERRUPTED}"
)
"""Beside what was noted when the request was built; said once, however often it happens."""


def due_keys(session: Session) -> list[str]:
    """Keys with something to send now."""
    due = or_(_D.status == "queued", (_D.status == "retry") & (_D.next_attempt_at <= now()))
    return list(session.scalars(select(_D.endpoint_key).where(due).distinct()))


def has_waiting(session: Session, key: str) -> bool:
    """Whether the key has a delivery that was never sent."""
    return bool(session.connection().scalar(_WAITING, {"key": key}))


_WAITING = select(
    exists().where(Delivery.endpoint_key == bindparam("key"), Delivery.status == "queued")  # type: ignore[arg-type]
)


def waiting_elsewhere(session: Session, record_ids: Sequence[int], keys: Collection[str]) -> set[str]:
    """Other keys with a delivery of these records that was never sent: it may have waited for its turn in the order."""
    if not record_ids:
        return set()
    values = {"record_ids": record_ids, "keys": list(keys)}
    return set(session.connection().scalars(_WAITING_ELSEWHERE, values))


_WAITING_ELSEWHERE = select(_D.endpoint_key).where(
    _D.record_id.in_(bindparam("record_ids", expanding=True)),
    _D.status == "queued",
    _D.endpoint_key.not_in(bindparam("keys", expanding=True)),
)
