"""Deliveries: the webhook log for programs."""

import base64
from collections.abc import Mapping
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webhookui.api.auth import admin_only, me
from webhookui.api.blueprint import bp
from webhookui.api.bodies import cursor, limit, object_body, page_document
from webhookui.api.errors import invalid
from webhookui.crm.field_types import iso_time
from webhookui.current_installation import installation, read, write
from webhookui.delivery import pending
from webhookui.delivery.tables import Attempt, CapturedValue, Delivery
from webhookui.delivery_log import manual_actions, queries
from webhookui.delivery_log.queries import Detail, LogFilter
from webhookui.webhooks.body_text import body_text, content_type_of
from webhookui.workflows.redelivery import PAYLOADS, redeliver


@bp.get("/deliveries")
@admin_only
def list_deliveries() -> ResponseReturnValue:
    log_filter = LogFilter.from_args(request.args)
    with read() as session:
        log_page = queries.page(session, log_filter, limit=limit(), before=cursor())
        held = pending.holds(session, log_page.items)  # type: ignore[arg-type]
    return jsonify(page_document(log_page, lambda delivery: delivery_document(delivery, held)))


@bp.get("/deliveries/<int:delivery_id>")
@admin_only
def get_delivery(delivery_id: int) -> ResponseReturnValue:
    with read() as session:
        detail = queries.detail(session, delivery_id)
        return jsonify(detail_document(detail, pending.holds(session, [detail.delivery])))  # type: ignore[list-item]


@bp.post("/deliveries/<int:delivery_id>/redeliver")
@admin_only
def redeliver_delivery(delivery_id: int) -> ResponseReturnValue:
    body = object_body({"payload"}) if request.data else {}
    payload = body.get("payload", "original")
    if not isinstance(payload, str) or payload not in PAYLOADS:
        raise invalid("payload", f"One of: {', '.join(PAYLOADS)}.", "payload must be original or current.")
    with write() as session:
        redelivery = redeliver(session, delivery_id, payload, me().name, installation().settings.address)
        return jsonify(_document(session, redelivery)), 202


@bp.post("/deliveries/<int:delivery_id>/try-now")
@admin_only
def try_delivery_now(delivery_id: int) -> ResponseReturnValue:
    with write() as session:
        return jsonify(_document(session, manual_actions.try_now(session, delivery_id)))


@bp.post("/deliveries/<int:delivery_id>/give-up")
@admin_only
def give_up_delivery(delivery_id: int) -> ResponseReturnValue:
    with write() as session:
        return jsonify(_document(session, manual_actions.give_up(session, delivery_id, me().name)))


def _document(session: Session, delivery: Delivery) -> dict[str, Any]:
    return delivery_document(delivery, pending.holds(session, [delivery]))  # type: ignore[list-item]


SHOWN = (
    "id", "status", "workflow_id", "workflow", "webhook_id", "action", "module", "record_id", "record_name", "method", "url",
    "status_code", "attempt_count", "test", "redelivery_of", "error", "note",
)  # fmt: skip
"""What programs are told of a delivery as it stands."""


def delivery_document(delivery: Delivery, held: Mapping[int, pending.Hold]) -> dict[str, Any]:
    """`held`: what holds it, as `waiting.holds` found it."""
    hold = held.get(delivery.id or 0)
    return {name: getattr(delivery, name) for name in SHOWN} | {
        "created_at": iso_time(delivery.created_at),
        "next_attempt_at": iso_time(delivery.next_attempt_at) if delivery.next_attempt_at else None,
        "held": hold.name if hold else None,
    }


def detail_document(detail: Detail, held: Mapping[int, pending.Hold]) -> dict[str, Any]:
    delivery = detail.delivery
    body = detail.request.body
    return delivery_document(delivery, held) | {
        "message_id": delivery.message_id,
        "request": {
            "method": delivery.method,
            "url": delivery.url,
            "headers": detail.request.headers,
            **_body(body),
        },
        "attempts": [_attempt(attempt, delivery.method, body) for attempt in detail.attempts],
        "captures": [_capture(capture) for capture in detail.captures],
        "caused_by": delivery.caused_by,
        "change_id": delivery.change_id,
        "redeliveries": detail.redeliveries,
    }


def _attempt(attempt: Attempt, method: str, body: bytes | None) -> dict[str, Any]:
    answered = attempt.status_code is not None
    names = ("number", "outcome", "hops", "timing_ms", "error", "error_code", "advice")
    return {name: getattr(attempt, name) for name in names} | {
        "at": iso_time(attempt.at),
        "request": {"method": method, "url": attempt.request_url, "headers": attempt.request_headers, **_body(body)},
        "response": {
            "status_code": attempt.status_code,
            "headers": attempt.response_headers,
            **_body(attempt.response_body, content_type_of(attempt.response_headers), attempt.response_size),
            "size": attempt.response_size,
            "incomplete": attempt.incomplete,
        }
        if answered
        else None,
    }


def _capture(captured: CapturedValue) -> dict[str, Any]:
    names = ("path", "field", "value", "outcome", "message")
    return {name: getattr(captured, name) for name in names} | {"attempt": captured.attempt_number}


def _body(body: bytes | None, content_type: str = "", size: int | None = None) -> dict[str, Any]:
    """A body as the text that the log reads it as, and its bytes as base64 where that is not all of it."""
    if body is None:
        return {"body": None}
    decoded = body_text(body, content_type, was_cut=(size or 0) > len(body))
    text = decoded.text if decoded else None
    if text is not None and text.encode() == body:
        return {"body": text}
    return {"body": text, "body_base64": base64.b64encode(body).decode()}
