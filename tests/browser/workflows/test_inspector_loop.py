"""The whole loop with no other service (specification section 4.6): a webhook to the app's own inspector, whose answers are
scripted, so that captures and retries can be tried out. No private network is allowed here:
the inspector is reachable all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support import pages
from tests.support.form_page import add_webhook, at, new_workflow, save, type_parameters
from tests.support.running import Running, running, until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    environment = {"WEBHOOKUI_ALLOWED_NETWORKS": "", "WEBHOOKUI_RETRY_DELAYS": "0,0,0"}
    with running(tmp_path_factory.mktemp("inspector-loop"), **environment) as started:
        yield started


@pytest.fixture(scope="module")
def address(installation: Running) -> str:
    return installation.address


@pytest.fixture
def deal(installation: Running) -> Iterator[int]:
    """A deal; afterwards nothing is left that would fire."""
    values = {"name": "Till system", "amount": "18400.00", "stage": "New"}
    yield installation.call("POST", "/records/deals", {"values": values})["id"]
    for workflow in installation.call("GET", "/workflows")["items"]:
        installation.call("DELETE", f"/workflows/{workflow['id']}")


@pytest.fixture
def form(window: Page, address: str, deal: int) -> Iterator[Page]:
    """A webhook that calls an inspector, by the button that is there for it."""
    pages.afresh(window, address, (1280, 720), "no-preference")
    with new_workflow(window, address, "deals", "Into the inspector"):
        add_webhook(window)
        window.get_by_role("button", name="Use the inspector").click()
        type_parameters(window, ("deal", "{{ name }}"), ("amount", "{{ amount }}"))
        yield window


def opened_inspector(form: Page) -> Page:
    """The page of the inspector that the webhook calls, in a tab of its own."""
    with form.context.expect_page() as opening:
        form.get_by_role("link", name="Open the inspector").click()
    inspector = opening.value
    expect(inspector.get_by_text("Nothing received yet")).to_be_visible()
    return inspector


def script(inspector: Page, preset: str) -> None:
    """Opens the scripted answer, starting from a preset; the form is there to be changed."""
    inspector.locator("#inspector-script > summary").click()
    inspector.get_by_role("link", name=preset, exact=True).click()
    expect(inspector.get_by_role("button", name="Save the answer")).to_be_visible()


def delivery_of(installation: Running, *statuses: str) -> Any:
    newest = installation.call("GET", "/deliveries?limit=1")["items"][0]
    return installation.delivery(newest["id"], *statuses)


def test_retries_and_a_capture_are_tried_out_and_seen_live(form: Page, installation: Running, deal: int) -> None:
    inspector = opened_inspector(form)
    script(inspector, "500 twice, then 200")
    inspector.locator("[name=body]").last.fill('{"invoice": {"id": "INV-77"}}')
    inspector.get_by_role("button", name="Save the answer").click()
    expect(inspector.locator("#inspector-state")).to_contain_text("500 twice, then 200")
    at(form, "actions.0.capture.on").check()
    at(form, "actions.0.capture.on_success").get_by_role("button", name="Add row").click()
    at(form, "actions.0.capture.on_success.0.path").fill("$.invoice.id")
    at(form, "actions.0.capture.on_success.0.field").select_option("invoice_id")
    save(form)

    installation.call("PATCH", f"/records/deals/{deal}", {"values": {"stage": "Closed Won"}})
    received = inspector.locator("#inspected > details")
    expect(received).to_have_count(3, timeout=20_000)  # with no reload
    answered = inspector.locator("#inspected .log-code")
    expect(answered).to_have_text(["200", "500", "500"])
    received.last.locator("> summary").click()
    expect(received.last.locator(".log-body-text")).to_contain_text("Till system")

    delivery = delivery_of(installation, "success")
    assert [attempt["response"]["status_code"] for attempt in delivery["attempts"]] == [500, 500, 200]
    assert installation.call("GET", f"/records/deals/{deal}")["values"]["invoice_id"] == "INV-77"
    ids = {headers_of(received.nth(number))["webhook-id"] for number in range(3)}
    assert ids == {delivery["message_id"]}  # the same over the retries


def headers_of(request: Locator) -> dict[str, str]:
    rows = request.locator(".log-headers > div").all()
    return {(row.locator("dt").text_content() or "").lower(): row.locator("dd").text_content() or "" for row in rows}


def test_a_failure_that_does_not_end_writes_what_is_captured_on_failure(
    form: Page, installation: Running, deal: int
) -> None:
    inspector = opened_inspector(form)
    script(inspector, "422 with an error message")
    inspector.get_by_role("button", name="Save the answer").click()
    expect(inspector.locator("#inspector-state")).to_contain_text("422")
    at(form, "actions.0.capture.on").check()
    at(form, "actions.0.capture.on_failure").get_by_role("button", name="Add row").click()
    at(form, "actions.0.capture.on_failure.0.path").fill("$.error.message")
    at(form, "actions.0.capture.on_failure.0.field").select_option("invoice_error")
    save(form)
    installation.call("PATCH", f"/records/deals/{deal}", {"values": {"stage": "Closed Won"}})
    expect(inspector.locator("#inspected > details")).to_have_count(4, timeout=20_000)
    assert len(delivery_of(installation, "failed")["attempts"]) == 4
    until(
        lambda: (
            installation.call("GET", f"/records/deals/{deal}")["values"]["invoice_error"] == "amount must be positive"
        ),
        10,
    )


def test_an_answer_in_xml_after_a_delay_is_clicked_into_a_capture(form: Page, installation: Running, deal: int) -> None:
    inspector = opened_inspector(form)
    script(inspector, "Created, in XML")
    inspector.get_by_label("Delay in seconds").fill("0.3")
    inspector.get_by_role("button", name="Save the answer").click()
    expect(inspector.locator("#inspector-state")).to_contain_text("201 after 0.3 s")
    form.get_by_role("button", name="Send test").click()
    result = form.get_by_role("region", name="Test")
    expect(result.locator(".status")).to_have_text("Success", timeout=15_000)
    result.get_by_role("button", name="INV-1001").click()
    expect(at(form, "actions.0.capture.type")).to_have_value("XPATH")
    expect(at(form, "actions.0.capture.on_success.0.path")).to_have_value("/response/invoice/id")
    at(form, "actions.0.capture.on_success.0.field").select_option("invoice_id")
    save(form)
    installation.call("PATCH", f"/records/deals/{deal}", {"values": {"stage": "Closed Won"}})
    delivery = delivery_of(installation, "success")
    assert delivery["attempts"][0]["timing_ms"]["total"] >= 300
    assert installation.call("GET", f"/records/deals/{deal}")["values"]["invoice_id"] == "INV-1001"


def test_a_script_is_changed_while_it_is_used_and_starts_over(page: Page, installation: Running) -> None:
    pages.log_in(page.context, installation.address)
    page.goto(f"{installation.address}/inspector/steps")
    script(page, "500 twice, then 200")
    page.get_by_role("button", name="Add an answer").click()
    expect(page.locator(".inspector-step")).to_have_count(3)
    page.get_by_role("button", name="Remove").last.click()
    expect(page.locator(".inspector-step")).to_have_count(2)
    page.get_by_label("Status").first.fill("503")
    page.get_by_label("Content type").first.fill("nonsense")
    page.get_by_role("button", name="Save the answer").click()
    expect(page.locator(".invalid-feedback")).to_be_visible()
    expect(page.get_by_label("Status").first).to_have_value("503")
    page.get_by_label("Content type").first.fill("text/plain")
    page.get_by_role("button", name="Save the answer").click()
    expect(page.locator("#inspector-state")).to_contain_text("503 twice, then 200")
    answered = [installation.session.get(f"{installation.address}/inspect/steps").status_code for _ in range(4)]
    assert answered == [503, 503, 200, 200]
    page.get_by_role("button", name="Start over with the first answer").click()
    expect(page.locator("#inspector-state")).to_contain_text("0 answered; next: 503")
    assert installation.session.get(f"{installation.address}/inspect/steps").status_code == 503
