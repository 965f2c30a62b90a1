"""Deliveries over time: counted once for each ten minutes that are over, so that a dashboard of a million reads little.

A worker counts the slots (`observe`, every minute); a page reads them and counts the rest itself (`over_time`). What is not
finished yet is always counted anew: it is little, and has an index.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Text, case, cast, delete, func, select, text
from sqlalchemy.orm import Session

from webhookui.core.database import Database, insert_or_update, now
from webhookui.delivery import states
from webhookui.delivery.histogram import class_of
from webhookui.delivery.tables import Delivery, DeliverySlot
from webhookui.delivery_log import queue_health

SLOT = timedelta(minutes=10)
LATE = timedelta(minutes=10)
"""A slot is counted so long after its end: a save that took its time may still come in."""
KEPT = timedelta(days=35)
_AT_ONCE = timedelta(days=1)
"""Deliveries of so long are counted in one query."""
_RECOUNTED = 50
"""Slots that a page counts again at the most; the worker sees to the rest within a minute."""

_D = Delivery.__table__.c  # type: ignore[attr-defined]
_S = DeliverySlot.__table__.c  # type: ignore[attr-defined]


@dataclass
class Counted:
    """Deliveries made in some time. `durations`: class → finished deliveries whose last attempt took so long."""

    by_status: Counter[str] = field(default_factory=Counter)
    durations: Counter[int] = field(default_factory=Counter)
    oldest_queued_s: float | None = None

    @property
    def total(self) -> int:
        return self.by_status.total()

    def add(self, part: Counted) -> None:
        self.by_status.update(part.by_status)
        self.durations.update(part.durations)
        if part.oldest_queued_s is not None:
            self.oldest_queued_s = max(part.oldest_queued_s, self.oldest_queued_s or 0.0)


def added(parts: Iterable[Counted]) -> Counted:
    """All of them as one."""
    whole = Counted()
    for part in parts:
        whole.add(part)
    return whole


def slot_of(time: datetime) -> datetime:
    """The beginning of a time's slot."""
    return time.replace(minute=time.minute // 10 * 10, second=0, microsecond=0)


def over_time(session: Session, edges: Sequence[datetime]) -> list[Counted]:
    """What was made between each two of these times, which are in order; a slot counts where it begins."""
    first = counted_until = slot_of(edges[0].astimezone(UTC))
    unfinished = _unfinished(session)
    parts = [*unfinished.items()]
    stale: list[datetime] = []
    for row in session.execute(select(*_S).where(_S.at >= first).order_by(_S.at)):
        stored = Counted(oldest_queued_s=row.oldest_queued_s)
        parts.append((row.at, stored))
        if row.counted:
            counted_until = row.at + SLOT
        if row.counted and row.unfinished != unfinished[row.at].total and len(stale) < _RECOUNTED:
            stale.append(row.at)
        elif row.counted:
            stored.by_status.update(row.finished)
            stored.durations.update({int(key): number for key, number in row.durations.items()})
    for start, end in [*((at, at + SLOT) for at in stale), (counted_until, None)]:
        parts += _finished(session, start, end).items()
    bars = [Counted() for _ in edges[1:]]
    for at, part in parts:
        place = bisect_right(edges, at) - 1
        if 0 <= place < len(bars):
            bars[place].add(part)
    return bars


def observe(db: Database) -> None:
    """What a worker does every minute: notes the queue's age, counts the slots that are over, and those that moved since."""
    time = now()
    with db.write() as session:
        _note_age(session, slot_of(time), queue_health.oldest_queued_s(session))
    with db.read() as session:
        last = session.scalar(select(func.max(_S.at)).where(_S.counted))
        start = last + SLOT if last else session.scalar(select(func.min(_D.created_at)))
    end = slot_of(time - LATE)
    start = max(slot_of(start), slot_of(time - KEPT)) if start else end
    while start < end:
        until = min(start + _AT_ONCE, end)
        _count(db, start, until)
        start = until
    _recount(db)
    with db.write() as session:
        session.execute(delete(DeliverySlot).where(_S.at < time - KEPT))


def _note_age(session: Session, at: datetime, age_s: float) -> None:
    insert = insert_or_update(session, DeliverySlot).values(
        at=at, counted=False, finished={}, durations={}, unfinished=0, oldest_queued_s=age_s
    )
    fresh = insert.excluded.oldest_queued_s
    worse = case((_S.oldest_queued_s > fresh, _S.oldest_queued_s), else_=fresh)
    session.execute(insert.on_conflict_do_update(index_elements=["at"], set_={"oldest_queued_s": worse}))


def _count(db: Database, start: datetime, end: datetime) -> None:
    """Counts the slots between two times, the last one even when it is empty: it tells how far it was counted."""
    with db.read() as session:
        finished = _finished(session, start, end)
        unfinished = _unfinished(session)
    last = end - SLOT
    ats = {at for at in (*finished, *unfinished, last) if start <= at < end}
    rows = [
        {
            "at": at, "counted": True, "finished": dict(finished[at].by_status), "unfinished": unfinished[at].total,
            "durations": {str(key): number for key, number in finished[at].durations.items()},
        }
        for at in sorted(ats)
    ]  # fmt: skip
    with db.write() as session:
        insert = insert_or_update(session, DeliverySlot)
        fresh = {name: insert.excluded[name] for name in ("counted", "finished", "durations", "unfinished")}
        session.execute(insert.on_conflict_do_update(index_elements=["at"], set_=fresh), rows)


def _recount(db: Database) -> None:
    """Slots in which something was finished since they were counted."""
    with db.read() as session:
        open_now = _unfinished(session)
        noted: dict[datetime, int] = dict(
            session.execute(select(_S.at, _S.unfinished).where(_S.counted, _S.unfinished > 0)).all()
        )
        late = [at for at in open_now if at not in noted and session.scalar(select(_S.counted).where(_S.at == at))]
    for at in [*late, *(at for at, number in noted.items() if number != open_now[at].total)]:
        _count(db, at, at + SLOT)


_SLOT_TEXT = func.substr(cast(_D.created_at, Text), 1, 15)
"""'2026-11-24 23:1': both databases write a time like that."""
_ROUNDED = case(
    (_D.duration_ms < 100, func.round(_D.duration_ms)),
    (_D.duration_ms < 1000, func.round(_D.duration_ms / 10) * 10),
    (_D.duration_ms < 10000, func.round(_D.duration_ms / 100) * 100),
    else_=func.round(_D.duration_ms / 1000) * 1000,
)
"""A duration in two digits: enough for its class, and few enough to group by."""


def _finished(session: Session, start: datetime, end: datetime | None) -> defaultdict[datetime, Counted]:
    statement = (
        select(_SLOT_TEXT, _D.status, _ROUNDED, func.count())
        .where(_D.created_at >= start)  # and no status: no index of statuses is to get in the way of that of times
        .group_by(text("1"), text("2"), text("3"))  # PostgreSQL knows an expression with parameters by its place only
    )
    if end is not None:
        statement = statement.where(_D.created_at < end)
    slots: defaultdict[datetime, Counted] = defaultdict(Counted)
    for slot_text, status, duration_ms, number in session.execute(statement):
        if status not in states.FINAL:
            continue
        slot = slots[_time(slot_text)]
        slot.by_status[status] += number
        if duration_ms is not None and duration_ms > 0:
            slot.durations[class_of(float(duration_ms))] += number
    return slots


def _unfinished(session: Session) -> defaultdict[datetime, Counted]:
    """Of all times: the index of the statuses finds them, and no index of times is to get in its way."""
    statement = select(_SLOT_TEXT, _D.status, func.count()).where(_D.status.in_(states.OPEN))
    slots: defaultdict[datetime, Counted] = defaultdict(Counted)
    for slot_text, status, number in session.execute(statement.group_by(text("1"), text("2"))):
        slots[_time(slot_text)].by_status[status] += number
    return slots


def _time(slot_text: str) -> datetime:
    return datetime.fromisoformat(f"{slot_text}0").replace(tzinfo=UTC)
