"""FreshBooks, end to end: a closed deal becomes an invoice there, its id comes back into the deal, and a later change of the deal
is put to the address of that invoice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.receiver import Answer, Received, Receiver
from tests.support.running import Running

ACCOUNT, TOKEN = "xZNQ1X", "freshbooks-access-token"
INVOICES = f"/accounting/account/{ACCOUNT}/invoices/invoices"
INVOICE_ID = 987654321012


def freshbooks(receiver: Receiver) -> None:
    """Its answers: 401 without the token, 422 without a customer, else the invoice with its id."""

    def answer(received: Received) -> Answer:
        receiver.requests.append(received)
        if received.header("Authorization") != f"Bearer {TOKEN}":
            return _json(401, {"error": "unauthenticated", "error_description": "This action requires authentication."})
        invoice = json.loads(received.body)["invoice"]
        if received.line.startswith("POST") and not isinstance(invoice["customerid"], int):
            return _json(
                422,
                {"response": {"errors": [{"errno": 1012, "field": "customerid", "message": "Customer is required."}]}},
            )
        return _json(200, {"response": {"result": {"invoice": {**invoice, "id": INVOICE_ID, "accountid": ACCOUNT}}}})

    receiver.routes[INVOICES] = answer
    receiver.routes[f"{INVOICES}/{INVOICE_ID}"] = answer


def _json(status: int, body: Any) -> Answer:
    return Answer(status, json.dumps(body).encode())


def rows(*given: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value, "type": kind} for name, value, kind in given]


CREATE = rows(
    ("invoice.customerid", "{{ organization.account_id }}", "number"),
    ("invoice.ownerid", "1", "number"),
    ("invoice.create_date", "{{ close_date }}", "text"),
    ("invoice.due_offset_days", "30", "number"),
    ("invoice.currency_code", "USD", "text"),
    ("invoice.language", "en", "text"),
    ("invoice.po_number", "null", "json"),
    ("invoice.notes", "{{ next_step }}", "auto"),
    ("invoice.auto_bill", "false", "boolean"),
    ("invoice.show_attachments", "true", "boolean"),
    ("invoice.lines.0.type", "0", "number"),
    ("invoice.lines.0.name", "{{ name }}", "text"),
    ("invoice.lines.0.qty", "1", "text"),
    ("invoice.lines.0.unit_cost.amount", "{{ amount }}", "text"),
    ("invoice.lines.0.unit_cost.code", "USD", "text"),
    ("invoice.lines.1.type", "0", "number"),
    ("invoice.lines.1.name", "Set-up for {{ organization.name }}", "auto"),
    ("invoice.lines.1.qty", "2", "text"),
    ("invoice.lines.1.unit_cost.amount", "{{ '%.2f' | format(amount * 0.01) }}", "text"),
    ("invoice.lines.1.unit_cost.code", "USD", "text"),
)
CREATED = (
    '{"invoice":{"customerid":22789,"ownerid":1,"create_date":"2026-12-31","due_offset_days":30,"currency_code":"USD",'
    '"language":"en","po_number":null,"notes":null,"auto_bill":false,"show_attachments":true,"lines":['
    '{"type":0,"name":"Paperwork & „more“","qty":"1","unit_cost":{"amount":"5000.00","code":"USD"}},'
    '{"type":0,"name":"Set-up for Acme","qty":"2","unit_cost":{"amount":"50.00","code":"USD"}}]}}'
)
UPDATED = (
    '{"invoice":{"lines":[{"name":"Paperwork & „more“","qty":"1","unit_cost":{"amount":"6000.50","code":"USD"}}]}}'
)
CAPTURE = {
    "type": "JSONPATH",
    "on_success": [{"path": "$.response.result.invoice.id", "field": "invoice_id"}],
    "on_failure": [{"path": "$.response.errors[0].message", "field": "invoice_error"}],
}


def workflows(receiver: Receiver) -> list[dict[str, Any]]:
    authorization = {"type": "bearer", "token": TOKEN}
    create = {
        "type": "webhook", "title": "Create invoice", "url": receiver.url + INVOICES, "method": "POST",
        "authorization": authorization, "headers": [{"name": "Api-Version", "value": "alpha"}],
        "parameters": CREATE, "capture": CAPTURE,
    }  # fmt: skip
    update = {
        "type": "webhook", "title": "Update invoice", "url": receiver.url + INVOICES + "/{{ invoice_id }}", "method": "PUT",
        "authorization": authorization, "drop_stale_retries": True,
        "parameters": rows(
            ("invoice.lines.0.name", "{{ name }}", "text"), ("invoice.lines.0.qty", "1", "text"),
            ("invoice.lines.0.unit_cost.amount", "{{ amount }}", "text"), ("invoice.lines.0.unit_cost.code", "USD", "text"),
        ),
    }  # fmt: skip
    closed = {"field": "stage", "operator": "has_changed_to", "value": "Closed Won"}
    return [
        {
            "name": "Invoice closed deals", "module": "deals", "criteria": {"all": [closed], "any": []}, "actions": [create],
            "trigger": {"on": "create_or_update", "recurrence": "every_time"},
        },
        {
            "name": "Keep the invoice up to date", "module": "deals", "actions": [update],
            "criteria": {"all": [{"field": "invoice_id", "operator": "is_not_empty"},
                                 {"field": "amount", "operator": "has_changed"}], "any": []},
            "trigger": {"on": "update", "recurrence": "every_time"},
        },
    ]  # fmt: skip


@pytest.fixture
def deal(installation: Running, receiver: Receiver) -> int:
    """A deal that is not closed yet, and the two workflows."""
    freshbooks(receiver)
    installation.command("workflows", "import", "-", typed=json.dumps(workflows(receiver)))
    organization = installation.call(
        "POST", "/records/organizations", {"values": {"name": "Acme", "account_id": "22789"}}
    )
    values = {
        "name": "Paperwork & „more“", "amount": "5000", "close_date": "2026-12-31", "organization": organization["id"],
        "stage": "Negotiation",
    }  # fmt: skip
    new_id: int = installation.call("POST", "/records/deals", {"values": values})["id"]
    return new_id


def save(installation: Running, deal: int, **values: Any) -> None:
    installation.call("PATCH", f"/records/deals/{deal}", {"values": values})


def newest(installation: Running, *statuses: str) -> Any:
    return installation.delivery(installation.call("GET", "/deliveries")["items"][0]["id"], *statuses)


def test_a_closed_deal_is_invoiced_and_a_later_change_goes_to_that_invoice(
    installation: Running, receiver: Receiver, deal: int
) -> None:
    save(installation, deal, stage="Closed Won")
    assert newest(installation, "success")["workflow"] == "Invoice closed deals"
    (created,) = receiver.requests
    assert created.line == f"POST {INVOICES} HTTP/1.1"
    assert (created.header("Content-Type"), created.header("Api-Version")) == ("application/json", "alpha")
    assert created.header("Authorization") == f"Bearer {TOKEN}"
    assert created.body.decode() == CREATED
    values = installation.call("GET", f"/records/deals/{deal}")["values"]
    assert (values["invoice_id"], values["invoice_error"]) == (str(INVOICE_ID), None)

    save(installation, deal, amount="6000.5")
    assert newest(installation, "success")["workflow"] == "Keep the invoice up to date"
    updated = receiver.requests[1]
    assert updated.line == f"PUT {INVOICES}/{INVOICE_ID} HTTP/1.1"
    assert updated.body.decode() == UPDATED
    assert len(receiver.requests) == 2, "the capture itself ran no workflow"
    log = json.dumps(installation.call("GET", "/deliveries"), default=str)
    assert TOKEN not in log


def test_what_freshbooks_refuses_is_told_in_the_deal(installation: Running, receiver: Receiver, deal: int) -> None:
    installation.call("PATCH", "/records/organizations/1", {"values": {"account_id": None}})
    installation.kill()
    installation.environment["WEBHOOKUI_RETRY_DELAYS"] = "0,0,0"
    installation.start()
    save(installation, deal, stage="Closed Won")
    document = newest(installation, "failed")
    assert (document["attempt_count"], document["status_code"]) == (4, 422)
    assert [(capture["field"], capture["outcome"], capture["value"]) for capture in document["captures"]] == [
        ("invoice_error", "written", "Customer is required.")
    ]
    values = installation.call("GET", f"/records/deals/{deal}")["values"]
    assert (values["invoice_id"], values["invoice_error"]) == (None, "Customer is required.")
