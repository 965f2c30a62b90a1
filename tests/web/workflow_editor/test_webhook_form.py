"""The endpoints of the webhook form (specification sections 4.1 and 4.6), without a browser: preview, test, pickers,
what fills it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.support import pages
from tests.support.workflow_form import FORM, errors, inputs_of, value_of
from webhookui.core.database import Database
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.delivery.tables import Delivery
from webhookui.webhooks.authoring.recipes import RECIPES, Recipe
from webhookui.workflows import store

ANN = Actor("person", "Ann")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("webhook-form")) as app:
        yield app


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, *pages.WORK)
    return database


@pytest.fixture
def client(app: Flask, db: Database) -> FlaskClient:
    return pages.admin(app)


@pytest.fixture
def deal(db: Database) -> int:
    with db.write() as session:
        contact = records.create(
            session, "contacts", {"first_name": "Jo", "last_name": "Roe", "email": "jo@x.org"}, ANN
        )
        values = {"name": "Big deal", "amount": "1200.50", "stage": "New", "contact": contact.id}
        return records.create(session, "deals", values, ANN).id or 0


# ---- preview, test, pickers -------------------------------------------------------------------------------------------


def test_the_preview_is_the_exact_request_with_secrets_masked(client: FlaskClient, db: Database, deal: int) -> None:
    answer = client.post("/settings/webhook-form/preview", data={**FORM, "at": "actions.0"})
    assert "1200.50" in answer.text and "https://api.example.com/invoices" in answer.text
    assert "Basic ••••••" in answer.text and "s3cret-word" not in answer.text


def test_the_preview_says_what_is_missing_at_the_row_as_it_stands(client: FlaskClient, db: Database, deal: int) -> None:
    blank = {"actions.0.parameters.1.name": "", "actions.0.parameters.1.value": ""}
    wrong = {"actions.0.parameters.2.name": "b", "actions.0.parameters.2.value": "{{ nothing }}"}
    answer = client.post("/settings/webhook-form/preview", data={**FORM, **blank, **wrong, "at": "actions.0"})
    assert 'data-reveal="actions.0.parameters.2.value"' in answer.text


def test_the_preview_of_a_module_without_records_says_so(client: FlaskClient, db: Database) -> None:
    answer = client.post("/settings/webhook-form/preview", data={**FORM, "at": "actions.0"})
    assert "no record" in answer.text


def test_a_test_of_the_draft_is_a_delivery_marked_test(client: FlaskClient, db: Database, deal: int) -> None:
    answer = client.post("/settings/webhook-form/test", data={**FORM, "at": "actions.0"})
    with db.read() as session:
        delivery = session.scalars(select(Delivery)).one()
    assert delivery.test and delivery.record_id == deal
    assert f"/settings/webhook-form/test/{delivery.id}?version={delivery.version}" in unescape(answer.text)
    assert client.get(f"/settings/webhook-form/test/{delivery.id}?version={delivery.version}").status_code == 204


def test_the_picker_lists_fields_references_and_surroundings(client: FlaskClient, db: Database) -> None:
    html = unescape(client.get("/settings/webhook-form/placeholders?module=deals").text)
    for placeholder in (
        "amount",
        "contact.email",
        "owner.name",
        "previous.stage",
        "record.url",
        "workflow.name",
        "now",
    ):
        assert f"{{{{ {placeholder} }}}}" in html
    related = client.get("/settings/webhook-form/placeholders?module=contacts&related=1").text
    assert "previous." not in related


# ---- what fills the form ----------------------------------------------------------------------------------------------


def test_a_curl_command_fills_the_request_and_leaves_the_rest(client: FlaskClient, db: Database) -> None:
    command = (
        "curl -X PUT https://other.example/things/1 -u me:pw-of-curl -H 'X-A: b' "
        """-H 'Content-Type: application/json' -d '{"n": 1.50, "t": "x"}'"""
    )
    answer = client.post("/settings/webhook-form/curl", data={**FORM, "at": "actions.0", "text": command})
    html = answer.text
    assert value_of(html, "actions.0.title") == "Create invoice"
    assert value_of(html, "actions.0.method") == "PUT"
    assert value_of(html, "actions.0.url") == "https://other.example/things/1"
    assert value_of(html, "actions.0.authorization.password") == "pw-of-curl"
    assert [value_of(html, f"actions.0.parameters.0.{key}") for key in ("name", "value", "type")] == [
        "n",
        "1.50",
        "number",
    ]
    assert value_of(html, "actions.0.headers.0.name") == "X-A"


def test_a_sample_body_becomes_typed_dotted_rows_beside_those_that_are_there(client: FlaskClient, db: Database) -> None:
    text = '{"amount": 1, "lines": [{"vat": true}]}'
    html = client.post("/settings/webhook-form/sample", data={**FORM, "at": "actions.0", "text": text}).text
    assert value_of(html, "actions.0.parameters.0.value") == "{{ amount }}"
    assert value_of(html, "actions.0.parameters.1.name") == "lines.0.vat"
    assert value_of(html, "actions.0.parameters.1.type") == "boolean"
    assert value_of(html, "actions.0.parameters.2.name") is None


def test_what_came_over_of_a_command_and_what_did_not_stands_in_one_list(client: FlaskClient, db: Database) -> None:
    command = (
        "# creates it\ncurl -ks --max-time 90 -L -X POST https://other.example/{id} -u ann:pw -H 'X-A: b' -H 'Host: h.example' "
        """--json '{"a": 1, "b": "$TOKEN"}'"""
    )
    html = client.post("/settings/webhook-form/curl", data={**FORM, "at": "actions.0", "text": command}).text
    notes = unescape(re.findall(r'role="status">.*?</div>', html, re.DOTALL)[0])
    for words in (
        "Filled in from the cURL command.",
        "Imported: POST; 2 parameters, JSON; 2 headers; Basic Authentication.",
        "Left out, because the address or the connection determines it: Host.",
        "Redirects are followed (-L)",
        "The timeout is 60 s",
        "in place of {id} in the address",
        "-k (certificates are always checked)",
        "-s (it only affects what cURL shows)",
    ):
        assert words in notes, words
    assert "$TOKEN" not in notes  # in single quotes it is text


def test_a_body_that_rows_can_not_say_comes_over_as_it_is(client: FlaskClient, db: Database) -> None:
    command = "curl https://other.example/ -d 'a=1&a[b]=2'"
    html = client.post("/settings/webhook-form/curl", data={**FORM, "at": "actions.0", "text": command}).text
    assert value_of(html, "actions.0.content_type") == "RAW"
    assert value_of(html, "actions.0.media_type") == "application/x-www-form-urlencoded"
    assert value_of(html, "actions.0.body") == "a=1&a[b]=2"


def test_a_sample_in_another_encoding_is_read_as_it_is_seen(client: FlaskClient, db: Database) -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><a><city lang="de">Köln</city><note/></a>'
    html = client.post(
        "/settings/webhook-form/sample", data={"at": "actions.0", "actions.0.title": "", "text": text}
    ).text
    rows = {
        value_of(html, f"actions.0.parameters.{at}.name"): value_of(html, f"actions.0.parameters.{at}.value")
        for at in (0, 1, 2)
    }
    assert rows == {"city.@lang": "de", "city.#text": "Köln", "note": ""}


def test_a_sample_that_rows_can_not_say_is_the_body_as_it_is_and_rows_that_were_typed_stay(
    client: FlaskClient, db: Database
) -> None:
    text = "<p>{{ one }} <b>two</b>\n three</p>"
    html = client.post("/settings/webhook-form/sample", data={**FORM, "at": "actions.0", "text": text}).text
    assert value_of(html, "actions.0.content_type") == "RAW"
    assert value_of(html, "actions.0.media_type") == "application/xml"
    assert value_of(html, "actions.0.body") == "{% raw %}" + text + "{% endraw %}"
    assert value_of(html, "actions.0.parameters.0.value") == "{{ amount }}"
    assert "As XML, it contains something" in html and "Your parameter rows come back" in html


@pytest.mark.parametrize(
    ("tool", "text"), [("curl", "wget x"), ("sample", "{oops"), ("sample", ""), ("response", "hello")]
)
def test_what_can_not_be_read_is_refused_with_words(client: FlaskClient, db: Database, tool: str, text: str) -> None:
    answer = client.post(f"/settings/webhook-form/{tool}", data={**FORM, "at": "actions.0", "text": text})
    assert answer.status_code == 422 and "tool-error" in answer.text


def asked(recipe: Recipe, **answers: str) -> dict[str, str]:
    """A recipe's dialog as it is posted: what is not answered keeps its default."""
    given = {f"ask.{ask.token}": answers.get(ask.token, ask.default or "x1") for ask in recipe.asks}
    return {"at": "actions.0", "recipe": recipe.name, **given}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_fills_a_form_that_can_be_saved(client: FlaskClient, db: Database, recipe: Recipe) -> None:
    module = recipe.module or "deals"
    form = {"name": "W", "module": module, "actions.0.title": "", "actions.0.method": "GET"}
    address = {"WEBHOOK_URL": "https://hooks.slack.com/services/1", "TARGET_URL": "https://x.example/"}
    html = client.post("/settings/webhook-form/recipe", data={**form, **asked(recipe, **address)}).text
    assert value_of(html, "actions.0.method") == "POST"
    filled = {**form, "trigger.on": "update", **inputs_of(html)}
    answer = client.post("/settings/workflows", data=filled)
    assert answer.status_code == 303, errors(answer.text)
    with db.read() as session:
        action = store.to_document(session, store.list_all(session)[0], with_ids=False)["actions"][0]
    assert any(row["required"] for row in action["parameters"])
    assert not any(ask.token in str(action) for ask in recipe.asks)


@pytest.mark.parametrize(
    ("recipe", "token"), [(recipe, ask.token) for recipe in RECIPES.values() for ask in recipe.asks]
)
def test_what_a_recipe_asks_for_is_required(client: FlaskClient, db: Database, recipe: Recipe, token: str) -> None:
    label = next(ask.label for ask in recipe.asks if ask.token == token)
    answer = client.post("/settings/webhook-form/recipe", data={**FORM, **asked(recipe, **{token: " "})})
    assert answer.status_code == 422 and f"Required: {label}" in answer.text


def test_a_recipe_for_another_module_says_so(client: FlaskClient, db: Database) -> None:
    form = {"module": "contacts", "actions.0.title": "", **asked(RECIPES["freshbooks_invoice"])}
    assert "Made for Deals" in client.post("/settings/webhook-form/recipe", data=form).text


def test_a_token_typed_for_one_service_is_not_carried_into_a_recipe_for_another(
    client: FlaskClient, db: Database
) -> None:
    typed = {"actions.0.authorization.type": "bearer", "actions.0.authorization.token": "t0p-secret"}
    form = {**FORM, **typed, **asked(RECIPES["freshbooks_invoice"], ACCESS_TOKEN="new-token")}
    html = client.post("/settings/webhook-form/recipe", data=form).text
    assert "t0p-secret" not in html and value_of(html, "actions.0.authorization.token") == "new-token"


def test_a_sample_of_xml_gives_its_root_its_prefix(client: FlaskClient, db: Database) -> None:
    text = '<s:Envelope xmlns:s="urn:s"><s:Body>1</s:Body></s:Envelope>'
    html = client.post(
        "/settings/webhook-form/sample", data={"at": "actions.0", "actions.0.title": "", "text": text}
    ).text
    assert value_of(html, "actions.0.xml_root") == "s:Envelope"
    assert value_of(html, "actions.0.content_type") == "XML"
