"""Workflows in the browser (specification sections 3 and 4), without a browser: list, form, import, export, explain, previews."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from tests.support.log_rows import add_delivery
from tests.support.workflow_form import FORM, errors, inputs_of, value_of
from webhookui.core.database import Database
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.definitions.tables import Workflow
from webhookui.delivery.tables import Delivery
from webhookui.delivery_log import queries
from webhookui.workflows import store

ANN = Actor("person", "Ann")
HTMX = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("workflows")) as app:
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


def saved(client: FlaskClient, db: Database, **changes: Any) -> Workflow:
    answer = client.post("/settings/workflows", data={**FORM, **changes})
    assert answer.status_code == 303, errors(answer.text)
    with db.read() as session:
        return store.list_all(session)[-1]


# ---- saving -----------------------------------------------------------------------------------------------------------


def test_a_filled_form_becomes_the_document_it_describes(client: FlaskClient, db: Database) -> None:
    workflow = saved(client, db)
    with db.read() as session:
        document = store.to_document(session, workflow, with_ids=False)
    assert document["related_modules"] == ["contacts"]
    assert document["criteria"]["all"] == [{"field": "stage", "operator": "has_changed_to", "value": "Closed Won"}]
    assert document["actions"][0]["parameters"][0]["name"] == "amount"


def test_the_edit_form_shows_everything_but_secrets_and_saving_it_unchanged_keeps_them(
    client: FlaskClient, db: Database, app: Flask
) -> None:
    workflow = saved(client, db)
    html = client.get(f"/settings/workflows/{workflow.id}").text
    assert "s3cret-word" not in html
    assert "stored – leave unchanged" in html
    for name in FORM.keys() - {"actions.0.authorization.password", "related_modules[]", "active"}:
        if not name.startswith("trigger."):
            assert value_of(html, name) == FORM[name], name
    form = {**FORM, "actions.0.authorization.password": "", "version": value_of(html, "version")}
    form["actions.0.id"] = value_of(html, "actions.0.id")
    assert client.post(f"/settings/workflows/{workflow.id}", data=form).status_code == 303
    with db.read() as session:
        stored = store.stored_actions(session, app.extensions["webhookui"].box, workflow.id or 0)
    assert stored[0].secrets["password"] == "s3cret-word"


def test_when_the_host_changes_the_secret_must_be_typed_again(client: FlaskClient, db: Database) -> None:
    workflow = saved(client, db)
    html = client.get(f"/settings/workflows/{workflow.id}").text
    form = {**FORM, "actions.0.url": "https://elsewhere.example/x", "actions.0.authorization.password": ""}
    form["actions.0.id"] = value_of(html, "actions.0.id")
    answer = client.post(f"/settings/workflows/{workflow.id}", data=form)
    assert answer.status_code == 422
    assert "again" in errors(answer.text)["actions.0.authorization.password"]


BAD = {
    "no name": ({"name": ""}, "name", "name"),
    "no module": ({"module": ""}, "module", "module"),
    "no URL": ({"actions.0.url": ""}, "actions.0.url", "URL"),
    "URL not http": ({"actions.0.url": "ftp://x.example/"}, "actions.0.url", "http"),
    "placeholder that does not exist": ({"actions.0.parameters.0.value": "{{ amout }}"}, "actions.0.parameters.0.value", "amout"),
    "parameter without a name": ({"actions.0.parameters.0.name": ""}, "actions.0.parameters.0.name", "name"),
    "duplicate name": (
        {"actions.0.parameters.1.name": "amount", "actions.0.parameters.1.value": "1"},
        "actions.0.parameters.1.name",
        "amount",
    ),
    "a beside a.b": (
        {"actions.0.parameters.1.name": "amount.b", "actions.0.parameters.1.value": "1"},
        "actions.0.parameters.1.name",
        "amount",
    ),
    "condition without a value": ({"criteria.all.0.value": ""}, "criteria.all.0.value", "value"),
    "path that does not parse": (
        {
            "actions.0.capture.on": "1",
            "actions.0.capture.on_success.0.path": "$.[",
            "actions.0.capture.on_success.0.field": "name",
        },
        "actions.0.capture.on_success.0.path",
        "olumn",
    ),
    "timeout too long": ({"actions.0.timeout_s": "61"}, "actions.0.timeout_s", "60"),
    "a schedule, which does not run": (
        {"trigger.on": "schedule", "trigger.schedule.every": "hour"}, "trigger.on", "do not run yet",
    ),
    "no time of a schedule": ({"trigger.on": "schedule", "trigger.schedule.every": "day"}, "trigger.schedule.at", "time"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_can_not_be_saved_says_so_at_its_field_and_keeps_all_that_was_typed(
    client: FlaskClient, db: Database, case: str
) -> None:
    changes, path, word = BAD[case]
    form = {**FORM, **changes}
    answer = client.post("/settings/workflows", data=form)
    assert answer.status_code == 422
    assert word in errors(answer.text).get(path, ""), errors(answer.text)
    for name, typed in form.items():
        if not name.endswith(("[]", "password", ".on", "recurrence", "active")):
            assert value_of(answer.text, name) == typed, name
    assert "s3cret-word" not in answer.text
    with db.read() as session:
        assert store.list_all(session) == []


def test_a_refused_form_opens_the_step_with_the_first_error_and_marks_each_step_that_has_one(
    client: FlaskClient, db: Database
) -> None:
    answer = client.post("/settings/workflows", data={**FORM, "criteria.all.0.value": "", "actions.0.url": ""})
    assert 'data-step-open="criteria"' in answer.text
    marked = re.findall(r'class="step has-errors" data-step-link="(\w+)"', answer.text)
    assert marked == ["criteria", "actions"]


def test_a_fourth_webhook_is_refused_with_words(client: FlaskClient, db: Database) -> None:
    form = dict(FORM)
    for position in (1, 2, 3):
        form |= {
            key.replace("actions.0", f"actions.{position}"): value for key, value in FORM.items() if "actions" in key
        }
    answer = client.post("/settings/workflows", data=form)
    assert answer.status_code == 422
    assert "at most 3" in errors(answer.text)["actions"]
    assert value_of(answer.text, "actions.3.title") == "Create invoice"


def test_a_sixth_related_module_is_refused_with_words(client: FlaskClient, db: Database) -> None:
    modules = ["organizations", "leads", "deals", "cases", "invoices", "tasks"]
    form = {**FORM, "module": "contacts", "related_modules[]": modules, "actions.0.related_on": "1"}
    form |= {"criteria.all.0.field": "email", "criteria.all.0.operator": "is_empty"}
    form |= {"actions.0.parameters.0.value": "{{ email }}"}
    for position, module in enumerate(modules):
        form[f"actions.0.related.{position}.module"] = module
        form[f"actions.0.related.{position}.parameters.0.name"] = "n"
        form[f"actions.0.related.{position}.parameters.0.value"] = "{{ record.id }}"
    answer = client.post("/settings/workflows", data=form)
    assert answer.status_code == 422
    assert any("five" in words or "5" in words for words in errors(answer.text).values())
    assert value_of(answer.text, "actions.0.related.5.module") == "tasks"


def test_rows_that_nobody_typed_into_are_not_held_against_the_form(client: FlaskClient, db: Database) -> None:
    blank = {
        "actions.0.parameters.1.name": "",
        "actions.0.parameters.1.value": "",
        "actions.0.parameters.1.type": "auto",
    }
    workflow = saved(client, db, **blank, **{"criteria.any.0.field": "", "criteria.any.0.operator": "is"})
    assert workflow.criteria["any"] == []


def test_two_people_saving_the_same_workflow_the_second_is_told_and_loses_nothing(
    client: FlaskClient, db: Database
) -> None:
    workflow = saved(client, db)
    html = client.get(f"/settings/workflows/{workflow.id}").text
    mine = {**FORM, "version": value_of(html, "version"), "actions.0.id": value_of(html, "actions.0.id")}
    mine["actions.0.authorization.password"] = ""
    assert client.post(f"/settings/workflows/{workflow.id}", data={**mine, "name": "Theirs"}).status_code == 303
    answer = client.post(f"/settings/workflows/{workflow.id}", data={**mine, "name": "Mine"})
    assert answer.status_code == 409
    assert "somebody else" in answer.text and value_of(answer.text, "name") == "Mine"
    current = re.search(r'name="version" value="(\d+)">Overwrite it', answer.text)
    assert current is not None
    over = client.post(f"/settings/workflows/{workflow.id}", data={**mine, "name": "Mine", "version": current[1]})
    assert over.status_code == 303


def test_a_save_by_htmx_is_answered_by_a_redirect_of_the_page(client: FlaskClient, db: Database) -> None:
    answer = client.post("/settings/workflows", data=FORM, headers=HTMX)
    assert answer.headers["HX-Redirect"] == "/settings/workflows"


def test_a_new_signing_secret_is_shown_once(client: FlaskClient, db: Database) -> None:
    answer = client.post("/settings/workflows", data={**FORM, "actions.0.signing.on": "1"})
    assert "whsec_" in client.get(answer.location).text
    assert "whsec_" not in client.get(answer.location).text


# ---- drawing the form anew --------------------------------------------------------------------------------------------


def test_another_module_keeps_what_was_typed_and_offers_its_own_fields(client: FlaskClient, db: Database) -> None:
    answer = client.post("/settings/workflows/draft", data={**FORM, "module": "contacts"}, headers=HTMX)
    assert value_of(answer.text, "criteria.all.0.field") == "stage"
    assert "(missing)" in answer.text
    assert 'value="last_name"' in answer.text
    assert "<html" not in answer.text


def test_without_a_script_a_button_adds_a_row(client: FlaskClient, db: Database) -> None:
    answer = client.post("/settings/workflows/draft", data={**FORM, "do": "add:actions.0.parameters"})
    assert value_of(answer.text, "actions.0.parameters.1.name") == ""
    assert "<html" in answer.text


@pytest.mark.parametrize(
    ("field", "operator", "expected"),
    [
        ("stage", "is", '<select[^>]*name="criteria.all.0.value"'),
        ("stage", "is_any_of", 'type="checkbox"[^>]*name="criteria.all.0.value\\[\\]"'),
        ("amount", "between", 'name="criteria.all.0.value.1"'),
        ("close_date", "in_the_last_days", 'name="criteria.all.0.value"'),
        ("close_date", "before", 'type="date"'),
        ("name", "is_any_of", '<textarea[^>]*name="criteria.all.0.value"'),
        ("contact", "is", "data-record-picker"),
        ("owner", "is", "Ann"),
        ("contact.email", "ends_with", 'name="criteria.all.0.value"'),
    ],
)
def test_the_value_of_a_condition_gets_the_input_of_its_field_and_operator(
    client: FlaskClient, db: Database, field: str, operator: str, expected: str
) -> None:
    row = {"criteria.all.0.field": field, "criteria.all.0.operator": operator, "at": "criteria.all.0"}
    answer = client.post("/settings/workflows/condition", data={"module": "deals", **row})
    assert answer.status_code == 200
    assert re.search(expected, answer.text), answer.text


def test_an_operator_that_does_not_fit_the_new_field_gives_way(client: FlaskClient, db: Database) -> None:
    row = {"criteria.all.0.field": "amount", "criteria.all.0.operator": "starts_with", "at": "criteria.all.0"}
    answer = client.post("/settings/workflows/condition", data={"module": "deals", **row})
    assert value_of(answer.text, "criteria.all.0.operator") == "is"


# ---- list -------------------------------------------------------------------------------------------------------------


def test_the_list_shows_module_trigger_and_switch_and_the_switch_works(client: FlaskClient, db: Database) -> None:
    workflow = saved(client, db)
    html = client.get("/settings/workflows").text
    assert "Deals" in html and "On creation or update" in html and 'aria-checked="true"' in html
    answer = client.post(f"/settings/workflows/{workflow.id}/active", data={"active": "0"}, headers=HTMX)
    assert 'aria-checked="false"' in answer.text
    with db.read() as session:
        assert not store.get(session, workflow.id or 0).active


def test_list_switch_and_form_say_how_many_deliveries_wait_and_end_them(client: FlaskClient, db: Database) -> None:
    workflow = saved(client, db)
    with db.write() as session:
        deliveries = [
            add_delivery(session, status=status, workflow_id=workflow.id).id for status in ("queued", "retry")
        ]
        add_delivery(session, status="queued", workflow_id=workflow.id, test=True)
    page = f"/settings/workflows/{workflow.id}"
    answer = client.post(f"{page}/active", data={"active": "0"}, headers=HTMX).text
    for html in (answer, client.get("/settings/workflows").text, client.get(page).text):
        assert "2 deliveries are held until it is switched on" in html and f'action="{page}/end-waiting"' in html
    row = client.get("/log").text
    assert row.count("workflow is off") >= 2
    with db.read() as session:
        version = queries.shown_version(1, None)
        assert [moved.id for moved in queries.moved(session, dict.fromkeys(deliveries, version))] == deliveries[::-1]  # type: ignore[arg-type]
    assert "2 deliveries of" in client.post(f"{page}/end-waiting", follow_redirects=True).text
    with db.read() as session:
        statuses = [session.get_one(Delivery, delivery_id).status for delivery_id in deliveries]
    assert statuses == ["failed", "failed"]
    assert "end-waiting" not in client.get(page).text


def test_a_workflow_is_duplicated_switched_off_and_deleted(client: FlaskClient, db: Database) -> None:
    workflow = saved(client, db)
    answer = client.post(f"/settings/workflows/{workflow.id}/duplicate")
    assert client.get(answer.location).status_code == 200
    client.post(f"/settings/workflows/{workflow.id}/delete")
    with db.read() as session:
        assert [(workflow.name, workflow.active) for workflow in store.list_all(session)] == [
            ("Invoice closed deals (copy)", False)
        ]
    assert client.get(f"/settings/workflows/{workflow.id}").status_code == 404


# ---- export and import ------------------------------------------------------------------------------------------------


def test_an_export_can_be_imported_and_its_missing_secret_is_asked_for_in_the_form(
    client: FlaskClient, db: Database
) -> None:
    workflow = saved(client, db)
    answer = client.get(f"/settings/workflows/{workflow.id}/export")
    assert "attachment" in answer.headers["Content-Disposition"] and "s3cret-word" not in answer.text
    upload = {"file": (io.BytesIO(answer.data), "w.json")}
    page = client.post("/settings/workflows/import", data=upload, content_type="multipart/form-data")
    assert page.status_code == 422
    assert list(errors(page.text)) == ["actions.0.authorization.password"]
    assert value_of(page.text, "actions.0.url") == FORM["actions.0.url"]


def test_a_complete_document_is_imported(client: FlaskClient, db: Database) -> None:
    document = {"name": "W", "module": "deals", "trigger": {"on": "create"}, "actions": []}
    answer = client.post("/settings/workflows/import", data={"document": json.dumps(document)})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Choose a file or paste"),
        ("{nonsense", "not JSON"),
        ('{"name": "x",\n "module": }', "line 2, column"),
        ("17", "JSON object"),
        ('{"name": "W", "module": "deals", "trigger": {"on": "never"}}', "trigger.on"),
        ('{"name": "W", "module": "deals", "trigger": {"on": "create"}, "colour": 1}', "colour"),
        (
            '{"name": "W", "module": "deals", "trigger": {"on": "create"}, "actions": [{"type": "webhook", "title": "t", '
            '"url": "https://x.example", "parameters": [{"name": "", "value": "1"}]}]}',
            "actions.0.parameters.0.name",
        ),
    ],
)
def test_an_import_that_can_not_be_names_the_path_and_keeps_the_text(
    client: FlaskClient, db: Database, text: str, words: str
) -> None:
    answer = client.post("/settings/workflows/import", data={"document": text})
    assert answer.status_code == 422
    assert words in unescape(answer.text)
    assert value_of(answer.text, "document") == text


def test_a_file_that_is_no_text_is_refused_with_words(client: FlaskClient, db: Database) -> None:
    upload = {"file": (io.BytesIO(b"\xff\xfe\x00binary"), "w.bin")}
    answer = client.post("/settings/workflows/import", data=upload, content_type="multipart/form-data")
    assert answer.status_code == 422 and "not JSON" in answer.text


def test_a_document_with_errors_can_be_mended_in_the_form(client: FlaskClient, db: Database) -> None:
    document = {"name": "", "module": "deals", "trigger": {"on": "create"}, "actions": []}
    answer = client.post("/settings/workflows/import", data={"document": json.dumps(document), "do": "open"})
    assert list(errors(answer.text)) == ["name"] and 'id="workflow-form"' in answer.text


# ---- why did it (not) fire? -------------------------------------------------------------------------------------------


def test_the_page_shows_each_condition_with_what_it_saw(client: FlaskClient, db: Database, deal: int) -> None:
    workflow = saved(client, db)
    with db.write() as session:
        records.update(session, "deals", deal, {"stage": "Proposal"}, ANN)
    html = client.get(f"/settings/workflows/{workflow.id}/explain?record_id={deal}").text
    assert "does not fire" in html and "has changed to" in html and "Proposal" in html
    assert client.get(f"/settings/workflows/{workflow.id}/explain").status_code == 200
    assert "no such record" in client.get(f"/settings/workflows/{workflow.id}/explain?record_id=999999").text


# ---- doors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/settings/workflows", "/settings/workflows/new", "/settings/workflows/import"])
def test_only_admins_get_in(app: Flask, db: Database, path: str) -> None:
    assert pages.user(app).get(path).status_code == 403
    assert app.test_client().get(path).status_code in (302, 303)


def test_secret_rows_are_never_drawn_and_stay_when_nothing_is_typed(client: FlaskClient, db: Database) -> None:
    rows = {
        "actions.0.url": "https://api.example.com/{{ secret.part }}", "actions.0.secrets.0.name": "part",
        "actions.0.secrets.0.secret_value": "pl4nted-part", "actions.0.headers.0.name": "X-Key",
        "actions.0.headers.0.secret": "1", "actions.0.headers.0.secret_value": "pl4nted-header",
        "actions.0.parameters.1.name": "token", "actions.0.parameters.1.secret": "1",
        "actions.0.parameters.1.secret_value": "pl4nted-parameter",
    }  # fmt: skip
    workflow = saved(client, db, **rows)
    page = client.get(f"/settings/workflows/{workflow.id}").text
    assert "pl4nted" not in page and page.count("stored – leave unchanged") == 4
    unchanged = {**inputs_of(page), "actions.0.authorization.password": "", "actions.0.description": "Saved again"}
    answer = client.post(
        f"/settings/workflows/{workflow.id}", data={**FORM, **unchanged, "version": str(workflow.version)}
    )
    assert answer.status_code == 303, errors(answer.text)
    with db.read() as session:
        box = client.application.extensions["webhookui"].box
        [action] = store.stored_actions(session, box, workflow.id or 0)
    assert action.definition["description"] == "Saved again"
    assert action.secrets["values"] == {
        "secrets.part": "pl4nted-part", "headers.x-key": "pl4nted-header", "parameters.token": "pl4nted-parameter",
    }  # fmt: skip
    renamed = {**unchanged, "actions.0.parameters.1.name": "other", "version": str(workflow.version + 1)}
    answer = client.post(f"/settings/workflows/{workflow.id}", data={**FORM, **renamed})
    assert answer.status_code == 422 and errors(answer.text) == {
        "actions.0.parameters.1.value": "Enter the secret value."
    }


def test_a_signing_secret_is_typed_or_made_anew_for_another_address(client: FlaskClient, db: Database) -> None:
    signing = {"actions.0.authorization.type": "none", "actions.0.signing.on": "1"}
    workflow = saved(client, db, **signing)
    with db.read() as session:
        [row] = store.actions_of(session, workflow.id or 0)
    moved = {
        **FORM,
        **signing,
        "actions.0.id": str(row.id),
        "actions.0.signing.stored": "1",
        "version": str(workflow.version),
    }
    moved["actions.0.url"] = "https://other.example.com/invoices"
    answer = client.post(f"/settings/workflows/{workflow.id}", data=moved)
    assert answer.status_code == 422
    assert "have a new one generated" in errors(answer.text)["actions.0.signing.secret"]
    answer = client.post(f"/settings/workflows/{workflow.id}", data=moved | {"actions.0.signing.fresh": "1"})
    assert answer.status_code == 303, errors(answer.text)
