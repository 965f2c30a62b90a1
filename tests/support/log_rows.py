"""Deliveries written straight into the tables, for tests of the log's pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.crm.tables import Change
from webhookui.definitions.tables import Workflow, WorkflowAction
from webhookui.delivery.tables import Attempt, Delivery, DeliveryRequest, new_message_id
from webhookui.people import accounts
from webhookui.webhooks.definition import Webhook
from webhookui.webhooks.stored import webhook_document
from webhookui.workflows import versions


def add_delivery(session: Session, *, body: bytes | None = b'{"amount":1250.00}', **values: Any) -> Delivery:
    """A delivery with its request; by default one that succeeded."""
    delivery = Delivery(
        **{
            "status": "success",
            "workflow": "Invoice closed deals",
            "action": "Create invoice",
            "module": "deals",
            "record_name": "Kettle order",
            "method": "POST",
            "url": "https://api.example.com/invoices?x=1",
            "host": "api.example.com",
            "endpoint_key": "https://api.example.com:443",
            "caused_by": "Ann Admin",
            **values,
        }
    )
    session.add(delivery)
    session.flush()
    session.add(DeliveryRequest(delivery_id=delivery.id, headers=[["Content-Type", "application/json"]], body=body))
    session.flush()
    return delivery


def add_attempt(session: Session, delivery: Delivery, **values: Any) -> Attempt:
    """The next attempt of a delivery; by default one that succeeded."""
    delivery.attempt_count += 1
    attempt = Attempt(
        **{
            "delivery_id": delivery.id,
            "number": delivery.attempt_count,
            "at": now(),
            "outcome": "success",
            "request_url": delivery.url,
            "request_headers": [["Content-Type", "application/json"], ["Authorization", "Basic ••••••"]],
            "status_code": 201,
            "response_headers": [["Content-Type", "application/json"]],
            "response_body": b'{"invoice":{"id":"INV-1"}}',
            "timing_ms": {"connect": 12.5, "tls": 20.0, "first_byte": 80.0, "total": 120.0},
            **values,
        }
    )
    session.add(attempt)
    session.flush()
    return attempt


def add_failed(session: Session, **values: Any) -> Delivery:
    """A delivery that was tried twice and given up."""
    error = "The third party answered 422 Unprocessable Content."
    delivery = add_delivery(session, **{"status": "failed", "status_code": 422, "error": error, **values})
    add_attempt(session, delivery, outcome="failed", status_code=500, response_body=b"<h1>Oops</h1>", error="500")
    add_attempt(
        session, delivery, outcome="failed", status_code=422, error=error, advice="Correct the parameters.",
        response_body=b'{"error":{"message":"amount must be positive"}}',
    )  # fmt: skip
    delivery.finished_at = now()
    return delivery


def add_copies(session: Session, delivery: Delivery, number: int) -> None:
    """So many more deliveries like this one, with its request and attempts, in a twentieth of the time that adding each takes."""
    session.flush()
    ids = range((delivery.id or 0) + 1, (delivery.id or 0) + 1 + number)
    deliveries = Delivery.__table__  # type: ignore[attr-defined]
    row = session.execute(select(deliveries).where(deliveries.c.id == delivery.id)).one()
    original = dict(zip(deliveries.c.keys(), row, strict=True))
    rows = [{**original, "id": new, "message_id": new_message_id()} for new in ids]
    session.connection().execute(insert(deliveries), rows)
    for table in (DeliveryRequest.__table__, Attempt.__table__):  # type: ignore[attr-defined]
        rows_of_table = session.execute(select(table).where(table.c.delivery_id == delivery.id)).all()
        parts = [{name: value for name, value in row._mapping.items() if name != "id"} for row in rows_of_table]
        session.connection().execute(insert(table), [{**part, "delivery_id": new} for new in ids for part in parts])


def add_waiting(session: Session, minutes: int = 59, **values: Any) -> Delivery:
    """A delivery whose retry is due in some minutes."""
    error = "The third party answered 503 Service Unavailable."
    due = now() + timedelta(minutes=minutes)
    delivery = add_delivery(session, **{"status": "retry", "error": error, "next_attempt_at": due, **values})
    add_attempt(session, delivery, outcome="failed", status_code=503, error=error)
    return delivery


def move(session: Session, delivery_id: int | None, **values: Any) -> None:
    """What a worker does to a row: new values, and the version moves."""
    delivery = session.get(Delivery, delivery_id)
    assert delivery is not None
    for name, value in values.items():
        setattr(delivery, name, value)
    delivery.version += 1


def add_webhook(session: Session) -> int:
    """A workflow with one webhook, as the workflow form stores it; gives the webhook's id."""
    trigger = {"on": "create", "recurrence": "every_time"}
    workflow = Workflow(name="Invoice closed deals", module="deals", active=False, trigger=trigger)
    session.add(workflow)
    session.flush()
    webhook = Webhook(title="Create invoice", url="https://api.example.com/invoices")
    row = WorkflowAction(
        workflow_id=workflow.id or 0, position=0, title=webhook.title, definition=webhook_document(webhook)
    )
    session.add(row)
    session.flush()
    versions.note(session, workflow, [row], None, "created")
    return row.id or 0


def add_change(session: Session, **values: Any) -> Change:
    change = Change(
        **{
            "record_id": 7, "module": "deals", "record_name": "Kettle order", "kind": "update", "source": "person",
            "by": "Ann Admin", "version": 2, "values": {"stage": ["Proposal", "Closed Won"]}, **values,
        }
    )  # fmt: skip
    session.add(change)
    session.flush()
    return change


def record_of(session: Session, email: str) -> int:
    """A deal that belongs to a user: its owner may look into its deliveries."""
    owner = accounts.by_email(session, email).id
    record = records.create(
        session, "deals", {"name": "Theirs", "owner": owner}, Actor("person", "Ann"), run_workflows=False
    )
    return record.id or 0
