"""Deleted records in a real browser: undo, two browsers, no JavaScript, a phone (specification section 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.support import pages
from tests.support.looks import without_complaints
from webhookui.crm import records
from webhookui.crm.records import Actor

pytestmark = pytest.mark.browser
EVA = Actor("person", "Eva")


@pytest.fixture
def crm(window: Page, address: str) -> Iterator[Page]:
    pages.afresh(window, address, (1280, 720), "no-preference")
    with without_complaints(window):
        yield window


def make(app: Flask, module: str, **values: Any) -> int:
    with app.extensions["webhookui"].db.write() as session:
        return records.create(session, module, values, EVA).id or 0


def delete(app: Flask, module: str, record_id: int) -> None:
    with app.extensions["webhookui"].db.write() as session:
        records.delete(session, module, record_id, EVA)


def value(app: Flask, record_id: int, field: str) -> Any:
    with app.extensions["webhookui"].db.read() as session:
        return records.get(session, "deals", record_id).values[field]


def test_a_deletion_is_asked_for_and_undone(app: Flask, crm: Page, address: str) -> None:
    contact = make(app, "contacts", last_name="Leaver")
    deal = make(app, "deals", name="Stays", contact=contact)
    crm.goto(f"{address}/records/contacts/{contact}")
    crm.get_by_role("link", name="Delete", exact=True).click()
    expect(crm.get_by_role("dialog")).to_contain_text("It is referred to by 1 deal.")
    crm.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(crm.locator(".is-flash")).to_contain_text("Contact Leaver was deleted.")
    assert value(app, deal, "contact") is None
    crm.get_by_role("button", name="Undo").click()
    expect(crm).to_have_url(f"{address}/records/contacts/{contact}")
    expect(crm.locator(".is-flash")).to_contain_text("Contact Leaver was restored.")
    assert value(app, deal, "contact") == contact


def test_one_deletes_while_another_edits_and_nothing_typed_is_lost(app: Flask, crm: Page, address: str) -> None:
    deal = make(app, "deals", name="Shared", amount="10", next_step="Call")
    crm.goto(f"{address}/records/deals/{deal}/edit")
    crm.get_by_label("Amount").fill("1250.50")
    other = crm.context.new_page()
    other.goto(f"{address}/records/deals/{deal}")
    other.get_by_role("link", name="Delete", exact=True).click()
    other.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(other.locator(".is-flash")).to_contain_text("was deleted")
    crm.get_by_role("button", name="Save", exact=True).click()
    expect(crm.get_by_role("heading", level=1)).to_have_text("Somebody else deleted this record")
    expect(crm.get_by_role("row", name=re.compile("Amount"))).to_contain_text("1,250.50")
    crm.get_by_role("button", name="Restore it with my changes").click()
    expect(crm.locator("#detail-amount .detail-value")).to_have_text("1,250.50")
    assert value(app, deal, "next_step") == "Call"


def test_a_field_that_is_edited_in_place_is_told_and_kept(app: Flask, crm: Page, address: str) -> None:
    deal = make(app, "deals", name="In place", amount="10")
    crm.goto(f"{address}/records/deals/{deal}")
    crm.get_by_role("link", name="Edit Amount").click()
    crm.locator("#in-place-amount").fill("77")
    delete(app, "deals", deal)
    expect(crm.locator("#record-gone")).to_contain_text("Eva deleted this record")
    expect(crm.locator("#in-place-amount")).to_have_value("77")
    crm.get_by_role("button", name="Save", exact=True).click()
    crm.get_by_role("button", name="Restore and save").click()
    expect(crm.locator("#detail-amount .detail-value")).to_have_text("77.00")
    assert value(app, deal, "amount") == 77


def test_it_works_without_javascript(app: Flask, browser: Browser, address: str) -> None:
    deal = make(app, "deals", name="Scriptless")
    context = browser.new_context(java_script_enabled=False)
    pages.log_in(context, address)
    page = context.new_page()
    page.goto(f"{address}/records/deals/{deal}")
    page.get_by_role("link", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete Scriptless?")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".is-flash")).to_contain_text("Deal Scriptless was deleted.")
    page.goto(f"{address}/records/deleted?q=scriptless")
    page.get_by_role("button", name="Restore Scriptless").click()
    expect(page).to_have_url(f"{address}/records/deals/{deal}")
    context.close()


def test_on_a_phone_one_is_found_and_restored(app: Flask, crm: Page, address: str) -> None:
    deal = make(app, "deals", name="Pocket order")
    delete(app, "deals", deal)
    crm.set_viewport_size({"width": 390, "height": 844})
    crm.goto(f"{address}/records/deleted")
    crm.get_by_role("searchbox", name="Search deleted records").fill("pocket")
    expect(crm.locator("#list .list-name")).to_have_text(["Pocket order"])
    assert crm.evaluate("document.documentElement.scrollWidth") == 390
    crm.get_by_role("link", name="Pocket order").click()
    expect(crm.get_by_role("heading", level=1)).to_contain_text("Pocket order")
    assert crm.evaluate("document.documentElement.scrollWidth") == 390
    crm.get_by_role("button", name="Restore", exact=True).click()
    expect(crm.locator(".is-flash")).to_contain_text("Deal Pocket order was restored.")
