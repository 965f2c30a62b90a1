"""Labels and options of standard fields, changed in Settings (specification section 2)."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from tests.support.sent_form import sent_untouched
from tests.web.settings.test_fields import SYSTEM, call, field_of, options_in, pressed, stored
from tests.web.workflow_editor.test_workflows import errors, value_of
from webhookui.core.database import Database
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.delivery.tables import Delivery


def opened(ann: FlaskClient, place: str) -> MultiDict[str, str]:
    return sent_untouched(ann.get(place).text, place)


STAGE = "/settings/modules/deals/stage"


def test_a_label_changes_wherever_a_field_is_named(app: Flask, ann: FlaskClient, db: Database) -> None:
    with db.write() as session:
        deal = records.create(session, "deals", {"name": "D"}, SYSTEM).id
    form = opened(ann, STAGE)
    assert "required" not in form and "in_list" not in form, "a standard field keeps these"
    form["label"] = "Phase"
    assert ann.post(STAGE, data=form).status_code == 303
    for path in ("/records/deals", "/records/deals/new", f"/records/deals/{deal}", f"/records/deals/{deal}/fields/stage/edit",
                 "/settings/modules/deals", "/settings/workflows/new?module=deals", "/settings/audit"):  # fmt: skip
        page = ann.get(path).text
        assert "Phase" in page and (">Stage<" not in page or "audit" in path), path
    labels = {field["name"]: field["label"] for field in call(app, "GET", "/modules/deals").json["fields"]}
    assert labels["stage"] == "Phase"
    form["label"] = "Amount"
    answer = ann.post(STAGE, data=form)
    assert answer.status_code == 422 and "already has a field “Amount”" in errors(answer.text)["label"]
    assert value_of(answer.text, "label") == "Amount"


def test_buttons_move_retire_and_bring_back_options_and_save_nothing(ann: FlaskClient, db: Database) -> None:
    with db.write() as session:
        records.create(session, "deals", {"name": "D", "stage": "Qualifying"}, SYSTEM)
    form = opened(ann, STAGE)

    def press(do: str, **typed: str) -> list[tuple[str, str, str]]:
        nonlocal form
        for name, text in typed.items():
            form[name] = text
        page = ann.post(STAGE, data=pressed(form, do)).text
        form = sent_untouched(page, STAGE)
        return options_in(page)

    assert [name for name, _, _ in press("up.1")][:2] == ["Qualifying", "New"]
    assert [name for name, _, _ in press("up.1")][:2] == ["Qualifying", "New"], "at the end it stays"
    assert [name for name, _, _ in press("down.1")][:2] == ["New", "Qualifying"]
    assert press("add", new_option="Demo")[-1] == ("Demo", "", "offered")
    assert press("retire.1")[-1] == ("Qualifying", "Qualifying", "retired")
    assert ("Demo", "", "offered") not in press("retire.6"), "what was never saved is gone"
    assert press("restore.1")[-1] == ("Qualifying", "Qualifying", "offered")
    assert press("retire.1")[-1] == ("Qualifying", "Qualifying", "retired")
    field = field_of(db, "deals", "stage")
    assert field is not None and field.options[:2] == ("New", "Qualifying"), "nothing was saved so far"
    assert ann.post(STAGE, data=form).status_code == 303
    field = field_of(db, "deals", "stage")
    assert field is not None and (field.options[:2], field.retired_options) == (("New", "Proposal"), ("Qualifying",))
    page = ann.get("/records/deals").text
    assert "Qualifying (retired)" in page, "a filter offers it"
    assert "Qualifying" not in ann.get("/records/deals/new").text


def test_a_renamed_option_goes_on_in_conditions_views_and_links(app: Flask, ann: FlaskClient, db: Database) -> None:
    document = {
        "name": "Invoice", "module": "deals", "trigger": {"on": "update"},
        "criteria": {"all": [{"field": "stage", "operator": "has_changed_to", "value": "Closed Won"}]},
        "actions": [{"type": "webhook", "title": "t", "url": "https://api.example.com/",
                     "parameters": [{"name": "won", "value": "{{ stage == 'Closed Won' }}"}]}],
    }  # fmt: skip
    workflow = call(app, "POST", "/workflows", document).json["id"]
    with db.write() as session:
        won = records.create(session, "deals", {"name": "Before", "stage": "Closed Won"}, SYSTEM).id or 0
        deal = records.create(session, "deals", {"name": "D"}, SYSTEM).id or 0
        records.update(session, "deals", deal, {"stage": "Closed Won"}, Actor("person", "Ann"))
        records.update(session, "deals", deal, {"stage": "New"}, Actor("person", "Ann"))
    ann.post("/records/deals/views", data={"name": "Won", "query": "filter[stage]=Closed+Won"})
    form = opened(ann, STAGE)
    names = form.getlist("option.name")
    form.setlist("option.name", ["Won" if name == "Closed Won" else name for name in names])
    answer = ann.post(STAGE, data=form, follow_redirects=True)
    assert "Texts that these workflows send say “Closed Won”: “Invoice”" in answer.text

    assert stored(db, "deals", won)["stage"] == "Won"
    page = ann.get("/records/deals?filter[stage]=Closed+Won").text
    assert "Before" in page and "<strong>Won</strong>" in page
    assert "Before" in ann.get("/records/deals?view=1&filter[stage]=Closed+Won").text
    conditions = call(app, "GET", f"/workflows/{workflow}").json["criteria"]["all"]
    assert conditions == [{"field": "stage", "operator": "has_changed_to", "value": "Won"}]
    page = ann.get(f"/settings/workflows/{workflow}").text
    assert '<option value="Won" selected>' in page and '"Closed Won"' not in page
    number = len(deliveries(db))
    assert (
        ann.post(f"/records/deals/{deal}", data={"on_form": "stage", "stage": "Won", "version": "3"}).status_code == 303
    )
    assert len(deliveries(db)) == number + 1, "the condition holds for the new name"
    explained = ann.get(f"/settings/workflows/{workflow}/explain?record_id={deal}").text
    assert "<strong>Won</strong>" in explained


def deliveries(db: Database) -> list[Delivery]:
    with db.read() as session:
        return list(session.scalars(select(Delivery)))


def test_a_form_that_was_open_while_an_option_was_renamed_saves_what_it_showed(ann: FlaskClient, db: Database) -> None:
    with db.write() as session:
        deal = records.create(session, "deals", {"name": "D", "stage": "Proposal"}, SYSTEM).id or 0
    place = f"/records/deals/{deal}"
    form = sent_untouched(ann.get(f"{place}/edit").text, place)
    options_form = opened(ann, STAGE)
    options_form.setlist("option.name", [name.upper() + "!" for name in options_form.getlist("option.name")])
    assert ann.post(STAGE, data=options_form).status_code == 303
    form["name"], form["stage"] = "Saved", "Negotiation"
    assert ann.post(place, data=form).status_code == 303
    assert stored(db, "deals", deal)["stage"] == "NEGOTIATION!"


def test_two_admins_at_the_same_options_lose_nothing(ann: FlaskClient, db: Database) -> None:
    first, second = opened(ann, STAGE), opened(ann, STAGE)
    first["new_option"] = "Demo"
    assert ann.post(STAGE, data=first).status_code == 303
    second["new_option"] = "Trial"
    answer = ann.post(STAGE, data=second)
    assert answer.status_code == 422 and "Somebody else changed the options" in answer.text
    again = sent_untouched(answer.text, STAGE)
    assert ann.post(STAGE, data=again).status_code == 303
    field = field_of(db, "deals", "stage")
    assert field is not None and field.options[-2:] == ("Trial", "Demo") and not field.retired_options


def test_an_option_without_a_name_is_said_and_what_was_typed_stays(ann: FlaskClient, db: Database) -> None:
    form = opened(ann, STAGE)
    form.setlist("option.name", ["", "Typed", *form.getlist("option.name")[2:]])
    answer = ann.post(STAGE, data=form)
    assert answer.status_code == 422 and "Enter a name for “New”, or retire it." in answer.text
    assert [row[0] for row in options_in(answer.text)][:2] == ["", "Typed"]
    field = field_of(db, "deals", "stage")
    assert field is not None and field.options[:2] == ("New", "Qualifying")
