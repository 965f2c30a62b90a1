"""The live webhook log and inspector in a real browser (specification section 7): what moves is seen within a second, and nothing
that the reader has in hand is lost by it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect
from playwright.sync_api import TimeoutError as NothingHappened

from tests.support import pages
from tests.support.log_rows import add_attempt, add_delivery, add_failed, add_waiting, add_webhook, move
from tests.support.looks import without_complaints
from webhookui.core.database import Database
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.delivery.tables import Delivery

pytestmark = pytest.mark.browser
A_SECOND = 1_000


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, *pages.LOG, "inspected_request", "inspector_script")
    return database


@pytest.fixture
def log(window: Page, address: str, db: Database) -> Iterator[Page]:
    """A page that is logged in; at the end it must not have complained about anything."""
    pages.afresh(window, address, (1280, 720), "no-preference")
    with without_complaints(window):
        yield window


def rows(page: Page) -> list[int]:
    return [int(row.get_attribute("data-live-row") or 0) for row in page.locator("[data-live-row]").all()]


def live_now(page: Page) -> None:
    """The page has had its first live answer."""
    expect(page.locator("[data-live-state=on]")).to_be_visible()


@pytest.mark.alone
def test_a_status_change_is_seen_within_a_second_and_selection_and_focus_stay(
    log: Page, address: str, db: Database
) -> None:
    with db.write() as session:
        number = add_delivery(session, status="queued").id
    log.goto(f"{address}/log")
    live_now(log)
    row = log.locator(f"#delivery-{number}")
    row.get_by_role("checkbox").check()
    row.get_by_role("link", name=str(number), exact=True).focus()
    for status, word in (("dispatched", "Dispatched"), ("retry", "Retry"), ("success", "Success")):
        with db.write() as session:
            move(session, number, status=status)
        expect(row.locator(".log-status")).to_contain_text(word, timeout=A_SECOND)
    assert row.get_by_role("checkbox").is_checked()
    expect(row.get_by_role("link", name=str(number), exact=True)).to_be_focused()
    expect(log.locator("#log-tabs")).to_contain_text("1")
    expect(log.locator("#log-spoken")).to_contain_text(f"Delivery {number}: Success.")


@pytest.mark.alone
def test_a_new_delivery_flows_in_at_the_top(log: Page, address: str, db: Database) -> None:
    log.goto(f"{address}/log")
    live_now(log)
    expect(log.get_by_text("Nothing sent yet")).to_be_visible()
    with db.write() as session:
        first = add_delivery(session).id
    expect(log.locator(f"#delivery-{first}")).to_be_visible(timeout=A_SECOND)
    expect(log.get_by_text("Nothing sent yet")).to_be_hidden()
    with db.write() as session:
        second = add_delivery(session).id
    expect(log.locator(f"#delivery-{second}")).to_be_visible(timeout=A_SECOND)
    assert rows(log) == [second, first]


def test_new_deliveries_are_announced_and_nothing_moves_for_who_reads_further_down(
    log: Page, address: str, db: Database
) -> None:
    with db.write() as session:
        for _ in range(50):
            add_delivery(session)
    log.goto(f"{address}/log")
    live_now(log)
    log.evaluate("window.scrollTo(0, 800)")
    before = log.evaluate("window.scrollY")
    shown = rows(log)
    with db.write() as session:
        newest = [add_delivery(session).id for _ in range(2)][-1]
    expect(log.get_by_role("link", name="2 new")).to_be_visible()
    assert (log.evaluate("window.scrollY"), rows(log)) == (before, shown)
    log.get_by_role("link", name="2 new").click()
    expect(log.locator(f"#delivery-{newest}")).to_be_in_viewport()
    expect(log.get_by_role("link", name="2 new")).to_have_count(0)


@pytest.mark.alone
def test_a_flood_leaves_no_gap_in_the_list(log: Page, address: str, db: Database) -> None:
    with db.write() as session:
        add_delivery(session)
    log.goto(f"{address}/log")
    live_now(log)
    with db.write() as session:
        numbers = [add_delivery(session).id for _ in range(70)]
    expect(log.locator(f"#delivery-{numbers[-1]}")).to_be_visible(timeout=A_SECOND)
    assert rows(log) == numbers[:19:-1]
    log.get_by_role("link", name="Older").click()
    expect(log.locator(f"#delivery-{numbers[19]}")).to_be_visible()


@pytest.mark.alone
def test_an_open_detail_gets_its_new_attempt_and_keeps_scroll_and_what_is_unfolded(
    log: Page, address: str, db: Database
) -> None:
    with db.write() as session:
        for _ in range(20):
            add_delivery(session)
        number = add_waiting(session).id
    log.goto(f"{address}/log")
    log.locator(f"#delivery-{number}").get_by_role("link", name="Details").click()
    detail = log.locator(f"#detail-{number}")
    expect(detail.get_by_text("Next attempt in").first).to_be_visible()
    detail.get_by_text("cURL command").click()
    log.evaluate("window.scrollTo(0, 200)")
    with db.write() as session:
        delivery = session.get(Delivery, number)
        assert delivery is not None
        add_attempt(session, delivery, status_code=200)
        move(session, number, status="success", status_code=200, error=None)
    expect(log.locator(f"#attempt-{number}-2")).to_be_visible(timeout=A_SECOND)
    expect(detail.get_by_text("Next attempt in")).to_have_count(0)
    expect(log.locator(f"#curl-{number}")).to_be_visible()
    assert log.locator(f"#attempt-{number}-1").evaluate("box => box.open")
    assert log.evaluate("window.scrollY") == 200
    assert f"open={number}" in log.url
    log.reload()
    expect(detail).to_be_visible()


@pytest.mark.alone
def test_a_detail_on_its_own_page_is_live_too(log: Page, address: str, db: Database) -> None:
    with db.write() as session:
        number = add_delivery(session, status="queued").id
    log.goto(f"{address}/log/{number}")
    live_now(log)
    with db.write() as session:
        move(session, number, status="failed", error="The name was not found.")
    expect(log.get_by_text("The name was not found.")).to_be_visible(timeout=A_SECOND)


@pytest.mark.alone
def test_a_hidden_tab_asks_nothing_and_catches_up_when_shown(log: Page, address: str, db: Database) -> None:
    with db.write() as session:
        number = add_delivery(session, status="queued").id
    log.goto(f"{address}/log")
    live_now(log)
    show = "hidden => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});" \
        " document.dispatchEvent(new Event('visibilitychange')); }"  # fmt: skip
    with log.expect_response(lambda answer: "/log/live" in answer.url):
        pass
    log.evaluate(show, True)
    with db.write() as session:
        move(session, number, status="success")
    with pytest.raises(NothingHappened), log.expect_request(lambda asked: "/log/live" in asked.url, timeout=A_SECOND):
        pass
    expect(log.locator(f"#delivery-{number} .log-status")).to_contain_text("Queued")
    log.evaluate(show, False)
    expect(log.locator(f"#delivery-{number} .log-status")).to_contain_text("Success", timeout=A_SECOND)


def test_filter_tabs_and_back_keep_the_state_in_the_url(log: Page, address: str, db: Database) -> None:
    with db.write() as session:
        failed, other = add_failed(session).id, add_delivery(session, url="https://slack.example/").id
    log.goto(f"{address}/log")
    log.locator("#log-tabs").get_by_role("link", name="Failed").click()
    log.wait_for_url("**/log?status=failed")
    assert rows(log) == [failed]
    log.go_back()
    expect(log.locator(f"#delivery-{other}")).to_be_visible()
    log.get_by_label("Search in URL and error").fill("slack")
    log.wait_for_url("**/log?q=slack")
    expect(log.locator(f"#delivery-{failed}")).to_have_count(0)
    assert rows(log) == [other]


def test_a_record_is_picked_by_name_and_the_log_shows_its_deliveries(log: Page, address: str, db: Database) -> None:
    with db.write() as session:
        record = records.create(session, "deals", {"name": "Numbat order"}, Actor("system", "Test")).id
        its, other = add_delivery(session, record_id=record).id, add_delivery(session).id
    log.goto(f"{address}/log")
    log.get_by_text("Record, from – to, tests").click()
    log.get_by_role("combobox", name="Record").fill("numbat")
    log.get_by_role("option", name="Numbat order").click()
    log.wait_for_url(f"**/log?record_id={record}")
    expect(log.locator(f"#delivery-{other}")).to_have_count(0)
    assert rows(log) == [its]


def test_from_red_to_sent_again_in_three_clicks(log: Page, address: str, db: Database) -> None:
    with db.write() as session:
        number = add_failed(session, webhook_id=add_webhook(session)).id
    log.goto(f"{address}/log")
    log.locator(f"#delivery-{number} .log-status").click()
    expect(log.get_by_text("Correct the parameters.").first).to_be_visible()
    log.locator(f"#detail-{number}").get_by_role("button", name="Redeliver").first.click()
    expect(log.get_by_role("link", name=f"Delivery {number}")).to_be_visible()


def test_the_selection_bar_counts_and_clears(log: Page, address: str, db: Database) -> None:
    with db.write() as session:
        for _ in range(3):
            add_delivery(session)
    log.goto(f"{address}/log")
    bar = log.locator("#redeliver-many")
    expect(bar).to_be_hidden()
    log.get_by_label("Select all deliveries shown").check()
    expect(bar).to_contain_text("3 selected")
    bar.get_by_role("button", name="Clear selection").click()
    expect(bar).to_be_hidden()


def test_the_selected_are_given_up_after_a_question(log: Page, address: str, db: Database) -> None:
    with db.write() as session:
        webhook = add_webhook(session)
        for _ in range(2):
            add_delivery(session, webhook_id=webhook, status="retry", failure_count=1)
    log.goto(f"{address}/log")
    log.get_by_label("Select all deliveries shown").check()
    bar = log.locator("#redeliver-many")
    bar.get_by_label("What to do with them").select_option("Give up")
    bar.get_by_role("button", name="Apply").click()
    expect(log.get_by_role("heading", name="Give up 2")).to_be_visible()
    log.get_by_role("button", name="Give up 2").click()
    expect(log.get_by_role("heading", name=re.compile(r"Give up \d+"))).to_be_visible()
    expect(log.locator("#redelivery")).to_contain_text("2 selected")


@pytest.mark.parametrize("by", ["status", "text"])
def test_rows_that_a_filter_is_about_to_replace_can_not_be_clicked(
    log: Page, address: str, db: Database, by: str
) -> None:
    with db.write() as session:
        number = add_failed(session).id
    log.goto(f"{address}/log")
    live_now(log)
    held: list[Route] = []
    log.route(re.compile(r"/log\?.*(status=failed|q=e)"), lambda route: held.append(route))
    if by == "status":
        log.locator("#log-tabs").get_by_role("link", name=re.compile("Failed")).click()
    else:
        log.get_by_label("Search in URL and error").fill("e")
    expect(log.locator(".log-list")).to_have_css("pointer-events", "none")
    held[0].continue_()
    log.get_by_role("link", name=f"Details of delivery {number}").click()
    expect(log.locator(".log-callout-title")).to_be_visible()
    expect(log.locator(".log-list")).to_have_css("pointer-events", "auto")


@pytest.mark.parametrize("path", ["/log", "/log?open={id}", "/log/{id}", "/inspector", "/inspector/demo"])
def test_a_phone_never_scrolls_sideways(log: Page, address: str, db: Database, path: str) -> None:
    with db.write() as session:
        number = add_failed(session, url="https://api.example.com/" + "long" * 60).id
    log.set_viewport_size({"width": 390, "height": 844})
    log.goto(address + path.format(id=number))
    live = log.locator("[data-poll=stream]")
    if live.count():
        live_now(log)
    assert log.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.alone
def test_the_inspector_shows_a_request_as_it_arrives(log: Page, address: str, db: Database) -> None:
    log.goto(f"{address}/inspector/demo")
    live_now(log)
    expect(log.get_by_text("Nothing received yet")).to_be_visible()
    urlopen(Request(f"{address}/inspect/demo/orders", data=b'{"amount": 1250.00}', method="PUT")).close()
    arrived = log.locator(".inspected").first
    expect(arrived).to_contain_text("/inspect/demo/orders", timeout=A_SECOND)
    arrived.locator("summary").first.click()
    expect(arrived).to_contain_text("1250.00")
    expect(log.get_by_text("Nothing received yet")).to_be_hidden()
