"""The workflow form in a real browser (specification sections 3 and 4): rows are never lost, whatever one does with them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.form_page import (
    add_condition,
    add_webhook,
    at,
    choose_operator,
    names_are_in_order,
    open_path,
    parameters,
    step,
    type_parameters,
)  # fmt: skip
from webhookui.core.database import Database
from webhookui.workflows import store

pytestmark = pytest.mark.browser


def test_a_whole_workflow_is_built_and_saved(form: Page, db: Database) -> None:
    at(form, "name").fill("Invoice closed deals")
    form.get_by_label("Contacts").check()
    form.get_by_role("button", name="Next").click()
    form.get_by_label("On update").check()
    form.get_by_role("button", name="Next").click()
    path = add_condition(form, "all", "stage")
    choose_operator(form, path, "has_changed_to")
    at(form, f"{path}.value").select_option("Closed Won")
    add_webhook(form)
    at(form, "actions.0.url").fill("https://api.example.com/deals/")
    at(form, "actions.0.url").press("End")
    form.locator("[data-picker='actions.0.url']").click()
    form.get_by_placeholder("Search fields").fill("record id")
    form.keyboard.press("Enter")
    expect(at(form, "actions.0.url")).to_have_value("https://api.example.com/deals/{{ record.id }}")
    type_parameters(form, ("deal.amount", "{{ amount }}"), ("deal.name", "{{ name }}"))
    form.get_by_label("Related Modules").check()
    form.get_by_role("button", name="Add Related Module").click()
    form.locator(".dropdown-menu.show").get_by_role("button", name="Contacts").click()
    expect(at(form, "actions.0.related.0.parameters.0.name")).to_be_focused()
    form.keyboard.insert_text("email")
    form.keyboard.press("Tab")
    form.keyboard.insert_text("{{ email }}")
    expect(form.locator("[data-preview-result]:visible")).to_contain_text("1200.50")
    expect(form.locator("[data-preview-result]:visible")).to_contain_text("jo@x.org")
    form.get_by_role("button", name="Save").click()
    form.wait_for_url("**/settings/workflows")
    with db.read() as session:
        document = store.to_document(session, store.list_all(session)[0], with_ids=False)
    action = document["actions"][0]
    assert document["trigger"]["on"] == "update"
    assert document["criteria"]["all"] == [{"field": "stage", "operator": "has_changed_to", "value": "Closed Won"}]
    assert [row["name"] for row in action["parameters"]] == ["deal.amount", "deal.name"]
    assert action["related"][0]["module"] == action["related"][0]["key"] == "contacts"
    assert action["related"][0]["parameters"][0]["value"] == "{{ email }}"


def test_rows_are_added_moved_and_removed_by_keyboard_and_nothing_is_lost(form: Page) -> None:
    add_webhook(form)
    type_parameters(form, ("a", "1"), ("b", "2"), ("c", "3"))
    handle = form.locator("[data-list='actions.0.parameters'] [data-row-handle]")
    handle.nth(2).focus()
    form.keyboard.press("ArrowUp")
    form.keyboard.press("ArrowUp")
    assert parameters(form) == [("c", "3"), ("a", "1"), ("b", "2")]
    names_are_in_order(form)
    at(form, "actions.0.parameters.1").get_by_role("button", name="Remove parameter").click()
    assert parameters(form) == [("c", "3"), ("b", "2")]
    form.get_by_role("button", name="Undo").click()
    assert parameters(form) == [("c", "3"), ("a", "1"), ("b", "2")]
    names_are_in_order(form)


def test_a_row_is_dragged_by_its_handle(form: Page) -> None:
    add_webhook(form)
    type_parameters(form, ("a", "1"), ("b", "2"), ("c", "3"))
    handles = form.locator("[data-list='actions.0.parameters'] [data-row-handle]")
    handles.nth(0).drag_to(at(form, "actions.0.parameters.2"), target_position={"x": 40, "y": 30})
    assert parameters(form) == [("b", "2"), ("c", "3"), ("a", "1")]
    names_are_in_order(form)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1\nb.c = two words\nd={{ name }}\n", [("a", "1"), ("b.c", "two words"), ("d", "{{ name }}")]),
        ("a: 1\nb: https://x.example/?q=1", [("a", "1"), ("b", "https://x.example/?q=1")]),
        ("a=1&b=two%20words&c=", [("a", "1"), ("b", "two words"), ("c", "")]),
        ("a=x=y", [("a", "x=y")]),
    ],
)
def test_pasted_lines_become_rows(form: Page, text: str, expected: list[tuple[str, str]]) -> None:
    add_webhook(form)
    at(form, "actions.0.parameters.0.name").focus()
    form.evaluate(
        """text => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", text);
            document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
        }""",
        text,
    )
    assert parameters(form) == expected
    names_are_in_order(form)


def test_a_refused_save_keeps_everything_opens_the_place_and_marks_the_step(form: Page) -> None:
    step(form, "Entry criteria")
    path = add_condition(form, "all", "amount")
    choose_operator(form, path, "between")
    at(form, f"{path}.value.0").fill("10")
    at(form, f"{path}.value.1").fill("20")
    step(form, "Basic information")
    at(form, "name").fill("W")
    add_webhook(form)
    type_parameters(form, ("a", "1"), ("b", "2"), ("a", "3"))
    at(form, "actions.0.authorization.type").select_option("basic")
    at(form, "actions.0.authorization.password").fill("s3cret")
    with form.expect_response("**/settings/workflows"):
        form.get_by_role("button", name="Save").click()
    expect(at(form, "actions.0.url")).to_be_focused()
    expect(at(form, "actions.0.url-error")).to_be_visible()
    expect(at(form, "actions.0.parameters.2.name-error")).to_be_visible()
    expect(at(form, "actions.0.authorization.password")).to_have_value("s3cret")
    assert parameters(form) == [("a", "1"), ("b", "2"), ("a", "3")]
    form.get_by_role("button", name="Back to the actions").click()
    expect(form.locator("[data-step-link=actions].has-errors")).to_be_visible()
    step(form, "Entry criteria")
    expect(at(form, f"{path}.value.1")).to_have_value("20")


def test_reload_and_back_bring_the_rows_again_but_no_secret(form: Page, address: str) -> None:
    at(form, "name").fill("Half done")
    add_webhook(form)
    type_parameters(form, ("a", "1"), ("b", "2"))
    at(form, "actions.0.authorization.type").select_option("bearer")
    at(form, "actions.0.authorization.token").fill("s3cret-token")
    form.wait_for_function("() => (sessionStorage.getItem('draft:/settings/workflows/new') || '').includes('bearer')")
    assert "s3cret-token" not in form.evaluate("() => JSON.stringify(sessionStorage)")
    form.reload()
    expect(form.get_by_text("What you entered before you left this page is back")).to_be_visible()
    assert parameters(form) == [("a", "1"), ("b", "2")]
    form.goto(f"{address}/settings/workflows")
    form.go_back()
    expect(at(form, "actions.0.title")).to_have_value("Create invoice")
    form.get_by_role("button", name="Start over").click()
    expect(form.locator("[data-webhook]")).to_have_count(0)


def test_a_saved_workflow_leaves_no_draft_behind(form: Page, address: str) -> None:
    at(form, "name").fill("Done")
    form.get_by_role("button", name="Save").click()
    form.wait_for_url("**/settings/workflows")
    form.goto(f"{address}/settings/workflows/new?module=deals")
    expect(at(form, "name")).to_have_value("")


def test_three_webhooks_can_be_reordered_and_a_fourth_is_not_offered(form: Page) -> None:
    for title in ("One", "Two", "Three"):
        add_webhook(form, title)
        form.get_by_role("button", name="Back to the actions").click()
    form.get_by_role("button", name="Add Action").click()
    expect(form.locator(".dropdown-menu.show").get_by_role("button", name="Webhook")).to_be_disabled()
    expect(form.get_by_text("at most three webhooks")).to_be_visible()
    form.keyboard.press("Escape")
    form.locator(".action-card [data-row-handle]").nth(2).focus()
    form.keyboard.press("ArrowUp")
    titles = form.locator(".action-card .action-words strong")
    expect(titles).to_have_text(["One", "Three", "Two"])
    titles.nth(1).click()
    expect(at(form, "actions.1.title")).to_have_value("Three")
    expect(at(form, "actions.1.title")).to_have_attribute("name", "actions.1.title")


def test_the_back_button_of_the_browser_goes_step_by_step(form: Page) -> None:
    form.get_by_role("button", name="Next").click()
    form.get_by_role("button", name="Next").click()
    expect(form.get_by_role("heading", name="Entry criteria")).to_be_visible()
    form.go_back()
    expect(form.get_by_role("heading", name="Trigger")).to_be_visible()
    form.go_back()
    expect(form.get_by_role("heading", name="Basic information")).to_be_visible()


def test_only_modules_of_step_1_that_are_not_yet_added_are_offered(form: Page) -> None:
    form.get_by_label("Contacts").check()
    form.get_by_label("Tasks").check()
    add_webhook(form)
    form.get_by_label("Related Modules").check()
    add = form.get_by_role("button", name="Add Related Module")
    add.click()
    offered = form.locator(".dropdown-menu.show [data-add-related]:visible")
    expect(offered).to_have_text(["Contacts", "Tasks"])
    offered.nth(0).click()
    add.click()
    expect(offered).to_have_text(["Tasks"])


def test_the_picker_of_a_related_row_speaks_of_the_related_record(form: Page) -> None:
    form.get_by_label("Contacts").check()
    add_webhook(form)
    form.get_by_label("Related Modules").check()
    form.get_by_role("button", name="Add Related Module").click()
    form.locator(".dropdown-menu.show [data-add-related=contacts]").click()
    form.locator("[data-picker='actions.0.related.0.parameters.0.value']").click()
    form.get_by_placeholder("Search fields").fill("last name")
    form.keyboard.press("Enter")
    expect(at(form, "actions.0.related.0.parameters.0.value")).to_have_value("{{ last_name }}")


def test_another_module_redraws_the_form_and_keeps_the_rows(form: Page) -> None:
    at(form, "name").fill("W")
    add_webhook(form)
    type_parameters(form, ("a", "1"), ("b", "2"))
    form.get_by_role("button", name="Back to the actions").click()
    step(form, "Basic information")
    with form.expect_response("**/draft"):
        at(form, "module").select_option("contacts")
    expect(form.get_by_label("Deals", exact=True)).to_be_visible()
    expect(at(form, "name")).to_have_value("W")
    assert parameters(form) == [("a", "1"), ("b", "2")]


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_scrolls_sideways(form: Page, width: int) -> None:
    form.set_viewport_size({"width": width, "height": 800})
    for name in ("Basic information", "Trigger", "Entry criteria", "Actions"):
        form.locator(f"[data-step-link={name.split()[0].lower() if name != 'Entry criteria' else 'criteria'}]").click()
        assert form.evaluate("document.documentElement.scrollWidth") <= width
    form.get_by_role("button", name="Add Action").click()
    form.locator(".dropdown-menu.show [data-row-do=add]").click()
    type_parameters(form, ("a.rather.long.name.of.a.parameter", "{{ contact.email }} and some more text"), ("b", ""))
    assert form.evaluate("document.documentElement.scrollWidth") <= width


def test_a_typed_secret_does_not_pass_to_the_webhook_that_takes_the_place_of_its_own(form: Page) -> None:
    for title, password in (("One", "s3cret-of-one"), ("Two", "")):
        add_webhook(form, title)
        path = open_path(form)
        at(form, f"{path}.authorization.type").select_option("basic")
        at(form, f"{path}.authorization.password").fill(password)
        form.get_by_role("button", name="Back to the actions").click()
    form.locator(".action-card").first.get_by_label("More for this webhook").click()
    form.locator(".dropdown-menu.show").get_by_role("button", name="Remove").click()
    step(form, "Basic information")
    with form.expect_response("**/draft"):
        at(form, "module").select_option("contacts")
    expect(form.get_by_label("Deals", exact=True)).to_be_visible()
    expect(at(form, "actions.0.title")).to_have_value("Two")
    expect(at(form, "actions.0.authorization.password")).to_have_value("")


def test_a_recipe_does_not_take_over_the_token_of_another_service_and_undo_brings_it_back(form: Page) -> None:
    add_webhook(form)
    at(form, "actions.0.authorization.type").select_option("bearer")
    token = at(form, "actions.0.authorization.token")
    token.fill("t0p-secret")
    form.get_by_role("button", name="Recipes").click()
    form.locator(".dropdown-menu.show").get_by_role("button", name="FreshBooks").click()
    asked = form.get_by_role("dialog", name="FreshBooks")
    asked.get_by_label("Account ID").fill("xYz1")
    asked.get_by_label("Access token").fill("freshbooks-token")
    asked.get_by_role("button", name="Fill the form").click()
    expect(form.locator("[data-fill-undo]")).to_be_visible()
    expect(at(form, "actions.0.authorization.type")).to_have_value("bearer")
    expect(token).to_have_value("freshbooks-token")
    expect(at(form, "actions.0.url")).to_have_value(re.compile("/account/xYz1/"))
    form.locator("[data-fill-undo]").click()
    expect(token).to_have_value("t0p-secret")


def test_a_sample_body_leaves_the_typed_secret_where_it_is(form: Page) -> None:
    add_webhook(form)
    at(form, "actions.0.authorization.type").select_option("bearer")
    at(form, "actions.0.authorization.token").fill("t0p-secret")
    form.get_by_role("button", name="Paste sample body").click()
    form.get_by_role("textbox", name="Sample body").fill('{"a": 1}')
    form.get_by_role("button", name="Make parameter rows").click()
    expect(at(form, "actions.0.parameters.0.name")).to_have_value("a")
    expect(at(form, "actions.0.authorization.token")).to_have_value("t0p-secret")
