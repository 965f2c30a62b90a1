"""The outbox: deliveries are written in the transaction of the save that caused them (specification section 6)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import structlog
from sqlalchemy import bindparam, exists, insert, select, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from webhookui.core.database import is_unavailable, now, savepoint, unavailable_because
from webhookui.crm.tables import Change
from webhookui.definitions.tables import WorkflowWebhook
from webhookui.delivery import stale_retries, states
from webhookui.delivery.endpoint_key import EndpointKey
from webhookui.delivery.events import deliveries_failed, deliveries_waiting
from webhookui.delivery.tables import Delivery, DeliveryRequest, new_message_id
from webhookui.webhooks.definition import Webhook
from webhookui.webhooks.request import Request, RequestError
from webhookui.webhooks.secret_values import veil
from webhookui.webhooks.templating.reasons import reason, storable

log = structlog.get_logger("webhookui.delivery")


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
    message_id: str | None = None,
    definition: dict[str, object] | None = None,
    secrets: str | None = None,
) -> int:
    """Writes a delivery and its request, both built now. A request that can't be built is stored as Failed, with its words.

    Returns the delivery's id, which `build` is called with. `message_id`: that of the delivery whose payload goes out again.
    `definition` and `secrets` are those of an unsaved draft that is tested. Every save that fires waits for this: rows are
    written as rows, without objects in between.
    """
    connection = session.connection()
    webhook_id = webhook_row.id if webhook_row else None
    saved = _NEW | {
        "status": states.after("saved", None), "workflow_id": workflow_id, "workflow": workflow, "webhook_id": webhook_id,
        "action": webhook.title, "module": module, "record_id": record_id, "record_name": record_name,
        "method": webhook.method, "url": webhook.url, "created_at": now(), "test": test, "redelivery_of": redelivery_of,
        "change_id": change.id if change else None, "caused_by": caused_by, "message_id": message_id or new_message_id(),
    }  # fmt: skip
    primary_key = connection.execute(_INSERT, saved).inserted_primary_key
    assert primary_key is not None
    delivery_id: int = primary_key[0]
    stored = {"delivery_id": delivery_id, "headers": (), "body": None, "query": None, "url": None}
    if definition is not None:
        stored |= {"definition": definition, "secrets": secrets}
    session.flush()  # what is pending belongs to the save, not to the savepoint of this delivery
    try:
        with savepoint(connection):
            request = build(delivery_id)
            key = EndpointKey.of(request.url, webhook_id, test=test)
            _write_request(session, delivery_id, request, key, stored)
            if webhook.drop_stale_retries and webhook_id and record_id and not test:
                stale_retries.supersede_older(session, delivery_id, webhook_id, record_id)
    except Exception as error:
        if speaks_of_the_database(error):
            raise
        _refuse(session, delivery_id, error, stored)
        return delivery_id
    deliveries_waiting.send_after_commit(session, key)
    return delivery_id


def _write_request(
    session: Session, delivery_id: int, request: Request, key: str, stored: Mapping[str, object]
) -> None:
    connection = session.connection()
    shown = veil(request.url)
    built = {
        "the_url": shown, "the_method": request.method, "the_note": " ".join(request.notes) or None,
        "the_host": urlsplit(request.url).hostname or "", "the_endpoint_key": key,
    }  # fmt: skip
    connection.execute(_FILL_IN, {"the_id": delivery_id, **built})
    sent = {"headers": request.headers, "body": request.body, "query": request.query}
    if shown != request.url:
        sent["url"] = request.url
    connection.execute(_INSERT_REQUEST, {**stored, **sent})


def _refuse(session: Session, delivery_id: int, error: Exception, stored: Mapping[str, object]) -> None:
    """Ends the delivery as Failed, with why no request could be made or stored; nothing of it stops the save."""
    if not isinstance(error, RequestError):
        log.error("request_not_stored", delivery=delivery_id, exc_info=error)
    words = storable(str(error)) if isinstance(error, RequestError) else f"The request can't be stored: {_why(error)}"
    refused = {"status": states.after("refused", None), "error": words, "finished_at": now()}
    connection = session.connection()
    connection.execute(_REFUSE, {"the_id": delivery_id, **refused})
    connection.execute(_INSERT_REQUEST, stored)
    tell_failed(session, [delivery_id])


def _why(error: Exception) -> str:
    return storable(unavailable_because(error)) if isinstance(error, DBAPIError) else reason(error)


def speaks_of_the_database(error: BaseException) -> bool:
    """Whether it was raised, or caused, by a database that is full, locked or out of reach: no delivery is to blame for that,
    and the save as a whole can be tried again."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, SQLAlchemyError) and is_unavailable(cause):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def tell_failed(session: Session, delivery_ids: Sequence[int]) -> None:
    """Tells who wants to know that deliveries have just ended Failed. What goes wrong with the telling is logged: neither the
    save nor the results that they belong to are lost for it."""
    if not delivery_ids or not deliveries_failed.has_listeners(session):
        return
    with telling(session, "failure_not_told", deliveries=list(delivery_ids)):
        query = select(Delivery).where(_D.id.in_(delivery_ids)).order_by(_D.id)
        deliveries_failed.send(session, list(session.scalars(query, execution_options={"populate_existing": True})))


@contextmanager
def telling(session: Session, failure: str, **about: object) -> Iterator[None]:
    """A part of a transaction that tells somebody something: what goes wrong in it is logged, and takes nothing else along.

    What the database raises because it is full, locked or out of reach passes.
    """
    try:
        with session.begin_nested():
            yield
    except Exception as error:
        if speaks_of_the_database(error):
            raise
        log.exception(failure, **about)


_D = Delivery.__table__.c  # type: ignore[attr-defined]
_INSERT = insert(Delivery.__table__)  # type: ignore[attr-defined]
_INSERT_REQUEST = insert(DeliveryRequest.__table__)  # type: ignore[attr-defined]
_NEW = {"version": 1, "host": "", "endpoint_key": "", "attempt_count": 0, "failure_count": 0}
_REFUSE = (
    update(Delivery.__table__)  # type: ignore[attr-defined]
    .where(_D.id == bindparam("the_id"))
    .values(status=bindparam("status"), error=bindparam("error"), finished_at=bindparam("finished_at"))
)
_FILL_IN = (
    update(Delivery.__table__)  # type: ignore[attr-defined]
    .where(_D.id == bindparam("the_id"))
    .values({name: bindparam(f"the_{name}") for name in ("url", "method", "note", "host", "endpoint_key")})
)


def has_waiting(session: Session, key: str) -> bool:
    """Whether the key has a delivery that was never sent."""
    return bool(session.connection().scalar(_WAITING, {"key": key}))


_WAITING = select(
    exists().where(Delivery.endpoint_key == bindparam("key"), Delivery.status == "queued")  # type: ignore[arg-type]
)


def waiting_elsewhere(session: Session, record_ids: Sequence[int], keys: Collection[str]) -> set[str]:
    """Other keys with a delivery of these records that was never sent: it may have waited for its turn in the order."""
    if not record_ids:
        return set()
    values = {"record_ids": record_ids, "keys": list(keys)}
    return set(session.connection().scalars(_WAITING_ELSEWHERE, values))


_WAITING_ELSEWHERE = select(_D.endpoint_key).where(
    _D.record_id.in_(bindparam("record_ids", expanding=True)),
    _D.status == "queued",
    _D.endpoint_key.not_in(bindparam("keys", expanding=True)),
)
