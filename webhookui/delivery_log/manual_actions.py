"""What an admin does with one delivery that waits: Try now and Give up (specification section 6; docs/decisions/0030).

Each is one UPDATE of a delivery that waits, so that a sender that takes it at the same moment either has it or does not.
"""

from typing import Any

from sqlalchemy import case, literal, select, update
from sqlalchemy.orm import Session

from webhookui.core.database import UtcDateTime, now
from webhookui.delivery import pending, states
from webhookui.delivery.claim import goes_before
from webhookui.delivery.tables import Delivery
from webhookui.delivery_log.queries import DeliveryNotFound

_D = Delivery.__table__.c  # type: ignore[attr-defined]


class NotWaiting(Exception):
    """The delivery can't be tried now or given up; the text says why and what can be done."""


def try_now(session: Session, delivery_id: int) -> Delivery:
    """Makes the next attempt of what waits due at once; all that follows is as if its time had come by itself.

    Raises DeliveryNotFound and NotWaiting: it has ended, is in flight, is held, or goes after another one of its record.
    """
    delivery = _waiting(session, delivery_id)
    held = pending.holds(session, [delivery]).get(delivery_id)  # type: ignore[list-item]
    if held is not None:
        raise NotWaiting(held.advice)
    first = _goes_first(session, delivery)
    if first is not None:
        raise NotWaiting(f"Delivery {first}, of an earlier save of the same record, goes first: try that one now.")
    done: Any = session.execute(
        update(Delivery)
        .where(_D.id == delivery_id, _D.status.in_(states.WAITING))
        .values(
            status=case((_D.status == "retry", states.after("hurried", "retry")), else_=_D.status),
            next_attempt_at=case((_D.status == "retry", literal(now(), UtcDateTime()))),
            version=_D.version + 1,
        )
        .execution_options(synchronize_session=False)
    )
    pending.notify_workers(session, [delivery.endpoint_key])
    return _moved(session, delivery, done.rowcount)


def give_up(session: Session, delivery_id: int, by: str) -> Delivery:
    """Ends what waits as Failed; nobody is mailed, for somebody chose it. Raises DeliveryNotFound and NotWaiting."""
    delivery = _waiting(session, delivery_id)
    return _moved(session, delivery, pending.end(session, _D.id == delivery_id, f"Given up by {by}.", "given_up"))


def _waiting(session: Session, delivery_id: int) -> Delivery:
    delivery = session.get(Delivery, delivery_id)
    if delivery is None:
        raise DeliveryNotFound(f"There is no delivery {delivery_id}.")
    _refuse_unless_waiting(delivery)
    return delivery


def _refuse_unless_waiting(delivery: Delivery) -> None:
    if delivery.status in states.IN_HAND:
        raise NotWaiting("It is being sent right now; its answer will decide.")
    if delivery.status not in states.WAITING:
        raise NotWaiting(f"It has ended: {states.STATUSES[delivery.status].label}. It can be redelivered.")


def _moved(session: Session, delivery: Delivery, number: int) -> Delivery:
    """The delivery as it is now; `number` of rows that moved: none when a sender or somebody else was faster."""
    session.refresh(delivery)
    if not number:
        _refuse_unless_waiting(delivery)
    return delivery


def _goes_first(session: Session, delivery: Delivery) -> int | None:
    """The oldest delivery of the webhook and record that has to be answered before this one is first sent."""
    if delivery.status != "queued" or delivery.webhook_id is None or delivery.record_id is None:
        return None
    first_id: int | None = session.scalar(select(_D.id).where(*goes_before(_D, delivery)).order_by(_D.id).limit(1))
    return first_id
