"""The outbox: deliveries are written in the transaction of the save that caused them (SPEC section 6)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.orm import Session

from webhookui.crm.tables import Change
from webhookui.db import after_commit, now
from webhookui.delivery import states
from webhookui.delivery.tables import Delivery, DeliveryRequest
from webhookui.webhooks.definition import Webhook
from webhookui.webhooks.request import Request, RequestError
from webhookui.workflows.tables import WorkflowWebhook

DEFAULT_PORTS = {"http": 80, "https": 443}
SUPERSEDED = "superseded by delivery "


def origin_of(url: str) -> str:
    """scheme://host:port in lower case; what placeholders stand for is left as it is. Empty when there is no host."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme.lower())
    except ValueError:
        return ""
    if not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme.lower()}://{host}:{port}"


def lane_of(url: str, webhook: Webhook, webhook_id: int | None) -> str:
    """The lane of an endpoint. A webhook with a rate limit has one of its own, so that its waiting holds up nobody else."""
    limited = f"#{webhook_id}" if webhook.rate_limit_per_s and webhook_id else ""
    return origin_of(url) + limited


def endpoint_name(lane: str) -> str:
    """A lane's endpoint as people know it: "api.example.com", with the port when it is not the usual one."""
    parts = urlsplit(lane.partition("#")[0])
    usual = DEFAULT_PORTS.get(parts.scheme)
    return (parts.hostname or lane) if parts.port in (usual, None) else f"{parts.hostname}:{parts.port}"


def superseded_by(newer_id: int | None) -> str:
    """What stands as the error of a delivery that a newer one replaces (SPEC section 4.5)."""
    return f"{SUPERSEDED}{newer_id}"


def is_superseded(delivery: Delivery) -> bool:
    return (delivery.error or "").startswith(SUPERSEDED)


def enqueue(
    session: Session,
    *,
    webhook_row: WorkflowWebhook | None,
    webhook: Webhook,
    workflow_id: int | None,
    workflow: str,
    module: str,
    record_id: int | None,
    record_name: str,
    change: Change | None,
    caused_by: str,
    build: Callable[[int], Request],
    test: bool = False,
    redelivery_of: int | None = None,
    definition: dict[str, object] | None = None,
    secrets: str | None = None,
) -> Delivery:
    """Writes a delivery and its request, both built now. A request that can't be built is stored as Failed, with its words.

    `build` is called with the delivery's id. `definition` and `secrets` are those of an unsaved draft that is tested.
    """
    delivery = Delivery(
        status=states.after("saved", None),
        workflow_id=workflow_id,
        workflow=workflow,
        webhook_id=webhook_row.id if webhook_row else None,
        action=webhook.title,
        module=module,
        record_id=record_id,
        record_name=record_name,
        method=webhook.method,
        url=webhook.url,
        test=test,
        redelivery_of=redelivery_of,
        change_id=change.id if change else None,
        caused_by=caused_by,
    )
    session.add(delivery)
    session.flush()
    assert delivery.id is not None
    stored = DeliveryRequest(
        delivery_id=delivery.id, origin=origin_of(webhook.url), definition=definition, secrets=secrets
    )
    try:
        request = build(delivery.id)
    except RequestError as error:
        delivery.status = states.after("refused", None)
        delivery.error = str(error)
        delivery.finished_at = now()
    else:
        delivery.url = request.url
        delivery.method = request.method
        delivery.note = " ".join(request.notes) or None
        delivery.host = urlsplit(request.url).hostname or ""
        delivery.lane = lane_of(request.url, webhook, delivery.webhook_id)
        stored.headers = [list(header) for header in request.headers]
        stored.body = request.body
    session.add(stored)
    session.flush()
    _announce(session, delivery, webhook)
    return delivery


def _announce(session: Session, delivery: Delivery, webhook: Webhook) -> None:
    if delivery.status == "failed":
        for listener in session.info.get("failed_listeners", ()):
            listener(session, [delivery])
        return
    if webhook.drop_stale_retries and delivery.webhook_id and delivery.record_id and not delivery.test:
        supersede_older(session, delivery)
    wake = session.info.get("wake")
    if wake is not None:
        lane = delivery.lane
        after_commit(session, lambda: wake(lane))


def supersede_older(session: Session, newer: Delivery) -> None:
    """Ends the older deliveries of the same webhook and record that wait for a retry (SPEC section 4.5)."""
    session.execute(
        update(Delivery)
        .where(
            Delivery.webhook_id == newer.webhook_id,  # type: ignore[arg-type]
            Delivery.record_id == newer.record_id,  # type: ignore[arg-type]
            Delivery.id < newer.id,  # type: ignore[operator, arg-type]
            Delivery.status == "retry",  # type: ignore[arg-type]
        )
        .values(
            status=states.after("superseded", "retry"),
            error=superseded_by(newer.id),
            version=Delivery.version + 1,
            next_attempt_at=None,
            finished_at=now(),
        )
        .execution_options(synchronize_session=False)
    )


def newer_sibling(session: Session, delivery_id: int, webhook_id: int | None, record_id: int | None) -> int | None:
    """The newest delivery of the same webhook and record that was made after this one, if there is one."""
    if webhook_id is None or record_id is None:
        return None
    return session.scalar(
        select(Delivery.id)  # type: ignore[call-overload]
        .where(Delivery.webhook_id == webhook_id, Delivery.record_id == record_id, Delivery.id > delivery_id)  # type: ignore[operator]
        .order_by(Delivery.id.desc())  # type: ignore[union-attr]
        .limit(1)
    )


def has_waiting(session: Session, lane: str) -> bool:
    """Whether the lane has a delivery that was never sent."""
    return bool(session.connection().scalar(_WAITING, {"lane": lane}))


_WAITING = select(
    exists().where(Delivery.lane == bindparam("lane"), Delivery.status == "queued")  # type: ignore[arg-type]
)
