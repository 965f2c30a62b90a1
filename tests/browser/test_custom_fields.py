"""Specification section 2's typical custom field, in a browser: "FreshBooks invoice ID" on Deals, filled by a capture."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support import pages
from tests.support.receiver import Answer, Receiver
from tests.support.running import Running

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("strict")
def test_a_custom_field_is_added_and_filled_by_a_capture(installation: Running, receiver: Receiver, page: Page) -> None:
    receiver.default = Answer(201, b'{"invoice":{"id":"FB-981"}}')
    deal = installation.call("POST", "/records/deals", {"values": {"name": "Till system", "amount": "18400"}})["id"]
    workflow = installation.call("POST", "/workflows", {
        "name": "Invoice", "module": "deals", "trigger": {"on": "update"},
        "actions": [{"type": "webhook", "title": "Create invoice", "url": receiver.url,
                     "parameters": [{"name": "amount", "value": "{{ amount }}"}]}],
    })["id"]  # fmt: skip
    pages.log_in(page.context, installation.address)
    page.goto(installation.address)

    page.get_by_role("navigation", name="Main menu").get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Modules & fields").click()
    page.locator("nav.tabs").get_by_role("link", name="Deals").click()
    page.get_by_role("link", name="Add field").click()
    expect(page.get_by_label("Options")).to_be_hidden()
    page.get_by_label("Type").select_option("picklist")
    expect(page.get_by_label("Options")).to_be_visible()
    page.get_by_label("Type").select_option("text")
    page.get_by_label("Label").fill("FreshBooks invoice ID")
    page.get_by_role("button", name="Add field").click()
    expect(page.locator("#field-freshbooks_invoice_id")).to_contain_text("FreshBooks invoice ID")

    page.goto(f"{installation.address}/settings/workflows/{workflow}#actions.0")
    capture = page.locator("[id='actions.0.capture.on']")
    capture.check()
    path = page.locator("[id='actions.0.capture.on_success.0.path']")
    if not path.is_visible():
        page.locator("[data-list='actions.0.capture.on_success'] [data-row-do=add]").first.click()
    path.fill("$.invoice.id")
    page.locator("[id='actions.0.capture.on_success.0.field']").select_option(label="FreshBooks invoice ID")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Invoice", exact=True)).to_be_visible()

    page.goto(f"{installation.address}/records/deals/{deal}")
    expect(page.locator("#detail-freshbooks_invoice_id")).to_contain_text("FreshBooks invoice ID")
    page.locator("#detail-stage").hover()
    page.get_by_role("link", name="Edit Stage").click()
    page.locator("#in-place-stage").select_option("Closed Won")
    page.locator("#detail-stage").get_by_role("button", name="Save").click()
    expect(page.locator("#detail-freshbooks_invoice_id")).to_contain_text("FB-981")
    assert len(receiver.requests) == 1
