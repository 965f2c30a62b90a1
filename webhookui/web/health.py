"""For whoever watches the installation: liveness, readiness, metrics (specification section 10)."""

from flask import Blueprint, Response, g, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST

from webhookui.api.auth import check_admin, user_of_request
from webhookui.api.errors import ApiError, of_api
from webhookui.current_installation import db, installation, read
from webhookui.delivery_log import queue_health
from webhookui.migrations import revisions
from webhookui.web.access import public
from webhookui.web.metrics import text

bp = Blueprint("health", __name__)
bp.register_error_handler(ApiError, of_api)


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
        current, head = revisions(db())
    except Exception as error:
        return jsonify({"status": "unavailable", "reason": f"database: {type(error).__name__}"}), 503
    if current != head:
        return jsonify({"status": "unavailable", "reason": "the database is not migrated"}), 503
    engine = installation().queue.engine
    if engine is not None and engine.writer.error_state:
        return jsonify({"status": "unavailable", "reason": engine.writer.error_state}), 503
    with read() as session:
        worked_on = queue_health.queue_state(session).worked_on
    if engine is not None and not worked_on:
        return jsonify({"status": "unavailable", "reason": "the queue is not being worked on"}), 503
    return jsonify({"status": "ok", "queue": "worked on" if worked_on else "not worked on"})


@bp.get("/metrics")
@public
def metrics() -> ResponseReturnValue:
    """Prometheus text; needs an admin's API token."""
    g.user = user_of_request()
    check_admin()
    with read() as session:
        content = text(session)
    return Response(content, content_type=CONTENT_TYPE_LATEST)
