"""References over HTTP: what a picker offers, and a record that is made beside the form that refers to it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from webhookui.crm import fields, listing, records
from webhookui.crm.fields import FieldSpec
from webhookui.crm.listing import ListQuery
from webhookui.crm.records import Actor
from webhookui.people import accounts

ACTOR = Actor("system", "Test")
HTMX = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("references")) as app:
        yield app


@pytest.fixture(scope="module")
def ann(app: Flask) -> FlaskClient:
    return pages.admin(app)


def make(app: Flask, module: str, **values: Any) -> int:
    with app.extensions["webhookui"].db.write() as session:
        return records.create(session, module, values, ACTOR).id or 0


def options(answer: str) -> list[str]:
    """The words of each option, in order."""
    parts = re.findall(r'role="option".*?>(.*?)</div>', answer, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", "", part).split()) for part in parts]


def fields_of(form: str) -> dict[str, str]:
    """Name → value of the visible inputs."""
    inputs = re.findall(r"<input[^>]*>", form)
    pairs = [(re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)) for tag in inputs]
    values = {name[1]: value[1] if value else "" for name, value in pairs if name}
    return {name: value for name, value in values.items() if name not in ("on_form", "csrf_token")}


def test_a_picker_tells_records_of_one_name_apart(app: Flask, ann: FlaskClient) -> None:
    acme = make(app, "organizations", name="Acme Works")
    make(app, "contacts", first_name="Eve", last_name="Smith", email="eve@acme.example", organization=acme)
    make(app, "contacts", first_name="Eve", last_name="Smith", phone="+420 1", email=None)
    bare = make(app, "contacts", first_name="Eve", last_name="Smith")
    offered = options(ann.get("/records/pick/contacts?q=eve+smith").text)
    assert sorted(offered) == sorted(
        ["Eve Smith eve@acme.example · Acme Works", "Eve Smith +420 1", f"Eve Smith #{bare}"]
    )
    assert "Eve Smith Contact · eve@acme.example · Acme Works" in options(ann.get("/records/pick/-?q=eve+smith").text)
    assert "eve@acme.example" in ann.get("/records/search?q=eve+smith").text


def test_a_picker_offers_to_make_what_was_typed_only_where_it_is_asked_to(ann: FlaskClient) -> None:
    assert options(ann.get("/records/pick/contacts?q=Jan+Novák&create=1").text) == ["Create contact “Jan Novák”"]
    for path in ("contacts?q=Jan+Novák", "contacts?q=&create=1", "-?q=Jan+Novák&create=1"):
        assert not any(option.startswith("Create") for option in options(ann.get(f"/records/pick/{path}").text))


@pytest.mark.parametrize(
    ("module", "words", "expected"),
    [
        ("contacts", "Jan Novák", {"first_name": "Jan", "last_name": "Novák", "email": "", "phone": ""}),
        ("contacts", "Novák", {"first_name": "", "last_name": "Novák", "email": "", "phone": ""}),
        ("contacts", "Vincent van Gogh", {"first_name": "Vincent", "last_name": "van Gogh", "email": "", "phone": ""}),
        ("contacts", "jan@n.example", {"first_name": "", "last_name": "", "email": "jan@n.example", "phone": ""}),
        ("organizations", "Novák & Sons", {"name": "Novák &amp; Sons", "email": "", "phone": ""}),
    ],
)
def test_the_short_form_asks_for_the_name_what_is_required_and_what_identifies(
    ann: FlaskClient, module: str, words: str, expected: dict[str, str]
) -> None:
    short = ann.get(f"/records/{module}/new", query_string={"q": words}, headers=HTMX).text
    assert "<html" not in short and fields_of(short) == expected
    whole = ann.get(f"/records/{module}/new", query_string={"q": words}).text
    assert "<html" in whole and expected.items() <= fields_of(whole).items()


def test_a_record_that_is_made_beside_a_form_is_an_ordinary_one(app: Flask, ann: FlaskClient) -> None:
    form = {"on_form": ["first_name", "last_name", "email"], "first_name": "Jan", "last_name": "Nováček", "email": ""}
    answer = ann.post("/records/contacts", data=form, headers=HTMX)
    assert answer.status_code == 204
    created = json.loads(answer.headers["HX-Trigger"])["record-created"]
    assert created["name"] == "Jan Nováček"
    with app.extensions["webhookui"].db.read() as session:
        record = records.get(session, "contacts", created["id"])
        assert record.values["owner"] == accounts.by_email(session, pages.ADMIN[0]).id
        assert listing.page(session, ListQuery("contacts", "nováček")).items == [record]


def test_what_is_refused_stands_at_its_field_and_what_was_typed_stays(app: Flask, ann: FlaskClient) -> None:
    form = {
        "on_form": ["first_name", "last_name", "email"],
        "first_name": "Jan",
        "last_name": "",
        "email": "no address",
    }
    answer = ann.post("/records/contacts", data=form, headers=HTMX)
    assert answer.status_code == 422 and "<html" not in answer.text
    assert "Last name is required." in answer.text and "is not an e-mail address" in answer.text
    assert fields_of(answer.text) == {"first_name": "Jan", "last_name": "", "email": "no address", "phone": ""}


def test_a_required_custom_field_is_asked_for_as_well(app: Flask, ann: FlaskClient) -> None:
    with app.extensions["webhookui"].db.write() as session:
        admin = accounts.by_email(session, pages.ADMIN[0])
        fields.add(session, "cases", FieldSpec("Serial number", required=True), admin)
    short = ann.get("/records/cases/new?q=Broken", headers=HTMX).text
    assert {"title", "serial_number"} <= fields_of(short).keys()
    form = {"on_form": ["title", "serial_number"], "title": "Broken", "serial_number": ""}
    refused = ann.post("/records/cases", data=form, headers=HTMX)
    assert refused.status_code == 422 and "Serial number is required." in refused.text


def test_a_related_list_is_paged_counted_and_leads_to_the_whole_list(app: Flask, ann: FlaskClient) -> None:
    acme = make(app, "organizations", name="Paged")
    for number in range(12):
        make(app, "contacts", last_name=f"Paged {number:02}", email=f"p{number}@example.com", organization=acme)
    page = ann.get(f"/records/organizations/{acme}").text
    shown = related(page)
    assert names(shown) == [f"Paged {number:02}" for number in (11, 10, 9, 8, 7)]
    assert "1–5 of 12" in shown and "p11@example.com" in shown and "Organization</th>" not in shown
    assert f'href="/records/contacts/new?organization={acme}"' in shown
    everything = re.search(r'href="(/records/contacts\?filter[^"]+)"', shown)
    assert everything and "12</span>" in ann.get(html.unescape(everything[1])).text
    second = related(ann.get(next_page(shown)).text)
    assert names(second) == [f"Paged {number:02}" for number in (6, 5, 4, 3, 2)] and "6–10 of 12" in second
    third = related(ann.get(next_page(second)).text)
    assert names(third) == ["Paged 01", "Paged 00"] and "11–12 of 12" in third and 'rel="next"' not in third
    back = re.search(r'href="([^"]+)" rel="prev"', third)
    assert back and names(related(ann.get(html.unescape(back[1])).text)) == names(second)
    no_cursor = ann.get(f"/records/organizations/{acme}?related=contacts.organization&after=zz").text
    assert names(related(no_cursor)) == names(shown)


def related(page: str) -> str:
    match = re.search(
        r'<section class="panel related-list" id="related-contacts-organization">.*?</section>', page, re.DOTALL
    )
    assert match
    return match[0]


def names(shown: str) -> list[str]:
    return re.findall(r'class="list-name"><a[^>]*>([^<]+)<', shown)


def next_page(shown: str) -> str:
    match = re.search(r'href="([^"]+)" rel="next"', shown)
    assert match
    return html.unescape(match[1])
