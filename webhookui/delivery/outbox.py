"""The outbox: deliveries are written in the transaction of the save that caused them (specification section 6)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

import structlog
from sqlalchemy import bindparam, insert, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from webhookui.core.database import now, savepoint, unavailable_because
from webhookui.crm.tables import Change
from webhookui.delivery import retries, states
from webhookui.delivery.endpoint_key import EndpointKey
from webhookui.delivery.events import deliveries_waiting, speaks_of_the_database, tell_failed
from webhookui.delivery.tables import Delivery, DeliveryRequest, new_message_id
from webhookui.webhooks.definition import Webhook
from webhookui.webhooks.request import Request, RequestError
from webhookui.webhooks.secret_values import veil
from webhookui.webhooks.templating.reasons import reason, storable

log = structlog.get_logger("webhookui.delivery")


class Reserved:
    """A delivery whose request is not built yet. `id`: what its placeholders speak of; `request`: to be set."""

    __slots__ = ("id", "request")

    def __init__(self, delivery_id: int) -> None:
        self.id = delivery_id
        self.request: Request | None = None


@contextmanager
def reserved(
    session: Session,
    *,
    webhook_id: int | None,
    webhook: Webhook,
    workflow_id: int | None,
    workflow: str,
    module: str,
    record_id: int | None,
    record_name: str,
    change: Change | None,
    caused_by: str,
    test: bool = False,
    redelivery_of: int | None = None,
    message_id: str | None = None,
    definition: dict[str, object] | None = None,
    secrets: str | None = None,
) -> Iterator[Reserved]:
    """Writes a delivery, and its request, which is built inside. What can't be built or stored ends as Failed, with its words.

        with reserved(session, …) as delivery:
            delivery.request = build_request(webhook, context(delivery.id))

    `message_id`: that of the delivery whose payload goes out again. `definition` and `secrets` are those of an unsaved draft
    that is tested. Every save that fires waits for this: rows are written as rows, without objects in between.
    """
    connection = session.connection()
    saved = _NEW | {
        "status": states.after("saved", None), "workflow_id": workflow_id, "workflow": workflow, "webhook_id": webhook_id,
        "action": webhook.title, "module": module, "record_id": record_id, "record_name": record_name,
        "method": webhook.method, "url": webhook.url, "created_at": now(), "test": test, "redelivery_of": redelivery_of,
        "change_id": change.id if change else None, "caused_by": caused_by, "message_id": message_id or new_message_id(),
    }  # fmt: skip
    primary_key = connection.execute(_INSERT, saved).inserted_primary_key
    assert primary_key is not None
    delivery = Reserved(primary_key[0])
    stored = {"delivery_id": delivery.id, "headers": (), "body": None, "query": None, "url": None}
    if definition is not None:
        stored |= {"definition": definition, "secrets": secrets}
    session.flush()  # what is pending belongs to the save, not to the savepoint of this delivery
    try:
        with savepoint(connection):
            yield delivery
            assert delivery.request is not None
            key = EndpointKey.of(delivery.request.url, webhook_id, test=test)
            _write_request(session, delivery.id, delivery.request, key, stored)
            if webhook.drop_stale_retries and webhook_id and record_id and not test:
                retries.supersede_older(session, delivery.id, webhook_id, record_id)
    except Exception as error:
        if speaks_of_the_database(error):
            raise
        _refuse(session, delivery.id, error, stored)
    else:
        deliveries_waiting.send_after_commit(session, key)


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
