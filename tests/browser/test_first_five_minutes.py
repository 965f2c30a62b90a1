"""The README's first five minutes, step by step as written: sample data, the inspector as the third party, default settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.prepared import EMAIL, PASSWORD
from tests.support.running import Running

pytestmark = pytest.mark.browser


@pytest.fixture
def untouched(tmp_path: Path) -> Iterator[Running]:
    """A running installation that nobody has set up, and that may reach public addresses only."""
    installation = Running(tmp_path, WEBHOOKUI_ALLOWED_NETWORKS="")
    installation.start()
    try:
        yield installation
    finally:
        installation.kill()


@pytest.mark.usefixtures("strict")
def test_the_five_minutes_work_as_written(untouched: Running, page: Page) -> None:
    page.goto(untouched.address)
    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("E-mail").fill(EMAIL)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=again]").fill(PASSWORD)
    expect(page.get_by_label("Add sample data")).to_be_checked()
    page.get_by_role("button", name="Create admin and start").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Deals")

    page.get_by_role("link", name="Inspector").click()
    expect(page.get_by_text("/inspect/demo")).to_be_visible()

    page.get_by_role("navigation", name="Main menu").get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Workflows", exact=True).click()
    page.wait_for_url("**/settings/workflows")  # with its scripts: before them, the button opens no menu
    page.get_by_role("button", name="New workflow").click()
    page.get_by_role("link", name="Standard").click()
    page.locator("[id=name]").fill("Invoice closed deals")
    page.locator("[id=module]").select_option("deals")
    expect(page.get_by_text("Choose a module first.")).to_be_hidden()  # the form has been drawn anew for deals
    page.get_by_role("button", name="Next").click()
    page.get_by_label("On creation or update").check()
    page.get_by_role("button", name="Next").click()
    page.locator("[data-list='criteria.all'] > [data-row-do=add]").click()
    with page.expect_response("**/condition"):
        page.locator("[id='criteria.all.0.field']").select_option(label="Stage")
    with page.expect_response("**/condition"):
        page.locator("[id='criteria.all.0.operator']").select_option(label="has changed to")
    page.locator("[id='criteria.all.0.value']").select_option("Closed Won")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Add Action").click()
    page.locator(".dropdown-menu.show").get_by_role("button", name="Webhook").click()
    page.get_by_label("Action Title").fill("Create invoice")
    page.get_by_role("button", name="Use the inspector").click()
    page.locator("[id='actions.0.parameters.0.name']").fill("invoice.customer")
    page.locator("[id='actions.0.parameters.0.value']").fill("{{ contact.name }}")
    page.locator("[id='actions.0.parameters.0.value']").press("Enter")
    page.locator("[id='actions.0.parameters.1.name']").fill("invoice.amount")
    page.locator("[id='actions.0.parameters.1.value']").fill("{{ amount }}")
    preview = page.locator("aside, .webhook-preview, [data-preview]").filter(has_text="invoice").first
    expect(preview).to_contain_text("customer")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Invoice closed deals")).to_be_visible()

    page.get_by_role("link", name="Back to the records").click()
    page.get_by_role("link", name="Deals").click()
    page.get_by_role("link", name="Patient portal").click()
    customer = page.locator("#detail-contact .detail-value").inner_text().strip()
    page.locator("#detail-stage").hover()
    page.get_by_role("link", name="Edit Stage").click()
    page.locator("#in-place-stage").select_option("Closed Won")
    page.locator("#detail-stage").get_by_role("button", name="Save").click()

    page.get_by_role("link", name="Webhook log", exact=True).first.click()
    row = page.locator("[data-live-row]").first
    expect(row.locator(".status")).to_have_text("Success")
    row.get_by_role("link", name=re.compile(r"^1$")).click()
    expect(page.locator("main")).to_contain_text("54000.00")
    page.get_by_role("link", name="Inspector").click()
    address = page.locator("tbody tr").filter(has_not_text="/inspect/demo")
    expect(address).to_have_count(1)
    address.get_by_role("link").first.click()
    expect(page.locator("main")).to_contain_text(customer)
    expect(page.locator("main")).to_contain_text("54000.00")
