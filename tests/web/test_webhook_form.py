"""The endpoints of the webhook form (SPEC sections 4.1 and 4.6), without a browser: preview, test, pickers, what fills it."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.support import pages
from tests.support.workflow_form import FORM, value_of
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.db import Database
from webhookui.delivery.tables import Delivery

ANN = Actor("person", "Ann")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("webhook-form")) as app:
        yield app


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, "delivery_request", "delivery", "workflow_webhook", "workflow", "link", "change", "record")
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


def test_the_record_picker_searches_one_module(client: FlaskClient, db: Database, deal: int) -> None:
    assert "Big deal" in client.get("/settings/webhook-form/records?module=deals&q=big").text
    assert "No record found" in client.get("/settings/webhook-form/records?module=contacts&q=big").text


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


@pytest.mark.parametrize(
    ("tool", "text"), [("curl", "wget x"), ("sample", "{oops"), ("sample", ""), ("response", "hello")]
)
def test_what_can_not_be_read_is_refused_with_words(client: FlaskClient, db: Database, tool: str, text: str) -> None:
    answer = client.post(f"/settings/webhook-form/{tool}", data={**FORM, "at": "actions.0", "text": text})
    assert answer.status_code == 422 and "tool-error" in answer.text


@pytest.mark.parametrize("name", ["freshbooks_invoice", "slack_message", "mailchimp_member", "generic_json"])
def test_a_recipe_fills_the_form(client: FlaskClient, db: Database, name: str) -> None:
    form = {"module": "deals", "actions.0.method": "GET", "at": "actions.0", "recipe": name}
    html = client.post("/settings/webhook-form/recipe", data=form).text
    assert value_of(html, "actions.0.method") == "POST" and value_of(html, "actions.0.parameters.0.name")


def test_a_token_typed_for_one_service_is_not_carried_into_a_recipe_for_another(
    client: FlaskClient, db: Database
) -> None:
    typed = {"actions.0.authorization.type": "bearer", "actions.0.authorization.token": "t0p-secret"}
    form = {**FORM, **typed, "at": "actions.0", "recipe": "freshbooks_invoice"}
    assert "t0p-secret" not in client.post("/settings/webhook-form/recipe", data=form).text
