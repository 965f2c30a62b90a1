"""Redelivering: a new delivery that links to the old one (specification section 6), and tests of unsaved drafts (section 4.6)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from webhookui.core.secrets import SecretBox
from webhookui.core.urls import origin_of
from webhookui.crm import records
from webhookui.crm.records import RecordNotFound
from webhookui.crm.tables import Change, Record
from webhookui.definitions.tables import WorkflowAction
from webhookui.delivery.outbox import reserved
from webhookui.delivery.states import STATUSES
from webhookui.delivery.tables import Delivery, DeliveryRequest
from webhookui.delivery.webhook_cache import seal
from webhookui.delivery_log.queries import DeliveryNotFound
from webhookui.webhooks.definition import Webhook
from webhookui.webhooks.request import Context, Payload, Request, build_request
from webhookui.webhooks.secret_values import secrets_of, with_markers
from webhookui.webhooks.stored import from_definition, stored_definition
from webhookui.workflows.context import context_of

Builder = Callable[[int], Request]
"""Makes the request of a delivery, whose id it is given."""
PAYLOADS = {"original": "the original payload", "current": "the record as it is now"}

_STILL_WAITS = (
    "It is still waiting to be sent and would go out twice: use “Try now” (try-now in the API), or give it up first."
)
UNFINISHED = {
    "queued": _STILL_WAITS,
    "retry": _STILL_WAITS,
    "dispatched": "It is being sent right now and would go out twice: wait for its answer. If that is a failure with "
    "retries left, use “Try now” (try-now in the API).",
}
"""Status of one that has attempts to come → why it is not sent as a new delivery."""


class NotRedeliverable(Exception):
    """The delivery can't be sent again in that way; the text says why and what can be done."""


def redeliver(session: Session, delivery_id: int, payload: str, by: str, address: str) -> Delivery:
    """A new delivery of what `delivery_id` was, to the webhook's address and with its authorization as they are now.

    `payload` "original" sends the body of then under the old id, "current" a rebuilt one under a new id (docs/decisions/0025).
    A test's webhook is the draft that it carries. Raises DeliveryNotFound and NotRedeliverable.
    """
    if payload not in PAYLOADS:
        raise NotRedeliverable(f"“{payload}” is not one of: {', '.join(PAYLOADS)}.")
    old = session.get(Delivery, delivery_id)
    if old is None:
        raise DeliveryNotFound(f"There is no delivery {delivery_id}.")
    if not STATUSES[old.status].final:
        raise NotRedeliverable(UNFINISHED[old.status])
    stored = session.get(DeliveryRequest, delivery_id)
    row = session.get(WorkflowAction, old.webhook_id) if old.webhook_id else None
    draft = stored if stored is not None and stored.definition is not None else None
    if row is None and draft is None:
        raise NotRedeliverable("The webhook of this delivery no longer exists.")
    webhook = from_definition(draft.definition if draft else row.definition, {})  # type: ignore[union-attr, arg-type]
    change = session.get(Change, old.change_id) if old.change_id else None
    make_builder = _readdressed if payload == "original" else _rebuilt
    build = make_builder(session, old, stored, webhook, change, address)
    with reserved(
        session,
        webhook_id=row.id if row else None,
        webhook=webhook,
        workflow_id=old.workflow_id,
        workflow=old.workflow,
        module=old.module,
        record_id=old.record_id,
        record_name=old.record_name,
        change=change,
        caused_by=by,
        test=old.test,
        redelivery_of=old.id,
        message_id=old.message_id if payload == "original" else None,
        definition=draft.definition if draft else None,
        secrets=draft.secrets if draft else None,
    ) as delivery:
        delivery.request = build(delivery.id)
    return session.get_one(Delivery, delivery.id)


def _builder(session: Session, webhook: Webhook, payload: Payload | None = None, **about: Any) -> Builder:
    """Builds the request in the context that `about` tells of."""
    return lambda delivery_id: build_request(webhook, context_of(session, delivery_id=delivery_id, **about), payload)


def _readdressed(
    session: Session,
    old: Delivery,
    stored: DeliveryRequest | None,
    webhook: Webhook,
    change: Change | None,
    address: str,
) -> Builder:
    """The payload of then, to the address of now: that of the record as it was at the save."""
    if stored is None or not old.endpoint_key:
        raise NotRedeliverable("No request was ever built for this delivery. Redeliver with the record as it is now.")
    payload = _payload_of(old, stored, webhook)
    record = session.get(Record, old.record_id) if change is None and old.record_id else None
    if change is None and record is None:
        return _readdressed_without_record(old, stored, webhook, payload)
    return _builder(
        session, webhook, payload, record=record, change=change, address=address, workflow_id=old.workflow_id,
        workflow=old.workflow,
    )  # fmt: skip


def _payload_of(old: Delivery, stored: DeliveryRequest, webhook: Webhook) -> Payload:
    content_type = next((value for name, value in stored.headers if name.lower() == "content-type"), None)
    query = stored.query
    if old.method == "GET" and query is None:
        # It was made before the parameters' part was kept: all that the URL has not itself.
        own, whole = webhook.url.partition("?")[2], urlsplit(old.url).query
        query = whole.removeprefix(own).removeprefix("&") if own else whole
    return Payload(old.method, content_type, stored.body, query)


def _readdressed_without_record(old: Delivery, stored: DeliveryRequest, webhook: Webhook, payload: Payload) -> Builder:
    """Neither the record nor the trace of its save is left: placeholders can't be filled in, but texts stand as they are."""
    if "{" not in webhook.url and not any("{" in header.value for header in webhook.headers):
        return lambda _delivery_id: build_request(webhook, Context({}), payload)
    if origin_of(old.url) != origin_of(webhook.url):
        raise NotRedeliverable(
            "The webhook's address has changed, and neither the record nor the save is left to build the new one from."
        )
    headers = tuple((name, value) for name, value in stored.headers)
    request = Request(old.method, stored.url or old.url, headers, stored.body, query=stored.query)
    return lambda _delivery_id: request


def _rebuilt(
    session: Session, old: Delivery, _stored: object, webhook: Webhook, _change: object, address: str
) -> Builder:
    try:
        record = records.get(session, old.module, old.record_id or 0)
    except RecordNotFound:
        raise NotRedeliverable("The record no longer exists. Redeliver with the original payload.") from None
    return _builder(
        session, webhook, record=record, address=address, workflow_id=old.workflow_id, workflow=old.workflow
    )


def send_test(
    session: Session,
    box: SecretBox,
    webhook: Webhook,
    record: Record,
    *,
    by: str,
    address: str,
    workflow: str,
    workflow_id: int | None = None,
    webhook_row: WorkflowAction | None = None,
) -> Delivery:
    """Sends an unsaved draft for real, for one record, marked as a test. It carries its own definition and secrets."""
    secrets: dict[str, Any] = dict(secrets_of(webhook))
    if webhook.signing and webhook.signing.secret:
        secrets["signing"] = [webhook.signing.secret]
    webhook = with_markers(webhook)
    definition = stored_definition(webhook)
    build = _builder(session, webhook, record=record, address=address, workflow_id=workflow_id, workflow=workflow)
    with reserved(
        session,
        webhook_id=webhook_row.id if webhook_row else None,
        webhook=webhook,
        workflow_id=workflow_id,
        workflow=workflow,
        module=record.module,
        record_id=record.id,
        record_name=record.name,
        change=None,
        caused_by=by,
        test=True,
        definition=definition,
        secrets=seal(box, definition, secrets),
    ) as delivery:
        delivery.request = build(delivery.id)
    return session.get_one(Delivery, delivery.id)
