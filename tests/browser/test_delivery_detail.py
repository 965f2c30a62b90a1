"""A delivery looked into in a real browser: from red to what to do, and answers that would like to be more than text.

webhookui runs in a process of its own and sends for real; the third party is a real HTTP server in this one.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support import pages
from tests.support.looks import without_complaints
from tests.support.receiver import Answer, Receiver
from tests.support.running import Running
from tests.test_main_job import document

pytestmark = pytest.mark.browser

EVIL = (
    "<!doctype html><html><head><title>Sign in</title><script>document.title='owned'</script></head>"
    "<body onload=\"document.title='owned'\"><img src='/evil.png' onerror=\"document.title='owned'\">"
    "<iframe src='/evil.html'></iframe><svg onload=\"document.title='owned'\"></svg></body></html>"
)
BROKEN, BINARY, LONG = b'{"a": 1,}', b"\x89PNG\r\n\x1a\n\x00\xff", b"[" + b"1," * 32767 + b"1]"
INVOICE = {"invoice": {"id": 7, "lines": [{"name": "Kettle", "amount": 1}, {"name": "Cups", "amount": 2}]}}
ANSWERS: dict[str, tuple[Answer, tuple[str, ...]]] = {
    "html": (Answer(200, EVIL.encode(), {"Content-Type": "text/html"}),
             ("HTML", "shown as its source", "<title>Sign in</title>")),
    "script in JSON": (Answer(200, json.dumps({"say": EVIL}).encode()), ("JSON", "<iframe src='/evil.html'>")),
    "broken": (Answer(200, BROKEN), ("JSON", "9 bytes", "Not valid JSON", '{"a": 1,}')),
    "binary": (Answer(200, BINARY, {"Content-Type": "image/png"}), ("Binary data (image/png)", "10 bytes", "89 50 4e 47")),
    "64 KiB + 1": (Answer(200, LONG), ("JSON", "65,537 bytes", "Cut: the first 65,536 of 65,537 bytes are shown.")),
    "fine": (Answer(201, json.dumps(INVOICE).encode()), ("JSON", '"lines": [')),
}  # fmt: skip


@pytest.fixture
def page(page: Page, installation: Running) -> Iterator[Page]:
    """Logged in; at the end it must have asked for nothing but the application's own, and complained about nothing."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    pages.log_in(page.context, installation.address)
    with without_complaints(page, strict=True):
        yield page
    assert [url for url in asked if not url.startswith(installation.address) or "evil" in url] == []


def deliver(installation: Running, number: int) -> list[int]:
    """Closes so many deals, one after the other; ids of their deliveries."""
    ids = []
    for position in range(number):
        values = {"name": f"Deal {position}", "amount": "12.50"}
        deal = installation.call("POST", "/records/deals", {"values": values})["id"]
        installation.call("PATCH", f"/records/deals/{deal}", {"values": {"stage": "Closed Won"}})
        ids.append(installation.call("GET", "/deliveries?limit=1")["items"][0]["id"])
        installation.delivery(ids[-1], "success", "retry", "failed")
    return ids


def plain(**action: Any) -> dict[str, Any]:
    return {"related": [], "capture": None, **action}


def test_whatever_is_answered_is_shown_as_text_and_labelled(
    page: Page, installation: Running, receiver: Receiver
) -> None:
    installation.call("POST", "/workflows", document(receiver.url, **plain()))
    receiver.answers = [answer for answer, _ in ANSWERS.values()]
    for delivery, (name, (_, words)) in zip(deliver(installation, len(ANSWERS)), ANSWERS.items(), strict=True):
        page.goto(f"{installation.address}/log/{delivery}")
        shown = page.locator(f"[id='response-{delivery}-1']").locator("xpath=..")
        for word in words:
            expect(shown, name).to_contain_text(word)
        expect(page).to_have_title(f"Delivery {delivery} – Webhook log · webhookui")
        assert page.locator(".log-detail").locator("img, iframe, script, object").count() == 0
    fold_and_copy(page, delivery)


def fold_and_copy(page: Page, delivery: int) -> None:
    """Folded by pointer and by keyboard; what is copied is whole, folded or not."""
    body = page.locator(f"[id='response-{delivery}-1']")
    summaries = body.locator("summary")
    expect(summaries).to_have_count(5)
    summaries.nth(1).click()
    expect(body.get_by_text('"Kettle"')).to_be_hidden()
    summaries.nth(1).click()
    summaries.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(summaries.nth(2)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(body.get_by_text('"Kettle"')).to_be_hidden()
    assert json.loads(body.text_content() or "") == INVOICE
    page.locator(f"[data-fold-all='response-{delivery}-1']").click()
    expect(body.get_by_text('"Kettle"')).to_be_hidden()
    page.locator(f"[data-fold-all='response-{delivery}-1']").click()
    expect(body.get_by_text('"Kettle"')).to_be_visible()


def test_from_red_to_what_to_do_in_three_clicks(page: Page, installation: Running, receiver: Receiver) -> None:
    receiver.default = Answer(422, b'{"error":{"message":"The customer has no billing address."}}')
    installation.call("POST", "/workflows", document(receiver.url, **plain()))
    (delivery,) = deliver(installation, 1)
    page.goto(f"{installation.address}/log")
    page.get_by_role("link", name=re.compile("^Retry")).click()  # one: what is not well
    page.get_by_role("link", name=f"Details of delivery {delivery}").click()  # two: why, and what to do
    callout = page.locator(".log-callout")
    expect(callout).to_contain_text("it refused the values.")
    expect(callout).to_contain_text("What to do: Its answer says which field and why.")
    expect(callout).to_contain_text("The answer said: The customer has no billing address.")
    page.get_by_role("link", name="Edit the parameters").click()  # three: where it is done
    expect(page.locator("[id='actions.0.parameters']")).to_be_in_viewport()
    page.go_back()
    expect(page.get_by_role("link", name="Edit the parameters")).to_be_visible()


def test_the_copied_command_sends_the_same_request(page: Page, installation: Running, receiver: Receiver) -> None:
    installation.call("POST", "/workflows", document(receiver.url + "/a[0]?who=O'Neill", **plain()))
    (delivery,) = deliver(installation, 1)
    page.goto(f"{installation.address}/log/{delivery}")
    command = page.locator(f"[id='curl-{delivery}']").text_content() or ""
    assert "Authorization: Basic ••••••" in command and "dTpw" not in command
    assert shlex.split(command)[0] == "curl"
    subprocess.run(["bash", "-c", f"{command} --silent --noproxy '*'"], check=True, timeout=20)
    sent, copied = receiver.requests
    assert (copied.line, copied.body) == (sent.line, sent.body)
    varying = {"user-agent", "authorization", "accept-encoding"}
    assert {name: value for name, value in sent.headers if name.lower() not in varying} == {
        name: value for name, value in copied.headers if name.lower() not in varying
    }
