"""Whether the queue is being worked on, and how much waits (SPEC sections 6 and 10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webhookui.db import now
from webhookui.delivery import log
from webhookui.delivery.log import LogFilter
from webhookui.delivery.neighbours import STALE_AFTER
from webhookui.delivery.tables import Delivery, Endpoint, WorkerProcess

DEAF_AFTER = timedelta(seconds=150)
"""A process whose queue answered nothing for so long is not working on it: each minute there is a bell to answer."""


@dataclass(frozen=True)
class Health:
    """`oldest_queued_s`: age in seconds of the oldest queued delivery whose endpoint is not paused; 0 when none waits."""

    by_status: dict[str, int]
    oldest_queued_s: float
    workers: int
    paused: int


@dataclass(frozen=True)
class QueueState:
    """Whether deliveries are being sent, and what is known of it when they are not."""

    worked_on: bool
    seen_at: datetime | None = None
    """When a worker process was seen last; None when there is none in the list."""
    is_deaf: bool = False
    """A worker process lives, but its queue answers nothing."""
    oldest_queued_s: float = 0.0
    """Seconds; looked up only when the queue is not being worked on."""


def queue_state(session: Session) -> QueueState:
    """A few rows are read, whatever the size of the log."""
    rows = session.execute(select(WorkerProcess.seen_at, WorkerProcess.answered_at)).all()  # type: ignore[call-overload]
    time = now()
    alive = [row for row in rows if row.seen_at > time - STALE_AFTER]
    if any(row.answered_at > time - DEAF_AFTER for row in alive):
        return QueueState(True)
    seen_at = max((row.seen_at for row in rows), default=None)
    return QueueState(False, seen_at, bool(alive), oldest_queued_s(session))


def workers(session: Session) -> int:
    """Worker processes that were seen lately."""
    seen = select(func.count()).select_from(WorkerProcess).where(WorkerProcess.seen_at > now() - STALE_AFTER)  # type: ignore[arg-type]
    return session.scalar(seen) or 0


def oldest_queued_s(session: Session) -> float:
    """Seconds. Queued ones have no time of their own; saying so lets the index give the oldest first, however many wait."""
    paused = select(Endpoint.lane).where(Endpoint.state != "closed")  # type: ignore[call-overload]
    oldest = session.scalar(
        select(Delivery.created_at)  # type: ignore[call-overload]
        .where(
            Delivery.status == "queued",  # type: ignore[arg-type]
            Delivery.next_attempt_at.is_(None),  # type: ignore[union-attr]
            Delivery.lane.not_in(paused),  # type: ignore[attr-defined]
        )
        .order_by(Delivery.id)
        .limit(1)
    )
    return (now() - oldest).total_seconds() if oldest else 0.0


def measure(session: Session) -> Health:
    paused = session.scalar(select(func.count()).select_from(Endpoint).where(Endpoint.state != "closed"))  # type: ignore[arg-type]
    return Health(log.counts(session, LogFilter()).numbers, oldest_queued_s(session), workers(session), paused or 0)
