"""Webhooks that are failing at the moment, and what is paused: the last answer was no success (specification section 7)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webhookui.delivery import pending
from webhookui.delivery.endpoint_key import EndpointKey
from webhookui.delivery.tables import Delivery, Endpoint

MOST_KEYS = 300
MOST_COUNTED = 10_000
"""More failures than that are not counted to the end."""
_LOOKED_AT = 20
"""Newest failures of an endpoint among which one that speaks of it is sought: tests and redeliveries don't."""

_D = Delivery.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True)
class FailingEndpoint:
    """One webhook at an endpoint, or an endpoint that is paused. `failed`: given up since its last success; `waiting`: whose
    retry is to come, or that it holds back.
    """

    endpoint_key: str
    host: str
    error: str
    status_code: int | None
    since: datetime
    failed: int
    waiting: int
    endpoint: Endpoint | None
    """Its circuit, when it is paused or drains."""
    delivery_id: int | None
    """The delivery that failed last."""
    webhook_id: int | None = None
    action: str = ""
    """The webhook's name, as its last failure knew it."""


def failing(session: Session) -> list[FailingEndpoint]:
    """Paused ones first, then those that fail for longest."""
    circuits = {row.endpoint_key: row for row in session.scalars(select(Endpoint).where(Endpoint.state != "closed"))}  # type: ignore[arg-type]
    failures = [
        failure
        for key in sorted({*_keys(session), *circuits})
        if (failure := _failing_endpoint(session, key, circuits.get(key))) is not None
    ]
    return sorted(
        failures, key=lambda failure: (failure.endpoint is None or failure.endpoint.state != "open", failure.since)
    )


def _keys(session: Session) -> list[str]:
    """By a walk along the index that skips from one to the next."""
    keys: list[str] = []
    last = ""
    while len(keys) < MOST_KEYS:
        last = session.scalar(select(func.min(_D.endpoint_key)).where(_D.endpoint_key > last)) or ""
        if not last:
            break
        if not EndpointKey(last).is_test:
            keys.append(last)
    return keys


def _failing_endpoint(session: Session, key: str, circuit: Endpoint | None) -> FailingEndpoint | None:
    of_key = select(_D.id).where(_D.endpoint_key == key)
    # A finished delivery has no next attempt; to say so makes the index end in the ids.
    ended = of_key.where(_D.next_attempt_at.is_(None))
    success = session.scalar(ended.where(_D.status == "success").order_by(_D.id.desc()).limit(1)) or 0
    failed = ended.where(_D.status == "failed", _D.id > success)
    retried = of_key.where(_D.status == "retry", _D.id > success)
    newest = [
        *session.scalars(failed.order_by(_D.id.desc()).limit(_LOOKED_AT)),
        *session.scalars(retried.order_by(_D.id.desc()).limit(_LOOKED_AT)),
    ]
    columns = select(Delivery).where(
        _D.id.in_(newest), _D.test.is_(False), _D.redelivery_of.is_(None), _D.attempt_count > 0
    )
    last = session.scalar(columns.order_by(_D.id.desc()).limit(1))
    if last is None and (circuit is None or circuit.state != "open"):
        return None
    oldest = [
        *session.scalars(failed.order_by(_D.id).limit(1)),
        *session.scalars(retried.order_by(_D.id).limit(1)),
    ]
    since = session.scalar(select(func.min(_D.created_at)).where(_D.id.in_(oldest)))
    return FailingEndpoint(
        endpoint_key=key,
        host=last.host if last else EndpointKey(key).label.partition(":")[0],
        error=(last.error if last else None) or (circuit.last_error if circuit else None) or "",
        status_code=last.status_code if last else None,
        since=since or (circuit.opened_at if circuit and circuit.opened_at else None) or (last.created_at if last else None),  # type: ignore[arg-type]
        failed=_number(session, failed),
        waiting=pending.count(session, pending.of_key(key)),
        endpoint=circuit,
        delivery_id=last.id if last else None,
        webhook_id=EndpointKey(key).webhook_id,
        action=last.action if last else "",
    )  # fmt: skip


def _number(session: Session, statement: object) -> int:
    inner = statement.limit(MOST_COUNTED).subquery()  # type: ignore[attr-defined]
    return session.scalar(select(func.count()).select_from(inner)) or 0
