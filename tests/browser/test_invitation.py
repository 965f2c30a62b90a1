"""From the invitation to the deactivation in two browsers: an admin's and that of who is invited (specification section 9)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import pages
from tests.support.looks import without_complaints

pytestmark = pytest.mark.browser
PASSWORD = "a horse of my own"


@pytest.fixture
def kim(browser: Browser) -> Iterator[Page]:
    """A browser that nobody is logged in to."""
    context = browser.new_context()
    page = context.new_page()
    with without_complaints(page):
        yield page
    context.close()


@pytest.fixture
def ann(page: Page, address: str) -> Page:
    pages.log_in(page.context, address)
    return page


@pytest.mark.usefixtures("strict")
def test_an_invitation_from_the_link_to_the_last_click(ann: Page, kim: Page, address: str) -> None:
    ann.goto(f"{address}/settings/users")
    ann.get_by_role("link", name="Invite user").click()
    ann.get_by_label("Name").fill("Kim")
    ann.get_by_label("E-mail").fill("kim@example.com")
    ann.get_by_role("button", name="Invite").click()
    link = ann.locator("#new-link").inner_text()
    expect(ann.get_by_role("heading", level=1)).to_contain_text("Kim")
    ann.reload()
    expect(ann.get_by_role("heading", level=1)).to_contain_text("Kim")
    expect(ann.locator("#new-link")).to_have_count(0)  # it is shown only once
    ann.goto(f"{address}/settings/users")
    expect(ann.get_by_role("row", name="Kim")).to_contain_text("invited")

    kim.goto(address + link.partition("/set-password")[1] + link.partition("/set-password")[2])
    expect(kim.get_by_label("Your name")).to_have_value("Kim")
    kim.get_by_label("Your name").fill("Kim Own")
    kim.locator("[name=password]").fill(PASSWORD)
    kim.locator("[name=again]").fill("something else")
    kim.get_by_role("button", name="Set password and start").click()
    expect(kim.get_by_text("The two passwords do not match.")).to_be_visible()
    kim.locator("[name=password]").fill(PASSWORD)
    kim.locator("[name=again]").fill(PASSWORD)
    kim.get_by_role("button", name="Set password and start").click()
    expect(kim.get_by_role("heading", level=1)).to_contain_text("Deals")
    expect(kim.get_by_text("Welcome, Kim Own.")).to_be_visible()

    ann.reload()
    ann.get_by_role("link", name="Kim Own").click()
    ann.wait_for_url("**/settings/users/2")  # loaded: the dialog asks
    ann.get_by_role("button", name="Deactivate").click()
    ann.get_by_role("dialog").get_by_role("button", name="Deactivate").click()
    expect(ann.get_by_text("Kim Own is deactivated")).to_be_visible()

    kim.get_by_role("link", name="Contacts").first.click()
    expect(kim).to_have_url(re.compile("/login"))
    kim.get_by_label("E-mail").fill("kim@example.com")
    kim.get_by_label("Password").fill(PASSWORD)
    kim.get_by_role("button", name="Log in").click()
    expect(kim.get_by_text("The e-mail address or password is wrong.")).to_be_visible()


@pytest.mark.usefixtures("strict")
def test_a_new_link_is_good_and_the_one_before_it_says_what_to_do(ann: Page, kim: Page, address: str) -> None:
    ann.goto(f"{address}/settings/users/new")
    ann.get_by_label("Name").fill("Lou")
    ann.get_by_label("E-mail").fill("lou@example.com")
    ann.get_by_role("button", name="Invite").click()
    paths = [ann.locator("#new-link").inner_text()]
    ann.get_by_role("button", name="Make a new link").click()
    expect(ann.locator("#new-link")).not_to_have_text(paths[0])
    paths.append(ann.locator("#new-link").inner_text())
    old, new = (re.sub(r"^https?://[^/]+", address, path) for path in paths)
    kim.goto(old)
    expect(kim.get_by_role("heading", level=1)).to_have_text("This link is no longer valid.")
    kim.goto(new)
    expect(kim.get_by_label("Your name")).to_be_visible()
