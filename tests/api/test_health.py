"""For whoever watches an installation: /healthz, /readyz, /metrics (specification section 10)."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Call
from tests.support import log_rows, pages
from webhookui.core.database import now
from webhookui.delivery import attempt_metrics
from webhookui.delivery.tables import WorkerProcess
from webhookui.notifications import outgoing_mail
from webhookui.notifications.mail_content import MailContent


def test_liveness_and_readiness_need_no_token(app: Flask) -> None:
    for path in ("/healthz", "/readyz"):
        answer = app.test_client().get(path)
        assert answer.status_code == 200 and answer.json["status"] == "ok"


def test_an_installation_whose_database_is_gone_lives_but_is_not_ready(tmp_path: Path) -> None:
    with pages.app_in(tmp_path) as app:
        app.extensions["webhookui"].db.close()
        for file in tmp_path.glob("webhookui.db*"):
            file.unlink()
        tmp_path.joinpath("webhookui.db").mkdir()
        assert app.test_client().get("/healthz").status_code == 200
        answer = app.test_client().get("/readyz")
        assert answer.status_code == 503 and answer.json["status"] == "unavailable"
        assert str(tmp_path) not in answer.text


def test_metrics_need_an_admins_token(app: Flask, call: Call, call_as_user: Call) -> None:
    client = app.test_client()
    refused = client.get("/metrics")
    assert refused.status_code == 401 and refused.headers["WWW-Authenticate"] == "Bearer"
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    user = {"Authorization": call_as_user.authorization}  # type: ignore[attr-defined]
    assert client.get("/metrics", headers=user).status_code == 403


def figures(app: Flask, call: Call) -> dict[tuple[str, ...], float]:
    """(metric, labels …) → value"""
    answer = app.test_client().get("/metrics", headers={"Authorization": call.authorization})  # type: ignore[attr-defined]
    assert answer.status_code == 200 and answer.content_type.startswith("text/plain")
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels, reverse=True))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_metrics_are_prometheus_text(app: Flask, call: Call) -> None:
    with app.extensions["webhookui"].db.write() as session:
        for _ in range(2):
            log_rows.add_delivery(session, status="queued", endpoint_key="https://metrics.example.com:443")
        outgoing_mail.add(session, "ann@example.com", MailContent("One", "Words"), 1, now())
    metrics = figures(app, call)
    assert metrics[("webhookui_deliveries", "queued")] >= 2
    assert metrics[("webhookui_mails", "waiting")] == 1
    assert metrics[("webhookui_mails", "failed")] == metrics[("webhookui_mail_server_trouble",)] == 0
    for name in ("oldest_queued_seconds", "workers", "queue_worked_on", "paused_endpoints"):
        assert (f"webhookui_{name}",) in metrics


def test_attempts_are_counted_over_all_processes_by_outcome_and_duration(app: Flask, call: Call) -> None:
    before = figures(app, call)
    with app.extensions["webhookui"].db.write() as session:
        attempt_metrics.count(session, "one", [("success", 0.02), ("success", 0.3), ("failed", 70.0)])
        attempt_metrics.count(session, "other", [("success", 0.02)])
        attempt_metrics.count(session, "one", [("success", 0.02)])
    after = figures(app, call)

    def more(*key: str) -> float:
        return round(after[key] - before[key], 6)

    assert more("webhookui_attempts_total", "success") == 4
    assert more("webhookui_attempts_total", "failed") == 1
    name = "webhookui_attempt_duration_seconds"
    assert [more(f"{name}_bucket", "success", end) for end in ("0.01", "0.025", "0.25", "0.5", "+Inf")] == [
        0,
        3,
        3,
        4,
        4,
    ]
    assert [more(f"{name}_bucket", "failed", end) for end in ("60", "+Inf")] == [0, 1]
    assert more(f"{name}_sum", "success") == 0.36
    assert more(f"{name}_count", "success") == 4


def test_readiness_says_whether_the_queue_is_worked_on(app: Flask) -> None:
    db = app.extensions["webhookui"].db
    pages.empty(db, "worker_process")
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.json["queue"]) == (200, "not worked on"), "a web process alone takes saves"
    with db.write() as session:
        session.add(WorkerProcess(id="w", host="h", pid=1))
    assert app.test_client().get("/readyz").json["queue"] == "worked on"
    pages.empty(db, "worker_process")
