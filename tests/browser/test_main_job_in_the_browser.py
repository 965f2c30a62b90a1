"""The whole way as a new user goes it: first admin, contact, deal, workflow, closed deal, and the log that shows it live.

webhookui runs in a process of its own, by its command; the third party is a real HTTP server in this one.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.prepared import EMAIL, PASSWORD
from tests.support.receiver import Answer, Receiver
from tests.support.running import Running

pytestmark = pytest.mark.browser

SEEN_WITHIN_S = 1.0
"""From the third party's answer to the new status in an open log page."""

NOTE_WHEN_IT_SUCCEEDS = """() => new MutationObserver((_, observer) => {
    if (document.querySelector("[data-live-row] .status")?.textContent.trim() === "Success") {
        window.succeededAt = Date.now();
        observer.disconnect();
    }
}).observe(document.body, {subtree: true, childList: true, characterData: true})"""
"""By the page itself: whoever asks from outside, asks now and then."""


@pytest.fixture
def untouched(tmp_path: Path) -> Iterator[Running]:
    """A running installation that nobody has set up."""
    installation = Running(tmp_path)
    installation.start()
    try:
        yield installation
    finally:
        installation.kill()


def create_the_first_admin(page: Page, address: str) -> None:
    page.goto(address)
    expect(page).to_have_url(re.compile("/setup$"))
    page.get_by_label("Name").fill("Ann")
    page.get_by_label("E-mail").fill(EMAIL)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=again]").fill(PASSWORD)
    page.get_by_label("sample data").uncheck()
    page.locator("main form button").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Deals")


def create_contact_and_deal(page: Page) -> None:
    page.get_by_role("link", name="Contacts").click()
    page.get_by_role("link", name="New contact").first.click()
    page.get_by_label("First name").fill("Zoë")
    page.get_by_label("Last name").fill("Quist")
    page.get_by_label("E-mail").fill("zoe@example.com")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Zoë Quist")
    page.get_by_role("link", name="Deals").click()
    page.get_by_role("link", name="New deal").first.click()
    page.get_by_label("Name").fill("Till system")
    page.get_by_label("Amount").fill("18400")
    page.get_by_role("combobox", name="Contact").press_sequentially("qui")
    page.get_by_role("option", name="Zoë Quist").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Till system")
    expect(page.locator("#detail-contact")).to_contain_text("Zoë Quist")


def build_the_workflow(page: Page, url: str) -> None:
    page.get_by_role("link", name="Workflows", exact=True).click()
    page.get_by_role("link", name=re.compile("New workflow|Standard")).first.click()
    steps = page.locator("nav.steps")
    page.locator("[id=name]").fill("Invoice closed deals")
    page.locator("[id=module]").select_option("deals")
    expect(page.get_by_text("Choose a module first.")).to_be_hidden()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("On creation or update").check()
    page.get_by_role("button", name="Next").click()
    page.locator("[data-list='criteria.all'] > [data-row-do=add]").click()
    with page.expect_response("**/condition"):
        page.locator("[id='criteria.all.0.field']").select_option("stage")
    with page.expect_response("**/condition"):
        page.locator("[id='criteria.all.0.operator']").select_option("has_changed_to")
    page.locator("[id='criteria.all.0.value']").select_option("Closed Won")
    steps.get_by_role("link", name="Actions").click()
    page.get_by_role("button", name="Add Action").click()
    page.locator(".dropdown-menu.show").get_by_role("button", name="Webhook").click()
    page.locator("[id='actions.0.title']").fill("Create invoice")
    page.locator("[id='actions.0.url']").fill(f"{url}/invoices?deal={{{{ record.id }}}}")
    page.locator("[id='actions.0.parameters.0.name']").fill("invoice.lines.0.amount")
    page.locator("[id='actions.0.parameters.0.value']").fill("{{ amount }}")
    page.locator("[id='actions.0.parameters.0.value']").press("Enter")
    page.locator("[id='actions.0.parameters.1.name']").fill("invoice.customer")
    page.locator("[id='actions.0.parameters.1.value']").fill("{{ contact.name }} <{{ contact.email }}>")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Invoice closed deals")).to_be_visible()


@pytest.mark.alone
@pytest.mark.usefixtures("strict")
def test_a_stranger_goes_the_whole_way(
    untouched: Running, receiver: Receiver, page: Page, context: BrowserContext
) -> None:
    create_the_first_admin(page, untouched.address)
    create_contact_and_deal(page)
    deal = page.url
    build_the_workflow(page, receiver.url)

    go, answered = threading.Event(), []

    def hold() -> None:
        go.wait(20)
        answered.append(time.time())

    receiver.default = Answer(before=hold)
    log = context.new_page()
    log.goto(f"{untouched.address}/log")
    loads: list[str] = []
    log.on("framenavigated", lambda frame: loads.append(frame.url))

    # The deal is closed in place, as sales people do.
    page.goto(deal)
    page.locator("#detail-stage").hover()
    page.get_by_role("link", name="Edit Stage").click()
    page.locator("#in-place-stage").select_option("Closed Won")
    page.locator("#detail-stage").get_by_role("button", name="Save").click()
    expect(page.locator("#detail-stage .detail-value")).to_have_text("Closed Won")

    row = log.locator("[data-live-row]")
    expect(row.locator(".status")).to_have_text("Dispatched")
    request = receiver.wait_for(1)[0]
    log.evaluate(NOTE_WHEN_IT_SUCCEEDS)
    go.set()
    expect(row.locator(".status")).to_have_text("Success")
    seen = log.evaluate("window.succeededAt") / 1000
    assert seen - answered[0] <= SEEN_WITHIN_S, f"seen {seen - answered[0]:.2f} s after the answer"
    assert loads == []

    assert request.line == f"POST /invoices?deal={deal.rsplit('/', 1)[1]} HTTP/1.1"
    assert request.header("Content-Type") == "application/json"
    expected = '{"invoice":{"lines":[{"amount":18400.00}],"customer":"Zoë Quist <zoe@example.com>"}}'
    assert request.body.decode() == expected and json.loads(request.body)
    # The record shows it too, without a reload.
    expect(page.locator(".record-deliveries .status")).to_have_text("Success")
    assert len(receiver.requests) == 1
