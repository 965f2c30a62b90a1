"""When a delivery is tried again, and when a newer one replaces it first (specification sections 4.5 and 6).

A delivery is as new as the data that it carries: a redelivery that sends again what an older one sent is no newer than that.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.delivery import states
from webhookui.delivery.tables import Delivery, DeliveryRequest
from webhookui.outgoing.http_client import Answer

LONGEST_RETRY_AFTER = timedelta(days=7)
SUPERSEDED = "superseded by delivery "

_D = Delivery.__table__.c  # type: ignore[attr-defined]
_R = DeliveryRequest.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True)
class RetrySchedule:
    """Delays in seconds from one attempt to the next (specification section 6);
    `jitter` is the part of a delay drawn at random."""

    delays: tuple[int, ...]
    jitter: float = 0.0

    def next(self, failures: int, time: datetime, not_before: datetime | None) -> datetime | None:
        """When to try again after the given number of failures; None when it was the last attempt."""
        if failures > len(self.delays):
            return None
        delay = self.delays[failures - 1]
        due = time + timedelta(seconds=delay + delay * self.jitter * random.random())  # noqa: S311 - spreads load only
        return max(due, not_before) if not_before is not None else due


def retry_after(answer: Answer, time: datetime) -> datetime | None:
    """When the third party wants to be asked again (RFC 9110 section 10.2.3): seconds or a date, with 429 and 503 only."""
    if answer.status_code not in (429, 503):
        return None
    text = next((value.strip() for name, value in answer.headers if name.lower() == "retry-after"), "")
    if text.isdecimal():
        seconds = int(text) if len(text) < 10 else 10**9  # Python refuses to read thousands of digits
        return time + min(timedelta(seconds=seconds), LONGEST_RETRY_AFTER)
    try:
        asked = parsedate_to_datetime(text)
        asked = asked.replace(tzinfo=UTC) if asked.tzinfo is None else asked.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(asked, time + LONGEST_RETRY_AFTER)


def superseded_by(newer_id: int | None) -> str:
    """What stands as the error of a delivery that a newer one replaces."""
    return f"{SUPERSEDED}{newer_id}"


def is_superseded(delivery: Delivery) -> bool:
    return (delivery.error or "").startswith(SUPERSEDED)


def supersede_older(session: Session, newer_id: int, webhook_id: int, record_id: int) -> None:
    """Ends the deliveries of the same webhook and record that wait for a retry of older data."""
    waiting = select(_D.id).where(_D.webhook_id == webhook_id, _D.record_id == record_id, _D.status == "retry")
    ids = list(session.connection().scalars(waiting.where(_D.id < newer_id, ~_D.test)))
    age = data_of(session, newer_id) if ids else newer_id
    older = [older_id for older_id in ids if data_of(session, older_id) < age]
    if not older:
        return
    session.execute(
        update(Delivery)
        .where(_D.id.in_(older))
        .values(
            status=states.after("superseded", "retry"),
            error=superseded_by(newer_id),
            version=Delivery.version + 1,
            next_attempt_at=None,
            finished_at=now(),
        )
        .execution_options(synchronize_session=False)
    )


def newer_sibling(session: Session, delivery_id: int, webhook_id: int | None, record_id: int | None) -> int | None:
    """The newest delivery of the same webhook and record that carries newer data than this one, if there is one. Tests, and
    what could not be built and so was never sent, do not count."""
    if webhook_id is None or record_id is None:
        return None
    age = data_of(session, delivery_id)
    query = (
        select(_D.id)
        .where(_D.webhook_id == webhook_id, _D.record_id == record_id, _D.id > age, ~_D.test, _D.endpoint_key != "")
        .order_by(_D.id.desc())
    )
    ids = list(session.connection().scalars(query))
    return next((newer_id for newer_id in ids if newer_id != delivery_id and data_of(session, newer_id) > age), None)


def data_of(session: Session, delivery_id: int) -> int:
    """The delivery that first sent what this one sends: itself, or the one that it repeats word for word."""
    connection = session.connection()
    query = select(_D.redelivery_of, _D.method, _D.url, _R.body).join_from(_D.id.table, _R.delivery_id.table)
    current, sent = delivery_id, connection.execute(query.where(_D.id == delivery_id)).first()
    while sent is not None and sent[0] is not None:
        before = connection.execute(query.where(_D.id == sent[0])).first()
        if before is None or tuple(before[1:]) != tuple(sent[1:]):
            break
        current, sent = sent[0], before
    return current
