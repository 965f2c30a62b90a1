"""Whether the queue is being worked on, and how much waits (specification sections 6 and 10)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.core.database import now
from webhookui.definitions.switches import off_workflows
from webhookui.delivery import pending
from webhookui.delivery.tables import Delivery, Endpoint, WorkerProcess
from webhookui.delivery.worker_registry import STALE_AFTER
from webhookui.delivery_log import queries
from webhookui.delivery_log.queries import LogFilter

DEAF_AFTER = timedelta(seconds=150)
"""A process whose queue answered nothing for so long is not working on it: each minute there is a wake-up to answer."""


@dataclass(frozen=True)
class Health:
    """`oldest_queued_s`: age in seconds of the oldest queued delivery that nothing holds; 0 when none waits."""

    by_status: dict[str, int]
    oldest_queued_s: float
    workers: int
    paused: int
    held: int
    """Deliveries that wait for a workflow that is off, or that is held for their record."""


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
    """Worker processes that were seen recently."""
    seen = select(func.count()).select_from(WorkerProcess).where(WorkerProcess.seen_at > now() - STALE_AFTER)  # type: ignore[arg-type]
    return session.scalar(seen) or 0


def oldest_queued_s(session: Session) -> float:
    """Seconds, of those that nothing holds: no switch of their workflow, no loop, no pause of their webhook or endpoint.

    Queued ones are in no group of the log's; saying so lets its index give the oldest first, however many wait.
    """
    paused = set(session.scalars(select(col(Endpoint.endpoint_key)).where(col(Endpoint.state) != "closed")))
    conditions = [
        col(Delivery.status) == "queued",
        col(Delivery.log_bucket_id).is_(None),
        or_(
            col(Delivery.test),
            col(Delivery.workflow_id).is_(None),
            col(Delivery.workflow_id).not_in(off_workflows(session)),
        ),
        ~pending.LOOPS,
        *(~pending.of_key(key) for key in sorted(paused)),
    ]
    query = select(col(Delivery.created_at)).where(*conditions).order_by(col(Delivery.id)).limit(1)
    oldest = session.scalar(query)
    return (now() - oldest).total_seconds() if oldest else 0.0


def measure(session: Session) -> Health:
    paused = session.scalar(select(func.count()).select_from(Endpoint).where(Endpoint.state != "closed"))  # type: ignore[arg-type]
    off = off_workflows(session)
    held = sum(number for workflow_id, number in pending.counts(session).items() if workflow_id in off)
    held += pending.in_loops(session, off)
    return Health(
        queries.counts(session, LogFilter()).numbers, oldest_queued_s(session), workers(session), paused or 0, held
    )
