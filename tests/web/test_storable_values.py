"""What can be stored can be shown, edited, sent and compared (specification section 2): one table of what can't,
for every way in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from tests.conftest import BOTH, database_url
from tests.support import pages, prepared
from tests.support.any_record import ANY, MODULE, add_fields
from tests.support.log_rows import add_delivery
from tests.support.sent_form import sent_untouched
from tests.web.records.test_records import form
from webhookui.core.database import Database
from webhookui.crm import history, listing, records
from webhookui.crm.field_types import FIELD_TYPES, FieldError
from webhookui.crm.filters import Filter
from webhookui.crm.listing import ListQuery
from webhookui.crm.records import Actor
from webhookui.crm.tables import Record
from webhookui.installation import Installation, open_installation
from webhookui.people import accounts
from webhookui.settings import Settings
from webhookui.workflows import store

SYSTEM = Actor("system", "Test")
DIGITS, CALENDAR, CHARACTER = (
    "too many digits",
    "date-times range from 0001-01-02 to 9999-12-30",
    "a character that can't be stored",
)

REFUSED: list[tuple[str, Any, str]] = [
    ("datetime", "0001-01-01T00:00:00Z", CALENDAR),
    ("datetime", "0001-01-01T00:00:00+14:00", CALENDAR),
    ("datetime", "9999-12-31T23:59:59Z", CALENDAR),
    ("datetime", "9999-12-31 00:00", CALENDAR),
    ("datetime", "10000-01-01T00:00:00Z", "not a time"),
    ("date", "0000-12-31", "not a date"),
    ("date", "10000-01-01", "not a date"),
    ("date", "٢٠٢٦-01-01", "not a date"),
    ("currency", "1e26", DIGITS),
    ("currency", "1e400", DIGITS),
    ("currency", "1e999999999999999999999", DIGITS),
    ("currency", "9" * 23, DIGITS),
    ("number", "1e-40", DIGITS),
    ("number", "1." + "0" * 2000 + "1", DIGITS),
    ("number", "0." + "1" * 29, DIGITS),
    ("number", "1_000", "not a number"),
    ("number", "٣", "not a number"),
    ("number", "NaN", "not a number"),
    ("text", "a\x00b", CHARACTER),
    ("text", "a\x0bb", CHARACTER),
    ("long_text", "a\ufffeb", CHARACTER),
    ("multi_picklist", ["Plain"] * 1001, "At most 1000 values"),
]
ACCEPTED: list[tuple[str, Any, Any]] = [
    ("datetime", "0001-01-02T00:00:00Z", "0001-01-02T00:00:00Z"),
    ("datetime", "9999-12-30T23:59:59Z", "9999-12-30T23:59:59Z"),
    ("date", "0001-01-01", "0001-01-01"),
    ("date", "9999-12-31", "9999-12-31"),
    ("currency", "9" * 22 + ".123456", Decimal("9" * 22 + ".123456")),
    ("currency", "1.500000000", Decimal("1.50")),
    ("currency", "-0", Decimal("0.00")),
    ("number", "9" * 22 + ".123456", Decimal("9" * 22 + ".123456")),
    ("number", "0." + "1" * 28, Decimal("0." + "1" * 28)),
    ("number", "1e3", 1000),
    ("text", "tab\tline\nend", "tab\tline\nend"),
    ("text", "\U0001f600\u2028\x7f", "\U0001f600\u2028\x7f"),
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("storable")) as app:
        yield app


@pytest.fixture(scope="module")
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    return database


@pytest.fixture(scope="module")
def ann(app: Flask, db: Database) -> FlaskClient:
    client = pages.admin(app)
    with db.write() as session:
        by = accounts.by_email(session, pages.ADMIN[0])
    add_fields(db, by)
    return client


@pytest.fixture(scope="module")
def program(app: Flask, ann: FlaskClient) -> FlaskClient:
    """A client with a token."""
    client = app.test_client()
    with app.extensions["webhookui"].db.write() as session:
        from webhookui.people import tokens

        token = tokens.create(session, accounts.by_email(session, pages.ADMIN[0]), "tests")
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


@pytest.mark.parametrize(("kind", "value", "words"), REFUSED, ids=str)
def test_what_a_later_step_cannot_carry_is_refused_in_words_at_every_way_in(
    ann: FlaskClient, program: FlaskClient, kind: str, value: Any, words: str
) -> None:
    name = f"any_{kind}"
    if isinstance(value, str):
        page = ann.post(f"/records/{MODULE}", data=form(name="A", **{name: value}))
        place = re.search(rf'id="{name}-error"[^>]*>([^<]*)<', page.text)
        assert page.status_code == 422 and place and words in unescape(place.group(1))
        listed = ann.get(f"/records/{MODULE}", query_string={f"filter[{name}]": value})
        assert listed.status_code == 200
        asked = program.get(f"/api/v1/records/{MODULE}", query_string={f"filter[{name}]": value})
        assert (
            asked.status_code == 200
            if kind.endswith("text")
            else words in asked.json["error"]["fields"][f"filter[{name}]"]
        )
    sent = program.post(f"/api/v1/records/{MODULE}", json={"values": {"name": "A", name: value}})
    assert sent.status_code == 422 and words in sent.json["error"]["fields"][f"values.{name}"].replace(
        "This contains ", ""
    )
    operator = "contains" if kind.endswith("text") else "is"
    criteria = {"all": [{"field": name, "operator": operator, "value": value}], "any": []}
    document = {"name": "W", "module": MODULE, "trigger": {"on": "create"}, "criteria": criteria, "actions": []}
    refused = program.post("/api/v1/workflows", json=document)
    assert refused.status_code == 422 and words in str(refused.json["error"]["fields"])


@pytest.mark.parametrize("number", ["1e26", "1e400", "1e-300"])
def test_a_number_of_json_is_held_to_the_same(program: FlaskClient, number: str) -> None:
    for kind in ("number", "currency"):
        body = f'{{"values": {{"name": "A", "any_{kind}": {number}}}}}'
        answer = program.post(f"/api/v1/records/{MODULE}", data=body, content_type="application/json")
        assert answer.status_code == 422 and "digits" in answer.json["error"]["fields"][f"values.any_{kind}"]


@pytest.mark.parametrize(("kind", "value", "stored"), ACCEPTED, ids=str)
def test_up_to_there_everything_is_stored_digit_by_digit(
    program: FlaskClient, db: Database, kind: str, value: Any, stored: Any
) -> None:
    answer = program.post(f"/api/v1/records/{MODULE}", json={"values": {"name": "A", f"any_{kind}": value}})
    assert answer.status_code == 201, answer.text
    with db.read() as session:
        kept = session.get_one(Record, answer.json["id"]).values[f"any_{kind}"]
    assert kept == stored and str(kept) == str(stored)


@given(raw=st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.text(), st.lists(st.text()),
                     st.dictionaries(st.text(), st.none())), kind=st.sampled_from(sorted(FIELD_TYPES)))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_a_value_is_stored_or_refused_whatever_it_is(raw: Any, kind: str) -> None:
    from webhookui.crm.catalog import FieldInfo

    try:
        FIELD_TYPES[kind].parse(raw, FieldInfo("a", "A", kind, options=("One", "Two")))
    except FieldError as error:
        assert str(error)


# ---- exact in the database -----------------------------------------------------------------------------------------------


@pytest.fixture(params=BOTH)
def installation(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Installation]:
    url = database_url(request.param, request)
    if not url:
        prepared.copy_to(tmp_path, people=True)
    opened = open_installation(Settings(instance=tmp_path, database_url=url))  # type: ignore[call-arg]
    yield opened
    opened.close()


AMOUNTS = [
    "-" + "9" * 22, "-1234567890123456789.13", "-1234567890123456789.12", "-0.000002", "-0.000001", "0", "0.1", "0.100001", "2",
    "10", "1234567890123456.78", "1234567890123456.79", "9007199254740992", "9007199254740993", "9" * 22 + ".000001",
]  # fmt: skip


def test_sort_and_filter_lose_no_digit(installation: Installation) -> None:
    numbers = [Decimal(text) for text in AMOUNTS]
    with installation.db.write() as session:
        for text in reversed(AMOUNTS):
            records.create(session, "deals", {"name": "A", "amount": text}, SYSTEM)
        records.create(session, "deals", {"name": "A"}, SYSTEM)
    with installation.db.read() as session:
        for sort, order in (("amount", sorted(numbers)), ("-amount", sorted(numbers, reverse=True))):
            deals = listing.page(session, ListQuery("deals", sort=sort)).items
            assert [deal.values["amount"] for deal in deals] == [*order, None]
        for text in AMOUNTS:
            deals = listing.page(session, ListQuery("deals", filters=[Filter("amount", operands=(text,))])).items
            assert [record.values["amount"] for record in deals] == [Decimal(text)]


# ---- whatever is accepted is shown ----------------------------------------------------------------------------------------


@cache
def of_workflow(ann: FlaskClient, workflow: int) -> dict[str, Any]:
    """What its form sends."""
    place = f"/settings/workflows/{workflow}"
    return sent_untouched(ann.get(place).text, place).to_dict(flat=False)


def every_page(ann: FlaskClient, program: FlaskClient, db: Database, record_id: int, values: dict[str, Any]) -> None:
    """Every page and call that shows the record answers 200."""
    place = f"/records/{MODULE}/{record_id}"
    with db.write() as session:
        delivery = add_delivery(
            session, module=MODULE, record_id=record_id, change_id=history.timeline(session, record_id)[-1].id
        ).id
        workflow = store.list_all(session, MODULE)[0].id
        parent = session.get(Record, session.get_one(Record, record_id).values.get("any_reference") or 0)
    asked = [place, f"{place}/edit", f"{place}/timeline", f"{place}/workflows", f"{place}/live", f"/records/{MODULE}",
             "/records/search?q=Acme", f"/records/pick/{MODULE}?q=A", f"/log/{delivery}", f"/log?record_id={record_id}",
             f"/settings/workflows/{workflow}/explain?record_id={record_id}"]  # fmt: skip
    asked += [f"/records/{MODULE}/{parent.id}"] if parent else []
    asked += [f"/records/{MODULE}?sort={name}" for name in values]
    for name in values:
        asked += [f"{place}/fields/{name}", f"{place}/fields/{name}/edit"]
    for page in asked:
        assert ann.get(page).status_code == 200, page
    form = {**of_workflow(ann, workflow or 0), "at": "actions.1", "record_id": record_id, "workflow_id": workflow}
    assert ann.post("/settings/webhook-form/preview", data=form).status_code == 200
    for name, value in values.items():
        filtered = {f"filter[{name}]": ",".join(value) if isinstance(value, list) else value}
        assert ann.get(f"/records/{MODULE}", query_string=filtered).status_code == 200, filtered
    for call in (f"/api/v1/records/{MODULE}/{record_id}", f"/api/v1/records/{MODULE}?sort=-{next(iter(values), 'id')}",
                 f"/api/v1/deliveries/{delivery}"):  # fmt: skip
        answer = program.get(call)
        assert answer.status_code == 200 and answer.json, call
    touched = program.patch(f"/api/v1/records/{MODULE}/{record_id}", json={"values": {"description": "Saved again"}})
    assert touched.status_code == 200, "a save that every criterion looks at"


@pytest.fixture(scope="module")
def watching(program: FlaskClient) -> None:
    """A workflow whose criteria look at every field, and whose webhook sends all."""
    dates = ("any_date", "any_datetime")
    rows = [{"field": name, "operator": "more_than_days_ago", "value": 36_500} for name in dates]
    rows += [{"field": name, "operator": "is_today"} for name in dates]
    rows += [{"field": "any_datetime", "operator": "between", "value": ["0001-01-01", "9999-12-31"]}]
    rows += [{"field": name, "operator": "has_changed"} for name in ANY]
    rows += [{"field": name, "operator": "greater_than", "value": 1} for name in ("any_number", "any_currency")]
    parameters = [{"name": name, "value": f"{{{{ {name} }}}}"} for name in ANY]
    parameters += [{"name": f"text_{name}", "value": f"is {{{{ {name} }}}}"} for name in ANY]
    document = {
        "name": "Watching", "module": MODULE, "active": True, "trigger": {"on": "create_or_update", "recurrence": "every_time"},
        "criteria": {"all": [], "any": [*rows, {"field": "name", "operator": "is_not_empty"}]},
        "actions": [{"type": "webhook", "title": kind, "url": "https://api.example.com/", "method": "POST", "content_type": kind,
                     "parameters": parameters} for kind in ("JSON", "XML", "FORM")],
    }  # fmt: skip
    answer = program.post("/api/v1/workflows", json=document)
    assert answer.status_code == 201, answer.text


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(values=st.fixed_dictionaries({}, optional=ANY))
@pytest.mark.usefixtures("watching")
def test_every_page_that_shows_what_the_api_accepted_answers(
    db: Database, ann: FlaskClient, program: FlaskClient, values: dict[str, Any]
) -> None:
    from webhookui.core.exact_json import dumps

    accepted = {name: value for name, value in values.items() if is_json(value)}
    while True:
        body = dumps({"values": {"name": "Acme", **accepted}})
        answer = program.post(f"/api/v1/records/{MODULE}", data=body, content_type="application/json")
        if answer.status_code == 201:
            break
        assert answer.status_code == 422, answer.text
        refused = {path.removeprefix("values.") for path in answer.json["error"]["fields"]}
        assert refused & accepted.keys()
        accepted = {name: value for name, value in accepted.items() if name not in refused}
    every_page(ann, program, db, answer.json["id"], accepted)
    sent = program.get(f"/api/v1/deliveries?record_id={answer.json['id']}&status=failed")
    assert not sent.json["items"], "each of the webhooks could be built"


def is_json(value: Any) -> bool:
    return not (isinstance(value, Decimal) and not value.is_finite())


OLD: list[dict[str, Any]] = [
    {
        "any_datetime": "0001-01-01T00:00:00Z", "any_currency": Decimal("1e29"), "any_number": Decimal("1e-30"),
        "any_text": "a\x0bb\x01", "any_picklist": "Retired", "any_multi_picklist": ["Retired"], "any_user": 999_999,
    },
    {
        "any_datetime": "1-01-01T00:00:00Z", "any_currency": Decimal("12345678901234567890123456789.00"), "any_number": 10**29,
        "any_text": "\x00", "any_reference": 999_999,
    },
    {
        "any_datetime": "9999-12-31T23:59:59Z", "any_currency": Decimal("1.500"), "any_text": "two\nlines",
        "any_date": "0001-01-01",
    },
    {"any_datetime": "999-06-01T12:00:00Z"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "zone"), [*((old, "America/Los_Angeles") for old in OLD), (OLD[2], "Pacific/Kiritimati")], ids=str
)
@pytest.mark.usefixtures("watching")
def test_what_an_older_version_has_stored_is_shown_and_does_not_stop_a_save(
    db: Database, ann: FlaskClient, program: FlaskClient, old: dict[str, Any], zone: str
) -> None:
    ann.post("/account/profile", data={"name": "Ann", "time_zone": zone})
    with db.write() as session:
        record = records.create(session, MODULE, {"name": "Acme"}, SYSTEM, run_workflows=False)
        session.execute(update(Record).where(Record.id == record.id).values(values={**record.values, **old}))  # type: ignore[arg-type]
        record_id = record.id or 0
    every_page(ann, program, db, record_id, dict.fromkeys(old, "x"))
