"""Opening a record's form and saving it untouched changes nothing and triggers nothing (specification section 2)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from tests.support import pages
from tests.support.any_record import ANY, MODULE, add_fields
from tests.support.sent_form import sent_untouched
from webhookui.core.database import Database
from webhookui.crm import fields, records
from webhookui.crm.fields import FieldSpec
from webhookui.crm.records import Actor, InvalidRecord
from webhookui.crm.tables import Change, Record
from webhookui.people import accounts
from webhookui.people.formats import FORMATS

SYSTEM = Actor("system", "Test")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("untouched")) as app:
        yield app


@pytest.fixture(scope="module")
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    return database


@pytest.fixture(scope="module")
def ann(app: Flask, db: Database) -> FlaskClient:
    client = pages.admin(app)
    client.post("/account/profile", data={"name": "Ann", "time_zone": "Europe/Prague"})
    with db.write() as session:
        by = accounts.by_email(session, pages.ADMIN[0])
    add_fields(db, by)
    return client


def new_record(db: Database, **values: Any) -> int:
    with db.write() as session:
        return records.create(session, MODULE, {"name": "Acme", **values}, SYSTEM).id or 0


def written(db: Database, **values: Any) -> int:
    """A record as an older version may have left it: values that would be refused now."""
    record_id = new_record(db)
    with db.write() as session:
        stored = dict(session.get_one(Record, record_id).values)
        session.execute(update(Record).where(Record.id == record_id).values(values=stored | values))  # type: ignore[arg-type]
    return record_id


def state(db: Database, record_id: int) -> tuple[dict[str, Any], int, int]:
    """Values, version, and how many changes there are."""
    with db.read() as session:
        record = session.get_one(Record, record_id)
        number = session.scalar(select(func.count()).select_from(Change).where(Change.record_id == record_id))  # type: ignore[arg-type]
        return dict(record.values), record.version, number or 0


def save_untouched(ann: FlaskClient, record_id: int, field: str | None = None) -> None:
    """The whole form, or that of one field in place."""
    place = f"/records/{MODULE}/{record_id}" + (f"/fields/{field}" if field else "")
    page = ann.get(f"{place}/edit", headers={"HX-Request": "true"} if field else {})
    assert page.status_code == 200, page.text
    answer = ann.post(place, data=sent_untouched(page.text, place))
    assert answer.status_code == 303, answer.text


def use_format(db: Database, name: str) -> None:
    with db.write() as session:
        accounts.by_email(session, pages.ADMIN[0]).locale = name


# ---- the law ----------------------------------------------------------------------------------------------------------


@settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    values=st.fixed_dictionaries({}, optional=ANY),
    field=st.sampled_from(sorted(ANY)),
    format_name=st.sampled_from(list(FORMATS)),
)
def test_a_form_saved_untouched_changes_nothing(
    db: Database, ann: FlaskClient, values: dict[str, Any], field: str, format_name: str
) -> None:
    use_format(db, format_name)
    record_id = 0
    while not record_id:
        try:
            record_id = new_record(db, **values)
        except InvalidRecord as error:
            values = {name: value for name, value in values.items() if name not in error.errors}
    before = state(db, record_id)
    save_untouched(ann, record_id)
    save_untouched(ann, record_id, field)
    assert state(db, record_id) == before


OLD: dict[str, Any] = {
    "any_text": "two\r\nlines", "any_long_text": "\n\x0b kept \x00", "any_number": Decimal("1e40"),
    "any_currency": Decimal("1.500"), "any_date": "0001-01-01", "any_datetime": "1-01-01T00:00:00Z",
    "any_picklist": "Retired", "any_multi_picklist": ["Plain", "Gone"], "any_email": "nobody",
    "any_phone": "+4\n20", "any_url": "ftp://old", "any_reference": 999_999, "any_user": 999_999,
    "any_checkbox": None,
}  # fmt: skip


@pytest.mark.parametrize("format_name", ["en", "de"])
@pytest.mark.parametrize("field", OLD)
def test_what_an_older_version_has_stored_stays_as_well(
    db: Database, ann: FlaskClient, field: str, format_name: str
) -> None:
    use_format(db, format_name)
    record_id = written(db, **{field: OLD[field]})
    before = state(db, record_id)
    save_untouched(ann, record_id)
    save_untouched(ann, record_id, field)
    assert state(db, record_id) == before


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    number=st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**15), max_value=10**15),
    name=st.sampled_from(list(FORMATS)),
)
def test_a_form_saved_without_its_marks_means_the_same_numbers(
    db: Database, ann: FlaskClient, number: Decimal, name: str
) -> None:
    use_format(db, name)
    record_id = new_record(db, any_number=number, any_currency=number)
    before = state(db, record_id)
    place = f"/records/{MODULE}/{record_id}"
    form = sent_untouched(ann.get(f"{place}/edit").text, place)
    for field in ("any_number", "any_currency"):
        form.pop(f"shown.{field}")
    assert ann.post(place, data=form).status_code == 303
    assert state(db, record_id) == before
    use_format(db, "en")


# ---- and what was touched is saved -------------------------------------------------------------------------------------


def test_beside_what_was_changed_everything_stays_as_it_is(db: Database, ann: FlaskClient) -> None:
    record_id = written(db, **OLD)
    place = f"/records/{MODULE}/{record_id}"
    form = sent_untouched(ann.get(f"{place}/edit").text, place)
    form["any_checkbox"] = "true"
    assert ann.post(place, data=form).status_code == 303
    values, version, changes = state(db, record_id)
    assert version == changes == 2
    assert {name: values[name] for name in OLD} == OLD | {"any_checkbox": True}


def test_a_time_keeps_its_seconds_when_its_minutes_are_changed(db: Database, ann: FlaskClient) -> None:
    record_id = new_record(db, any_datetime="2026-07-01T12:30:15Z")
    place = f"/records/{MODULE}/{record_id}"
    form = sent_untouched(ann.get(f"{place}/edit").text, place)
    assert form["any_datetime"] == "2026-07-01T14:30:15", "the control shows them"
    form["any_datetime"] = "2026-07-01T14:31:15"
    ann.post(place, data=form)
    assert state(db, record_id)[0]["any_datetime"] == "2026-07-01T12:31:15Z"


def test_a_text_of_several_lines_is_edited_with_its_lines(db: Database, ann: FlaskClient) -> None:
    record_id = new_record(db, any_text="one\ntwo")
    place = f"/records/{MODULE}/{record_id}"
    form = sent_untouched(ann.get(f"{place}/edit").text, place)
    form["any_text"] += "\r\nthree"
    ann.post(place, data=form)
    assert state(db, record_id)[0]["any_text"] == "one\ntwo\nthree"


def test_a_retired_option_stays_ticked_until_somebody_unticks_it(db: Database, ann: FlaskClient) -> None:
    record_id = new_record(db, any_multi_picklist=["Plain", "Straße"])
    with db.write() as session:
        by = accounts.by_email(session, pages.ADMIN[0])
        fields.change(
            session, MODULE, "any_multi_picklist", FieldSpec("Any multi_picklist", options=["Plain", "New"]), by
        )
    place = f"/records/{MODULE}/{record_id}"
    form = sent_untouched(ann.get(f"{place}/edit").text, place)
    assert form.getlist("any_multi_picklist") == ["Plain", "Straße"]
    form.add("any_multi_picklist", "New")
    ann.post(place, data=form)
    assert state(db, record_id)[0]["any_multi_picklist"] == ["Plain", "New", "Straße"]
    form.setlist("any_multi_picklist", ["New"])
    form["version"] = str(state(db, record_id)[1])
    ann.post(place, data=form)
    assert state(db, record_id)[0]["any_multi_picklist"] == ["New"]


def test_a_reference_can_be_typed_over_without_javascript(db: Database, ann: FlaskClient) -> None:
    first, second = new_record(db, name="First of two"), new_record(db, name="Second of two")
    record_id = new_record(db, any_reference=first)
    place = f"/records/{MODULE}/{record_id}"
    form = sent_untouched(ann.get(f"{place}/edit").text, place)
    form["any_reference.search"] = "Second of two"
    assert ann.post(place, data=form).status_code == 303
    assert state(db, record_id)[0]["any_reference"] == second


# ---- two people --------------------------------------------------------------------------------------------------------


def test_an_untouched_form_is_in_nobodys_way(db: Database, ann: FlaskClient) -> None:
    """Saved after somebody else's save, it takes nothing back and asks nothing."""
    record_id = new_record(db, any_number=1)
    place = f"/records/{MODULE}/{record_id}"
    form = sent_untouched(ann.get(f"{place}/edit").text, place)
    with db.write() as session:
        records.update(session, MODULE, record_id, {"any_number": 2}, SYSTEM)
    before = state(db, record_id)
    assert ann.post(place, data=form).status_code == 303
    assert state(db, record_id) == before


def test_the_second_of_two_is_asked_about_what_both_changed_alone(db: Database, ann: FlaskClient) -> None:
    record_id = new_record(db, any_number=1, any_text="a")
    place = f"/records/{MODULE}/{record_id}"
    form = sent_untouched(ann.get(f"{place}/edit").text, place)
    with db.write() as session:
        records.update(session, MODULE, record_id, {"any_number": 2, "any_text": "theirs"}, SYSTEM)
    form["any_number"] = "3"
    answer = ann.post(place, data=form)
    assert answer.status_code == 409
    assert 'name="take.any_number"' in answer.text and 'name="take.any_text"' not in answer.text
    chosen = sent_untouched(answer.text, place)
    assert chosen["take.any_number"] == "yours"
    assert ann.post(place, data=chosen).status_code == 303
    values = state(db, record_id)[0]
    assert (values["any_number"], values["any_text"]) == (3, "theirs")


def test_in_place_what_was_typed_can_be_put_over_anothers_even_when_it_is_what_stood_there(
    db: Database, ann: FlaskClient
) -> None:
    record_id = new_record(db, any_number=1)
    place = f"/records/{MODULE}/{record_id}/fields/any_number"
    htmx = {"HX-Request": "true"}
    form = sent_untouched(ann.get(f"{place}/edit", headers=htmx).text, place)
    with db.write() as session:
        records.update(session, MODULE, record_id, {"any_number": 2}, SYSTEM)
    form["any_number"] = "3"
    answer = ann.post(place, data=form, headers=htmx)
    assert answer.status_code == 409
    again = sent_untouched(answer.text, place)
    again["any_number"] = "1"
    ann.post(place, data=again, headers=htmx)
    assert state(db, record_id)[0]["any_number"] == 1
