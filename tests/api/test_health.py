"""For whoever watches an installation: /healthz, /readyz, /metrics (SPEC section 10)."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Call
from tests.support import log_rows, pages


def test_liveness_and_readiness_need_no_token(app: Flask) -> None:
    for path in ("/healthz", "/readyz"):
        answer = app.test_client().get(path)
        assert answer.status_code == 200 and answer.json == {"status": "ok"}


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


def test_metrics_are_prometheus_text(app: Flask, call: Call) -> None:
    with app.extensions["webhookui"].db.write() as session:
        for _ in range(2):
            log_rows.add_delivery(session, status="queued", lane="https://metrics.example.com:443")
    answer = app.test_client().get("/metrics", headers={"Authorization": call.authorization})  # type: ignore[attr-defined]
    assert answer.status_code == 200 and answer.content_type.startswith("text/plain")
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found[("webhookui_deliveries", "queued")] >= 2
    assert ("webhookui_oldest_queued_seconds",) in found and ("webhookui_workers",) in found
