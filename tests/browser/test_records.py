"""Records in a real browser: pickers, editing in place, two windows, bad dates, lists whose URL says their state."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect

from tests.support import pages
from tests.support.looks import without_complaints
from webhookui.core import background_jobs
from webhookui.crm import list_views, record_jobs, records
from webhookui.crm.record_jobs import Chosen
from webhookui.crm.records import Actor
from webhookui.people import accounts

pytestmark = pytest.mark.browser
EVA = Actor("person", "Eva")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("records")) as app:
        app.config["WTF_CSRF_ENABLED"] = True
        pages.with_account(app, *pages.ADMIN, "admin")
        yield app


@pytest.fixture(scope="module")
def address(app: Flask) -> Iterator[str]:
    with pages.served(app) as address:
        yield address


@pytest.fixture
def crm(window: Page, address: str) -> Iterator[Page]:
    pages.afresh(window, address, (1280, 720), "no-preference")
    with without_complaints(window):
        yield window


def make(app: Flask, module: str, **values: Any) -> int:
    with app.extensions["webhookui"].db.write() as session:
        record_id = records.create(session, module, values, EVA).id
    assert record_id is not None
    return record_id


def change(app: Flask, module: str, record_id: int, **values: Any) -> None:
    with app.extensions["webhookui"].db.write() as session:
        records.update(session, module, record_id, values, EVA)


def value(app: Flask, record_id: int, field: str) -> Any:
    with app.extensions["webhookui"].db.read() as session:
        return records.get(session, "deals", record_id).values[field]


def test_a_reference_is_chosen_by_keyboard_and_cleared(app: Flask, crm: Page, address: str) -> None:
    make(app, "contacts", first_name="Ada", last_name="Keys")
    second = make(app, "contacts", first_name="Bea", last_name="Keys")
    crm.goto(f"{address}/records/deals/new")
    crm.get_by_label("Name").fill("By keyboard")
    search = crm.get_by_role("combobox", name="Contact")
    search.press_sequentially("bea")
    expect(crm.locator("#contact-results").get_by_role("option")).to_have_text(
        [re.compile("Bea Keys"), re.compile("Create contact “bea”")]
    )
    search.press("ArrowDown")
    search.press("Enter")
    expect(crm.locator("[name=contact]")).to_have_value(str(second))
    crm.get_by_role("button", name="Clear Contact").click()
    expect(crm.locator("[name=contact]")).to_have_value("")
    # What was typed and not chosen is looked up by the server, and not lost when there is no such record.
    search.fill("Cea Keys")
    crm.get_by_label("Amount").fill("12")
    crm.get_by_role("button", name="Save", exact=True).click()
    expect(crm.locator("#contact-error")).to_contain_text("There is no record named “Cea Keys”")
    expect(search).to_have_value("Cea Keys")
    expect(crm.get_by_label("Amount")).to_have_value("12")
    search.fill("Ada Keys")
    crm.get_by_role("button", name="Save", exact=True).click()
    expect(crm.locator("#detail-contact")).to_contain_text("Ada Keys")


def test_a_date_that_is_none_is_refused_at_its_field(crm: Page, address: str) -> None:
    crm.goto(f"{address}/records/deals/new")
    crm.get_by_label("Name").fill("Undated")
    crm.get_by_label("Close date").press_sequentially("0231")
    crm.get_by_role("button", name="Save", exact=True).click()
    expect(crm.locator("#close_date-error")).to_have_text("This is not a complete date.")
    expect(crm.get_by_label("Close date")).to_be_focused()
    expect(crm.get_by_label("Name")).to_have_value("Undated")
    crm.get_by_label("Close date").fill("2026-12-24")
    crm.get_by_role("button", name="Save", exact=True).click()
    expect(crm.locator("#detail-close_date")).to_contain_text("24 Dec 2026")


def test_a_field_is_edited_in_place_refused_and_taken_back(app: Flask, crm: Page, address: str) -> None:
    deal = make(app, "deals", name="Placed", amount="10")
    crm.goto(f"{address}/records/deals/{deal}")
    crm.locator("#detail-amount .detail-value").dblclick()
    amount = crm.locator("#in-place-amount")
    expect(amount).to_be_focused()
    amount.fill("a lot")
    amount.press("Enter")
    expect(crm.locator("#in-place-amount-error")).to_contain_text("is not a number")
    expect(amount).to_have_value("a lot")
    amount.fill("1250.5")
    amount.press("Enter")
    expect(crm.locator("#detail-amount .detail-value")).to_have_text("1,250.50")
    expect(crm.get_by_role("link", name="Edit Amount")).to_be_focused()
    expect(crm.locator(".events li").first).to_contain_text("Ann changed")
    crm.get_by_role("link", name="Edit Amount").press("Enter")
    crm.locator("#in-place-amount").fill("1")
    crm.locator("#in-place-amount").press("Escape")
    expect(crm.locator("#detail-amount .detail-value")).to_have_text("1,250.50")


def test_two_windows_save_the_same_record_and_nothing_is_lost(app: Flask, crm: Page, address: str) -> None:
    deal = make(app, "deals", name="Shared", amount="10", next_step="Call")
    crm.goto(f"{address}/records/deals/{deal}/edit")
    other = crm.context.new_page()
    other.goto(f"{address}/records/deals/{deal}/edit")
    other.get_by_label("Amount").fill("20")
    other.get_by_role("button", name="Save", exact=True).click()
    expect(other.locator("#detail-amount")).to_contain_text("20.00")
    crm.get_by_label("Amount").fill("30")
    crm.get_by_label("Next step").fill("Write")
    crm.get_by_role("button", name="Save", exact=True).click()
    expect(crm.get_by_role("heading", level=1)).to_have_text("Somebody else saved this record")
    expect(crm.get_by_role("row", name=re.compile("Amount"))).to_contain_text("10.00")
    assert value(app, deal, "amount") == 20
    crm.get_by_role("row", name=re.compile("Amount")).get_by_label("20.00").check()
    crm.get_by_role("button", name="Save the chosen values").click()
    expect(crm.locator("#detail-next_step")).to_contain_text("Write")
    assert (value(app, deal, "amount"), value(app, deal, "next_step")) == (20, "Write")


def test_the_page_shows_what_others_save_but_not_under_ones_hands(app: Flask, crm: Page, address: str) -> None:
    deal = make(app, "deals", name="Watched", amount="10")
    crm.goto(f"{address}/records/deals/{deal}")
    change(app, "deals", deal, amount="11")
    expect(crm.locator("#detail-amount .detail-value")).to_have_text("11.00")
    expect(crm.locator(".events li").first).to_contain_text("Eva changed")
    crm.get_by_role("link", name="Edit Next step").click()
    crm.locator("#in-place-next_step").fill("Half a sen")
    change(app, "deals", deal, amount="12")
    expect(crm.locator(".events li").first).to_contain_text("12.00")
    expect(crm.locator("#in-place-next_step")).to_have_value("Half a sen")
    crm.locator("#in-place-next_step").press("Enter")
    expect(crm.locator("#detail-next_step .detail-value")).to_have_text("Half a sen")
    expect(crm.locator("#detail-amount .detail-value")).to_have_text("12.00")


def held_answer(page: Page, cause: Callable[[], None]) -> Callable[[], None]:
    """The live answer that `cause` makes, as the server makes it now; it comes when what this gives is called."""
    held: list[Callable[[], None]] = []

    def hold(route: Route) -> None:
        if held:
            return route.continue_()
        answer = route.fetch()
        late = partial(route.fulfill, status=answer.status, headers=answer.headers, body=answer.text())
        if answer.status == 200:
            return held.append(late)
        return late()

    page.route("**/live?*", hold)
    cause()
    while not held:
        page.wait_for_timeout(20)
    return held[0]


def test_an_answer_made_before_a_save_does_not_bring_back_what_was_there(app: Flask, crm: Page, address: str) -> None:
    deal = make(app, "deals", name="Crossing", amount="10")
    crm.goto(f"{address}/records/deals/{deal}")
    late = held_answer(crm, partial(change, app, "deals", deal, next_step="Call"))
    crm.get_by_role("link", name="Edit Amount").click()
    crm.locator("#in-place-amount").fill("20")
    crm.locator("#in-place-amount").press("Enter")
    expect(crm.locator("#detail-amount .detail-value")).to_have_text("20.00")
    crm.evaluate(
        """() => {
        window.seen = [];
        const note = () => window.seen.push(document.querySelector("#detail-amount").textContent);
        new MutationObserver(note).observe(document.querySelector("#record-fields"), { subtree: true, childList: true });
        }"""
    )
    late()
    expect(crm.locator("#detail-next_step")).to_contain_text("Call")
    expect(crm.get_by_role("link", name="Edit Amount")).to_be_focused()
    assert all("20.00" in text for text in crm.evaluate("window.seen"))


def test_a_form_that_was_opened_before_an_answer_came_stays(app: Flask, crm: Page, address: str) -> None:
    deal = make(app, "deals", name="Overtaking", amount="10")
    crm.goto(f"{address}/records/deals/{deal}")
    late = held_answer(crm, partial(change, app, "deals", deal, amount="11", next_step="Call"))
    crm.get_by_role("link", name="Edit Amount").click()
    crm.locator("#in-place-amount").fill("12")
    late()
    expect(crm.locator("#detail-next_step")).to_contain_text("Call")
    expect(crm.locator("#in-place-amount")).to_have_value("12")
    crm.locator("#in-place-amount").press("Escape")
    expect(crm.locator("#detail-amount .detail-value")).to_have_text("11.00")


def test_the_lists_url_says_its_state_and_the_back_button_works(app: Flask, crm: Page, address: str) -> None:
    for name, stage in (("Urlish one", "New"), ("Urlish two", "Proposal"), ("Urlish three", "New")):
        make(app, "deals", name=name, stage=stage)
    crm.goto(f"{address}/records/deals")
    crm.get_by_role("searchbox", name="Search deals").fill("urlish")
    expect(crm.locator(".list-name")).to_have_count(3)
    expect(crm).to_have_url(f"{address}/records/deals?q=urlish")
    crm.get_by_text("Filter", exact=True).click()
    crm.locator("#filter-stage").select_option("New")
    expect(crm.locator(".list-name")).to_have_count(2)
    expect(crm.locator(".chip")).to_contain_text("Stage: New")
    crm.get_by_text("Filter", exact=True).click()
    crm.get_by_role("link", name=re.compile("^Name")).click()
    expect(crm.locator(".list-name")).to_have_text(["Urlish one", "Urlish three"])
    crm.reload()
    expect(crm.locator(".list-name")).to_have_text(["Urlish one", "Urlish three"])
    crm.get_by_label("Remove the filter Stage").click()
    expect(crm.locator(".list-name")).to_have_count(3)
    crm.go_back()
    expect(crm.locator(".list-name")).to_have_count(2)


@pytest.mark.parametrize("width", [390, 768, 1024, 1280, 1920])
def test_each_filter_has_room_and_takes_what_its_operator_takes(
    app: Flask, crm: Page, address: str, width: int
) -> None:
    for name, amount in (("One", "5"), ("Two", "15"), ("Three", "20"), ("Four", "21")):
        make(app, "deals", name=name, amount=amount, next_step=f"roomy {width}")
    crm.set_viewport_size({"width": width, "height": 800})
    crm.goto(f"{address}/records/deals?q=roomy+{width}")
    crm.get_by_text("Filter", exact=True).click()
    for name, operator in (("amount", "between"), ("stage", "is_any_of"), ("close_date", "in_the_next_days")):
        crm.locator(f".filter-grid [name='op[{name}]']").select_option(operator)
    panel = crm.locator(".filter-grid").bounding_box()
    assert panel is not None and panel["x"] >= 0 and panel["x"] + panel["width"] <= width
    for control in crm.locator(".filter-grid").locator("input:not([type=checkbox]):visible, select:visible").all():
        box = control.bounding_box()
        assert box is not None and box["width"] > 100, control.get_attribute("name")
        assert panel["x"] < box["x"] and box["x"] + box["width"] < panel["x"] + panel["width"]
    assert crm.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    first, last = crm.locator("[name='filter[amount]']:visible").all()
    first.fill("15")
    last.fill("20")
    last.press("Tab")
    expect(crm.locator(".list-name")).to_have_text(["Three", "Two"])
    expect(crm.locator(".chip")).to_have_text(re.compile(r"Amount between\s+15 and 20"))
    crm.locator(".filter-grid [name='op[amount]']").select_option("greater_than")
    crm.locator("[name='filter[amount]']:visible").fill("20")
    crm.locator("[name='filter[amount]']:visible").press("Tab")
    expect(crm.locator(".list-name")).to_have_text(["Four"])
    crm.reload()
    expect(crm.locator(".list-name")).to_have_text(["Four"])


def test_a_row_leads_to_its_record_and_the_head_stays_in_sight(app: Flask, crm: Page, address: str) -> None:
    for number in range(40):
        deal = make(app, "deals", name=f"Tall {number:02}", amount="12")
    crm.goto(f"{address}/records/deals?q=tall&sort=name")
    crm.locator("#list tbody tr").last.scroll_into_view_if_needed()
    head, list_ = (
        crm.locator("#list thead th").first.bounding_box(),
        crm.locator("#list .table-responsive").bounding_box(),
    )
    assert head is not None and list_ is not None and abs(head["y"] - list_["y"]) < 3
    amount = crm.locator("#list tbody tr").last.get_by_text("12.00").bounding_box()
    assert amount is not None
    crm.mouse.click(amount["x"] + 2, amount["y"] + 2)
    crm.wait_for_url(f"**/records/deals/{deal}")


def test_columns_that_were_ticked_stay_and_a_list_gets_a_name(app: Flask, crm: Page, address: str) -> None:
    make(app, "deals", name="Named list", stage="New", probability="30")
    crm.goto(f"{address}/records/deals?q=named+list")
    crm.get_by_text("Columns", exact=True).click()
    with crm.expect_response("**/columns"), crm.expect_response("**/records/deals?*"):
        crm.get_by_role("checkbox", name="Probability (%)").check()
    expect(crm.locator("#list thead")).to_contain_text("Probability")
    crm.get_by_text("Columns", exact=True).click()
    crm.get_by_text("Filter", exact=True).click()
    crm.locator("#filter-stage").select_option("New")
    expect(crm.locator(".chip")).to_contain_text("Stage: New")
    crm.get_by_text("Views", exact=True).click()
    crm.get_by_label("Save this list as").fill("The new ones")
    crm.get_by_role("button", name="Save view").click()
    expect(crm.get_by_text("The view “The new ones” was saved.")).to_be_visible()
    crm.goto(f"{address}/records/deals")
    expect(crm.locator("#list thead")).to_contain_text("Probability")
    crm.get_by_text("Views", exact=True).click()
    crm.get_by_role("link", name="The new ones").click()
    expect(crm.locator(".chip")).to_contain_text("Stage: New")
    expect(crm.locator(".list-name")).to_have_text(["Named list"])


def test_ticked_rows_are_changed_together_and_the_page_follows_the_job(app: Flask, crm: Page, address: str) -> None:
    deals = [make(app, "deals", name=f"Ticked {letter}", stage="New") for letter in "abc"]
    crm.goto(f"{address}/records/deals?q=ticked")
    bar = crm.locator(".selection-bar")
    expect(bar).to_be_hidden()
    crm.get_by_label("Select Ticked a").check()
    expect(bar).to_contain_text("1 selected")
    crm.get_by_label("Select all deals on this page").check()
    expect(bar).to_contain_text("3 selected")
    crm.get_by_label("Select Ticked c").uncheck()
    bar.get_by_role("button", name="Continue").click()
    expect(crm.get_by_role("heading", level=1)).to_have_text("Change 2 deals")
    crm.wait_for_load_state("load")  # htmx listens from then on
    crm.get_by_label("Field").select_option("Stage")
    crm.get_by_label("New value").select_option("Negotiation")
    crm.get_by_role("button", name="Change 2 deals").click()
    expect(crm.locator("#job")).to_contain_text("waiting for a worker")
    installation = app.extensions["webhookui"]
    background_jobs.work(installation.db, installation.queue.kinds)
    expect(crm.locator("#job")).to_contain_text("2 changed")
    assert [value(app, deal, "stage") for deal in deals] == ["Negotiation", "Negotiation", "New"]


def test_a_form_that_a_bulk_change_ran_over_is_told_and_loses_nothing(app: Flask, crm: Page, address: str) -> None:
    deal = make(app, "deals", name="Run over", stage="New", next_step="Call")
    crm.goto(f"{address}/records/deals/{deal}/edit")
    crm.get_by_label("Stage").select_option("Proposal")
    crm.get_by_label("Next step").fill("Write")
    installation = app.extensions["webhookui"]
    with installation.db.write() as session:
        record_jobs.start_change(session, "deals", Chosen([deal]), {"stage": "Negotiation"}, EVA)
    background_jobs.work(installation.db, installation.queue.kinds)
    crm.get_by_role("button", name="Save", exact=True).click()
    expect(crm.get_by_role("heading", level=1)).to_have_text("Somebody else saved this record")
    expect(crm.get_by_role("row", name=re.compile("Stage"))).to_contain_text("Negotiation")
    crm.get_by_role("button", name="Save the chosen values").click()
    assert (value(app, deal, "stage"), value(app, deal, "next_step")) in (
        ("Proposal", "Write"),
        ("Negotiation", "Write"),
    )


def test_the_menu_of_views_is_worked_by_keyboard(app: Flask, crm: Page, address: str) -> None:
    with app.extensions["webhookui"].db.write() as session:
        ann = accounts.by_email(session, pages.ADMIN[0])
        for name in ("Alpha view", "Beta view"):
            list_views.save(session, "cases", ann, name, "sort=title", shared=False)
    crm.goto(f"{address}/records/cases")
    menu = crm.locator(".list-views summary")
    menu.focus()
    crm.keyboard.press("ArrowDown")
    expect(crm.get_by_role("link", name="Alpha view")).to_be_focused()
    for key in ("ArrowDown", "ArrowDown"):
        crm.keyboard.press(key)
    expect(crm.get_by_role("link", name="Beta view")).to_be_focused()
    crm.keyboard.press("ArrowUp")
    expect(crm.get_by_role("button", name="Delete the view Alpha view")).to_be_focused()
    crm.keyboard.press("Escape")
    expect(menu).to_be_focused()
    expect(crm.get_by_role("link", name="Alpha view")).to_be_hidden()
    crm.keyboard.press("ArrowUp")
    expect(crm.get_by_role("button", name="Save view")).to_be_focused()
    for _ in range(4):
        crm.keyboard.press("ArrowUp")
    expect(crm.get_by_role("link", name="Beta view")).to_be_focused()
    crm.keyboard.press("Enter")
    expect(menu).to_have_text("Beta view")


def test_keys_search_make_and_edit(app: Flask, crm: Page, address: str) -> None:
    deal = make(app, "deals", name="Keyed")
    crm.goto(f"{address}/records/deals/{deal}")
    crm.keyboard.press("e")
    crm.wait_for_url(f"**/records/deals/{deal}/edit")
    crm.goto(f"{address}/records/deals")
    crm.keyboard.press("n")
    crm.wait_for_url("**/records/deals/new")
    crm.goto(f"{address}/records/deals")
    crm.keyboard.press("/")
    crm.keyboard.type("keyed")
    crm.keyboard.press("Enter")
    expect(crm.get_by_role("link", name="Keyed")).to_be_visible()


def test_a_record_is_made_and_edited_without_javascript(app: Flask, crm: Page, address: str) -> None:
    context = crm.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    plain = context.new_page()
    pages.log_in(context, address)
    make(app, "contacts", first_name="Plain", last_name="Html")
    plain.goto(f"{address}/records/deals/new")
    plain.get_by_label("Name").fill("No script")
    plain.get_by_role("combobox", name="Contact").fill("Plain Html")
    plain.get_by_role("button", name="Save", exact=True).click()
    expect(plain.locator("#detail-contact")).to_contain_text("Plain Html")
    plain.get_by_role("link", name="Edit Stage").click()
    plain.get_by_label("Stage").select_option("Proposal")
    plain.get_by_role("button", name="Save", exact=True).click()
    expect(plain.locator("#detail-stage")).to_contain_text("Proposal")
    context.close()
