"""The options of a standard picklist, edited with the keyboard and with buttons, in a wide window and on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.support import pages
from tests.support.looks import problems_of, without_complaints
from webhookui.crm import records
from webhookui.crm.records import Actor

pytestmark = pytest.mark.browser

SIZES = {"wide": ((1280, 800), "deals", "stage"), "phone": ((390, 844), "cases", "status")}


@pytest.fixture(params=SIZES)
def place(request: pytest.FixtureRequest, app: Flask, window: Page, address: str) -> Iterator[tuple[str, str]]:
    size, module, field = SIZES[request.param]
    pages.afresh(window, address, size, "reduce")
    with app.extensions["webhookui"].db.write() as session:
        for stage in {"deals": ("New", "Proposal"), "cases": ("Open", "Waiting")}[module]:
            values = {"name": "Till", "title": "Till", field: stage}
            own = {name: value for name, value in values.items() if name != ("title" if module == "deals" else "name")}
            records.create(session, module, own, Actor("system", "Test"))
    yield module, field


def names(page: Page) -> list[str]:
    return [box.input_value() for box in page.locator("ol.option-rows input[type=text]").all()]


def test_options_are_added_renamed_moved_and_retired(place: tuple[str, str], window: Page, address: str) -> None:
    module, field = place
    page = window
    with without_complaints(page, strict=True):
        page.goto(f"{address}/settings/modules/{module}")
        page.locator(f"#field-{field}").get_by_role("link", name="Edit").click()
        page.wait_for_url(f"**/settings/modules/{module}/{field}")  # loaded: htmx listens
        first = names(page)

        page.get_by_label("New option").fill("Demo")
        page.get_by_role("button", name="Add").click()
        expect(page.locator("ol.option-rows li")).to_have_count(len(first) + 1)
        assert names(page) == [*first, "Demo"]

        up = page.get_by_role("button", name="Move up: Demo")
        up.focus()
        for steps in range(1, len(first)):  # with the keyboard: the button keeps the focus while its row moves
            page.keyboard.press("Enter")
            expect(page.locator("ol.option-rows input[type=text]").nth(len(first) - steps)).to_have_value("Demo")
            expect(up).to_be_focused()
        assert names(page)[1] == "Demo"
        page.get_by_role("button", name=f"Move down: {first[0]}").click()
        expect(page.locator("ol.option-rows input[type=text]").first).to_have_value("Demo")

        page.get_by_label(f"Name of the option {first[2]}").fill("Renamed")
        page.get_by_role("button", name=f"Retire: {first[0]}").click()
        expect(page.locator("ul.option-rows li")).to_have_count(1)
        assert names(page) == ["Demo", first[1], "Renamed", *first[3:]], (
            "what was typed stays while rows are drawn anew"
        )
        assert problems_of(page) == []

        page.get_by_label(f"Name of the option {first[2]}").press("Enter")
        expect(page).to_have_url(f"{address}/settings/modules/{module}#field-{field}")
        page.goto(f"{address}/records/{module}?sort={field}")
        expect(page.locator(".list-table")).to_contain_text("Renamed")
        expect(page.locator(".list-table")).to_contain_text(first[0])
        page.goto(f"{address}/records/{module}/new")
        offered = page.locator(f"#{field} option").all_inner_texts()
        assert offered == ["–", "Demo", first[1], "Renamed", *first[3:]]

        page.goto(f"{address}/settings/modules/{module}/{field}")
        page.get_by_role("button", name=f"Bring back: {first[0]}").click()
        expect(page.locator("ul.option-rows")).to_have_count(0)
        page.locator(".form-actions").get_by_role("button", name="Save").click()
        page.goto(f"{address}/records/{module}/new")
        assert page.locator(f"#{field} option").all_inner_texts()[-1] == first[0]
