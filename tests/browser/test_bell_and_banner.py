"""The bell counts while a page is open; admins see when nobody works on the queue, and when somebody does again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support import pages
from tests.support.receiver import Answer, Receiver
from tests.support.running import Running, until
from tests.test_main_job import close_a_deal, document
from webhookui.core.database import Database
from webhookui.delivery.tables import Delivery

pytestmark = pytest.mark.browser


@pytest.fixture
def halves(tmp_path: Path) -> Iterator[Running]:
    """An installation whose web process runs alone; a worker can be started beside it. One attempt, no retries."""
    started = Running(tmp_path, WEBHOOKUI_RETRY_DELAYS="").set_up()
    started.start("web")
    yield started
    started.kill()


def log_in(page: Page, address: str) -> None:
    """With a clock that can be put forward: nothing here waits for a page's next look."""
    page.clock.install()
    pages.log_in(page.context, address)
    page.goto(address)


def look(page: Page) -> None:
    """Time passes for the page, until it has looked once more and shows what it was told.

    To wait for the answer alone would not do: a look that is due before the page has read it is put off, and then dropped
    together with the element that the answer replaces. Then its time passes once more.
    """
    page.evaluate("""() => {
      window.looked = false;
      document.addEventListener("htmx:afterRequest", () => { window.looked = true; }, { once: true });
    }""")

    def looked() -> bool:
        page.clock.run_for(21_000)
        return page.evaluate("window.looked")

    until(looked, 30)


def look_until(page: Page, there: bool, words: str) -> None:
    banner = page.locator("#banners")

    def so() -> bool:
        look(page)
        return (words in banner.inner_text()) is there

    until(so, 30, banner.inner_text)


def queued_earlier(installation: Running, delivery: int) -> None:
    """By two minutes: ages are shown in steps of ten seconds at least."""
    with closing(Database(f"sqlite:///{installation.folder / 'webhookui.db'}")) as db, db.write() as session:
        session.get_one(Delivery, delivery).created_at -= timedelta(minutes=2)


def start_worker(installation: Running) -> None:
    installation.start("worker")
    log = installation.folder / "worker.log"
    until(lambda: "working on the queue" in log.read_text(), 20)


def test_the_banner_comes_with_the_age_of_the_oldest_and_goes_when_the_queue_is_worked_on_again(
    halves: Running, receiver: Receiver, page: Page
) -> None:
    halves.call("POST", "/workflows", document(receiver.url))
    log_in(page, halves.address)
    expect(page.locator("#banners")).to_contain_text("The queue is not being worked on. No worker process is running")
    expect(page.locator("#banners")).to_contain_text("No delivery is waiting yet")
    _, delivery = close_a_deal(halves)
    queued_earlier(halves, delivery)
    look_until(page, True, "has been Queued for 2 min")
    start_worker(halves)
    look_until(page, False, "not being worked on")
    receiver.wait_for(1)
    worker = halves.processes.pop()
    worker.terminate()
    worker.wait(30)
    look_until(page, True, "not being worked on")
    page.goto(f"{halves.address}/log")
    expect(page.locator("#banners")).to_contain_text("not being worked on")


def test_a_failure_rings_the_bell_of_an_open_page_and_the_entry_leads_to_the_delivery(
    halves: Running, receiver: Receiver, page: Page
) -> None:
    receiver.default = Answer(500, b"{}")
    start_worker(halves)
    halves.call("POST", "/workflows", document(receiver.url))
    log_in(page, halves.address)
    page.goto(f"{halves.address}/records/deals/new")
    page.get_by_label("Name").fill("half typed")
    bell = page.get_by_role("link", name=re.compile("^Notifications"))
    expect(bell).to_have_accessible_name("Notifications")
    _, delivery = close_a_deal(halves)
    halves.delivery(delivery, "failed")
    look(page)
    expect(bell).to_have_accessible_name("Notifications, 1 unread")
    expect(page.get_by_label("Name")).to_have_value("half typed")
    bell.click()
    page.get_by_role("button", name=re.compile("“Create invoice” failed for Big deal")).click()
    expect(page).to_have_url(f"{halves.address}/log/{delivery}")
    expect(bell).to_have_accessible_name("Notifications")


def test_a_hidden_page_asks_nothing_and_asks_at_once_when_it_is_shown(halves: Running, page: Page) -> None:
    log_in(page, halves.address)
    page.goto(f"{halves.address}/account/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/notifications/live" in request.url else None)
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    page.clock.run_for(300_000)
    assert asked == []
    with page.expect_response(re.compile("/notifications/live")):
        page.evaluate(hide, False)
