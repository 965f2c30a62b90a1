"""The board in a real browser: cards moved by mouse, keyboard and menu, by two people at once, at every width."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from tests.support import pages
from tests.support.looks import sticking_out, without_complaints
from webhookui.crm import records
from webhookui.crm.records import Actor

pytestmark = pytest.mark.browser
EVA = Actor("person", "Eva")


@pytest.fixture
def crm(app: Flask, window: Page, address: str) -> Iterator[Page]:
    pages.empty(app.extensions["webhookui"].db, "link", "change", "record_key", "record")
    pages.afresh(window, address, (1280, 720), "reduce")
    with without_complaints(window):
        yield window


def make(app: Flask, **values: Any) -> int:
    with app.extensions["webhookui"].db.write() as session:
        return records.create(session, "deals", values, EVA).id or 0


def change(app: Flask, record_id: int, **values: Any) -> None:
    with app.extensions["webhookui"].db.write() as session:
        records.update(session, "deals", record_id, values, EVA)


def stage(app: Flask, record_id: int) -> Any:
    with app.extensions["webhookui"].db.read() as session:
        return records.get(session, "deals", record_id).values["stage"]


def column(page: Page, name: str) -> Locator:
    return page.locator(f'.board-column[data-column="{name}"]')


def card(page: Page, record_id: int) -> Locator:
    return page.locator(f"#card-{record_id}")


def is_in(page: Page, name: str, record_id: int) -> None:
    expect(column(page, name).locator(f"#card-{record_id}")).to_be_visible()
    expect(card(page, record_id)).to_have_count(1)


def test_a_card_is_dragged_into_another_column(app: Flask, crm: Page, address: str) -> None:
    deal, other = make(app, name="Shop", stage="New", amount="10"), make(app, name="Fair", stage="Proposal", amount="5")
    crm.goto(f"{address}/records/deals?board=stage")
    card(crm, deal).drag_to(column(crm, "Proposal"))
    is_in(crm, "Proposal", deal)
    expect(column(crm, "Proposal").locator(".board-head")).to_contain_text("15.00")
    expect(column(crm, "New").locator(".tab-count")).to_have_text("0")
    expect(crm.locator("#announce")).to_have_text("“Shop” is now in Proposal.")
    assert stage(app, deal) == "Proposal" and stage(app, other) == "Proposal"
    card(crm, deal).drag_to(column(crm, "New"))  # empty columns take cards, and the version is the new one
    is_in(crm, "New", deal)
    card(crm, deal).click(position={"x": 30, "y": 50})
    expect(crm.get_by_role("heading", level=1)).to_have_text("Shop")


def test_a_card_is_moved_by_keyboard_and_keeps_the_focus(app: Flask, crm: Page, address: str) -> None:
    deal, other = make(app, name="Shop", stage="New"), make(app, name="Fair", stage="Proposal")
    crm.goto(f"{address}/records/deals?board=stage")
    name = card(crm, deal).locator(".card-name")
    name.focus()
    name.press("Shift+ArrowRight")
    is_in(crm, "Qualifying", deal)
    expect(name).to_be_focused()
    name.press("Shift+ArrowRight")
    is_in(crm, "Proposal", deal)
    expect(name).to_be_focused()
    name.press("Shift+ArrowLeft")
    is_in(crm, "Qualifying", deal)
    expect(name).to_be_focused()
    crm.keyboard.press("ArrowRight")
    expect(card(crm, other).locator(".card-name")).to_be_focused()
    assert stage(app, deal) == "Qualifying"


def test_a_card_is_moved_by_its_menu_on_a_phone(app: Flask, crm: Page, address: str) -> None:
    deal = make(app, name="Shop", stage="New", amount="1")
    crm.set_viewport_size({"width": 390, "height": 844})
    crm.goto(f"{address}/records/deals?board=stage")
    crm.get_by_role("link", name="Move Shop").click()
    menu = crm.get_by_role("dialog")
    expect(menu.get_by_role("button", name="New")).to_be_disabled()
    menu.get_by_role("button", name="Cancel").click()
    expect(menu).to_be_hidden()
    crm.get_by_role("link", name="Move Shop").click()
    menu.get_by_role("button", name="Closed Won").click()
    expect(menu).to_be_hidden()
    is_in(crm, "Closed Won", deal)
    expect(card(crm, deal).locator(".card-name")).to_be_focused()
    expect(card(crm, deal)).to_be_in_viewport()
    assert stage(app, deal) == "Closed Won" and sticking_out(crm) == []


def test_what_others_move_appears_by_itself_and_leaves_the_focus(app: Flask, crm: Page, address: str) -> None:
    deal, other = make(app, name="Shop", stage="New", amount="10"), make(app, name="Fair", stage="New", amount="5")
    crm.goto(f"{address}/records/deals?board=stage")
    focused = card(crm, other).locator(".card-name")
    focused.focus()
    there = crm.context.new_page()
    there.goto(f"{address}/records/deals?board=stage")
    there.locator(f"#card-{deal} .card-name").focus()
    there.keyboard.press("Shift+ArrowRight")
    is_in(there, "Qualifying", deal)
    crm.bring_to_front()
    is_in(crm, "Qualifying", deal)
    expect(column(crm, "New").locator(".board-total")).to_contain_text("5.00")
    expect(focused).to_be_focused()
    change(app, deal, stage=None)
    is_in(crm, "", deal)
    expect(crm.get_by_role("heading", name="No stage")).to_be_visible()
    expect(focused).to_be_focused()
    change(app, deal, stage="Closed Lost")
    is_in(crm, "Closed Lost", deal)
    expect(crm.get_by_role("heading", name="No stage")).to_have_count(0)


def test_who_moves_second_is_told_and_sees_where_it_went(app: Flask, crm: Page, address: str) -> None:
    deal = make(app, name="Shop", stage="New")
    crm.goto(f"{address}/records/deals?board=stage")
    crm.route("**/board/live*", lambda route: route.abort())  # the refresh has not come yet
    change(app, deal, stage="Closed Won")
    card(crm, deal).locator(".card-name").press("Shift+ArrowRight")
    is_in(crm, "Closed Won", deal)
    message = crm.locator("#board-message")
    expect(message).to_contain_text("Eva moved “Shop” to Closed Won in the meantime.")
    message.get_by_role("button", name="Close").click()
    expect(message).to_be_empty()
    assert stage(app, deal) == "Closed Won"


def test_nothing_is_put_in_place_while_a_card_is_in_hand(app: Flask, crm: Page, address: str) -> None:
    deal, other = make(app, name="Shop", stage="New"), make(app, name="Fair", stage="New")
    crm.goto(f"{address}/records/deals?board=stage")
    box = card(crm, deal).bounding_box()
    target = column(crm, "Proposal").bounding_box()
    assert box and target
    crm.mouse.move(box["x"] + 40, box["y"] + 20)
    crm.mouse.down()
    crm.mouse.move(target["x"] + 40, target["y"] + 80, steps=5)
    crm.mouse.move(target["x"] + 41, target["y"] + 82)
    expect(column(crm, "Proposal")).to_have_class("board-column is-over")
    with crm.expect_response(lambda answer: "/board/live" in answer.url and answer.status == 200):
        change(app, other, stage="Closed Won")
    with crm.expect_response("**/board/live*"):  # the answer before has been dealt with
        pass
    is_in(crm, "New", other)
    crm.mouse.move(target["x"] + 42, target["y"] + 90)
    crm.mouse.up()
    is_in(crm, "Proposal", deal)
    is_in(crm, "Closed Won", other)
    assert stage(app, deal) == "Proposal"


def test_the_bar_filters_the_board_and_keeps_it(app: Flask, crm: Page, address: str) -> None:
    deal, other = make(app, name="Shop", stage="New"), make(app, name="Fair", stage="Proposal")
    crm.goto(f"{address}/records/deals?board=stage")
    crm.locator("#list-q").press_sequentially("sho")
    expect(card(crm, other)).to_have_count(0)
    expect(crm).to_have_url(f"{address}/records/deals?board=stage&q=sho")
    change(app, other, name="Shop three")  # the board that came by a swap is live
    is_in(crm, "Proposal", other)
    crm.mouse.move(5, 5)
    card(crm, deal).locator(".card-name").press("Shift+ArrowRight")
    is_in(crm, "Qualifying", deal)
    crm.get_by_role("link", name="List", exact=True).click()
    expect(crm).to_have_url(f"{address}/records/deals?q=sho")
    expect(crm.locator(".list-name")).to_have_count(2)


TEXTS = """() => [...document.querySelectorAll(
    ".board-card, .card-name, .card-values dd, .board-head, .board-head h2, .board-total, .list-head .btn, .board-more a"
)].filter((each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth).map((each) => each.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("width", [390, 768, 1024, 1280, 1920])
def test_no_card_and_no_head_is_narrower_than_its_text(app: Flask, crm: Page, address: str, width: int) -> None:
    make(app, name="A name that is a good deal longer than any column of a board is wide", stage="New", amount="1")
    make(app, name="Unbroken" * 12, stage=None, amount="9999999999999999999999.99", next_step="word" * 40)
    crm.set_viewport_size({"width": width, "height": 900})
    crm.goto(f"{address}/records/deals?board=stage&columns=amount&columns=next_step&columns=owner")
    assert crm.evaluate(TEXTS) == [] and sticking_out(crm) == []
