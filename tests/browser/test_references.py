"""References in a real browser: two people of one name, and a record that is made beside the form that refers to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect

from tests.support import pages
from tests.support.looks import WIDE, problems_of, without_complaints
from webhookui.crm import records
from webhookui.crm.records import Actor

pytestmark = pytest.mark.browser
EVA = Actor("person", "Eva")
PHONE = (390, 844)


@pytest.fixture
def crm(window: Page, address: str) -> Iterator[Page]:
    pages.afresh(window, address, (1280, 720), "no-preference")
    with without_complaints(window):
        yield window


def make(app: Flask, module: str, **values: Any) -> int:
    with app.extensions["webhookui"].db.write() as session:
        return records.create(session, module, values, EVA).id or 0


def the_record(app: Flask, module: str, record_id: int) -> records.Record:
    with app.extensions["webhookui"].db.read() as session:
        return records.get(session, module, record_id)


def test_two_smiths_are_told_apart_by_address_and_organization(app: Flask, crm: Page, address: str) -> None:
    acme = make(app, "organizations", name="Acme")
    make(app, "contacts", first_name="Jo", last_name="Smith", email="jo@acme.example", organization=acme)
    other = make(app, "contacts", first_name="Jo", last_name="Smith", email="jo.smith@home.example")
    crm.goto(f"{address}/records/deals/new")
    crm.get_by_role("combobox", name="Contact").fill("jo smith")
    options = crm.locator("#contact-results").get_by_role("option")
    expect(options).to_have_count(3)
    expect(options.filter(has_text="jo@acme.example · Acme")).to_have_count(1)
    options.filter(has_text="jo.smith@home.example").click()
    expect(crm.locator("[name=contact]")).to_have_value(str(other))


@pytest.mark.parametrize("size", [(1280, 720), PHONE])
def test_a_missing_contact_is_made_in_place_by_keyboard_and_the_form_stays(
    app: Flask, crm: Page, address: str, size: tuple[int, int]
) -> None:
    crm.set_viewport_size({"width": size[0], "height": size[1]})
    family = f"Novák-{size[0]}"
    crm.goto(f"{address}/records/deals/new")
    crm.locator("#name").fill("Half typed")
    search = crm.get_by_role("combobox", name="Contact")
    search.press_sequentially(f"Jan {family}")
    expect(crm.locator("#contact-results").get_by_role("option")).to_have_text([f"Create contact “Jan {family}”"])
    search.press("ArrowUp")
    search.press("Enter")
    dialog = crm.get_by_role("dialog", name="New contact")
    expect(dialog.get_by_label("First name")).to_be_focused()
    expect(dialog.get_by_label("First name")).to_have_value("Jan")
    expect(dialog.get_by_label("Last name")).to_have_value(family)
    assert crm.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    dialog.get_by_label("E-mail").fill("jan at home")
    dialog.get_by_label("E-mail").press("Enter")
    expect(dialog.locator("#new-email-error")).to_contain_text("is not an e-mail address")
    expect(dialog.get_by_label("E-mail")).to_be_focused()
    dialog.get_by_label("E-mail").fill("jan@home.example")
    dialog.get_by_label("E-mail").press("Enter")
    expect(dialog).to_have_count(0)
    expect(search).to_have_value(f"Jan {family}")
    expect(search).to_be_focused()
    expect(crm.locator("#contact-results")).to_be_hidden()
    expect(crm.locator("#name")).to_have_value("Half typed")
    contact = the_record(app, "contacts", int(crm.locator("[name=contact]").input_value()))
    assert (contact.name, contact.values["email"]) == (f"Jan {family}", "jan@home.example")
    crm.get_by_role("button", name="Save", exact=True).click()
    expect(crm.locator("#detail-contact")).to_contain_text(f"Jan {family}")
    expect(crm.locator("#detail-name")).to_contain_text("Half typed")


@pytest.mark.parametrize("how", ["Escape", "Cancel", "beside"])
def test_who_gives_up_the_new_contact_loses_nothing_of_the_form(app: Flask, crm: Page, address: str, how: str) -> None:
    crm.goto(f"{address}/records/deals/new")
    crm.get_by_label("Amount").fill("12")
    search = crm.get_by_role("combobox", name="Contact")
    search.fill("Nobody Yet")
    crm.get_by_role("option", name="Create contact “Nobody Yet”").click()
    dialog = crm.get_by_role("dialog", name="New contact")
    dialog.get_by_label("E-mail").fill("typed@example.com")
    if how == "beside":  # the dialog stays: what was typed in it is not lost by a click
        crm.mouse.click(5, 5)
        expect(dialog.get_by_label("E-mail")).to_have_value("typed@example.com")
        return
    if how == "Escape":
        crm.keyboard.press("Escape")
    else:
        dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    expect(search).to_be_focused()
    expect(search).to_have_value("Nobody Yet")
    expect(crm.get_by_label("Amount")).to_have_value("12")
    expect(crm.locator("[name=contact]")).to_have_value("")


def test_a_contact_is_made_while_one_field_is_edited_in_place(app: Flask, crm: Page, address: str) -> None:
    deal = make(app, "deals", name="In place")
    crm.goto(f"{address}/records/deals/{deal}")
    crm.get_by_role("link", name="Edit Contact").click()
    crm.locator("#in-place-contact").fill("Ina Place")
    crm.get_by_role("option", name="Create contact “Ina Place”").click()
    crm.get_by_role("dialog").get_by_role("button", name="Create contact").click()
    expect(crm.get_by_role("dialog")).to_have_count(0)
    crm.locator("#detail-contact").get_by_role("button", name="Save").click()
    expect(crm.locator("#detail-contact")).to_contain_text("Ina Place")


def test_a_form_with_a_new_contact_in_it_is_still_not_left_without_a_word(crm: Page, address: str) -> None:
    asked: list[str] = []
    crm.on("dialog", lambda dialog: asked.append(dialog.type))
    crm.goto(f"{address}/records/deals/new")
    crm.locator("#name").press_sequentially("Unsaved")
    crm.get_by_role("combobox", name="Contact").fill("Una Saved")
    crm.get_by_role("option", name="Create contact “Una Saved”").click()
    crm.get_by_role("dialog").get_by_role("button", name="Create contact").click()
    expect(crm.get_by_role("dialog")).to_have_count(0)
    crm.goto(f"{address}/records/deals")
    assert asked == ["beforeunload"]


def test_enter_chooses_nothing_from_a_list_that_is_older_than_what_is_typed(
    app: Flask, crm: Page, address: str
) -> None:
    make(app, "contacts", first_name="Old", last_name="Answer")
    held: list[Route] = []
    crm.goto(f"{address}/records/deals/new")
    search = crm.get_by_role("combobox", name="Contact")
    search.focus()
    expect(crm.locator("#contact-results").get_by_role("option").first).to_be_visible()
    crm.route("**/records/pick/**", lambda route: held.append(route))
    search.press_sequentially("New")
    search.press("Enter")
    expect(crm.locator("[name=contact]")).to_have_value("")
    expect(search).to_have_value("New")
    for route in held:
        route.continue_()


def test_a_related_list_turns_its_pages_in_place_and_the_back_button_turns_them_back(
    app: Flask, crm: Page, address: str
) -> None:
    acme = make(app, "organizations", name="Turning")
    for number in range(8):
        make(app, "contacts", last_name=f"Turning {number}", email=f"t{number}@example.com", organization=acme)
    crm.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    crm.goto(f"{address}/records/organizations/{acme}")
    rows = crm.locator("#related-contacts-organization .list-name")
    expect(rows).to_have_text([f"Turning {number}" for number in (7, 6, 5, 4, 3)])
    assert crm.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    crm.get_by_role("navigation", name="Pages of Contacts").get_by_role("link", name="Next").press("Enter")
    expect(rows).to_have_text(["Turning 2", "Turning 1", "Turning 0"])
    expect(crm.locator("#related-contacts-organization .pager")).to_contain_text("6–8 of 8")
    crm.reload()
    expect(rows).to_have_text(["Turning 2", "Turning 1", "Turning 0"])
    crm.go_back()
    expect(rows).to_have_text([f"Turning {number}" for number in (7, 6, 5, 4, 3)])
    crm.locator("#related-contacts-organization").get_by_role("link", name="Contacts", exact=True).click()
    expect(crm.locator(".chip")).to_contain_text("Organization: Turning")
    expect(crm.locator("#list .list-name")).to_have_count(8)


def test_the_list_and_the_dialog_can_be_used_by_everybody(app: Flask, crm: Page, address: str) -> None:
    make(app, "contacts", first_name="Abe", last_name="Everybody", email="abe@" + "long-" * 9 + "name.example")
    pages.afresh(crm, address, WIDE, "reduce")
    crm.goto(f"{address}/records/deals/new")
    crm.get_by_role("combobox", name="Contact").fill("everybody")
    expect(crm.get_by_role("option", name=re.compile("^Create"))).to_be_visible()
    assert problems_of(crm) == []
    crm.get_by_role("option", name=re.compile("^Create")).click()
    expect(crm.get_by_role("dialog", name="New contact")).to_be_visible()
    assert problems_of(crm) == []
