"""A Czech user types and reads numbers with a comma: in the form, in place and in a list's filter, on a phone as well."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.support import pages
from tests.support.looks import problems_of, without_complaints

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["wide", "phone"])
def test_a_comma_is_a_decimal_sign_wherever_a_number_is_typed(
    app: Flask, window: Page, address: str, size: tuple[int, int]
) -> None:
    page = window
    pages.afresh(page, address, size, "reduce")
    with without_complaints(page):
        page.goto(f"{address}/account/")
        page.get_by_label("Numbers and dates").select_option("cs")
        page.locator("form[action='/account/profile'] button").click()
        page.goto(f"{address}/settings/currency")
        page.get_by_label("Currency of the installation").select_option("CZK")
        page.get_by_role("button", name="Save").click()

        page.goto(f"{address}/records/deals/new")
        page.locator("#name").fill(f"Till {size[0]}")
        page.locator("#amount").fill("1 250,50")
        expect(page.locator("#amount-currency")).to_have_text("Kč")
        assert problems_of(page) == []
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#detail-amount .detail-value")).to_have_text("1 250,50 Kč", use_inner_text=True)

        page.locator("#detail-amount").hover()
        page.get_by_role("link", name="Edit Amount").click()
        expect(page.locator("#in-place-amount")).to_have_value("1250,50")
        page.locator("#in-place-amount").fill("12.5")
        page.keyboard.press("Enter")
        expect(page.locator("#in-place-amount-error")).to_contain_text("Write it like 1 250,50")
        expect(page.locator("#in-place-amount")).to_have_value("12.5")
        page.locator("#in-place-amount").fill("12,5")
        page.keyboard.press("Enter")
        expect(page.locator("#detail-amount .detail-value")).to_have_text("12,50 Kč", use_inner_text=True)

        page.goto(f"{address}/records/deals")
        page.locator(".list-more summary").first.click()
        page.locator("#filter-amount").fill("12,5")
        page.locator("#filter-amount").press("Tab")
        expect(page.locator("#list-chips")).to_contain_text("Amount: 12,5")
        expect(page).to_have_url(
            re.compile(r"filter%5Bamount%5D=12%2C5.*format=cs|format=cs.*filter%5Bamount%5D=12%2C5")
        )
        expect(page.locator("#list")).to_contain_text(f"Till {size[0]}")
        page.locator("#filter-amount").fill("")
        page.locator("#filter-amount").press("Tab")
        expect(page).to_have_url(f"{address}/records/deals")
