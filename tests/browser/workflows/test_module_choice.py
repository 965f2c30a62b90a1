"""The first choice of a workflow's form: nothing chosen is lost to a script that comes late."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

pytestmark = pytest.mark.browser


def test_a_module_chosen_before_the_page_has_its_scripts_counts(window: Page, address: str) -> None:
    held: list[Route] = []
    window.route("**/workflow_form.js*", lambda route: held.append(route))
    window.goto(f"{address}/settings/workflows/new", wait_until="commit")
    window.locator("[id=module]").select_option("deals")
    expect(window.get_by_text("Choose a module first.")).to_have_count(1)
    for route in held:
        route.continue_()
    expect(window.get_by_text("Choose a module first.")).to_have_count(0)
    window.unroute("**/workflow_form.js*")
