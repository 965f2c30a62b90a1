"""For whoever watches the installation: liveness, readiness, metrics (specification section 10)."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST

from webhookui import current_installation
from webhookui.api import errors
from webhookui.api.auth import user_of_request
from webhookui.api.errors import ApiError
from webhookui.delivery_log import queue_health
from webhookui.migrations import revisions
from webhookui.web.access import public
from webhookui.web.metrics import text

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """The process is alive."""
    return jsonify({"status": "ok"})


@bp.get("/readyz")
@public
def readyz() -> ResponseReturnValue:
    """The database is reachable and migrated, and a process that sends deliveries too works and can write down their results.

    A web process alone is ready without a worker: saves are taken, and their deliveries wait. It says so.
    """
    try:
        current, head = revisions(current_installation.db())
    except Exception as error:
        return jsonify({"status": "unavailable", "reason": f"database: {type(error).__name__}"}), 503
    if current != head:
        return jsonify({"status": "unavailable", "reason": "the database is not migrated"}), 503
    engine = current_installation.installation().queue.engine
    if engine is not None and engine.error_state:
        return jsonify({"status": "unavailable", "reason": engine.error_state}), 503
    with current_installation.read() as session:
        worked_on = queue_health.queue_state(session).worked_on
    if engine is not None and not worked_on:
        return jsonify({"status": "unavailable", "reason": "the queue is not being worked on"}), 503
    return jsonify({"status": "ok", "queue": "worked on" if worked_on else "not worked on"})


@bp.get("/metrics")
@public
def metrics() -> ResponseReturnValue:
    """Prometheus text; needs an admin's API token."""
    try:
        user = user_of_request()
    except ApiError as error:
        return errors.of_api(error)
    if not user.is_admin:
        return errors.answer(403, "forbidden", "This needs an admin's token.")
    with current_installation.read() as session:
        content = text(session)
    return Response(content, content_type=CONTENT_TYPE_LATEST)
