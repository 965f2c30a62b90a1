"""Custom fields (specification section 2): added, changed, moved and removed by an admin, and like standard fields everywhere."""

from __future__ import annotations

import json
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from tests.support import pages
from tests.support.sent_form import forms, sent_untouched
from tests.web.workflow_editor.test_workflows import errors, value_of
from webhookui.core.database import Database
from webhookui.crm import fields, records
from webhookui.crm.catalog import FieldInfo, catalog
from webhookui.crm.field_types import FIELD_TYPES
from webhookui.crm.records import Actor
from webhookui.delivery.tables import Delivery, DeliveryRequest
from webhookui.people import accounts, tokens
from webhookui.people.tables import AuditEntry
from webhookui.workflows import store

SYSTEM = Actor("system", "Test")


def add(ann: FlaskClient, module: str, **form: Any) -> None:
    answer = ann.post(f"/settings/modules/{module}", data={"type": "text", **form})
    assert answer.status_code == 303, errors(answer.text)


def field_of(db: Database, module: str, name: str) -> FieldInfo | None:
    with db.read() as session:
        return catalog(session).module(module).fields.get(name)


def options_in(page: str) -> list[tuple[str, str, str]]:
    """The rows of the options: (name, saved name, state)."""
    form = next(form for action, form in forms(page).items() if "/settings/modules/" in action)
    return list(zip(*(form.getlist(f"option.{part}") for part in ("name", "was", "state")), strict=True))


def pressed(form: MultiDict[str, str], do: str) -> MultiDict[str, str]:
    return MultiDict([*form.items(multi=True), ("do", do)])


def stored(db: Database, module: str, record_id: int) -> dict[str, Any]:
    with db.read() as session:
        return dict(records.get(session, module, record_id).values)


def call(app: Flask, method: str, path: str, body: Any = None) -> Any:
    with app.extensions["webhookui"].db.write() as session:
        token = tokens.create(session, accounts.by_email(session, pages.ADMIN[0]), "t")
    return app.test_client().open(
        f"/api/v1{path}", method=method, json=body, headers={"Authorization": f"Bearer {token}"}
    )


def test_a_field_is_added_and_is_at_once_in_the_form_the_list_and_the_api(
    app: Flask, ann: FlaskClient, db: Database
) -> None:
    assert "FreshBooks" not in ann.get("/records/deals/new").text
    add(ann, "deals", label="FreshBooks invoice ID", in_list="true")
    page = ann.get("/settings/modules/deals").text
    assert "freshbooks_invoice_id" in page and "custom" in page
    answer = ann.post(
        "/records/deals",
        data={"on_form": ["name", "freshbooks_invoice_id"], "name": "D", "freshbooks_invoice_id": "FB-7"},
    )
    assert answer.status_code == 303 and "FB-7" in ann.get(answer.location).text
    assert "FB-7" in ann.get("/records/deals?q=fb-7&filter[freshbooks_invoice_id]=fb&sort=freshbooks_invoice_id").text
    described = {field["name"]: field for field in call(app, "GET", "/modules/deals").json["fields"]}
    assert described["freshbooks_invoice_id"] == {
        "name": "freshbooks_invoice_id", "label": "FreshBooks invoice ID", "type": "text", "required": False, "custom": True,
        "in_list": True, "options": [], "retired_options": [], "module": None,
    }  # fmt: skip
    deals = call(app, "GET", "/records/deals?filter[freshbooks_invoice_id]=fb-7").json["items"]
    assert [deal["values"]["freshbooks_invoice_id"] for deal in deals] == ["FB-7"]


VALUES = {
    "text": "Some text", "long_text": "Two\nlines", "number": "12", "currency": "7.50", "checkbox": "true", "date": "2026-03-01",
    "datetime": "2026-03-01T09:30", "picklist": "B", "multi_picklist": "A", "email": "a@example.com", "phone": "+1 555 0100",
    "url": "https://example.com", "reference": None, "user": None,
}  # fmt: skip


def test_a_field_of_every_type_takes_a_value_shows_it_and_goes_into_a_request(
    app: Flask, ann: FlaskClient, db: Database
) -> None:
    assert set(VALUES) == set(FIELD_TYPES)
    for kind in VALUES:
        add(ann, "tasks", label=f"My {kind}", type=kind, options="A\nB", target="contacts", in_list="true")
    with db.write() as session:
        contact = records.create(session, "contacts", {"last_name": "Pointed"}, SYSTEM).id
        me = accounts.by_email(session, pages.ADMIN[0]).id
    form: dict[str, Any] = {f"my_{kind}": value for kind, value in VALUES.items()}
    form |= {"my_reference": str(contact), "my_user": str(me), "subject": "All"}
    document = {
        "name": "All", "module": "tasks", "trigger": {"on": "create"},
        "criteria": {"all": [{"field": f"my_{kind}", "operator": "is_not_empty"} for kind in VALUES if kind != "checkbox"]},
        "actions": [{"type": "webhook", "title": "t", "url": "https://api.example.com/", "parameters": [
            {"name": kind, "value": f"{{{{ my_{kind} }}}}"} for kind in VALUES if kind != "reference"
        ] + [{"name": "reference", "value": "{{ my_reference.last_name }}"}]}],
    }  # fmt: skip
    answer = call(app, "POST", "/workflows", document)
    assert answer.status_code == 201, answer.text
    response = ann.post("/records/tasks", data={"on_form": list(form), **form})
    assert response.status_code == 303, errors(response.text)
    values = stored(db, "tasks", int(response.location.rsplit("/", 1)[1]))
    assert values["my_number"] == 12 and str(values["my_currency"]) == "7.50" and values["my_multi_picklist"] == ["A"]
    assert values["my_reference"] == contact and values["my_checkbox"] is True
    page = ann.get(response.location).text
    assert "Pointed" in page and "My multi_picklist" in page
    assert ann.get("/records/tasks").status_code == 200 and ann.get(f"{response.location}/edit").status_code == 200
    assert (
        "My reference" in ann.get(f"/records/contacts/{contact}").text
        or "All" in ann.get(f"/records/contacts/{contact}").text
    )
    with db.read() as session:
        delivery = session.scalars(select(Delivery)).one()
        sent = session.get(DeliveryRequest, delivery.id)
    assert delivery.status == "queued", delivery.error
    assert sent is not None and sent.body is not None
    body = json.loads(sent.body)
    assert (
        body["number"] == 12
        and body["currency"] == 7.5
        and body["checkbox"] is True
        and body["multi_picklist"] == ["A"]
    )
    assert body["reference"] == "Pointed" and body["picklist"] == "B"


@pytest.mark.parametrize(
    ("form", "path", "words"),
    [
        ({"label": " "}, "label", "Enter a label for the field"),
        ({"label": "x" * 61}, "label", "At most 60"),
        ({"label": "amount"}, "label", "already has a field “amount”"),
        ({"label": "L", "type": "colour"}, "type", "Choose a type"),
        ({"label": "L", "name": "Two Words"}, "name", "lower-case"),
        ({"label": "L", "name": "amount"}, "name", "already"),
        ({"label": "L", "name": "record"}, "name", "is reserved"),
        ({"label": "L", "type": "picklist", "options": " \n"}, "options", "at least one"),
        ({"label": "L", "type": "picklist", "options": "A\na"}, "options", "twice"),
        ({"label": "L", "type": "multi_picklist", "options": "A, B"}, "options", "comma"),
        ({"label": "L", "type": "reference"}, "target", "Choose the module"),
    ],
)
def test_a_field_that_can_not_be_says_so_at_the_input_and_keeps_what_was_typed(
    ann: FlaskClient, db: Database, form: dict[str, str], path: str, words: str
) -> None:
    answer = ann.post("/settings/modules/deals", data={"type": "text", **form})
    assert answer.status_code == 422
    assert list(errors(answer.text)) == [path] and words in errors(answer.text)[path]
    assert value_of(answer.text, "label") == form["label"]
    with db.read() as session:
        assert not any(field.custom for field in catalog(session).module("deals").fields.values())


def test_names_are_made_of_labels_and_never_collide(ann: FlaskClient, db: Database) -> None:
    for label in ("Überweisung Nr. 7", "7 days", "Record", "Amount!", "???"):
        add(ann, "deals", label=label)
    with db.read() as session:
        custom = [field.name for field in catalog(session).module("deals").fields.values() if field.custom]
    assert custom == ["uberweisung_nr_7", "field_7_days", "record_2", "amount_2", "field"]


def test_a_field_is_renamed_and_its_options_change_without_touching_records(ann: FlaskClient, db: Database) -> None:
    add(ann, "deals", label="Source", type="picklist", options="Web\nPhone")
    with db.write() as session:
        deal = records.create(session, "deals", {"name": "D", "source": "Phone"}, SYSTEM).id or 0
    place = "/settings/modules/deals/source"
    page = ann.get(place).text
    assert value_of(page, "label") == "Source" and options_in(page) == [
        ("Web", "Web", "offered"),
        ("Phone", "Phone", "offered"),
    ]
    form = sent_untouched(ann.post(place, data=pressed(sent_untouched(page, place), "retire.1")).text, place)
    form["label"], form["new_option"], form["required"] = "Heard of us", "Fair", "true"
    assert ann.post(place, data=form).status_code == 303
    field = field_of(db, "deals", "source")
    assert field is not None and (field.label, field.options, field.required) == ("Heard of us", ("Web", "Fair"), True)
    assert field.retired_options == ("Phone",)
    assert "Phone" in ann.get(f"/records/deals/{deal}").text
    whole = {"on_form": ["name", "source"], "name": "Renamed", "source": "Phone", "version": "1"}
    assert ann.post(f"/records/deals/{deal}", data=whole).status_code == 303, "what nobody touched may stay"
    answer = ann.post("/records/deals", data={"on_form": ["name", "source"], "name": "New", "source": "Phone"})
    assert "is not one of: Web, Fair" in errors(answer.text)["source"]
    answer = ann.post("/records/deals", data={"on_form": ["name", "source"], "name": "New", "source": ""})
    assert errors(answer.text)["source"] == "Heard of us is required."


def test_fields_move_in_the_form_and_stop_at_its_ends(ann: FlaskClient, db: Database) -> None:
    add(ann, "deals", label="Mine")

    def order() -> list[str]:
        with db.read() as session:
            return list(catalog(session).module("deals").fields)

    first = order()
    for _ in range(len(first) + 2):
        ann.post("/settings/modules/deals/mine/move", data={"to": "up"})
    assert order() == ["mine", *first[:-1]]
    ann.post("/settings/modules/deals/mine/move", data={"to": "down"})
    assert order()[:2] == [first[0], "mine"]
    page = ann.get("/records/deals/new").text
    assert page.index('name="name"') < page.index('name="mine"') < page.index('name="amount"')


def test_removing_asks_first_and_tells_which_workflows_use_the_field(
    app: Flask, ann: FlaskClient, db: Database
) -> None:
    add(ann, "contacts", label="Loyalty")
    document = {
        "name": "Uses it", "module": "deals", "related_modules": ["contacts"], "trigger": {"on": "create"},
        "criteria": {"all": [{"field": "contact.loyalty", "operator": "is", "value": "gold"}]},
        "actions": [{"type": "webhook", "title": "Tell", "url": "https://api.example.com/{{ contact.loyalty }}",
                     "authorization": {"type": "bearer", "token": "t"},
                     "parameters": [{"name": "a", "value": "x"}, {"name": "b", "value": "{{ contact.loyalty }}"}],
                     "related": [{"module": "contacts", "parameters": [{"name": "c", "value": "{{ loyalty }}"}]}]}],
    }  # fmt: skip
    captures = {
        "name": "Captures it", "module": "contacts", "trigger": {"on": "create"}, "active": False,
        "actions": [{"type": "webhook", "title": "Ask", "url": "https://api.example.com/",
                     "capture": {"type": "JSONPATH", "on_success": [{"path": "$.level", "field": "loyalty"}]}}],
    }  # fmt: skip
    other = {"name": "Does not", "module": "contacts", "trigger": {"on": "create"}}
    for workflow_document in (document, captures, other):
        assert call(app, "POST", "/workflows", workflow_document).status_code == 201
    with db.write() as session:
        contact = records.create(session, "contacts", {"last_name": "Roe", "loyalty": "gold"}, SYSTEM).id or 0
        records.create(session, "contacts", {"last_name": "Poe"}, SYSTEM)
    page = unescape(ann.get("/settings/modules/contacts/loyalty/remove").text)
    assert "1 record</strong> has a value" in page
    assert "Uses it" in page and "Captures it" in page and "(switched off)" in page and "Does not" not in page
    for place in ("condition of “all” 1", "URL to Notify", "parameter 2", "On Success row 1"):
        assert place in page, place
    assert field_of(db, "contacts", "loyalty") is not None, "asking removes nothing"
    assert ann.post("/settings/modules/contacts/loyalty/remove").status_code == 303
    assert field_of(db, "contacts", "loyalty") is None
    assert "loyalty" not in stored(db, "contacts", contact)
    page = ann.get(f"/records/contacts/{contact}").text
    assert "(removed field)" in page and "gold" in page, "the value stays in the timeline"
    assert ann.get("/records/contacts?q=gold").text.count("Roe") == 0
    with (
        db.write() as session
    ):  # what the workflows spoke of is gone; saves go on, and the workflow says why it does not fire
        deal = records.create(session, "deals", {"name": "Later", "contact": contact}, SYSTEM)
        workflow = next(workflow for workflow in store.list_all(session) if workflow.name == "Uses it")
    explained = ann.get(f"/settings/workflows/{workflow.id}/explain?record_id={deal.id}")
    assert explained.status_code == 200 and "does not fire" in explained.text and "loyalty" in explained.text
    assert ann.get(f"/settings/workflows/{workflow.id}").status_code == 200


def test_a_removed_name_comes_back_empty_and_never_as_another_type(ann: FlaskClient, db: Database) -> None:
    add(ann, "deals", label="Code", name="code")
    with db.write() as session:
        deal = records.create(session, "deals", {"name": "D", "code": "secret-7"}, SYSTEM).id or 0
    ann.post("/settings/modules/deals/code/remove")
    answer = ann.post("/settings/modules/deals", data={"label": "Code", "name": "code", "type": "number"})
    assert answer.status_code == 422 and "another type" in errors(answer.text)["name"]
    add(ann, "deals", label="Code", name="code")
    assert stored(db, "deals", deal).get("code") is None
    add(ann, "tasks", label="Code", type="number")
    assert field_of(db, "tasks", "code") is not None, "another module has names of its own"


def test_a_removed_reference_leaves_no_tie_behind(app: Flask, ann: FlaskClient, db: Database) -> None:
    add(ann, "cases", label="Deal", type="reference", target="deals")
    with db.write() as session:
        deal = records.create(session, "deals", {"name": "Tied"}, SYSTEM).id or 0
        case = records.create(session, "cases", {"title": "C", "deal": deal}, SYSTEM).id or 0
        referring = records.referring(session, records.get(session, "deals", deal))
        assert [(relation.module, number) for relation, number in referring.items()] == [("cases", 1)]
    assert "C</a>" in ann.get(f"/records/deals/{deal}").text
    ann.post("/settings/modules/cases/deal/remove")
    with db.write() as session:
        assert records.referring(session, records.get(session, "deals", deal)) == {}
        records.delete(session, "deals", deal, SYSTEM)
    assert "deal" not in stored(db, "cases", case)


def test_a_form_that_was_open_while_its_field_was_removed_is_told_and_loses_nothing(
    ann: FlaskClient, db: Database
) -> None:
    add(ann, "deals", label="Gone")
    with db.write() as session:
        deal = records.create(session, "deals", {"name": "D", "gone": "x"}, SYSTEM).id or 0
    ann.post("/settings/modules/deals/gone/remove")
    form = {"on_form": ["name", "gone"], "name": "Typed", "gone": "y", "version": "1"}
    answer = ann.post(f"/records/deals/{deal}", data=form)
    assert answer.status_code in (303, 409, 422) and answer.status_code != 500
    if answer.status_code != 303:
        assert "Typed" in answer.text


def test_standard_fields_stay_and_what_is_not_there_is_404(ann: FlaskClient) -> None:
    assert ann.get("/settings/modules").headers["Location"].startswith("/settings/modules/")
    for path in ("/settings/modules/planets", "/settings/modules/deals/amount/remove",
                 "/settings/modules/deals/nothing"):  # fmt: skip
        assert ann.get(path).status_code == 404, path
    assert ann.post("/settings/modules/deals/amount/remove").status_code == 404
    assert ann.post("/settings/modules/deals/nothing/move").status_code == 404


def test_the_audit_list_tells_what_was_done_to_fields(ann: FlaskClient, db: Database) -> None:
    add(ann, "deals", label="Audited")
    ann.post("/settings/modules/deals/audited", data={"label": "Renamed"})
    ann.post("/settings/modules/deals/audited/move", data={"to": "up"})
    ann.post("/settings/modules/deals/audited/remove")
    with db.read() as session:
        entries = list(
            session.scalars(select(AuditEntry).where(AuditEntry.subject_type == "field").order_by(AuditEntry.id))
        )
    assert [(entry.action, entry.subject, entry.subject_id, entry.by) for entry in entries] == [
        ("created", "Audited", "deals.audited", "Ann"), ("changed", "Renamed", "deals.audited", "Ann"),
        ("moved", "Renamed", "deals.audited", "Ann"), ("deleted", "Renamed", "deals.audited", "Ann"),
    ]  # fmt: skip
    assert entries[1].details == {"label": ["Audited", "Renamed"]}


def test_values_are_taken_out_of_more_records_than_one_batch(db: Database, ann: FlaskClient) -> None:
    add(ann, "tasks", label="Many", type="checkbox")
    number = fields.BATCH + 3
    with db.write() as session:
        for position in range(number):
            records.create(
                session, "tasks", {"subject": f"T{position}", "many": position % 2 == 0}, SYSTEM, run_workflows=False
            )
        assert fields.in_use(session, "tasks", "many") == (number + 1) // 2
        by = accounts.by_email(session, pages.ADMIN[0])
        assert fields.remove(session, "tasks", "many", by) == (number + 1) // 2
    with db.read() as session:
        assert "many" not in catalog(session).module("tasks").fields
