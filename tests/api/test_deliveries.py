"""The webhook log through the API (specification section 10)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.api.conftest import Call
from tests.api.test_errors import error_of
from tests.api.test_records import create_record
from tests.support import log_rows
from webhookui.core.database import now
from webhookui.delivery.tables import CapturedValue

LISTED = {
    "id", "status", "workflow_id", "workflow", "action", "module", "record_id", "method", "url", "status_code",
    "attempt_count", "created_at", "next_attempt_at", "test", "redelivery_of",
}  # fmt: skip
ATTEMPT = {"number", "at", "request", "response", "timing_ms", "error", "advice"}


@pytest.fixture(scope="module")
def rows(app: Flask, call: Call) -> dict[str, int]:
    """Deliveries of every status, by a name each."""
    deal = create_record(call, "deals", name="Logged")["id"]
    with app.extensions["webhookui"].db.write() as session:
        webhook = log_rows.add_webhook(session)
        common: dict[str, Any] = {"workflow_id": 4711, "webhook_id": webhook, "record_id": deal}
        success = log_rows.add_delivery(session, **common, status_code=201)
        log_rows.add_attempt(session, success)
        session.add(
            CapturedValue(
                delivery_id=success.id or 0, attempt_number=1, path="$.invoice.id", field="invoice_id", outcome="written",
                value="INV-1",
            )
        )  # fmt: skip
        failed = log_rows.add_failed(session, **common, host="down.example.com", url="https://down.example.com/100%25")
        waiting = log_rows.add_waiting(session, **common)
        queued = log_rows.add_delivery(session, **common, status="queued")
        dispatched = log_rows.add_delivery(session, **common, status="dispatched", claimed_by="elsewhere")
        test = log_rows.add_delivery(session, workflow_id=4711, module="contacts", test=True, body=b"\xff\x00")
        test.created_at = now() - timedelta(days=40)
        made_rows = {"success": success, "failed": failed, "waiting": waiting, "queued": queued, "dispatched": dispatched,
                     "test": test}  # fmt: skip
        return {name: row.id or 0 for name, row in made_rows.items()}


def names(call: Call, rows: dict[str, int], **query: str) -> list[str]:
    answer = call("GET", "/deliveries", query_string={"workflow_id": "4711", **query})
    assert answer.status_code == 200, answer.text
    by_id = {row: name for name, row in rows.items()}
    return [by_id[item["id"]] for item in answer.json["items"]]


def test_a_delivery_of_the_list_has_the_documented_keys_newest_first(call: Call, rows: dict[str, int]) -> None:
    listed = call("GET", "/deliveries?workflow_id=4711").json["items"]
    assert [delivery["id"] for delivery in listed] == sorted(rows.values(), reverse=True)
    for delivery in listed:
        assert set(delivery) >= LISTED
        assert not {"request", "attempts", "captures"} & set(delivery), "bodies are for the single one"
    retry = next(delivery for delivery in listed if delivery["status"] == "retry")
    assert retry["next_attempt_at"] > retry["created_at"] and retry["created_at"].endswith("Z")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "failed"}, ["failed"]),
        ({"status": "retry"}, ["waiting"]),
        ({"host": "down.example.com"}, ["failed"]),
        ({"status_code": "201"}, ["success"]),
        ({"test": "true"}, ["test"]),
        ({"module": "contacts"}, ["test"]),
        ({"q": "UNPROCESSABLE"}, ["failed"]),
        ({"q": "100%25"}, ["failed"]),
        ({"q": "100_25"}, []),
        ({"until": f"{now() - timedelta(days=30):%Y-%m-%dT%H:%M}"}, ["test"]),
        ({"since": f"{now() - timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}", "status": "success"}, ["success"]),
        ({"record_id": "999999"}, []),
    ],
)
def test_the_list_is_filtered_as_the_log_is(
    call: Call, rows: dict[str, int], query: dict[str, str], expected: list[str]
) -> None:
    assert names(call, rows, **query) == expected


def test_the_list_goes_by_cursor(call: Call, rows: dict[str, int]) -> None:
    first = call("GET", "/deliveries?workflow_id=4711&limit=4").json
    rest = call("GET", f"/deliveries?workflow_id=4711&limit=4&cursor={first['next_cursor']}").json
    seen = [item["id"] for item in first["items"] + rest["items"]]
    assert seen == sorted(rows.values(), reverse=True) and rest["next_cursor"] is None


def test_the_single_one_adds_request_attempts_and_captures(call: Call, rows: dict[str, int]) -> None:
    document = call("GET", f"/deliveries/{rows['success']}").json
    assert LISTED | {"request", "attempts", "captures"} <= set(document)
    assert document["request"] == {
        "method": "POST",
        "url": "https://api.example.com/invoices?x=1",
        "headers": [["Content-Type", "application/json"]],
        "body": '{"amount":1250.00}',
    }
    assert [set(attempt) >= ATTEMPT for attempt in document["attempts"]] == [True]
    attempt = document["attempts"][0]
    assert attempt["number"] == 1 and attempt["error"] is None and attempt["at"].endswith("Z")
    assert attempt["request"]["headers"][1] == ["Authorization", "Basic ••••••"]
    assert attempt["response"]["status_code"] == 201
    assert attempt["response"]["body"] == '{"invoice":{"id":"INV-1"}}'
    assert {"connect", "tls", "first_byte", "total"} <= set(attempt["timing_ms"])
    capture = document["captures"][0]
    assert (capture["path"], capture["field"], capture["value"]) == ("$.invoice.id", "invoice_id", "INV-1")


def test_a_failure_says_why_and_what_to_do(call: Call, rows: dict[str, int]) -> None:
    document = call("GET", f"/deliveries/{rows['failed']}").json
    assert [attempt["number"] for attempt in document["attempts"]] == [1, 2]
    assert "422" in document["attempts"][1]["error"] and document["attempts"][1]["advice"]
    assert "amount must be positive" in document["attempts"][1]["response"]["body"]


def test_a_body_that_is_no_text_comes_as_base64(call: Call, rows: dict[str, int]) -> None:
    document = call("GET", f"/deliveries/{rows['test']}").json
    assert document["request"]["body"] is None and document["request"]["body_base64"] == "/wA="


@pytest.mark.parametrize("body", [{"payload": "original"}, {}, None])
def test_the_original_payload_is_sent_again_as_a_new_delivery(call: Call, rows: dict[str, int], body: Any) -> None:
    answer = call("POST", f"/deliveries/{rows['failed']}/redeliver", body)
    assert answer.status_code == 202, answer.text
    again = answer.json
    assert set(again) >= LISTED
    assert again["id"] not in rows.values()
    assert again["redelivery_of"] == rows["failed"] and again["status"] == "queued" and again["attempt_count"] == 0
    old = call("GET", f"/deliveries/{rows['failed']}").json
    now = old["request"] | {"url": "https://api.example.com/invoices"}  # the webhook's, as it is now
    assert call("GET", f"/deliveries/{again['id']}").json["request"] == now
    assert again["id"] in old["redeliveries"] and old["status"] == "failed"


def test_the_payload_can_be_rebuilt_from_the_record_as_it_is_now(call: Call) -> None:
    sent = {
        "name": "Rebuilt", "module": "deals", "trigger": {"on": "create"},
        "actions": [{"type": "webhook", "title": "t", "url": "https://api.example.com/{{ record.id }}",
                     "parameters": [{"name": "amount", "value": "{{ amount }}"}]}],
    }  # fmt: skip
    workflow = call("POST", "/workflows", sent).json
    deal = create_record(call, "deals", name="Rebuilt", amount="1.00")
    delivery = call("GET", f"/deliveries?workflow_id={workflow['id']}").json["items"][0]
    call("PATCH", f"/records/deals/{deal['id']}", {"values": {"amount": "2.50"}})
    assert call("POST", f"/deliveries/{delivery['id']}/give-up").status_code == 200
    again = call("POST", f"/deliveries/{delivery['id']}/redeliver", {"payload": "current"})
    assert again.status_code == 202
    assert call("GET", f"/deliveries/{delivery['id']}").json["request"]["body"] == '{"amount":1.00}'
    assert call("GET", f"/deliveries/{again.json['id']}").json["request"]["body"] == '{"amount":2.50}'
    call("DELETE", f"/records/deals/{deal['id']}")
    error = error_of(
        call("POST", f"/deliveries/{delivery['id']}/redeliver", {"payload": "current"}), 409, "not_redeliverable"
    )
    assert "no longer exists" in error["message"]
    assert call("POST", f"/deliveries/{delivery['id']}/redeliver", {"payload": "original"}).status_code == 202


@pytest.mark.parametrize(
    ("body", "path"),
    [({"payload": "newest"}, "payload"), ({"payload": []}, "payload"), ({"payload": None}, "payload"),
     ({"payload": "original", "colour": 1}, "colour")],
)  # fmt: skip
def test_redeliver_names_what_is_wrong(call: Call, rows: dict[str, int], body: Any, path: str) -> None:
    error = error_of(call("POST", f"/deliveries/{rows['failed']}/redeliver", body), 422, "invalid")
    assert list(error["fields"]) == [path]
