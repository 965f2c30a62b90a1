"""Redelivering, trying now and giving up many: the selected, or all that match a filter, as a job in the background
(specification section 6).

Deliveries are taken in the order of their ids, a few in a transaction that also says how far the job is
(`core.background_jobs`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webhookui.core import background_jobs
from webhookui.core.background_jobs import OUR_FAULT, Job, JobKind
from webhookui.core.database import is_unavailable
from webhookui.delivery.tables import Delivery
from webhookui.delivery_log import manual_actions
from webhookui.delivery_log import queries as deliveries
from webhookui.delivery_log.queries import DeliveryNotFound, LogFilter
from webhookui.workflows.redelivery import PAYLOADS, NotRedeliverable, redeliver

log = structlog.get_logger("webhookui.workflows")

REDELIVERY = "redelivery"
BATCH = 20
"""Deliveries of one transaction."""


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


def start(
    session: Session, payload: str, by: str, *, ids: Sequence[int] | None = None, log_filter: LogFilter | None = None
) -> Job:
    """A job that does one of ACTS (`payload`) to the deliveries `ids`, or to all that match `log_filter` now. Work begins after
    the commit."""
    chosen = sorted(set(ids)) if ids is not None else None
    args = log_filter.to_args() if log_filter is not None else None
    newest = max(chosen, default=0) if chosen is not None else session.scalar(select(func.max(Delivery.id))) or 0
    return background_jobs.start(
        session,
        REDELIVERY,
        by=by,
        arguments={"act": payload, "ids": chosen, "filter": args},
        total=len(chosen) if chosen is not None else _total(session, log_filter or LogFilter()),
        up_to=newest,  # what the job makes itself is not sent again by it
    )


def _total(session: Session, log_filter: LogFilter) -> int | None:
    counts = deliveries.counts(session, log_filter)
    if log_filter.status in counts.at_least or (log_filter.status is None and counts.at_least):
        return None
    return counts[log_filter.status] if log_filter.status else counts.total


def kind(address: str) -> JobKind:
    """`address`: of the installation."""
    return JobKind("Redelivery", partial(_step, address), "Deliveries")


def _step(address: str, session: Session, job: Job) -> bool:
    ids, reached = _next(session, job)
    for delivery_id in ids:
        _act_on(session, job, delivery_id, address)
    job.position = job.up_to if reached is None else reached
    return job.position >= job.up_to


def _next(session: Session, job: Job) -> tuple[list[int], int | None]:
    if job.arguments["ids"] is not None:
        ids = [delivery_id for delivery_id in job.arguments["ids"] if delivery_id > job.position][:BATCH]
        return ids, ids[-1] if ids else None
    log_filter = LogFilter.from_args(job.arguments["filter"] or {})
    return deliveries.oldest_first(session, log_filter, after=job.position, up_to=job.up_to, limit=BATCH)


def _act_on(session: Session, job: Job, delivery_id: int, address: str) -> None:
    act = ACTS[job.arguments["act"]]
    try:
        with session.begin_nested():
            act.run(session, delivery_id, job.by, address)
    except DeliveryNotFound:
        background_jobs.reject(session, job, delivery_id, "It is no longer in the log.")
    except (NotRedeliverable, manual_actions.NotWaiting) as error:
        background_jobs.reject(session, job, delivery_id, str(error))
    except Exception as error:  # one that breaks the program must not hold up the others for ever
        if is_unavailable(error):
            raise
        log.exception("redelivery_failed", job=job.id, delivery=delivery_id)
        background_jobs.reject(session, job, delivery_id, OUR_FAULT)
    else:
        if act.redelivers:
            job.created += 1
        else:
            job.updated += 1
