"""The workflow form as a person works it in a browser: by labels, keys and clicks. Inputs are found by their document path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.support.looks import without_complaints


@contextmanager
def new_workflow(page: Page, address: str, module: str, name: str = "") -> Iterator[None]:
    """The form of a new workflow, for somebody who is logged in; at the end the page must not have complained about anything."""
    with without_complaints(page):
        page.goto(f"{address}/settings/workflows/new?module={module}")
        if name:
            at(page, "name").fill(name)
        yield


def add_webhook_to(page: Page, url: str) -> None:
    """With one parameter, the deal's amount."""
    add_webhook(page)
    at(page, "actions.0.url").fill(url)
    type_parameters(page, ("amount", "{{ amount }}"))


def at(page: Page, path: str) -> Locator:
    return page.locator(f"[id='{path}']")


def step(page: Page, name: str) -> None:
    page.locator("nav.steps").get_by_role("link", name=name).click()


def add_webhook(page: Page, title: str = "Create invoice") -> None:
    step(page, "Actions")
    page.get_by_role("button", name="Add Action").click()
    page.locator(".dropdown-menu.show").get_by_role("button", name="Webhook").click()
    expect(page.locator("[data-webhook].is-open")).to_be_visible()
    at(page, open_path(page) + ".title").fill(title)


def open_path(page: Page) -> str:
    return page.locator("[data-webhook].is-open").get_attribute("id") or ""


def add_condition(page: Page, group: str, field: str) -> str:
    rows = page.locator(f"[data-list='criteria.{group}'] [data-row]")
    path = f"criteria.{group}.{rows.count()}"
    page.locator(f"[data-list='criteria.{group}'] > [data-row-do=add]").click()
    with page.expect_response("**/condition"):
        at(page, f"{path}.field").select_option(field)
    return path


def choose_operator(page: Page, path: str, operator: str) -> None:
    with page.expect_response("**/condition"):
        at(page, f"{path}.operator").select_option(operator)
    expect(at(page, f"{path}.operator")).to_have_value(operator)


def parameters(page: Page, path: str = "actions.0") -> list[tuple[str, str]]:
    rows = page.locator(f"[data-list='{path}.parameters'] [data-row]")
    return [
        (row.locator("[name$='.name']").input_value(), row.locator("[name$='.value']").input_value())
        for row in rows.all()
    ]


def names_are_in_order(page: Page, path: str = "actions.0") -> None:
    """The names of the inputs say the places where the rows stand."""
    inputs = page.locator(f"[data-list='{path}.parameters'] [name$='.name']")
    names = [text_input.get_attribute("name") for text_input in inputs.all()]
    assert names == [f"{path}.parameters.{position}.name" for position in range(len(names))]


def type_parameters(page: Page, *rows: tuple[str, str]) -> None:
    """By keyboard alone: Tab to the value, Enter for the next row."""
    at(page, "actions.0.parameters.0.name").focus()
    for position, (name, value) in enumerate(rows):
        page.keyboard.insert_text(name)
        page.keyboard.press("Tab")
        page.keyboard.insert_text(value)
        if position < len(rows) - 1:
            page.keyboard.press("Enter")


def add_row(page: Page, list_path: str) -> str:
    """Presses the list's own "Add"; gives the path of the row that is there then."""
    rows = at(page, list_path).locator("> [data-list-rows] > [data-row]")
    count = rows.count()
    at(page, list_path).locator("> [data-row-do=add]").click()
    expect(rows).to_have_count(count + 1)
    return f"{list_path}.{count}"


def add_related(page: Page, module: str, *rows: tuple[str, str], path: str = "actions.0") -> None:
    """Adds a related module and types its parameter rows, by keyboard once it is there."""
    at(page, f"{path}.related_on").check()
    at(page, path).get_by_role("button", name="Add Related Module").click()
    page.locator(f".dropdown-menu.show [data-add-related={module}]").click()
    number = at(page, f"{path}.related").locator("> [data-list-rows] > [data-row]").count() - 1
    expect(at(page, f"{path}.related.{number}.parameters.0.name")).to_be_focused()
    for position, (name, value) in enumerate(rows):
        page.keyboard.insert_text(name)
        page.keyboard.press("Tab")
        page.keyboard.insert_text(value)
        if position < len(rows) - 1:
            page.keyboard.press("Enter")


@dataclass(frozen=True)
class Shown:
    """What the preview shows: the request as it would go over the wire."""

    method: str
    url: str
    headers: dict[str, str]
    body: str


def preview_of(page: Page) -> Locator:
    return page.locator("[data-webhook].is-open [data-preview-result]")


def preview_settles(page: Page) -> None:
    """Until the preview shows what is typed now: no question is waiting, none is under way."""
    expect(preview_of(page)).not_to_have_attribute("aria-busy", "true")


def shown(page: Page) -> Shown:
    """The request that the preview shows, byte for byte."""
    preview_settles(page)
    place = preview_of(page)
    return Shown(
        method=place.locator(".request-url .method").inner_text(),
        url=place.locator("[data-shown-url]").text_content() or "",
        headers={
            row.locator("dt").text_content() or "": row.locator("dd").text_content() or ""
            for row in place.locator("[data-shown-headers] > div").all()
        },
        body=_body(place),
    )


def _body(place: Locator) -> str:
    """The body as sent: below the readable form, or that itself when both are the same."""
    if place.locator(".log-same").count():
        return ""
    raw = place.locator("details.log-raw > pre")
    return (raw if raw.count() else place.locator("pre.code")).text_content() or ""


def save(page: Page) -> None:
    """Saves, and waits for the page after it: the list, or the workflow with its new signing secret."""
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".is-flash").first).to_contain_text("was saved")
