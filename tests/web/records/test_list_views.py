"""Saved views of a list, and columns that stay chosen (specification section 2)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from webhookui.crm import fields, listing, records
from webhookui.crm.fields import FieldSpec
from webhookui.crm.records import Actor
from webhookui.people import accounts

STATE = (
    "sort=-amount&filter[stage]=New&filter[amount]=10&filter[amount]=20&op[amount]=between&columns=amount&columns=owner"
)


@pytest.fixture
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("views")) as app:
        with app.extensions["webhookui"].db.write() as session:
            records.create(session, "deals", {"name": "Shop", "stage": "New", "amount": "15"}, Actor("person", "Ann"))
        yield app


@pytest.fixture
def ann(app: Flask) -> FlaskClient:
    return pages.admin(app)


@pytest.fixture
def sam(app: Flask) -> FlaskClient:
    return pages.user(app)


def views(client: FlaskClient) -> dict[str, str]:
    """Name → address, of the menu over the deals."""
    page = client.get("/records/deals").text
    links = re.findall(r'<div class="list-view">\s*<a href="([^"]+)"[^>]*>([^<]+)', page)
    return {html.unescape(name).strip(): html.unescape(address) for address, name in links}


def save(client: FlaskClient, name: str, query: str = STATE, **more: str) -> str:
    answer = client.post("/records/deals/views", data={"name": name, "query": query, **more})
    assert answer.status_code == 303
    return answer.headers["Location"]


def heads(page: str) -> list[str]:
    return re.findall(r'<th scope="col"[^>]*><a [^>]*>([^<]+)', page)


def test_a_view_brings_back_columns_sort_and_filters_for_whom_it_is_for(ann: FlaskClient, sam: FlaskClient) -> None:
    address = save(sam, "  My   open deals ")
    save(sam, "Ours", "filter[stage]=Proposal", shared="1")
    assert list(views(sam)) == ["My open deals", "Ours"] and list(views(ann)) == ["Ours"]
    page = sam.get(views(sam)["My open deals"]).text
    assert address == views(sam)["My open deals"]
    assert [head.strip() for head in heads(page)] == ["Name", "Amount", "Owner", "Updated"]
    assert re.search(r"Amount between\s*<strong>10 and 20", page) and re.search(r"Stage:\s*<strong>New", page)
    assert 'aria-sort="descending"' in page


def test_the_same_name_replaces_ones_own_view_and_nobody_elses(ann: FlaskClient, sam: FlaskClient) -> None:
    save(sam, "Big", "filter[stage]=New", shared="1")
    save(ann, "Big", "filter[stage]=Proposal")
    save(sam, "Big", "filter[stage]=Negotiation", shared="1")
    assert "Negotiation" in views(sam)["Big"]
    page = ann.get("/records/deals").text
    assert page.count(">Big") == 2 and "Proposal" in page


def test_a_view_is_deleted_by_who_made_it_or_for_all_by_an_admin(ann: FlaskClient, sam: FlaskClient) -> None:
    numbers = {name: save(sam, name, shared=shared).rpartition("=")[2] for name, shared in (("own", ""), ("all", "1"))}
    assert ann.post(f"/records/deals/views/{numbers['own']}/delete").status_code == 404
    assert ann.post(f"/records/contacts/views/{numbers['all']}/delete").status_code == 404
    assert ann.post(f"/records/deals/views/{numbers['all']}/delete").status_code == 303
    theirs = save(ann, "admin's", shared="1").rpartition("=")[2]
    assert sam.post(f"/records/deals/views/{theirs}/delete").status_code == 404
    assert sam.post(f"/records/deals/views/{numbers['own']}/delete").status_code == 303
    assert list(views(sam)) == ["admin's"]


@pytest.mark.parametrize(("name", "words"), [("", "Enter a name"), ("x" * 61, "At most 60 characters")])
def test_a_name_that_can_not_be_is_refused_in_words_and_the_list_stays(ann: FlaskClient, name: str, words: str) -> None:
    answer = ann.get(save(ann, name))
    assert words in answer.text and re.search(r"Stage:\s*<strong>New", answer.text) and not views(ann)


def test_a_view_of_a_field_that_was_removed_still_opens(app: Flask, ann: FlaskClient) -> None:
    db = app.extensions["webhookui"].db
    with db.write() as session:
        admin = accounts.all_users(session)[0]
        fields.add(session, "deals", FieldSpec("Colour"), admin)
    save(ann, "Red ones", "filter[colour]=red&columns=colour&sort=colour")
    with db.write() as session:
        fields.remove(session, "deals", "colour", admin)
    page = ann.get(views(ann)["Red ones"])
    assert page.status_code == 200 and "Colour" not in heads(page.text)


def test_the_columns_that_a_user_chose_stay_and_are_nobody_elses(ann: FlaskClient, sam: FlaskClient) -> None:
    before = heads(ann.get("/records/deals").text)
    assert sam.post("/records/deals/columns", data={"columns": ["probability", "nonsense", "stage"]}).status_code == 204
    assert [head.strip() for head in heads(sam.get("/records/deals").text)][1:3] == ["Probability (%)", "Stage"]
    assert heads(ann.get("/records/deals").text) == before
    assert [head.strip() for head in heads(sam.get("/records/deals?columns=amount").text)][1:2] == ["Amount"], (
        "a link has its own"
    )
    assert sam.post("/records/deals/columns", data={}).status_code == 204
    assert heads(sam.get("/records/deals").text) == before


@pytest.mark.parametrize("place", ["after", "before"])
def test_a_link_whose_cursor_means_nothing_any_more_shows_the_first_page(ann: FlaskClient, place: str) -> None:
    for cursor in ("zz", "W10", "é"):
        answer = ann.get("/records/deals", query_string={place: cursor})
        assert answer.status_code == 200 and "Shop" in answer.text


def test_a_page_without_a_match_leads_on_to_the_records_behind_it(
    app: Flask, ann: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.extensions["webhookui"].db.write() as session:
        for number in range(6):
            records.create(session, "deals", {"name": f"Later {number}"}, Actor("person", "Ann"))
    monkeypatch.setattr(listing, "LOOKED_AT", 4)
    monkeypatch.setattr(listing, "FEW", 0)
    page = ann.get("/records/deals?q=ho").text
    assert "There are more of them." in page and "Show all deals" in page
    further = re.search(r'href="([^"]+)"[^>]*><span>Look further', page)
    assert further
    behind = ann.get(html.unescape(further[1])).text
    assert "Shop" in behind and 'rel="prev"' in behind
    assert "There are more" not in ann.get("/records/deals?q=nothing").text
