"""Whether the queue is being worked on, and how much waits (SPEC sections 6 and 10)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webhookui.db import now
from webhookui.delivery import log
from webhookui.delivery.log import LogFilter
from webhookui.delivery.neighbours import STALE_AFTER
from webhookui.delivery.tables import Delivery, Endpoint, WorkerProcess


@dataclass(frozen=True)
class Health:
    """`oldest_queued_s`: age in seconds of the oldest queued delivery whose endpoint is not paused; 0 when none waits."""

    by_status: dict[str, int]
    oldest_queued_s: float
    workers: int
    paused: int


def workers(session: Session) -> int:
    """Worker processes that were seen lately."""
    seen = select(func.count()).select_from(WorkerProcess).where(WorkerProcess.seen_at > now() - STALE_AFTER)  # type: ignore[arg-type]
    return session.scalar(seen) or 0


def oldest_queued_s(session: Session) -> float:
    """Seconds."""
    paused = select(Endpoint.lane).where(Endpoint.state != "closed")  # type: ignore[call-overload]
    oldest = session.scalar(
        select(func.min(Delivery.created_at)).where(Delivery.status == "queued", Delivery.lane.not_in(paused))  # type: ignore[arg-type, attr-defined]
    )
    return (now() - oldest).total_seconds() if oldest else 0.0


def measure(session: Session) -> Health:
    paused = session.scalar(select(func.count()).select_from(Endpoint).where(Endpoint.state != "closed"))  # type: ignore[arg-type]
    return Health(log.counts(session, LogFilter()), oldest_queued_s(session), workers(session), paused or 0)
