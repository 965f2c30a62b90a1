"""The main job, end to end: a document is imported, a deal is created and closed through the API, a third party is called."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BOTH, database_url
from tests.support.receiver import Answer, Receiver
from tests.support.running import Running, until
from webhookui import __version__


def document(url: str, **action: Any) -> dict[str, Any]:
    """The example of specification section 10, calling `url`."""
    return {
        "name": "Invoice closed deals", "description": "", "module": "deals", "active": True,
        "related_modules": ["contacts", "tasks"],
        "trigger": {"on": "create_or_update", "recurrence": "every_time"},
        "criteria": {"all": [{"field": "stage", "operator": "has_changed_to", "value": "Closed Won"}], "any": []},
        "actions": [{
            "type": "webhook", "title": "Create invoice", "description": "",
            "url": url + "/accounts/{{ organization.account_id }}/invoices", "method": "POST", "content_type": "JSON",
            "authorization": {"type": "basic", "username": "u", "password": "p"},
            "headers": [{"name": "X-Source", "value": "crm"}],
            "parameters": [
                {"name": "invoice.lines.0.amount", "value": "{{ amount }}", "type": "auto", "required": True, "omit_empty": False}
            ],
            "related": [{"module": "contacts", "key": "contact", "parameters": [{"name": "email", "value": "{{ email }}"}]}],
            "capture": {
                "type": "JSONPATH",
                "on_success": [{"path": "$.invoice.id", "field": "invoice_id"}],
                "on_failure": [{"path": "$.error.message", "field": "invoice_error"}],
            },
            "timeout_s": 10, "xml_root": "root", "signing": False, "drop_stale_retries": False,
            **action,
        }],
    }  # fmt: skip


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest) -> str:
    return database_url(request.param, request, empty=True)


def close_a_deal(installation: Running) -> tuple[int, int]:
    """(id of the deal, id of its delivery)"""
    call = installation.call
    organization = call("POST", "/records/organizations", {"values": {"name": "Acme", "account_id": "A 1/2"}})["id"]
    contact = call("POST", "/records/contacts", {"values": {"last_name": "Löve", "email": "ada@example.com"}})["id"]
    values = {"name": "Big deal", "amount": "12500.50", "contact": contact, "organization": organization}
    deal = call("POST", "/records/deals", {"values": values})
    assert call("GET", "/deliveries")["items"] == []
    call("PATCH", f"/records/deals/{deal['id']}", {"values": {"stage": "Closed Won"}, "version": deal["version"]})
    return deal["id"], call("GET", "/deliveries")["items"][0]["id"]


def test_the_imported_document_gives_exactly_this_request(installation: Running, receiver: Receiver) -> None:
    receiver.default = Answer(201, b'{"invoice":{"id":981}}')
    installation.command("workflows", "import", "-", typed=json.dumps(document(receiver.url)))
    deal, delivery = close_a_deal(installation)
    received = receiver.wait_for(1)[0]
    assert received.line == "POST /accounts/A%201%2F2/invoices HTTP/1.1"
    assert sorted(received.headers) == sorted(
        [
            ("Host", receiver.url.removeprefix("http://")),
            ("User-Agent", f"webhookui/{__version__}"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "gzip, deflate"),
            ("Content-Type", "application/json"),
            ("Content-Length", "81"),
            ("X-Source", "crm"),
            ("Authorization", "Basic dTpw"),
            ("webhook-id", installation.delivery(delivery, "success")["message_id"]),
        ]
    )
    assert received.body == b'{"invoice":{"lines":[{"amount":12500.50}]},"contact":{"email":"ada@example.com"}}'
    delivery_document = installation.delivery(delivery, "success")
    assert delivery_document["status_code"] == 201
    assert delivery_document["attempt_count"] == 1
    assert delivery_document["attempts"][0]["response"]["body"] == '{"invoice":{"id":981}}'
    assert "dTpw" not in json.dumps(delivery_document, default=str)
    assert [(capture["field"], capture["value"], capture["outcome"]) for capture in delivery_document["captures"]] == [
        ("invoice_id", "981", "written")
    ]
    record = installation.call("GET", f"/records/deals/{deal}")
    assert record["values"]["invoice_id"] == "981"
    assert len(receiver.requests) == 1, "the capture's save must not run workflows"


def test_an_export_is_what_was_imported_but_for_the_secrets(installation: Running, receiver: Receiver) -> None:
    installation.command("workflows", "import", "-", typed=json.dumps(document(receiver.url)))
    exported = json.loads(installation.command("workflows", "export").stdout)
    expected = document(receiver.url)
    assert exported[0]["actions"][0]["authorization"] == {"type": "basic", "username": "u", "password": None}
    for key in ("name", "module", "trigger", "criteria", "related_modules"):
        assert exported[0][key] == expected[key]
    again = installation.command("workflows", "import", "-", typed=json.dumps(exported), good=False)
    assert again.returncode == 1
    assert "actions.0.authorization.password" in again.stderr


def test_killed_between_save_and_send_nothing_is_lost(installation: Running, receiver: Receiver) -> None:
    installation.call("POST", "/workflows", document(receiver.url))
    installation.kill()
    installation.start("web")  # saves, with nobody to send
    _, delivery = close_a_deal(installation)
    installation.kill()
    assert receiver.requests == []
    installation.start()
    delivery_document = installation.delivery(delivery, "success")
    assert [attempt["outcome"] for attempt in delivery_document["attempts"]] == ["success"]
    assert len(receiver.requests) == 1


def test_killed_during_a_send_it_is_sent_again_and_the_log_says_so(installation: Running, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.answers = [Answer(before=lambda: go.wait(20) and None)]
    installation.call("POST", "/workflows", document(receiver.url))
    _, delivery = close_a_deal(installation)
    receiver.wait_for(1)
    assert installation.delivery(delivery, "dispatched")["attempt_count"] == 0
    installation.kill()
    go.set()
    installation.start()
    delivery_document = installation.delivery(delivery, "success")
    assert [attempt["outcome"] for attempt in delivery_document["attempts"]] == ["interrupted", "success"]
    assert "interrupted" in (delivery_document["note"] or "").lower() or "in flight" in (
        delivery_document["note"] or ""
    )
    assert [request.header("webhook-id") for request in receiver.requests] == [delivery_document["message_id"]] * 2


def test_a_graceful_stop_finishes_what_is_in_the_air(installation: Running, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.answers = [Answer(before=lambda: go.wait(20) and None)]
    installation.call("POST", "/workflows", document(receiver.url))
    _, delivery = close_a_deal(installation)
    receiver.wait_for(1)
    threading.Timer(0.3, go.set).start()
    assert installation.stop() == [0]
    installation.start("web")
    assert [attempt["outcome"] for attempt in installation.delivery(delivery, "success")["attempts"]] == ["success"]


def test_failures_are_retried_by_the_schedule_and_then_given_up(
    tmp_path: Path, database: str, receiver: Receiver
) -> None:
    receiver.default = Answer(500, b'{"error":{"message":"broken"}}')
    installation = Running(tmp_path, WEBHOOKUI_DATABASE_URL=database, WEBHOOKUI_RETRY_DELAYS="0,0,0").set_up()
    try:
        installation.start()
        installation.call("POST", "/workflows", document(receiver.url))
        deal, delivery = close_a_deal(installation)
        delivery_document = installation.delivery(delivery, "failed")
        assert delivery_document["attempt_count"] == 4
        assert len(receiver.requests) == 4
        assert "500" in delivery_document["error"]
        record = installation.call("GET", f"/records/deals/{deal}")
        assert record["values"]["invoice_error"] == "broken"
    finally:
        installation.kill()


def test_web_and_worker_share_one_database(tmp_path: Path, database: str, receiver: Receiver) -> None:
    installation = Running(tmp_path, WEBHOOKUI_DATABASE_URL=database).set_up()
    try:
        installation.start("web")
        installation.start("worker")
        until(lambda: "working on the queue" in (tmp_path / "worker.log").read_text(), 20)
        installation.call("POST", "/workflows", document(receiver.url))
        _, delivery = close_a_deal(installation)
        installation.delivery(delivery, "success")
    finally:
        installation.kill()
