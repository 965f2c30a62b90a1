"""For whoever watches the installation: liveness, readiness, metrics (SPEC section 10)."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from webhookui import here
from webhookui.api import errors
from webhookui.api.auth import user_of_request
from webhookui.api.errors import ApiError
from webhookui.delivery import health
from webhookui.migrations import revisions
from webhookui.web.access import public

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """The process lives."""
    return jsonify({"status": "ok"})


@bp.get("/readyz")
@public
def readyz() -> ResponseReturnValue:
    """The database is reachable and migrated, and a process that sends deliveries too can write down their results."""
    try:
        current, head = revisions(here.db())
    except Exception as error:
        return jsonify({"status": "unavailable", "reason": f"database: {type(error).__name__}"}), 503
    if current != head:
        return jsonify({"status": "unavailable", "reason": "the database is not migrated"}), 503
    engine = here.installation().queue.engine
    if engine is not None and engine.trouble:
        return jsonify({"status": "unavailable", "reason": engine.trouble}), 503
    return jsonify({"status": "ok"})


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
    registry = CollectorRegistry()
    with here.read() as session:
        found = health.measure(session)
    by_status = Gauge("webhookui_deliveries", "Deliveries in the log by status", ["status"], registry=registry)
    for status, number in found.by_status.items():
        by_status.labels(status).set(number)
    for name, words, value in (
        ("webhookui_oldest_queued_seconds", "Age of the oldest queued delivery", found.oldest_queued_s),
        ("webhookui_workers", "Worker processes that were seen lately", found.workers),
        ("webhookui_paused_endpoints", "Endpoints that are paused", found.paused),
    ):
        Gauge(name, words, registry=registry).set(value)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
