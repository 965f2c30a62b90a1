"""Redelivering, trying now and giving up many: the selected, or all that match a filter, as a job in the background
(specification section 6).

The job is a row; the queue only wakes its worker. Deliveries are taken in the order of their ids, a few in a transaction that
also says how far the job is: whatever is killed, whenever, none is left out and none is sent twice.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.core.database import Database, is_unavailable, now
from webhookui.core.errors import NotFound
from webhookui.core.events import Event
from webhookui.delivery.tables import Delivery, RedeliveryJob
from webhookui.delivery_log import manual_actions
from webhookui.delivery_log import queries as deliveries
from webhookui.delivery_log.queries import DeliveryNotFound, LogFilter
from webhookui.workflows.redelivery import PAYLOADS, NotRedeliverable, redeliver

log = structlog.get_logger("webhookui.workflows")

redeliveries_waiting: Event[[]] = Event()
"""A job waits for its worker."""

BATCH = 20
"""Deliveries of one transaction."""
TURN_S = 2.0
"""So long a worker's thread is held; then a worker is woken again."""
MOST_REASONS, MOST_EXAMPLES = 50, 20
OTHER_REASONS = "Other reasons."


@dataclass(frozen=True)
class Act:
    """What a job does to each delivery. `label`: of the choice; `verb`: before a number; `name`: of such a job; `done`: said
    behind a number; `effect`: what comes of it, a sentence; `icon`: of its button."""

    label: str
    verb: str
    name: str
    done: str
    effect: str
    icon: str
    run: Callable[[Session, int, str, str], object]
    """With the id of a delivery, who asked for it and the installation's address. Raises DeliveryNotFound and, with the reason
    for people, NotRedeliverable or NotWaiting."""
    redelivers: bool = False
    """Whether it makes new deliveries."""


def _redeliver(payload: str) -> Act:
    return Act(
        f"Redeliver {PAYLOADS[payload]}" if payload == "original" else f"Redeliver with {PAYLOADS[payload]}",
        "Redeliver",
        "Redelivery",
        "sent again",
        "A new delivery is created for each; the old ones stay as they are.",
        "arrow-clockwise",
        lambda session, number, by, address: redeliver(session, number, payload, by, address),
        redelivers=True,
    )


ACTS: Mapping[str, Act] = {
    **{payload: _redeliver(payload) for payload in PAYLOADS},
    "try_now": Act(
        "Try now",
        "Try now",
        "Try now",
        "tried now",
        "Those that are waiting are attempted now; those that have ended stay as they are.",
        "play",
        lambda session, number, *_: manual_actions.try_now(session, number),
    ),
    "give_up": Act(
        "Give up",
        "Give up",
        "Give up",
        "given up",
        "Those that wait end as Failed, without a mail, and can be redelivered later; those that have ended stay as they are.",
        "x-circle",
        lambda session, number, by, _: manual_actions.give_up(session, number, by),
    ),
}


class JobNotFound(NotFound):
    """There is no such job."""

    hint = "It may have been older than what the log keeps."


def start(
    session: Session, payload: str, by: str, *, ids: Sequence[int] | None = None, log_filter: LogFilter | None = None
) -> RedeliveryJob:
    """A job that does one of ACTS (`payload`) to the deliveries `ids`, or to all that match `log_filter` now. Work begins after
    the commit."""
    chosen = sorted(set(ids)) if ids is not None else None
    job = RedeliveryJob(
        payload=payload,
        by=by,
        ids=chosen,
        log_filter=log_filter.to_args() if log_filter is not None else None,
        total=len(chosen) if chosen is not None else _total(session, log_filter or LogFilter()),
        up_to=max(chosen, default=0) if chosen is not None else session.scalar(select(func.max(Delivery.id))) or 0,
    )
    session.add(job)
    session.flush()
    redeliveries_waiting.send_after_commit(session)
    return job


def _total(session: Session, log_filter: LogFilter) -> int | None:
    counts = deliveries.counts(session, log_filter)
    if log_filter.status in counts.at_least or (log_filter.status is None and counts.at_least):
        return None
    return counts[log_filter.status] if log_filter.status else counts.total


def get(session: Session, job_id: int, *, for_update: bool = False) -> RedeliveryJob:
    """Raises JobNotFound."""
    job = session.get(RedeliveryJob, job_id, with_for_update=for_update or None)
    if job is None:
        raise JobNotFound(f"There is no redelivery {job_id}.")
    return job


def running(session: Session) -> list[RedeliveryJob]:
    """Those that are not finished, oldest first."""
    statement = select(RedeliveryJob).where(col(RedeliveryJob.finished_at).is_(None)).order_by(col(RedeliveryJob.id))
    return list(session.scalars(statement))


def newest(session: Session, limit: int = 50) -> list[RedeliveryJob]:
    return list(session.scalars(select(RedeliveryJob).order_by(col(RedeliveryJob.id).desc()).limit(limit)))


def cancel(session: Session, job_id: int, by: str) -> RedeliveryJob:
    """Ends a job where it is; what it has made stays. One that is finished stays as it is. Raises JobNotFound."""
    job = get(session, job_id, for_update=True)
    if job.finished_at is None:
        job.finished_at, job.cancelled_by = now(), by
    return job


def forget(db: Database, before: datetime) -> None:
    """Deletes what was finished before that time."""
    old = col(RedeliveryJob.finished_at) < before
    with db.read() as session:
        there = session.scalar(select(RedeliveryJob.id).where(old).limit(1))  # type: ignore[call-overload]
    if there is not None:
        with db.write() as session:
            session.execute(delete(RedeliveryJob).where(old))


def work(db: Database, address: str) -> bool:
    """Goes on with the jobs for one turn, a batch of each in turn. Whether something is left to do."""
    end = time.monotonic() + TURN_S
    while True:
        with db.read() as session:
            jobs = [job.id or 0 for job in running(session)]
        for job_id in jobs:
            _batch(db, job_id, address)
        if not jobs or time.monotonic() > end:
            return bool(jobs)


def _batch(db: Database, job_id: int, address: str) -> None:
    """The next deliveries of a job. Nothing is done while another process has it, or when it has ended meanwhile."""
    with db.write() as session:
        unfinished = (col(RedeliveryJob.id) == job_id, col(RedeliveryJob.finished_at).is_(None))
        job = session.scalar(select(RedeliveryJob).where(*unfinished).with_for_update(**db.skip_locked()))
        if job is None:
            return
        ids, reached = _next(session, job)
        for delivery_id in ids:
            _act_on(session, job, delivery_id, address)
        job.position = job.up_to if reached is None else reached
        if job.position >= job.up_to:
            job.finished_at = now()
            log.info("redelivered", job=job.id, act=job.payload, made=job.redelivered, refused=job.refused)


def _next(session: Session, job: RedeliveryJob) -> tuple[list[int], int | None]:
    if job.ids is not None:
        ids = [delivery_id for delivery_id in job.ids if delivery_id > job.position][:BATCH]
        return ids, ids[-1] if ids else None
    log_filter = LogFilter.from_args(job.log_filter or {})
    return deliveries.oldest_first(session, log_filter, after=job.position, up_to=job.up_to, limit=BATCH)


def _act_on(session: Session, job: RedeliveryJob, delivery_id: int, address: str) -> None:
    try:
        with session.begin_nested():
            ACTS[job.payload].run(session, delivery_id, job.by, address)
    except DeliveryNotFound:
        _refuse(job, delivery_id, "It is no longer in the log.")
    except (NotRedeliverable, manual_actions.NotWaiting) as error:
        _refuse(job, delivery_id, str(error))
    except Exception as error:  # one that breaks the program must not hold up the others for ever
        if is_unavailable(error):
            raise
        log.exception("redelivery_failed", job=job.id, delivery=delivery_id)
        _refuse(job, delivery_id, "Something went wrong on our side; the application log has the details.")
    else:
        job.redelivered += 1


def _refuse(job: RedeliveryJob, delivery_id: int, reason: str) -> None:
    job.refused += 1
    if reason not in job.reasons and len(job.reasons) >= MOST_REASONS:
        reason = OTHER_REASONS
    number, *examples = job.reasons.get(reason, [0])
    job.reasons = job.reasons | {reason: [number + 1, *[*examples, delivery_id][:MOST_EXAMPLES]]}
