"""The preview shows the very bytes that the receiver gets (specification section 4.6): built in the form, saved, sent by a save.

webhookui runs in a process of its own, by its command; the third party is a real HTTP server in this one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.support import pages
from tests.support.form_page import (
    add_related,
    add_row,
    add_webhook,
    at,
    new_workflow,
    preview_of,
    preview_settles,
    save,
    shown,
    step,
    type_parameters,
)  # fmt: skip
from tests.support.receiver import Receiver
from tests.support.running import Running, running

pytestmark = pytest.mark.browser

MASK = "••••••"
NAME = "Zoë “Ωmega” <b>&amp; Söhne</b> \\ / 'q' \"qq\" 😀 100% a+b=c;d"


@dataclass(frozen=True)
class Case:
    """What is chosen in the form besides the rows that all cases have."""

    content_type: str
    method: str = "POST"
    rows: tuple[tuple[str, str], ...] = ()
    authorization: dict[str, str] = field(default_factory=dict)
    secret: str = ""
    """As it stands in the header or URL of the request."""
    signed: bool = False


ROWS = (
    ("person.names.0", "{{ first_name }}"),
    ("person.names.1", "{{ last_name }} & {{ organization.name }}"),
    ("person.e-mail", "{{ email }}"),
    ("person.born", "{{ birthday }}"),
    ("person.says", "Line one\nLine two\t{{ description }}"),
    ("größe", "5"),
)
CASES = {
    "JSON": Case("JSON", rows=(("dotted\\.name", "{{ interests }}"), ("nothing", "{{ mobile }}")), signed=True),
    "JSONARRAY": Case(
        "JSONARRAY", "PUT",
        authorization={"type": "basic", "username": "ann", "password": "pä:ss"}, secret="Basic YW5uOnDDpDpzcw==",
    ),
    "XML": Case(
        "XML", "PATCH", rows=(("person.@id", "{{ record.id }}"), ("tag", "]]> <&>")),
        authorization={"type": "api_key", "in": "query", "name": "api key", "value": "k&y=1 2"}, secret="k%26y%3D1+2",
    ),
    "FORM": Case("FORM", "DELETE", authorization={"type": "bearer", "token": "T0K/en+="}, secret="Bearer T0K/en+="),
    "query": Case("JSON", "GET", authorization={"type": "api_key", "in": "header", "name": "X-Key", "value": "sesame"},
                  secret="sesame"),
}  # fmt: skip


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("preview")) as started:
        yield started


@pytest.fixture(scope="module")
def address(installation: Running) -> str:
    return installation.address


@pytest.fixture(scope="module")
def contact(installation: Running) -> int:
    """A contact whose values try to break out of every content type, with an organization and two deals."""
    call = installation.call
    organization = call("POST", "/records/organizations", {"values": {"name": 'Þór & <Co> "Ltd"'}})
    values = {
        "first_name": NAME, "last_name": "O'Neil-Łukasz", "email": "zoe+tag@example.com", "organization": organization["id"],
        "birthday": "1980-02-29", "description": "a\nb; ]]> {\"json\": [1]}\u2028end",
    }  # fmt: skip
    new_id: int = call("POST", "/records/contacts", {"values": values})["id"]
    for name, amount in (("Tür & Tor", "1250.10"), ("<deal 2>", None)):
        call("POST", "/records/deals", {"values": {"name": name, "amount": amount, "contact": new_id}})
    return new_id


@pytest.fixture
def form(window: Page, address: str) -> Iterator[Page]:
    pages.afresh(window, address, (1280, 720), "no-preference")
    with new_workflow(window, address, "contacts"):
        yield window


def build(page: Page, url: str, case: Case, contact: int) -> None:
    """Everything but the name of the workflow, in the form alone."""
    page.get_by_label("Deals", exact=True).check()
    page.get_by_label("Organizations", exact=True).check()
    step(page, "Trigger")
    page.get_by_label("On update").check()
    add_webhook(page, f"As {case.content_type}")
    at(page, "actions.0.method").select_option(case.method)
    at(page, "actions.0.url").fill(url + "/öffen/{{ last_name }}?q={{ first_name }}&x=1#part")
    at(page, "actions.0.content_type").select_option(case.content_type)
    for position, (name, value) in enumerate((("X-Name", "{{ first_name }}"), ("X-Mixed", "id {{ record.id }}, ok"))):
        row = add_row(page, "actions.0.headers")
        assert row == f"actions.0.headers.{position}"
        at(page, f"{row}.name").fill(name)
        at(page, f"{row}.value").fill(value)
    type_parameters(page, *ROWS, *case.rows)
    at(page, "actions.0.parameters.5.type").select_option("number")
    add_related(page, "deals", ("name", "{{ name }}"), ("price.amount", "{{ amount }}"), ("price.code", "EUR"))
    add_related(page, "organizations", ("name", "{{ name }}"))
    at(page, "actions.0.related.1.key").fill("firma")
    at(page, "actions.0.authorization.type").select_option(case.authorization.get("type", "none"))
    for key, value in case.authorization.items():
        place = at(page, f"actions.0.authorization.{key}")
        place.select_option(value) if key in ("type", "in") else place.fill(value)
    if case.signed:
        page.locator(".is-open .disclosure > summary").click()
        at(page, "actions.0.signing.on").check()
    page.get_by_label("Record of the preview").fill("Neil")
    page.locator(f".is-open [data-record='{contact}']").click()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_receiver_gets_the_bytes_that_the_preview_shows(
    form: Page, installation: Running, receiver: Receiver, contact: int, case: Case
) -> None:
    at(form, "name").fill(f"Preview of {case.content_type} {case.method}")
    build(form, receiver.url, case, contact)
    expected = shown(form)
    assert not case.secret or case.secret not in preview_of(form).inner_text()
    save(form)
    installation.call("PATCH", f"/records/contacts/{contact}", {"values": {"title": case.content_type + case.method}})
    received = receiver.wait_for(1)[0]
    workflow = installation.call("GET", "/workflows")["items"][-1]
    installation.call("DELETE", f"/workflows/{workflow['id']}")

    assert received.body.decode() == expected.body
    method, target, _ = received.line.split(" ")
    parts = urlsplit(expected.url.replace(MASK, case.secret))
    assert (method, target) == (expected.method, f"{parts.path}?{parts.query}")
    signature = {"webhook-timestamp", "webhook-signature"}
    drawn = signature | {"webhook-id"}  # what each delivery has of its own
    sent_headers = {name: value for name, value in received.headers if name.lower() not in drawn | {"connection"}}
    masked = {name: value for name, value in expected.headers.items() if name.lower() not in drawn}
    secret = case.secret.removeprefix("Basic ").removeprefix("Bearer ")
    assert sent_headers == {name: value.replace(MASK, secret) for name, value in masked.items()}
    assert signature <= {name.lower() for name in expected.headers} or not case.signed
    assert (received.header("webhook-signature") is not None) == case.signed
    if case.content_type == "JSON" and case.method == "POST":
        body = json.loads(received.body)
        assert body["person"]["names"][0] == NAME and body["größe"] == 5
        assert body["deals"][0] == {"name": "Tür & Tor", "price": {"amount": 1250.10, "code": "EUR"}}


def test_the_preview_follows_the_rows_as_they_are_typed_moved_and_removed(
    form: Page, installation: Running, contact: int
) -> None:
    add_webhook(form)
    at(form, "actions.0.url").fill("https://api.example.com/x")
    type_parameters(form, ("a", "1"), ("b", "{{ last_name }}"))
    assert shown(form).body == '{"a":"1","b":"O\'Neil-Łukasz"}'
    at(form, "actions.0.parameters.0.type").select_option("number")
    assert shown(form).body == '{"a":1,"b":"O\'Neil-Łukasz"}'
    at(form, "actions.0.parameters.0").locator("[data-row-handle]").press("ArrowDown")
    assert shown(form).body == '{"b":"O\'Neil-Łukasz","a":1}'
    at(form, "actions.0.parameters.0").get_by_role("button", name="Remove parameter").click()
    assert shown(form).body == '{"a":1}'
    form.get_by_role("button", name="Undo").click()
    at(form, "actions.0.content_type").select_option("FORM")
    assert shown(form).body == "b=O%27Neil-%C5%81ukasz&a=1"
    at(form, "actions.0.parameters.1.name").fill("b.c")
    preview_settles(form)
    expect(preview_of(form).locator(".missing")).to_contain_text("Parameter 2")
    preview_of(form).locator(".missing a").first.click()
    expect(at(form, "actions.0.parameters.1.name")).to_be_focused()
    at(form, "actions.0.parameters.1.name").fill("")
    preview_settles(form)
    expect(preview_of(form).locator(".missing")).to_contain_text("Enter a name for the parameter")
