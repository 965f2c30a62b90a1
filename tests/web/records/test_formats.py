"""Numbers and days in the user's format: typed in forms, in place, in filters and conditions, and shown on pages
(specification section 2). What is stored and what programs see has one form for all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from tests.support.sent_form import sent_untouched
from tests.web.workflow_editor.test_workflows import errors, value_of
from webhookui.core.database import Database
from webhookui.crm import list_views, records
from webhookui.crm.records import Actor
from webhookui.people import accounts, tokens
from webhookui.people.formats import FORMATS

SYSTEM = Actor("system", "Test")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("formats")) as app:
        yield app


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, *pages.WORK, "record_key", "list_view", "stored_setting")
    return database


@pytest.fixture
def ann(app: Flask, db: Database) -> FlaskClient:
    client = pages.admin(app)
    chosen(client, "en")
    return client


def chosen(client: FlaskClient, name: str) -> None:
    answer = client.post("/account/profile", data={"name": "Ann", "time_zone": "Europe/Prague", "locale": name})
    assert answer.status_code == 302, errors(answer.text)


def deal(db: Database, amount: str | None = "1250.50", **values: Any) -> int:
    with db.write() as session:
        return records.create(session, "deals", {"name": "Till", "amount": amount, **values}, SYSTEM).id or 0


def amount(db: Database, record_id: int) -> Any:
    with db.read() as session:
        return records.get(session, "deals", record_id).values["amount"]


def text(page: str) -> str:
    """What the page says, all blanks alike."""
    words = unescape(re.sub(r"<[^>]+>", "", page))
    return re.sub(r"[ \u00a0\u202f]+", " ", words)


TYPED = [
    ("cs", "12,5", "12.50"), ("cs", "1 250,50", "1250.50"), ("cs", "1.250,50", "1250.50"), ("de", "1.250,50", "1250.50"),
    ("de", "1,250", "1.25"), ("en", "1,250", "1250.00"), ("en", "12.5", "12.50"), ("de", "", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "typed", "stored"), TYPED)
def test_a_number_is_typed_in_the_format_in_the_form_and_in_place(
    ann: FlaskClient, db: Database, name: str, typed: str, stored: str | None
) -> None:
    chosen(ann, name)
    expected = Decimal(stored) if stored else None
    answer = ann.post("/records/deals", data={"on_form": ["name", "amount"], "name": "D", "amount": typed})
    record_id = int(answer.location.rsplit("/", 1)[1])
    assert amount(db, record_id) == expected and str(amount(db, record_id)) == str(expected)
    record_id = deal(db, "7")
    place = f"/records/deals/{record_id}/fields/amount"
    form = sent_untouched(ann.get(f"{place}/edit", headers={"HX-Request": "true"}).text, place)
    form["amount"] = typed
    assert ann.post(place, data=form).status_code == 303
    assert str(amount(db, record_id)) == str(expected)


@pytest.mark.parametrize(("name", "typed"), [("en", "12,5"), ("de", "12.5"), ("cs", "1.250")])
def test_what_is_no_number_in_the_format_is_said_at_the_field_and_stays(
    ann: FlaskClient, db: Database, name: str, typed: str
) -> None:
    chosen(ann, name)
    record_id = deal(db)
    place = f"/records/deals/{record_id}"
    form = sent_untouched(ann.get(f"{place}/edit").text, place)
    form["amount"] = typed
    answer = ann.post(place, data=form)
    assert answer.status_code == 422 and "is not a number. Write it like" in errors(answer.text)["amount"]
    assert value_of(answer.text, "amount") == typed and amount(db, record_id) == Decimal("1250.50")
    again = sent_untouched(answer.text, place)
    again["amount"] = FORMATS[name].control(Decimal("7.5"))
    assert ann.post(place, data=again).status_code == 303 and amount(db, record_id) == Decimal("7.50")


def test_a_form_is_read_by_the_format_that_it_was_opened_with(ann: FlaskClient, db: Database) -> None:
    chosen(ann, "de")
    record_id = deal(db)
    place = f"/records/deals/{record_id}"
    form = sent_untouched(ann.get(f"{place}/edit").text, place)
    assert form["amount"] == "1250,50"
    chosen(ann, "en")
    form["amount"] = "1,250"
    assert ann.post(place, data=form).status_code == 303 and amount(db, record_id) == Decimal("1.250")


SHOWN = {
    "en": ("1,250.50", "9 Mar 2024", "10 Mar 2024 00:30"), "en-US": ("1,250.50", "Mar 9, 2024", "Mar 10, 2024 12:30 AM"),
    "de": ("1.250,50", "09.03.2024", "10.03.2024 00:30"), "cs": ("1 250,50", "9. 3. 2024", "10. 3. 2024 00:30"),
    "sv": ("1 250,50", "2024-03-09", "2024-03-10 00:30"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_lists_records_timelines_related_lists_and_conflicts_show_the_format(
    ann: FlaskClient, db: Database, name: str
) -> None:
    chosen(ann, name)
    with db.write() as session:
        contact = records.create(session, "contacts", {"last_name": "Roe"}, SYSTEM).id
        case = records.create(session, "cases", {"title": "C", "due_at": "2024-03-09T23:30:00Z"}, SYSTEM).id
    record_id = deal(db, close_date="2024-03-09", contact=contact)
    with db.write() as session:
        records.update(session, "deals", record_id, {"amount": "9999.5"}, SYSTEM)
        records.update(session, "deals", record_id, {"amount": "1250.50"}, SYSTEM)
    number, day, time = SHOWN[name]
    for path in (
        "/records/deals",
        f"/records/deals/{record_id}",
        f"/records/contacts/{contact}",
        "/records/search?q=till",
    ):
        page = text(ann.get(path).text)
        assert number in page and (day in page or "/contacts/" in path), path
    assert time in text(ann.get("/records/cases").text) and time in text(ann.get(f"/records/cases/{case}").text)
    timeline = text(ann.get(f"/records/deals/{record_id}/timeline").text)
    assert FORMATS[name].number(Decimal("9999.50")).replace("\u00a0", " ").replace("\u202f", " ") in timeline
    form = {"on_form": "amount", "amount": FORMATS[name].control(Decimal("8888.5")), "version": "1"}
    conflict = ann.post(f"/records/deals/{record_id}", data=form)
    assert conflict.status_code == 409
    assert number in text(conflict.text) and text(FORMATS[name].number(Decimal("8888.50"))) in text(conflict.text)


def test_programs_and_searches_see_one_form_for_all(app: Flask, ann: FlaskClient, db: Database) -> None:
    chosen(ann, "de")
    record_id = deal(db)
    with db.write() as session:
        token = tokens.create(session, accounts.by_email(session, pages.ADMIN[0]), "t")
    call = app.test_client().get(f"/api/v1/records/deals/{record_id}", headers={"Authorization": f"Bearer {token}"})
    assert '"amount":1250.50' in call.text.replace(" ", "")
    assert "Till" in ann.get("/records/deals?q=1250.50").text


def listed(page: str) -> list[str]:
    return re.findall(r'class="list-name"><a href="[^"]+">([^<]+)<', page)


def test_filters_are_typed_in_the_format_and_links_are_the_same_for_all(ann: FlaskClient, db: Database) -> None:
    for name, value in (("Small", "1.25"), ("Middle", "12.5"), ("Large", "1250")):
        deal(db, value, name=name)
    chosen(ann, "de")
    assert 'name="format" value="de"' in ann.get("/records/deals").text
    page = ann.get("/records/deals?op[amount]=at_most&filter[amount]=12,5&format=de&sort=amount").text
    assert listed(page) == ["Small", "Middle"]
    assert re.search(r"Amount at most\s*<strong>12,5</strong>", page) and 'value="12,5"' in page
    links = {link for link in re.findall(r'href="(/records/deals\?[^"]+)"', unescape(page)) if "filter" in link}
    assert links and all("12.5" in link and "format" not in link for link in links)
    chosen(ann, "en")
    assert "format" not in re.findall(r'name="(\w+)"', ann.get("/records/deals").text)
    for link in links:
        assert re.search(r"Amount at most\s*<strong>12.5</strong>", ann.get(link).text)
    assert listed(ann.get("/records/deals?filter[amount]=1,250&format=de").text) == ["Small"]
    assert listed(ann.get("/records/deals?filter[amount]=1,250").text) == ["Large"]
    between = "op[amount]=between&filter[amount]=1,5&filter[amount]=1.250"
    assert listed(ann.get(f"/records/deals?{between}&format=de&sort=amount").text) == ["Middle", "Large"]


def test_a_filter_that_is_no_number_in_the_format_shows_nothing_and_says_so(ann: FlaskClient, db: Database) -> None:
    deal(db, "12.5")
    chosen(ann, "de")
    address = "/records/deals?filter[amount]=12.5&format=de"
    page = ann.get(address).text
    assert listed(page) == [] and "“12.5” is not a number. Write it like 1.250,50." in unescape(page)
    state = sent_untouched(page, "/records/deals/views")["query"]
    assert listed(ann.get(f"/records/deals?{state}").text) == [], "nor does it mean something else as a view"
    query = {"act": "delete", "scope": "matching", "query": address.partition("?")[2]}
    assert ann.post("/records/deals/many", data=query).status_code == 422


def test_a_saved_view_keeps_numbers_as_programs_write_them(ann: FlaskClient, db: Database) -> None:
    deal(db, "12.5")
    chosen(ann, "cs")
    ann.post("/records/deals/views", data={"name": "V", "query": "filter[amount]=12,5&format=cs", "shared": "1"})
    with db.read() as session:
        view = list_views.views(session, "deals", accounts.by_email(session, pages.ADMIN[0]))[0][0]
    assert "filter%5Bamount%5D=12.5" in view.query and "format" not in view.query


def test_a_link_may_fill_a_new_form_whatever_the_format(ann: FlaskClient, db: Database) -> None:
    chosen(ann, "de")
    assert value_of(ann.get("/records/deals/new?amount=12.5&name=X").text, "amount") == "12,5"


def criterion(page: str) -> str:
    return value_of(page, "criteria.all.0.value")


def test_conditions_are_typed_and_shown_in_the_format(app: Flask, ann: FlaskClient, db: Database) -> None:
    chosen(ann, "cs")
    form = sent_untouched(ann.get("/settings/workflows/new?module=deals").text, "/settings/workflows")
    form |= {"name": "Large deals", "criteria.all.0.field": "amount", "criteria.all.0.operator": "greater_than",
             "criteria.all.0.source": "value", "criteria.all.0.value": "1.250"}  # fmt: skip
    form.pop("active", None)
    answer = ann.post("/settings/workflows", data=form)
    assert answer.status_code == 422 and "Write it like 1 250,50" in text(answer.text)
    assert criterion(answer.text) == "1.250"
    form["criteria.all.0.value"] = "1 250,5"
    answer = ann.post("/settings/workflows", data=form)
    assert answer.status_code == 303, errors(answer.text)
    with db.write() as session:
        token = tokens.create(session, accounts.by_email(session, pages.ADMIN[0]), "t")
    headers = {"Authorization": f"Bearer {token}"}
    workflow = app.test_client().get("/api/v1/workflows", headers=headers).json["items"][0]
    assert float(workflow["criteria"]["all"][0]["value"]) == 1250.5
    place = f"/settings/workflows/{workflow['id']}"
    assert criterion(ann.get(place).text) == "1250,50"
    chosen(ann, "en")
    page = ann.get(place).text
    assert criterion(page) == "1250.50"
    untouched = sent_untouched(page, place)
    assert ann.post(place, data=untouched).status_code == 303
    assert (
        app.test_client().get(f"/api/v1/workflows/{workflow['id']}", headers=headers).json["criteria"]
        == workflow["criteria"]
    )


def test_the_account_offers_the_formats_and_refuses_others(ann: FlaskClient, db: Database) -> None:
    page = ann.get("/account/").text
    for style in FORMATS.values():
        assert style.example in unescape(page)
    answer = ann.post("/account/profile", data={"name": "Ann", "time_zone": "UTC", "locale": "tlh"})
    assert answer.status_code == 422 and "Choose a format" in errors(answer.text)["locale"]


# ---- the installation's currency ---------------------------------------------------------------------------------------


def test_amounts_have_the_installations_currency_and_only_they(app: Flask, ann: FlaskClient, db: Database) -> None:
    record_id = deal(db, probability=40)
    assert "€" not in ann.get("/records/deals").text
    assert ann.post("/settings/currency", data={"currency": "EUR"}).status_code == 303
    for path in ("/records/deals", f"/records/deals/{record_id}"):
        assert "€1,250.50" in ann.get(path).text and "€40" not in ann.get(path).text
    form = ann.get(f"/records/deals/{record_id}/edit").text
    assert (
        '<span class="input-group-text" id="amount-currency">€</span>' in form and value_of(form, "amount") == "1250.50"
    )
    chosen(ann, "de")
    assert "1.250,50 €" in text(ann.get("/records/deals").text)
    place = f"/records/deals/{record_id}"
    assert ann.post(place, data=sent_untouched(ann.get(f"{place}/edit").text, place)).status_code == 303
    assert str(amount(db, record_id)) == "1250.50"
    assert "Currency" in ann.get("/settings/audit").text.partition("<main")[2]
    assert ann.post("/settings/currency", data={"currency": ""}).status_code == 303
    assert "€" not in ann.get("/records/deals").text
    answer = ann.post("/settings/currency", data={"currency": "XXX"})
    assert answer.status_code == 422 and "Choose a currency" in errors(answer.text)["currency"]
