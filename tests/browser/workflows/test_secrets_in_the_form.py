"""Secrets in the webhook form (specification sections 4.4 and 4.5): shown once, left unchanged, typed again, rotated;
and on the wire.

webhookui runs in a process of its own, by its command; the third party is a real HTTP server in this one.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from svix.webhooks import Webhook as SvixWebhook

from tests.support import pages
from tests.support.form_page import add_webhook_to, at, new_workflow, preview_of, preview_settles, save
from tests.support.receiver import Received, Receiver, receiving
from tests.support.running import Running, running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("secrets")) as started:
        yield started


@pytest.fixture(scope="module")
def address(installation: Running) -> str:
    return installation.address


@pytest.fixture
def deal(installation: Running) -> Iterator[int]:
    values = {"name": "Till system", "amount": "18400.00", "stage": "New"}
    yield installation.call("POST", "/records/deals", {"values": values})["id"]
    for workflow in installation.call("GET", "/workflows")["items"]:
        installation.call("DELETE", f"/workflows/{workflow['id']}")


@pytest.fixture
def form(window: Page, address: str, deal: int, receiver: Receiver) -> Iterator[Page]:
    """A webhook of a new workflow on deals."""
    pages.afresh(window, address, (1280, 720), "no-preference")
    with new_workflow(window, address, "deals", "With secrets"):
        add_webhook_to(window, f"{receiver.url}/hook")
        yield window


def open_webhook(page: Page, installation: Running) -> None:
    """The form of the workflow that was saved, at its webhook."""
    workflow = installation.call("GET", "/workflows")["items"][-1]
    page.goto(f"{installation.address}/settings/workflows/{workflow['id']}#actions.0")
    expect(at(page, "actions.0.title")).to_be_visible()


def fired(installation: Running, receiver: Receiver, deal: int, number: int) -> Received:
    """The request that a save of the deal causes, the `number`th of this receiver."""
    installation.call(
        "PATCH", f"/records/deals/{deal}", {"values": {"description": f"save {number} for {receiver.url}"}}
    )
    return receiver.wait_for(number)[number - 1]


def verifies(secret: str, received: Received) -> bool:
    """By the official packages, from the bytes that were read."""
    headers = {name: received.header(name) or "" for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    svix = {name.replace("webhook", "svix"): value for name, value in headers.items()}
    try:
        Webhook(secret).verify(received.body, headers)
    except WebhookVerificationError:
        return False
    SvixWebhook(secret).verify(received.body, svix)
    return True


def test_a_signing_secret_is_made_shown_once_and_rotated_with_an_overlap(
    form: Page, installation: Running, receiver: Receiver, deal: int
) -> None:
    form.locator(".is-open .disclosure > summary").click()
    at(form, "actions.0.signing.on").check()
    save(form)
    first = form.locator(".is-flash .secret-once code").inner_text()
    form.reload()
    expect(form.locator(".secret-once")).to_have_count(0)
    received = fired(installation, receiver, deal, 1)
    assert verifies(first, received) and len((received.header("webhook-signature") or "").split()) == 1

    open_webhook(form, installation)
    form.locator(".is-open .disclosure > summary").click()
    expect(form.locator("[data-signing-overlap]")).to_be_hidden()
    at(form, "actions.0.description").fill("Not saved yet")
    form.get_by_role("button", name="Rotate the secret").click()
    asking = form.get_by_role("dialog", name="Generate a new signing secret?")
    expect(asking.get_by_text("A rotation is already under way")).to_be_hidden()
    asking.get_by_role("button", name="Rotate the secret").click()
    second = form.locator("#rotated-secret").inner_text()
    assert second.startswith("whsec_") and second != first
    form.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(form.locator("[data-signing-overlap]")).to_contain_text("Both secrets sign until")
    expect(at(form, "actions.0.description")).to_have_value("Not saved yet")

    received = fired(installation, receiver, deal, 2)
    assert len((received.header("webhook-signature") or "").split()) == 2
    assert verifies(first, received) and verifies(second, received)
    form.get_by_role("button", name="Rotate the secret").click()
    expect(form.get_by_text("A rotation is already under way")).to_be_visible()
    form.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    save(form)  # the rotation did not move the version that the form was opened at
    assert verifies(second, fired(installation, receiver, deal, 3))


def test_a_stored_secret_is_left_unchanged_and_typed_again_for_another_address(
    form: Page, installation: Running, receiver: Receiver, deal: int
) -> None:
    at(form, "actions.0.authorization.type").select_option("bearer")
    at(form, "actions.0.authorization.token").fill("t0p-secret")
    save(form)
    open_webhook(form, installation)
    token = at(form, "actions.0.authorization.token")
    assert "t0p-secret" not in form.content()
    expect(token).to_have_attribute("placeholder", "stored – leave unchanged")
    at(form, "actions.0.url").fill(f"{receiver.url}/another/path")
    preview_settles(form)
    expect(preview_of(form).get_by_text("The address has changed")).to_have_count(0)
    save(form)
    assert fired(installation, receiver, deal, 1).header("Authorization") == "Bearer t0p-secret"

    with receiving() as stranger:
        open_webhook(form, installation)
        at(form, "actions.0.url").fill(stranger.url)
        preview_settles(form)
        preview_of(form).get_by_role("link", name="Enter it again").click()
        expect(token).to_be_focused()
        form.get_by_role("button", name="Send test").click()
        expect(form.locator(".is-open [data-test-result] .missing")).to_contain_text("enter the token again")
        form.get_by_role("button", name="Save", exact=True).click()
        expect(at(form, "actions.0.authorization.token-error")).to_contain_text("enter the token again")
        assert stranger.requests == []
        token.fill("for-the-stranger")
        save(form)
        assert fired(installation, stranger, deal, 1).header("Authorization") == "Bearer for-the-stranger"


def test_a_row_becomes_secret_with_what_was_typed_and_is_dots_from_then_on(
    form: Page, installation: Running, receiver: Receiver, deal: int
) -> None:
    at(form, "actions.0.parameters.0.name").fill("authtoken")
    at(form, "actions.0.parameters.0.value").fill("h1dden-value")
    form.locator("[id='actions.0.parameters.0']").get_by_role("button", name="More for this parameter").click()
    form.get_by_role("checkbox", name="Secret").check()
    secret = form.locator("[name='actions.0.parameters.0.secret_value']")
    expect(secret).to_be_focused()
    expect(secret).to_have_value("h1dden-value")
    expect(at(form, "actions.0.parameters.0.value")).to_have_value("")
    preview_settles(form)
    expect(preview_of(form)).to_contain_text("••••••")
    assert "h1dden-value" not in preview_of(form).inner_text()
    save(form)
    assert fired(installation, receiver, deal, 1).body == b'{"authtoken":"h1dden-value"}'
    open_webhook(form, installation)
    assert "h1dden-value" not in form.content()
    expect(secret).to_have_attribute("placeholder", "stored – leave unchanged")
    save(form)
    assert fired(installation, receiver, deal, 2).body == b'{"authtoken":"h1dden-value"}'
