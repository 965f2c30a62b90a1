"""Send test (specification section 4.6): the unsaved draft goes out for real, its answer is a tree,
a click on a value captures it.

webhookui runs in a process of its own, by its command; the third party is a real HTTP server in this one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.support import pages
from tests.support.form_page import add_row, add_webhook_to, at, new_workflow, save
from tests.support.receiver import Answer, Receiver
from tests.support.running import Running, running

pytestmark = pytest.mark.browser

INVOICE = (
    b'{"invoice": {"id": 98122, "total": "12.50", "paid": false, "lines": [{"sku": "a"}, {"sku": "b"}], "note": null}}'
)
SOAP = b"""<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
<CreateInvoiceResult xmlns="urn:billing" state="draft"><InvoiceId>INV-7</InvoiceId><Total>12.50</Total></CreateInvoiceResult>
</soap:Body></soap:Envelope>"""
XML = {"Content-Type": "text/xml; charset=utf-8"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("send-test")) as started:
        yield started


@pytest.fixture(scope="module")
def address(installation: Running) -> str:
    return installation.address


@pytest.fixture
def deal(installation: Running) -> int:
    values = {"name": "Till system", "amount": "18400.00", "stage": "New"}
    new_id: int = installation.call("POST", "/records/deals", {"values": values})["id"]
    return new_id


@pytest.fixture
def form(window: Page, address: str, deal: int, receiver: Receiver) -> Iterator[Page]:
    """A webhook of a new workflow on deals, ready to be sent."""
    pages.afresh(window, address, (1280, 720), "no-preference")
    with new_workflow(window, address, "deals", "Invoices"):
        add_webhook_to(window, f"{receiver.url}/invoices")
        yield window


def send_test(page: Page, status: str = "Success") -> Locator:
    """Sends the draft; gives the place of its result, once it has the status."""
    page.get_by_role("button", name="Send test").click()
    result = page.get_by_role("region", name="Test")
    expect(result.locator(".status")).to_have_text(status, timeout=15_000)
    return result


def click_value(result: Locator, name: str) -> None:
    result.locator(".tree-leaf").filter(has=result.page.locator(f".tree-name:text-is('{name}')")).first.click()


def taken(page: Page, path: str) -> Locator:
    """What the row of a path is said to take."""
    return page.locator(".is-open .taken li").filter(has=page.locator(f'code:text-is("{path}")'))


def deliveries(installation: Running) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = installation.call("GET", "/deliveries?limit=100")["items"]
    return items


def test_the_unsaved_draft_is_sent_and_a_click_on_a_value_captures_it(
    form: Page, installation: Running, receiver: Receiver, deal: int
) -> None:
    receiver.default = Answer(201, INVOICE)
    result = send_test(form)
    assert json.loads(receiver.requests[0].body) == {"amount": 18400.00}
    click_value(result, "id")
    expect(at(form, "actions.0.capture.on_success.0.path")).to_have_value("$.invoice.id")
    expect(at(form, "actions.0.capture.on_success.0.field")).to_be_focused()
    row = taken(form, "$.invoice.id")
    expect(row).to_contain_text("No field")
    at(form, "actions.0.capture.on_success.0.field").select_option("invoice_id")
    expect(row).to_contain_text("Fits")
    expect(row).to_contain_text("98122")
    click_value(result, "sku")
    expect(at(form, "actions.0.capture.on_success.1.path")).to_have_value("$.invoice.lines[0].sku")
    row_path = at(form, "actions.0.capture.on_success.1.path")
    row_path.fill("$.invoice.lines[*].sku")
    at(form, "actions.0.capture.on_success.1.field").select_option("invoice_error")
    expect(taken(form, "$.invoice.lines[*].sku")).to_contain_text("2 values match; the first was taken")
    row_path.fill("$.invoice.nothing")
    expect(taken(form, "$.invoice.nothing")).to_contain_text("No match")
    row_path.fill("$.invoice.paid")
    at(form, "actions.0.capture.on_success.1.field").select_option("close_date")
    expect(taken(form, "$.invoice.paid")).to_contain_text("Does not fit")

    sent = deliveries(installation)[0]
    assert sent["test"] and sent["status"] == "success" and sent["record_id"] == deal
    values = installation.call("GET", f"/records/deals/{deal}")["values"]
    assert values["invoice_id"] is None  # a test writes nothing
    form.goto(f"{installation.address}/log")
    expect(form.locator(".log-row").first).to_contain_text("test")


def test_what_was_captured_by_clicks_is_written_when_the_saved_workflow_fires(
    form: Page, installation: Running, receiver: Receiver, deal: int
) -> None:
    receiver.default = Answer(201, INVOICE)
    click_value(send_test(form), "id")
    at(form, "actions.0.capture.on_success.0.field").select_option("invoice_id")
    save(form)
    installation.call("PATCH", f"/records/deals/{deal}", {"values": {"stage": "Closed Won"}})
    delivery = deliveries(installation)[0]
    detail = installation.delivery(delivery["id"], "success")
    workflow = installation.call("GET", "/workflows")["items"][-1]
    installation.call("DELETE", f"/workflows/{workflow['id']}")
    assert not detail["test"]
    assert [row["outcome"] for row in detail["captures"]] == ["written"]
    assert installation.call("GET", f"/records/deals/{deal}")["values"]["invoice_id"] == "98122"


def test_a_soap_answer_with_a_default_namespace_is_clicked_into_an_xpath(form: Page, receiver: Receiver) -> None:
    receiver.default = Answer(200, SOAP, XML)
    result = send_test(form)
    click_value(result, "InvoiceId")
    expect(at(form, "actions.0.capture.type")).to_have_value("XPATH")
    path = (
        "/*[local-name()='Envelope']/*[local-name()='Body']/*[local-name()='CreateInvoiceResult']"
        "/*[local-name()='InvoiceId']"
    )
    row = at(form, "actions.0.capture.on_success.0.path")
    expect(row).to_have_value(path)
    at(form, "actions.0.capture.on_success.0.field").select_option("invoice_id")
    expect(form.locator(".is-open .taken li")).to_contain_text("INV-7")
    click_value(result, "@state")
    expect(at(form, "actions.0.capture.on_success.1.path")).to_have_value(path.rpartition("/")[0] + "/@state")
    row.fill("//b:Total")
    expect(taken(form, "//b:Total")).to_contain_text("Unreadable")
    namespace = add_row(form, "actions.0.capture.namespaces")
    at(form, f"{namespace}.prefix").fill("b")
    at(form, f"{namespace}.uri").fill("urn:billing")
    at(form, "actions.0.capture.on_success.0.field").select_option("amount")
    expect(taken(form, "//b:Total")).to_contain_text("Fits")
    expect(taken(form, "//b:Total")).to_contain_text("12.50")


def test_the_answer_of_a_failed_test_is_for_the_rows_on_failure(form: Page, receiver: Receiver) -> None:
    receiver.default = Answer(422, b'{"error": {"message": "No billing address"}}')
    form.get_by_role("button", name="Send test").click()
    result = form.get_by_role("region", name="Test")
    expect(result).to_contain_text("HTTP 422", timeout=15_000)
    click_value(result, "message")
    expect(at(form, "actions.0.capture.on_failure.0.path")).to_have_value("$.error.message")
    at(form, "actions.0.capture.on_failure.0.field").select_option("invoice_error")
    expect(taken(form, "$.error.message")).to_contain_text("No billing address")


def test_what_is_missing_for_a_test_is_named_and_leads_to_its_input(form: Page, receiver: Receiver) -> None:
    at(form, "actions.0.authorization.type").select_option("basic")
    form.get_by_role("button", name="Send test").click()
    missing = form.locator(".is-open [data-test-result] .missing")
    expect(missing).to_contain_text("Not sent yet")
    missing.get_by_role("link", name="Password").click()
    expect(at(form, "actions.0.authorization.password")).to_be_focused()
    assert receiver.requests == []


def test_a_pasted_response_is_tried_like_a_test(form: Page) -> None:
    at(form, "actions.0.capture.on").check()
    form.get_by_role("button", name="Paste sample response").click()
    form.get_by_role("textbox", name="Sample response").fill(INVOICE.decode())
    form.get_by_role("button", name="Show as a tree").click()
    result = form.get_by_role("region", name="Sample response")
    click_value(result, "total")
    at(form, "actions.0.capture.on_success.0.field").select_option("amount")
    expect(taken(form, "$.invoice.total")).to_contain_text("Fits")
    form.get_by_role("button", name="Close the sample response").click()
    expect(result).to_have_count(0)


def test_the_tree_is_worked_by_keyboard(form: Page, receiver: Receiver) -> None:
    receiver.default = Answer(200, b'{"a": {"b": 1}}')
    result = send_test(form)
    result.locator("summary").first.focus()
    form.keyboard.press("Tab")
    form.keyboard.press("Tab")
    form.keyboard.press("Enter")
    expect(at(form, "actions.0.capture.on_success.0.path")).to_have_value("$.a.b")
    expect(at(form, "actions.0.capture.on_success.0.field")).to_be_focused()


def test_nothing_moves_under_the_pointer(form: Page) -> None:
    """What is typed is brought into view at once: while a page scrolls smoothly, a click misses what it was meant for."""
    assert form.evaluate("document.documentElement.scrollHeight - innerHeight") > 100
    assert form.evaluate("scrollTo(0, 0), scrollTo(0, 100), scrollY") == 100


@pytest.mark.parametrize("held", ["/settings/workflows/draft", "/settings/webhook-form/test"])
def test_a_test_is_shown_though_the_server_draws_the_form_anew_meanwhile(
    form: Page, receiver: Receiver, held: str
) -> None:
    """As after a change of the module that the server is slow to answer."""
    receiver.default = Answer(200, b'{"a": 1}')
    waiting: list[Route] = []
    form.route(re.compile(re.escape(held) + "$"), lambda route: waiting.append(route))
    old = form.locator("#workflow-form [data-webhook]").element_handle()
    form.get_by_role("button", name="Send test").click()
    form.evaluate("document.getElementById('module').dispatchEvent(new Event('change', { bubbles: true }))")
    status = form.get_by_role("region", name="Test").locator(".status")
    if held.endswith("draft"):
        expect(status).to_have_text("Success")
    else:
        form.wait_for_function("(webhook) => !webhook.isConnected", arg=old)
    for route in waiting:
        route.continue_()
    form.unroute_all(behavior="ignoreErrors")
    form.wait_for_function("(webhook) => !webhook.isConnected", arg=old)
    expect(status).to_have_text("Success")
