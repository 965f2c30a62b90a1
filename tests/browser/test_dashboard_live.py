"""The dashboard draws itself anew while nobody reads in it, and says when the server can't be reached."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.support import pages
from tests.support.log_rows import add_delivery
from webhookui.core.database import Database

pytestmark = pytest.mark.browser
A_LOOK = 31_000


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, *pages.LOG)
    with database.write() as session:
        add_delivery(session)
    return database


@pytest.fixture
def dashboard(page: Page, address: str, db: Database) -> Page:
    page.clock.install()
    pages.log_in(page.context, address)
    page.goto(f"{address}/dashboard")
    return page


def total(page: Page) -> str:
    return page.locator(".tile", has_text="Deliveries").locator(".tile-value").inner_text()


def test_what_moved_is_shown_and_what_was_unfolded_stays_so(dashboard: Page, db: Database) -> None:
    numbers = dashboard.locator("#deliveries-over-time-numbers")
    numbers.locator("summary").click()
    assert total(dashboard) == "1"
    with db.write() as session:
        add_delivery(session)
    dashboard.clock.run_for(A_LOOK)
    assert total(dashboard) == "1"  # the pointer is at work in it
    dashboard.mouse.move(5, 5)
    dashboard.locator("h1").click()
    with dashboard.expect_response("**/dashboard/live*") as answered:
        dashboard.clock.run_for(A_LOOK)
    assert answered.value.status == 200
    expect(dashboard.locator(".tile-value").first).to_have_text("2")
    expect(numbers).to_have_attribute("open", "")


def test_a_server_that_can_not_be_reached_is_said(dashboard: Page) -> None:
    state = dashboard.locator("[data-live-words]")
    dashboard.context.set_offline(True)
    dashboard.clock.run_for(A_LOOK)
    expect(state).to_have_text("No connection – trying again")
    expect(state).to_be_visible()
    dashboard.context.set_offline(False)
    dashboard.clock.run_for(2 * A_LOOK)
    expect(state).to_be_hidden()
