"""Every state of the workflow form, its dialogs and menus, for everybody: axe-core finds nothing serious, nothing sticks out
on a phone, light and dark; and a whole workflow is built by keyboard alone.

The pages as they are when they are opened are in tests/browser/test_every_page.py.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.form_page import (
    add_condition,
    add_related,
    add_row,
    add_webhook,
    at,
    choose_operator,
    preview_settles,
    step,
    type_parameters,
)  # fmt: skip
from tests.support.looks import problems_of
from webhookui.core.database import Database
from webhookui.workflows import store

pytestmark = pytest.mark.browser

SAMPLE = '{"invoice": {"id": 17, "paid": true, "note": null, "lines": [{"n": 1}, {"n": 2}]}}'


def webhook(page: Page) -> None:
    add_webhook(page)
    at(page, "actions.0.url").fill("https://api.example.com/deals/{{ record.id }}")
    type_parameters(
        page, ("deal.amount", "{{ amount }}"), ("deal.name", "{{ name }} and something longer than the row is")
    )
    preview_settles(page)


def conditions(page: Page) -> None:
    step(page, "Entry criteria")
    choose_operator(page, add_condition(page, "all", "amount"), "between")
    choose_operator(page, add_condition(page, "all", "stage"), "is_any_of")
    add_condition(page, "any", "contact.email")


def everything_on(page: Page) -> None:
    page.get_by_label("Contacts", exact=True).check()
    webhook(page)
    at(page, "actions.0.authorization.type").select_option("oauth2")
    add_row(page, "actions.0.headers")
    add_related(page, "contacts", ("email", "{{ email }}"))
    at(page, "actions.0.capture.on").check()
    at(page, "actions.0.capture.type").select_option("XPATH")
    for name in ("on_success", "on_failure", "namespaces"):
        add_row(page, f"actions.0.capture.{name}")
    page.locator(".is-open .disclosure > summary").click()
    at(page, "actions.0.signing.on").check()
    at(page, "actions.0.success_if.type").select_option("JSONPATH")
    preview_settles(page)


def tried(page: Page) -> None:
    webhook(page)
    at(page, "actions.0.capture.on").check()
    row = add_row(page, "actions.0.capture.on_success")
    for path, field in (("$.invoice.id", "invoice_id"), ("$.nothing", "amount"), ("$.invoice.paid", "close_date")):
        at(page, f"{row}.path").fill(path)
        at(page, f"{row}.field").select_option(field)
        row = add_row(page, "actions.0.capture.on_success")
    page.get_by_role("button", name="Paste sample response").click()
    page.get_by_role("textbox", name="Sample response").fill(SAMPLE)
    page.get_by_role("button", name="Show as a tree").click()
    expect(page.locator(".is-open .taken li")).to_have_count(3)


def dialog(button: str) -> Callable[[Page], None]:
    def opened(page: Page) -> None:
        webhook(page)
        page.get_by_role("button", name=button).click()
        expect(page.locator("dialog[open]")).to_be_visible()

    return opened


def refused_curl(page: Page) -> None:
    dialog("Paste cURL")(page)
    page.get_by_role("textbox", name="cURL command").fill("wget x")
    page.get_by_role("button", name="Fill the form").click()
    expect(page.locator("dialog[open] .tool-error")).to_be_visible()


def recipe(page: Page) -> None:
    webhook(page)
    page.get_by_role("button", name="Recipes").click()
    page.locator(".dropdown-menu.show").get_by_role("button", name="Mailchimp").click()


def filled(page: Page) -> None:
    dialog("Paste cURL")(page)
    page.get_by_role("textbox", name="cURL command").fill("curl https://x.example -u key: -d '{\"a\": 1}'")
    page.get_by_role("button", name="Fill the form").click()
    expect(page.locator("[data-fill-undo]")).to_be_visible()
    preview_settles(page)


def field_picker(page: Page) -> None:
    webhook(page)
    page.locator("[data-picker='actions.0.url']").click()
    expect(page.get_by_placeholder("Search fields")).to_be_focused()


def row_menu(page: Page) -> None:
    webhook(page)
    at(page, "actions.0.parameters.0").get_by_label("More for this parameter").click()


def record_picker(page: Page) -> None:
    webhook(page)
    page.get_by_label("Record of the preview").fill("big")
    expect(page.locator(".is-open [data-record]")).to_be_visible()


def refused(page: Page) -> None:
    conditions(page)
    webhook(page)
    at(page, "actions.0.url").fill("nowhere")
    at(page, "actions.0.parameters.1.name").fill("deal.amount")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("[data-problems]")).to_be_visible()


def three_actions(page: Page) -> None:
    for title in ("One", "Two with a title that is long enough to be broken into lines", "Three"):
        add_webhook(page, title)
        page.get_by_role("button", name="Back to the actions").click()
    page.get_by_role("button", name="Add Action").click()


def removed(page: Page) -> None:
    webhook(page)
    at(page, "actions.0.parameters.0").get_by_role("button", name="Remove parameter").click()


def leaving(page: Page) -> None:
    at(page, "name").fill("Not saved")
    page.get_by_role("link", name="Cancel").click()
    expect(page.locator("#ask-leave")).to_be_visible()


STATES: dict[str, Callable[[Page], None]] = {
    "conditions": conditions,
    "everything of a webhook": everything_on,
    "what capture rows take": tried,
    "paste cURL": dialog("Paste cURL"),
    "paste cURL, refused": refused_curl,
    "paste a sample body": dialog("Paste sample body"),
    "a recipe": recipe,
    "filled": filled,
    "the picker of fields": field_picker,
    "the menu of a row": row_menu,
    "the picker of records": record_picker,
    "refused": refused,
    "three actions": three_actions,
    "a row removed": removed,
    "leaving": leaving,
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_the_form_is_usable_by_everybody_in_every_state(form: Page, state: Callable[[Page], None]) -> None:
    form.emulate_media(reduced_motion="reduce")
    state(form)
    problems = problems_of(form)
    assert problems == [], "\n".join(problems)


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, path: str, most: int = 60) -> None:
    """By Tab alone, and the focus is seen on the way."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == path:
            return
    raise AssertionError(
        f"{path} is not reached by Tab; the focus is at {page.evaluate('document.activeElement.outerHTML')}"
    )


def test_a_whole_workflow_is_built_by_keyboard_alone(form: Page, db: Database) -> None:
    at(form, "name").focus()
    form.keyboard.type("By keyboard")
    tab_to(form, "related_modules.contacts")
    press(form, "Space")
    while form.evaluate("document.activeElement.textContent.trim()") != "Next":
        press(form, "Tab")
    press(form, "Enter")
    expect(form.get_by_role("heading", name="Trigger")).to_be_visible()
    form.get_by_label("On creation or update").focus()
    press(form, "ArrowUp")  # On update
    form.get_by_role("link", name="Actions").focus()
    press(form, "Enter")
    form.get_by_role("button", name="Add Action").focus()
    press(form, "Enter", "ArrowDown", "Enter")
    expect(at(form, "actions.0.title")).to_be_focused()
    form.keyboard.type("Create invoice")
    tab_to(form, "actions.0.url")
    form.keyboard.type("https://api.example.com/")
    press(form, "Tab", "Enter")  # "+ field"
    expect(form.get_by_placeholder("Search fields")).to_be_focused()
    form.keyboard.type("record id")
    press(form, "Enter")
    expect(at(form, "actions.0.url")).to_be_focused()
    expect(at(form, "actions.0.url")).to_have_value("https://api.example.com/{{ record.id }}")
    tab_to(form, "actions.0.parameters.0.name")
    form.keyboard.type("amount")
    press(form, "Tab")
    form.keyboard.type("{{ amount }}")
    press(form, "Enter")
    form.keyboard.type("name")
    press(form, "Tab")
    form.keyboard.type("{{ name }}")
    tab_to(form, "actions.0.related_on")
    press(form, "Space", "Tab", "Enter", "ArrowDown", "Enter")
    expect(at(form, "actions.0.related.0.parameters.0.name")).to_be_focused()
    form.keyboard.type("email")
    press(form, "Tab")
    form.keyboard.type("{{ email }}")
    tab_to(form, "actions.0.capture.on")
    press(form, "Space")
    preview_settles(form)
    press(form, "Control+s")
    form.wait_for_url("**/settings/workflows")
    with db.read() as session:
        document = store.to_document(session, store.list_all(session)[0], with_ids=False)
    action = document["actions"][0]
    assert document["related_modules"] == ["contacts"] and document["trigger"]["on"] == "update"
    assert [(row["name"], row["value"]) for row in action["parameters"]] == [
        ("amount", "{{ amount }}"),
        ("name", "{{ name }}"),
    ]
    assert action["related"][0]["parameters"][0]["value"] == "{{ email }}"


def test_a_dialog_gives_the_focus_back_and_escape_closes_it(form: Page) -> None:
    webhook(form)
    button = form.get_by_role("button", name="Paste cURL")
    button.focus()
    press(form, "Enter")
    expect(form.get_by_role("textbox", name="cURL command")).to_be_focused()
    press(form, "Escape")
    expect(button).to_be_focused()
