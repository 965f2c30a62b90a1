"""What waits to be sent (Queued, Retry): what holds it back, how much it is, and ending it (specification sections 3 and 6).

Nothing is written at a delivery that is held: it waits for its workflow, its webhook or its endpoint, and goes on with them.
Or for a person, where the workflow fired in a loop for the record (docs/decisions/0050).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.core.database import now
from webhookui.definitions.switches import off_workflows
from webhookui.definitions.tables import WorkflowHold
from webhookui.delivery import states
from webhookui.delivery.endpoint_key import EndpointKey
from webhookui.delivery.events import deliveries_waiting
from webhookui.delivery.tables import Delivery, Endpoint

REMOVED = "The workflow was deleted, or this action removed from it, before the delivery went out."

_D = Delivery.__table__.c  # type: ignore[attr-defined]
_WAITS = and_(_D.status.in_(states.WAITING), _D.log_bucket_id.is_(None))
"""A waiting delivery is never in a group of the log's; saying so lets the index of those answer."""

Condition = ColumnElement[bool]

_H = WorkflowHold.__table__.c  # type: ignore[attr-defined]
LOOPS: Condition = and_(
    ~_D.test,
    exists().where(_H.workflow_id == _D.workflow_id, _H.record_id == _D.record_id, _H.released_at.is_(None)),
)
"""The delivery's workflow is held for its record."""


@dataclass(frozen=True)
class Hold:
    """Why a waiting delivery is not sent. `words`: for a row; `sentence`: for its detail; `advice`: what can be done about it;
    `rank` tells the holds apart."""

    name: str
    rank: int
    words: str
    sentence: str
    advice: str


HOLDS: dict[str, Hold] = {
    hold.name: hold
    for hold in (
        Hold(
            "workflow_off", 1, "workflow is off",
            "The workflow is switched off: this delivery is held until it is switched on again.",
            "Its workflow is switched off, so nothing of it is sent: switch the workflow on first.",
        ),
        Hold(
            "loop", 4, "workflow loops",
            "The workflow is held for this record: it fired {fired} times within a minute because of saves through the API. "
            "Its deliveries wait until an admin releases them.",
            "Its workflow is held for this record, for which it fired in a loop: press “Release” first.",
        ),
        Hold(
            "endpoint_paused", 2, "endpoint is paused",
            "The endpoint is paused because it can’t be reached: this delivery waits until a probe is answered.",
            "Its endpoint is paused: press “Resume now” above the webhook log, or wait for the next probe.",
        ),
        Hold(
            "webhook_paused", 3, "webhook is paused",
            "The webhook is paused because it keeps failing: this delivery waits until a probe succeeds.",
            "Its webhook is paused: press “Resume now” above the webhook log, or wait for the next probe.",
        ),
    )
}  # fmt: skip
"""The API's word → what it means; the first one that applies is told."""


class Waits(Protocol):
    """What is asked of a delivery to know what holds it: a row of the table, or some of its columns."""

    id: int | None
    status: str
    workflow_id: int | None
    record_id: int | None
    endpoint_key: str
    test: bool


def holds(session: Session, deliveries: Iterable[Waits]) -> dict[int, Hold]:
    """Delivery → what holds it, of those that are held."""
    waiting = [delivery for delivery in deliveries if delivery.status in states.WAITING and not delivery.test]
    if not waiting:
        return {}
    switched_off = off_workflows(session, {delivery.workflow_id for delivery in waiting if delivery.workflow_id})
    keys = {
        name for delivery in waiting for name in (delivery.endpoint_key, EndpointKey(delivery.endpoint_key).endpoint)
    }
    statement = select(col(Endpoint.endpoint_key)).where(
        col(Endpoint.endpoint_key).in_(keys), col(Endpoint.state) == "open"
    )
    paused = set(session.scalars(statement))
    looping = _loops(session, {delivery.record_id for delivery in waiting if delivery.record_id})
    holds_by_id = {}
    for delivery in waiting:
        name = (
            "workflow_off" if delivery.workflow_id in switched_off
            else "loop" if (delivery.workflow_id, delivery.record_id) in looping
            else "endpoint_paused" if EndpointKey(delivery.endpoint_key).endpoint in paused
            else "webhook_paused" if delivery.endpoint_key in paused
            else None
        )  # fmt: skip
        if name == "loop":
            holds_by_id[delivery.id or 0] = in_a_loop(looping[delivery.workflow_id or 0, delivery.record_id or 0])
        elif name is not None:
            holds_by_id[delivery.id or 0] = HOLDS[name]
    return holds_by_id


def in_a_loop(fired: int) -> Hold:
    """The hold of a workflow that fired so often within a minute for one record."""
    return replace(HOLDS["loop"], sentence=HOLDS["loop"].sentence.format(fired=fired))


def _loops(session: Session, record_ids: Collection[int]) -> dict[tuple[int, int], int]:
    """(workflow, record) → how often it fired, of those that are held."""
    if not record_ids:
        return {}
    statement = select(_H.workflow_id, _H.record_id, _H.fired).where(_H.released_at.is_(None))
    return {(row[0], row[1]): row[2] for row in session.execute(statement.where(_H.record_id.in_(record_ids)))}


def counts(session: Session) -> dict[int, int]:
    """Workflow → deliveries that wait, tests aside."""
    statement = select(_D.workflow_id, func.count()).where(_WAITS, ~_D.test, _D.workflow_id.is_not(None))
    return {row[0]: row[1] for row in session.execute(statement.group_by(_D.workflow_id))}


def count(session: Session, which: Condition) -> int:
    return session.scalar(select(func.count()).select_from(Delivery).where(_WAITS, which)) or 0


def in_loops(session: Session, but: Collection[int] = ()) -> int:
    """Deliveries that wait for the release of their workflow, those of some workflows aside."""
    pair = and_(_D.workflow_id == _H.workflow_id, _D.record_id == _H.record_id)
    held = (
        select(func.count())
        .join_from(WorkflowHold, Delivery, pair)
        .where(_WAITS, ~_D.test, _H.released_at.is_(None), _H.workflow_id.not_in(but))
    )
    return session.scalar(held) or 0


def of_workflow(workflow_id: int) -> Condition:
    return and_(_D.workflow_id == workflow_id, ~_D.test)


def of_loop(workflow_id: int, record_id: int) -> Condition:
    """What waits, or would, for the release of a workflow that is held for a record."""
    return and_(_D.record_id == record_id, of_workflow(workflow_id))


def of_webhook(webhook_id: int) -> Condition:
    return and_(_D.webhook_id == webhook_id, ~_D.test)


def of_key(key: str) -> Condition:
    """What waits for a webhook; or, for an endpoint as a whole, for any of its webhooks."""
    if not EndpointKey(key).is_endpoint:
        return _D.endpoint_key == key
    of_a_webhook = and_(_D.endpoint_key.startswith(key + "#", autoescape=True), ~_D.test)
    return or_(_D.endpoint_key == key, of_a_webhook)


def end(session: Session, which: Condition, error: str, event: str = "ended") -> int:
    """Ends what waits as Failed. Returns how many; nobody is mailed, for somebody chose it."""
    keys = list(session.scalars(select(_D.endpoint_key).where(_WAITS, which).distinct()))
    done: Any = session.execute(
        update(Delivery)
        .where(_WAITS, which)
        .values(
            status=states.after(event, "queued"), error=error, next_attempt_at=None, finished_at=now(),
            version=_D.version + 1,
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    notify_workers(session, keys)
    return int(done.rowcount)


def notify_workers(session: Session, keys: Iterable[str]) -> None:
    """Wakes workers for these keys after the commit: what was held, or waited behind what has ended, may go."""
    for key in keys:
        deliveries_waiting.send_after_commit(session, key)


def notify_workers_for(session: Session, which: Condition) -> None:
    """Wakes workers for the keys in which such deliveries wait."""
    notify_workers(session, list(session.scalars(select(_D.endpoint_key).where(_WAITS, which).distinct())))
