"""Jobs in the background: a row that knows what is to be done and how far it is, and a worker that does it batch by batch.

The queue only wakes the worker. A batch is one transaction that also moves the job's `position` and counts: whatever is killed,
whenever, nothing is left out and nothing is done twice. What a batch does is the affair of the job's kind.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Column, delete, select
from sqlalchemy.orm import Session
from sqlmodel import Field, SQLModel, col

from webhookui.core.database import JSON, Database, UtcDateTime, is_unavailable, now
from webhookui.core.errors import NotFound
from webhookui.core.events import Event

log = structlog.get_logger("webhookui.jobs")

job_waiting: Event[[]] = Event()
"""A job waits for its worker."""

TURN_S = 2.0
"""So long a worker's thread is held; then a worker is woken again."""
MOST_REASONS, MOST_EXAMPLES = 50, 20
OTHER_REASONS = "Other reasons."
OUR_FAULT = "Something went wrong on our side; the application log has the details."


class Job(SQLModel, table=True):
    """What is to be done, by whom, and how far it is."""

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    """A name of the table of kinds that the worker is given."""
    by: str
    """Who asked for it, by name."""
    user_id: int | None = None
    arguments: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """What its kind needs to know."""
    total: int | None = None
    """Items to handle; None when there are more than are counted."""
    position: int = 0
    """The last item that is done, by its id or number. It moves in the transaction of what was done."""
    up_to: int = 0
    """The last item that there was when the job began."""
    created: int = 0
    updated: int = 0
    skipped: int = 0
    rejected: int = 0
    reasons: dict[str, list[int]] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Why items were rejected: sentence → [how many, the first of them, …]."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    cancelled_by: str | None = None
    error: str | None = None
    """Why it could not go on: a sentence."""

    @property
    def done(self) -> int:
        """Items handled so far, whatever became of them."""
        return self.created + self.updated + self.skipped + self.rejected

    @property
    def state(self) -> str:
        """waiting, running, finished, cancelled or failed"""
        if self.finished_at is None:
            return "running" if self.position else "waiting"
        return "cancelled" if self.cancelled_by else "failed" if self.error else "finished"

    @property
    def part(self) -> float:
        """How much of it is done, 0 to 1."""
        if self.finished_at is not None:
            return 1.0
        if self.total is not None:
            return min(1.0, self.done / max(1, self.total))
        return min(1.0, self.position / max(1, self.up_to))

    def left_s(self) -> float | None:
        """Seconds that are left, when that can be said."""
        gone_s = (now() - self.created_at).total_seconds()
        if not self.done or gone_s <= 3 or self.finished_at is not None:
            return None
        return gone_s * (1 - self.part) / max(self.part, 0.001)


class JobRejection(SQLModel, table=True):
    """An item that a job rejected, for the file of rejected rows."""

    __tablename__ = "job_rejection"

    job_id: int = Field(primary_key=True, foreign_key="job.id", ondelete="CASCADE")
    number: int = Field(primary_key=True)
    """Its line in the file, or its id."""
    reason: str
    row: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Its cells, as they came."""


@dataclass(frozen=True)
class JobKind:
    """What jobs of a kind do. `label`: its name on pages."""

    label: str
    step: Callable[[Session, Job], bool]
    """Does the next batch, in the given transaction, and moves the job's position and counts. Whether nothing is left."""
    items: str = "Records"
    """What it handles: the head over the numbers of what was rejected."""
    columns: Callable[[Job], list[str]] = lambda _job: []
    """Heads of what `JobRejection.row` holds."""
    ended: Callable[[Session, Job], None] = lambda _session, _job: None
    """Is called in the transaction in which a job ends, however it ends."""
    can_be_cancelled: bool = True


class JobNotFound(NotFound):
    """There is no such job."""

    hint = "It may have been older than what is kept."


def start(
    session: Session,
    kind: str,
    *,
    by: str,
    user_id: int | None = None,
    arguments: Mapping[str, Any],
    total: int | None,
    up_to: int = 0,
) -> Job:
    """Work begins after the commit."""
    job = Job(kind=kind, by=by, user_id=user_id, arguments=dict(arguments), total=total, up_to=up_to)
    session.add(job)
    session.flush()
    job_waiting.send_after_commit(session)
    return job


def get(session: Session, job_id: int, kind: str = "", *, for_update: bool = False) -> Job:
    """`kind`: none but of that. Raises JobNotFound."""
    job = session.get(Job, job_id, with_for_update=for_update or None)
    if job is None or (kind and job.kind != kind):
        raise JobNotFound(f"There is no job {job_id}.")
    return job


def running(session: Session, kinds: Collection[str]) -> list[Job]:
    """Those that are not finished, oldest first."""
    unfinished = select(Job).where(col(Job.finished_at).is_(None), col(Job.kind).in_(kinds))
    return list(session.scalars(unfinished.order_by(col(Job.id))))


def newest(session: Session, kinds: Collection[str], limit: int = 50, user_id: int | None = None) -> list[Job]:
    """`user_id`: those that this user asked for."""
    statement = select(Job).where(col(Job.kind).in_(kinds))
    if user_id is not None:
        statement = statement.where(col(Job.user_id) == user_id)
    return list(session.scalars(statement.order_by(col(Job.id).desc()).limit(limit)))


def rejections(session: Session, job_id: int, after: int = -1, limit: int = 1000) -> list[JobRejection]:
    """In the order of their numbers, those after one."""
    statement = select(JobRejection).where(col(JobRejection.job_id) == job_id, col(JobRejection.number) > after)
    return list(session.scalars(statement.order_by(col(JobRejection.number)).limit(limit)))


def cancel(session: Session, kinds: Mapping[str, JobKind], job_id: int, by: str, kind: str = "") -> Job:
    """Ends a job where it is; what it has done stays. One that is finished, or can't be cancelled, stays as it is.

    Raises JobNotFound.
    """
    job = get(session, job_id, kind, for_update=True)
    if job.finished_at is None and kinds[job.kind].can_be_cancelled:
        _end(session, kinds, job, cancelled_by=by)
    return job


def reject(session: Session, job: Job, number: int, reason: str, row: list[str] | None = None) -> None:
    """Counts an item as rejected; `row`: its cells, for the file of rejected rows."""
    job.rejected += 1
    if row is not None:
        session.add(JobRejection(job_id=job.id or 0, number=number, reason=reason, row=row))
    if reason not in job.reasons and len(job.reasons) >= MOST_REASONS:
        reason = OTHER_REASONS
    count, *examples = job.reasons.get(reason, [0])
    job.reasons = job.reasons | {reason: [count + 1, *[*examples, number][:MOST_EXAMPLES]]}


def forget(db: Database, before: datetime) -> None:
    """Deletes what was finished before that time."""
    old = col(Job.finished_at) < before
    with db.read() as session:
        there = session.scalar(select(Job.id).where(old).limit(1))  # type: ignore[call-overload]
    if there is not None:
        with db.write() as session:
            session.execute(delete(Job).where(old))


def work(db: Database, kinds: Mapping[str, JobKind]) -> bool:
    """Goes on with the jobs for one turn, a batch of each in turn. Whether something is left to do."""
    end = time.monotonic() + TURN_S
    while True:
        with db.read() as session:
            jobs = [(job.id or 0, job.kind) for job in running(session, kinds)]
        for job_id, kind in jobs:
            step(db, kinds, job_id, kind)
        if not jobs or time.monotonic() > end:
            return bool(jobs)


def step(db: Database, kinds: Mapping[str, JobKind], job_id: int, kind: str) -> None:
    """The next batch of a job. Nothing is done while another process has it, or when it has ended meanwhile. A job whose batch
    breaks the program ends, so that it is not tried for ever."""
    try:
        with db.write() as session:
            job = _claimed(session, db, job_id)
            if job is not None and kinds[kind].step(session, job):
                _end(session, kinds, job)
                log.info("job_finished", job=job.id, kind=kind, done=job.done, rejected=job.rejected)
    except Exception as error:
        if is_unavailable(error):
            raise
        log.exception("job_failed", job=job_id, kind=kind)
        with db.write() as session:
            job = _claimed(session, db, job_id)
            if job is not None:
                _end(session, kinds, job, error=OUR_FAULT)


def _claimed(session: Session, db: Database, job_id: int) -> Job | None:
    unfinished = select(Job).where(col(Job.id) == job_id, col(Job.finished_at).is_(None))
    return session.scalar(unfinished.with_for_update(**db.skip_locked()))


def _end(
    session: Session,
    kinds: Mapping[str, JobKind],
    job: Job,
    *,
    cancelled_by: str | None = None,
    error: str | None = None,
) -> None:
    job.finished_at, job.cancelled_by, job.error = now(), cancelled_by, error
    kinds[job.kind].ended(session, job)
