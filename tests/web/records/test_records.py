"""Pages of records over HTTP, without JavaScript."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from webhookui.crm import records
from webhookui.crm.records import Actor

ACTOR = Actor("system", "Test")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("records")) as app:
        yield app


@pytest.fixture(scope="module")
def ann(app: Flask) -> FlaskClient:
    return pages.admin(app)


def make(app: Flask, module: str, **values: Any) -> int:
    with app.extensions["webhookui"].db.write() as session:
        record_id = records.create(session, module, values, ACTOR).id
    assert record_id is not None
    return record_id


def stored(app: Flask, module: str, record_id: int) -> records.Record:
    with app.extensions["webhookui"].db.read() as session:
        return records.get(session, module, record_id)


def form(*fields: str, **values: Any) -> dict[str, Any]:
    return {"on_form": list(fields or values), **values}


def test_a_contact_is_created_and_its_page_shows_it(app: Flask, ann: FlaskClient) -> None:
    answer = ann.post("/records/contacts", data=form(first_name="Zoë", last_name="Quist", email="zoe@example.com"))
    assert answer.status_code == 303
    page = ann.get(answer.location).text
    assert "<h1>" in page and "Zoë Quist" in page and "mailto:zoe@example.com" in page
    assert "<strong>Ann</strong> created it" in page


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("email", "not an address", "is not an e-mail address"),
        ("birthday", "2026-02-31", "is not a date"),
        ("last_name", "", "Last name is required."),
        ("phone", "call me", "is not a phone number"),
        ("organization", "999999", "There is no record 999999"),
    ],
)
def test_a_bad_value_is_refused_at_its_field_and_nothing_typed_is_lost(
    ann: FlaskClient, field: str, typed: str, words: str
) -> None:
    values = {"first_name": "Kept & <safe>", "last_name": "Berg", "description": "Long\ntext", "interests": ["Events"]}
    answer = ann.post("/records/contacts", data=form(*{**values, field: typed}, **{**values, field: typed}))
    assert answer.status_code == 422
    page = answer.text
    place = re.search(rf'id="{field}-error"[^>]*>([^<]*)<', page)
    assert place and words in place.group(1).replace("&#34;", '"')
    assert 'value="Kept &amp; &lt;safe&gt;"' in page and "Long\ntext</textarea>" in page
    assert re.search(r'value="Events" checked', page)
    if typed and field != "organization":
        assert f'value="{typed}"' in page
    assert f'href="#{field}"' in page


def test_a_date_that_is_none_comes_back_in_a_control_that_can_hold_it(ann: FlaskClient) -> None:
    page = ann.post("/records/deals", data=form(name="A deal", close_date="next week")).text
    assert re.search(r'<input type="text"[^>]*name="close_date"[^>]*value="next week"', page)


def test_a_reference_typed_by_name_is_found_or_refused(app: Flask, ann: FlaskClient) -> None:
    contact = make(app, "contacts", first_name="Only", last_name="One")
    answer = ann.post(
        "/records/deals", data=form("name", "contact", name="D", contact="", **{"contact.search": "Only One"})
    )
    assert answer.status_code == 303
    assert stored(app, "deals", int(answer.location.rsplit("/", 1)[1])).values["contact"] == contact
    make(app, "contacts", first_name="Only", last_name="One")
    for words, message in (("Only One", "Several records are named"), ("Nobody", "There is no record named")):
        data = form("name", "contact", name="D", contact="", **{"contact.search": words})
        answer = ann.post("/records/deals", data=data)
        assert answer.status_code == 422 and message in answer.text and f'value="{words}"' in answer.text


def test_times_are_typed_and_shown_in_the_users_zone(app: Flask, ann: FlaskClient) -> None:
    ann.post("/account/profile", data={"name": "Ann", "time_zone": "Europe/Prague"})
    answer = ann.post("/records/cases", data=form(title="C", due_at="2026-07-01T14:30"))
    record_id = int(answer.location.rsplit("/", 1)[1])
    assert stored(app, "cases", record_id).values["due_at"] == "2026-07-01T12:30:00Z"
    assert 'value="2026-07-01T14:30"' in ann.get(f"/records/cases/{record_id}/edit").text


def test_the_list_sorts_searches_filters_and_says_so_in_its_url(app: Flask, ann: FlaskClient) -> None:
    organization = make(app, "organizations", name="Sorting Ltd")
    for name, amount, stage in (
        ("Beta sort", "20", "New"),
        ("Alpha sort", "100", "Proposal"),
        ("Gamma sort", "3", "New"),
    ):
        make(app, "deals", name=name, amount=amount, stage=stage, organization=organization)

    def names(query: str) -> list[str]:
        return re.findall(r'class="list-name"><a [^>]*>([^<]+)<', ann.get(f"/records/deals?q=sort&{query}").text)

    assert names("sort=name") == ["Alpha sort", "Beta sort", "Gamma sort"]
    assert names("sort=-amount") == ["Alpha sort", "Beta sort", "Gamma sort"]
    assert names("sort=amount") == ["Gamma sort", "Beta sort", "Alpha sort"]
    assert names("sort=name&filter[stage]=New") == ["Beta sort", "Gamma sort"]
    assert names(f"sort=name&filter[organization]={organization}") == ["Alpha sort", "Beta sort", "Gamma sort"]
    assert names("filter[amount]=100") == ["Alpha sort"]
    page = ann.get("/records/deals?q=sort&filter[stage]=New&columns=amount").text
    assert "Stage: <strong>New</strong>" in page and 'scope="col" class="num"' in page
    assert not re.search(r'<th scope="col"[^>]*><a [^>]*>Close date', page)
    bad = ann.get("/records/deals?filter[close_date]=soon")
    assert bad.status_code == 200 and "is not a date" in bad.text


def test_a_list_of_many_has_pages(app: Flask, ann: FlaskClient) -> None:
    for number in range(53):
        make(app, "tasks", subject=f"Paged {number:02}")
    first = ann.get("/records/tasks?q=paged&sort=name").text
    assert "1–50 of 53" in first and 'rel="next"' in first
    (onward,) = re.findall(r'href="([^"]+)" rel="next"', first)
    second = ann.get(html.unescape(onward)).text
    assert "51–53 of 53" in second and "Paged 52" in second and "Paged 49" not in second


def test_the_second_of_two_windows_is_refused_and_shown_both(app: Flask, ann: FlaskClient) -> None:
    deal = make(app, "deals", name="Two windows", amount="10", next_step="Call")
    version = stored(app, "deals", deal).version
    first = form("amount", "stage", "next_step", version=version, amount="20", stage="Proposal", next_step="Call")
    assert ann.post(f"/records/deals/{deal}", data=first).status_code == 303
    second = form("amount", "stage", "next_step", version=version, amount="30", stage="New", next_step="Write")
    answer = ann.post(f"/records/deals/{deal}", data=second)
    assert answer.status_code == 409
    page = answer.text
    assert "Somebody else saved this record" in page and "Ann saved Two windows" in page
    for words in ("20.00", "30.00", "10.00", "Write"):
        assert words in page
    assert stored(app, "deals", deal).values["amount"] == 20
    # What only they changed stays theirs, what only you changed is yours, and for both you are asked.
    assert re.search(r'id="theirs-stage" value="theirs" checked', page)
    assert re.search(r'id="yours-next_step" value="yours" checked', page)
    assert "both changed it" in page
    sent = {**second, "version": version + 1, "take.amount": "yours", "take.stage": "theirs", "take.next_step": "yours"}
    assert ann.post(f"/records/deals/{deal}", data=sent).status_code == 303
    values = stored(app, "deals", deal).values
    assert (values["amount"], values["stage"], values["next_step"]) == (30, "Proposal", "Write")


def test_one_field_is_edited_in_place(app: Flask, ann: FlaskClient) -> None:
    deal = make(app, "deals", name="In place", stage="New")
    place = f"/records/deals/{deal}/fields/stage"
    htmx = {"HX-Request": "true"}
    assert 'name="version" value="1"' in ann.get(f"{place}/edit").text
    answer = ann.post(place, data=form("stage", stage="Proposal", version=1), headers=htmx)
    assert answer.status_code == 200 and "Proposal" in answer.text and answer.headers["HX-Trigger"] == "record-saved"
    bad = ann.post(place, data=form("stage", stage="Nonsense", version=2), headers=htmx)
    assert bad.status_code == 422 and "is not one of" in bad.text
    # The same field, changed meanwhile by somebody else: refused, and shown. Another field: nobody is in the way.
    late = ann.post(place, data=form("stage", stage="Negotiation", version=1), headers=htmx)
    assert late.status_code == 409 and "Somebody else has since changed it" in late.text and "Proposal" in late.text
    other = ann.post(f"/records/deals/{deal}/fields/amount", data=form("amount", amount="5", version=1), headers=htmx)
    assert other.status_code == 200 and "5.00" in other.text
    values = stored(app, "deals", deal).values
    assert values["stage"] == "Proposal" and values["amount"] == 5


def test_one_field_is_edited_without_javascript(app: Flask, ann: FlaskClient) -> None:
    deal = make(app, "deals", name="In place", amount="1")
    place = f"/records/deals/{deal}/fields/amount"
    assert "<html" in ann.get(f"{place}/edit").text
    bad = ann.post(place, data=form("amount", amount="much", version=1))
    assert bad.status_code == 422 and "<html" in bad.text and 'value="much"' in bad.text
    good = ann.post(place, data=form("amount", amount="2", version=1))
    assert good.status_code == 303 and good.location == f"/records/deals/{deal}"


def test_deleting_tells_what_refers_to_the_record_and_empties_it(app: Flask, ann: FlaskClient) -> None:
    contact = make(app, "contacts", last_name="Leaver")
    deal = make(app, "deals", name="Stays", contact=contact)
    page = ann.get(f"/records/contacts/{contact}").text
    assert "It is referred to by" in page and "1 deal</a>" in page
    assert ann.post(f"/records/contacts/{contact}/delete").status_code == 303
    assert ann.get(f"/records/contacts/{contact}").location == f"/records/deleted/{contact}"
    assert stored(app, "deals", deal).values["contact"] is None


def test_the_search_looks_through_all_modules(app: Flask, ann: FlaskClient) -> None:
    make(app, "contacts", last_name="Xylander")
    make(app, "deals", name="Xylander's machine")
    page = ann.get("/records/search?q=xylander").text
    assert "2 records" in page and "Xylander&#39;s machine" in page
    assert "Nothing found" in ann.get("/records/search?q=nosuchwordanywhere").text


def test_what_a_record_says_is_escaped(app: Flask, ann: FlaskClient) -> None:
    deal = make(app, "deals", name="<script>alert(1)</script>", description="<img src=x onerror=alert(2)>")
    for path in (
        f"/records/deals/{deal}",
        f"/records/deals/{deal}/edit",
        "/records/deals?q=script",
        "/records/pick/deals",
    ):
        page = ann.get(path).text
        assert "<script>alert" not in page and "<img src=x" not in page


def test_a_picker_of_all_modules_finds_records_of_each_and_says_which(app: Flask, ann: FlaskClient) -> None:
    deal, case = make(app, "deals", name="Quokka order"), make(app, "cases", title="Quokka arrived short")
    answer = ann.get("/records/pick/-?q=quokka").text
    assert f'data-record="{deal}"' in answer and f'data-record="{case}"' in answer
    assert "Deal" in answer and "Case" in answer
    assert "No record found" in ann.get("/records/pick/-?q=nothingofthesort").text


def test_the_live_part_answers_only_when_something_moved(app: Flask, ann: FlaskClient) -> None:
    deal = make(app, "deals", name="Live one")
    page = ann.get(f"/records/deals/{deal}").text
    token = re.search(r'data-token="([^"]+)"', page)
    assert token
    live = f"/records/deals/{deal}/live?version=1&token="
    assert ann.get(live + token.group(1)).status_code == 204
    ann.post(f"/records/deals/{deal}/fields/stage", data=form("stage", stage="Proposal", version=1))
    moved = ann.get(live + token.group(1)).text
    assert 'id="record-activity"' in moved and 'id="record-fields"' in moved and "Proposal" in moved
    assert 'id="record-fields"' not in ann.get(live.replace("version=1", "version=2") + token.group(1)).text


def test_unknown_modules_records_and_fields_are_404(ann: FlaskClient) -> None:
    for path in ("/records/nothing", "/records/deals/999999", "/records/contacts/new/5", "/records/nothing/new"):
        assert ann.get(path).status_code == 404
