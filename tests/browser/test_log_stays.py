"""The live log while much is going on (specification section 7): changes are seen within a second, what the reader has in hand
stays as it is, and under a filter only what matches is shown."""

from __future__ import annotations

import random
import time

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.support import pages
from tests.support.log_rows import add_delivery, add_failed, add_waiting, move
from webhookui.core.database import Database

pytestmark = pytest.mark.browser
A_SECOND = 1_000

WATCH = """() => {
  window.seen = [];
  const note = () => {
    for (const box of document.querySelectorAll("[data-live-row], [data-live-detail]")) {
      const {liveRow, liveDetail, version} = box.dataset;
      const key = `${liveRow ? "row" : "detail"}:${liveRow || liveDetail}:${version}`;
      if (!(key in noted)) { noted[key] = true; window.seen.push([key, Date.now()]); }
    }
  };
  const noted = {};
  new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""
"""Notes when each version of a row and of a detail is first there."""


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, *pages.LOG)
    return database


@pytest.fixture
def log(window: Page, address: str, db: Database) -> Page:
    pages.afresh(window, address, (1280, 720), "reduce")  # scrolls at once
    return window


def live_now(page: Page) -> None:
    expect(page.locator("[data-live-state=on]")).to_be_visible()


def rows(page: Page) -> list[int]:
    return page.evaluate("[...document.querySelectorAll('[data-live-row]')].map((row) => Number(row.dataset.liveRow))")


def open_detail(page: Page, number: int | None) -> None:
    page.locator(f"#delivery-{number}").get_by_role("link", name="Details").click()
    expect(page.locator(f"#detail-{number}")).to_be_visible()


@pytest.mark.alone
def test_fifty_changes_are_seen_in_list_and_open_detail_within_a_second(log: Page, address: str, db: Database) -> None:
    """Two readers, each with another delivery open."""
    with db.write() as session:
        numbers = [add_waiting(session).id for _ in range(2)]
    readers = {number: log if number == numbers[0] else log.context.new_page() for number in numbers}
    for number, reader in readers.items():
        reader.emulate_media(reduced_motion="reduce")
        reader.goto(f"{address}/log")
        open_detail(reader, number)
        live_now(reader)
        reader.evaluate(WATCH)
    changed_at: dict[str, float] = {}
    for change in range(25):
        for number in numbers:
            with db.write() as session:
                move(session, number, status=("dispatched", "retry")[change % 2])
            changed_at[f"{number}:{change + 2}"] = time.time() * 1000
        for number, reader in readers.items():
            there = "wanted => wanted.every((version) => window.seen.some(([key]) => key === version))"
            wanted = [f"row:{each}:{change + 2}" for each in numbers] + [f"detail:{number}:{change + 2}"]
            reader.wait_for_function(there, arg=wanted, timeout=10_000)
    delays: dict[str, list[float]] = {"row": [], "detail": []}
    for reader in readers.values():
        for key, at in reader.evaluate("window.seen"):
            kind, _, change_of = key.partition(":")
            delays[kind] += [at - changed_at[change_of]] if change_of in changed_at else []
    assert [len(delays["row"]), len(delays["detail"])] == [2 * 50, 50]
    for kind, those in delays.items():
        those.sort()
        assert those[int(0.95 * len(those))] < A_SECOND, (kind, those)


def test_scroll_selection_and_an_open_detail_survive_a_hundred_changes(log: Page, address: str, db: Database) -> None:
    chance = random.Random(3)
    with db.write() as session:
        numbers = [add_delivery(session, status="queued").id for _ in range(40)]
        numbers += [add_failed(session).id]
        numbers += [add_delivery(session, status="queued").id for _ in range(9)]
    log.goto(f"{address}/log")
    live_now(log)
    opened, ticked = numbers[20], [numbers[18], numbers[22], numbers[25]]
    open_detail(log, opened)
    for number in ticked:
        log.get_by_label(f"Select delivery {number}").check()
    log.locator(f"#detail-{opened}").get_by_text("cURL command").click()
    log.evaluate("window.scrollTo(0, 900)")
    log.get_by_label(f"Select delivery {ticked[0]}").focus()
    state = """([opened, ticked]) => ({
      scroll: window.scrollY,
      place: document.querySelector(`#detail-${opened}`).getBoundingClientRect().top,
      unfolded: document.querySelector(`#detail-${opened} details[id^=curl]`)?.open,
      ticked: [...document.querySelectorAll("#log-rows input:checked")].map((box) => Number(box.value)).sort(),
      focus: document.activeElement?.value,
      count: document.querySelector("[data-selection-count]").textContent,
    })"""
    before = log.evaluate(state, [opened, ticked])
    versions = dict.fromkeys(numbers, 1)
    for _ in range(20):
        for _ in range(5):
            number = chance.choice(numbers)
            with db.write() as session:
                move(session, number, status=chance.choice(("queued", "dispatched", "retry", "success", "failed")))
                add_delivery(session)
            versions[number] += 1
        expected = {str(number): version for number, version in versions.items()}
        there = """wanted => Object.entries(wanted).every(([id, version]) =>
          document.getElementById(`delivery-${id}`)?.dataset.version === String(version))"""
        log.wait_for_function(there, arg=expected, timeout=20_000)
    assert log.evaluate(state, [opened, ticked]) == before
    assert before["unfolded"]
    assert before["ticked"] == sorted(t for t in ticked if t is not None)
    expect(log.get_by_role("link", name="50+ new")).to_be_visible()


def test_twelve_new_are_announced_and_brought_in(log: Page, address: str, db: Database) -> None:
    with db.write() as session:
        for _ in range(50):
            add_delivery(session)
    log.goto(f"{address}/log")
    live_now(log)
    log.evaluate("window.scrollTo(0, 800)")
    with db.write() as session:
        newest = [add_delivery(session).id for _ in range(12)]
    log.get_by_role("link", name="12 new").click()
    expect(log.locator(f"#delivery-{newest[0]}")).to_be_visible()
    assert rows(log)[:12] == newest[::-1]


def test_under_a_filter_only_what_matches_is_shown_as_it_changes(log: Page, address: str, db: Database) -> None:
    with db.write() as session:
        older, leaving, kept, staying = (add_waiting(session).id for _ in range(4))
        success = add_delivery(session).id
        move(session, older, status="queued")
    log.goto(f"{address}/log?status=retry")
    live_now(log)
    assert rows(log) == [staying, kept, leaving]
    open_detail(log, kept)
    with db.write() as session:
        move(session, leaving, status="success")
        move(session, kept, status="success")
        move(session, older, status="retry")
        add_delivery(session)
        newest = add_waiting(session).id
    expect(log.locator(f"#delivery-{leaving}")).to_have_count(0)
    expect(log.locator("#log-tabs .is-current")).to_contain_text("3")
    # The reader has this one open: it says what became of it, and goes when it is closed.
    expect(log.locator(f"#delivery-{kept}[data-live-gone] .log-status")).to_contain_text("Success")
    log.locator(f"#delivery-{kept} .log-open a").click()
    log.locator("h1").click()
    expect(log.locator(f"#delivery-{kept}")).to_have_count(0)
    for number in (newest, older):  # they were announced while the detail was read
        expect(log.locator(f"#delivery-{number}")).to_be_visible()
    assert rows(log) == [newest, staying, older]
    assert success not in rows(log)


def test_a_filtered_list_that_empties_says_so_and_fills_again(log: Page, address: str, db: Database) -> None:
    with db.write() as session:
        number = add_waiting(session, error="The name was not found.").id
    log.goto(f"{address}/log?q=not found")
    live_now(log)
    with db.write() as session:
        move(session, number, status="success", error=None)
    expect(log.get_by_text("No delivery matches")).to_be_visible()
    with db.write() as session:
        other = add_waiting(session, error="The name was not found.").id
    expect(log.locator(f"#delivery-{other}")).to_be_visible()
    expect(log.get_by_text("No delivery matches")).to_be_hidden()


@pytest.mark.alone
def test_a_page_that_was_cut_off_says_so_and_catches_up(log: Page, address: str, db: Database) -> None:
    with db.write() as session:
        number = add_delivery(session, status="queued").id
    log.goto(f"{address}/log")
    live_now(log)
    log.context.set_offline(True)
    expect(log.locator("[data-live-state=off]")).to_contain_text("No connection")
    with db.write() as session:
        move(session, number, status="success")
        new = add_delivery(session).id
    log.context.set_offline(False)
    expect(log.locator(f"#delivery-{number} .log-status")).to_contain_text("Success", timeout=2 * A_SECOND)
    expect(log.locator(f"#delivery-{new}")).to_be_visible()
    live_now(log)


@pytest.mark.alone
def test_an_idle_page_is_answered_from_memory_and_still_sees_the_next_change(
    log: Page, address: str, db: Database
) -> None:
    with db.write() as session:
        number = add_delivery(session, status="failed").id
    log.goto(f"{address}/log")
    live_now(log)
    with log.expect_request(lambda asked: "seen=" in asked.url, timeout=20_000):
        pass
    with log.expect_response(lambda answer: "seen=" in answer.url) as answered:
        pass
    assert answered.value.status == 204
    with db.write() as session:
        move(session, number, status="queued")
    expect(log.locator(f"#delivery-{number} .log-status")).to_contain_text("Queued", timeout=A_SECOND)
