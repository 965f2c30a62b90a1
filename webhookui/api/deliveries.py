"""Deliveries: the webhook log for programs."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webhookui import current_installation
from webhookui.api.auth import admin_only, me
from webhookui.api.blueprint import bp
from webhookui.api.bodies import cursor, limit, object_body, page_document
from webhookui.api.errors import ApiError
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
    with current_installation.read() as session:
        log_page = queries.page(session, log_filter, limit=limit(), before=cursor())
        held = pending.holds(session, log_page.items)  # type: ignore[arg-type]
    return jsonify(page_document(log_page, lambda delivery: delivery_document(delivery, held)))


@bp.get("/deliveries/<int:delivery_id>")
@admin_only
def get_delivery(delivery_id: int) -> ResponseReturnValue:
    with current_installation.read() as session:
        return jsonify(_detail(session, delivery_id))


@bp.post("/deliveries/<int:delivery_id>/redeliver")
@admin_only
def redeliver_delivery(delivery_id: int) -> ResponseReturnValue:
    body = object_body({"payload"}) if request.data else {}
    payload = body.get("payload", "original")
    if not isinstance(payload, str) or payload not in PAYLOADS:
        raise ApiError(
            422, "invalid", "payload must be original or current.", {"payload": f"One of: {', '.join(PAYLOADS)}."}
        )
    with current_installation.write() as session:
        redelivery = redeliver(
            session, delivery_id, payload, me().name, current_installation.installation().settings.address
        )
        held = pending.holds(session, [redelivery])  # type: ignore[list-item]
    return jsonify(delivery_document(redelivery, held)), 202


@bp.post("/deliveries/<int:delivery_id>/try-now")
@admin_only
def try_delivery_now(delivery_id: int) -> ResponseReturnValue:
    with current_installation.write() as session:
        delivery = manual_actions.try_now(session, delivery_id)
        held = pending.holds(session, [delivery])  # type: ignore[list-item]
    return jsonify(delivery_document(delivery, held))


@bp.post("/deliveries/<int:delivery_id>/give-up")
@admin_only
def give_up_delivery(delivery_id: int) -> ResponseReturnValue:
    with current_installation.write() as session:
        return jsonify(delivery_document(manual_actions.give_up(session, delivery_id, me().name), {}))


def _detail(session: Session, delivery_id: int) -> dict[str, Any]:
    detail = queries.detail(session, delivery_id)
    return detail_document(detail, pending.holds(session, [detail.delivery]))  # type: ignore[list-item]


def delivery_document(delivery: Delivery, held: Mapping[int, pending.Hold]) -> dict[str, Any]:
    """`held`: what holds it, as `waiting.holds` found it."""
    hold = held.get(delivery.id or 0)
    return {
        "id": delivery.id,
        "status": delivery.status,
        "workflow_id": delivery.workflow_id,
        "workflow": delivery.workflow,
        "action": delivery.action,
        "module": delivery.module,
        "record_id": delivery.record_id,
        "method": delivery.method,
        "url": delivery.url,
        "status_code": delivery.status_code,
        "attempt_count": delivery.attempt_count,
        "created_at": _time(delivery.created_at),
        "next_attempt_at": _time(delivery.next_attempt_at),
        "test": delivery.test,
        "redelivery_of": delivery.redelivery_of,
        "webhook_id": delivery.webhook_id,
        "record_name": delivery.record_name,
        "error": delivery.error,
        "note": delivery.note,
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
    return {
        "number": attempt.number,
        "at": _time(attempt.at),
        "outcome": attempt.outcome,
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
        "hops": attempt.hops,
        "timing_ms": attempt.timing_ms,
        "error": attempt.error,
        "error_code": attempt.error_code,
        "advice": attempt.advice,
    }


def _capture(captured: CapturedValue) -> dict[str, Any]:
    return {
        "path": captured.path,
        "field": captured.field,
        "value": captured.value,
        "outcome": captured.outcome,
        "message": captured.message,
        "attempt": captured.attempt_number,
    }


def _body(body: bytes | None, content_type: str = "", size: int | None = None) -> dict[str, Any]:
    """A body as the text that the log reads it as, and its bytes as base64 where that is not all of it."""
    if body is None:
        return {"body": None}
    decoded = body_text(body, content_type, was_cut=(size or 0) > len(body))
    text = decoded.text if decoded else None
    if text is not None and text.encode() == body:
        return {"body": text}
    return {"body": text, "body_base64": base64.b64encode(body).decode()}


def _time(time: datetime | None) -> str | None:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time is not None else None
