"""A redelivery is counted with the new delivery, never against the endpoint's health (specification sections 6 and 7)."""

from __future__ import annotations

from tests.support.receiver import Answer, Receiver
from tests.support.running import Running
from tests.test_main_job import close_a_deal, document
from webhookui.delivery.circuit import CircuitRules


def test_redeliveries_that_fail_leave_the_old_one_and_the_endpoint_as_they_were(
    installation: Running, receiver: Receiver
) -> None:
    call = installation.call
    receiver.default = Answer(410, b"{}")
    call("POST", "/workflows", document(receiver.url))
    _, old = close_a_deal(installation)
    installation.delivery(old, "failed")
    receiver.default = Answer(500, b'{"error":"down"}')
    fresh = [
        call("POST", f"/deliveries/{old}/redeliver", status=202)["id"] for _ in range(CircuitRules.pause_after + 2)
    ]
    for delivery_id in fresh:
        delivery_document = installation.delivery(delivery_id, "retry")
        assert (
            delivery_document["redelivery_of"],
            delivery_document["attempt_count"],
            delivery_document["status_code"],
        ) == (old, 1, 500)
    unchanged = installation.delivery(old, "failed")
    assert (unchanged["attempt_count"], unchanged["status_code"]) == (1, 410)
    assert sorted(unchanged["redeliveries"]) == fresh
    assert len(receiver.requests) == 1 + len(fresh)
    metrics = installation.session.get(f"{installation.address}/metrics", timeout=10).text
    assert "webhookui_paused_endpoints 0.0" in metrics
    assert 'webhookui_deliveries{status="retry"} ' + f"{float(len(fresh))}" in metrics
