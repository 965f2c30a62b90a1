"""The board's pages over HTTP: what its URL says, views, and moves with and without JavaScript."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from webhookui.crm import fields, records
from webhookui.crm.fields import FieldSpec
from webhookui.crm.records import Actor
from webhookui.people import accounts

BOB = Actor("person", "Bob")
HTMX = {"HX-Request": "true"}


@pytest.fixture
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("board")) as app:
        yield app


@pytest.fixture
def ann(app: Flask) -> FlaskClient:
    return pages.admin(app)


def make(app: Flask, module: str = "deals", **values: Any) -> int:
    with app.extensions["webhookui"].db.write() as session:
        return records.create(session, module, values, BOB).id or 0


def change(app: Flask, record_id: int, **values: Any) -> None:
    with app.extensions["webhookui"].db.write() as session:
        records.update(session, "deals", record_id, values, BOB)


def stage(app: Flask, record_id: int) -> Any:
    with app.extensions["webhookui"].db.read() as session:
        return records.get(session, "deals", record_id).values["stage"]


def cards(page: str) -> dict[str, list[str]]:
    """Column → the names on its cards."""
    sections = re.findall(r'<section class="board-column" data-column="([^"]*)".*?</section>', page, re.DOTALL)
    bodies = re.findall(r'<section class="board-column".*?</section>', page, re.DOTALL)
    names = [re.findall(r'class="card-name" [^>]*>([^<]+)<', body) for body in bodies]
    return dict(zip(map(html.unescape, sections), names, strict=True))


def state(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(token|shape)" value="([^"]*)"', page))


def move(client: FlaskClient, record_id: int, to: str, version: int = 1, *, htmx: bool = True, query: str = "") -> Any:
    address = f"/records/deals/board/{record_id}/move?board=stage{query}"
    return client.post(address, data={"to": to, "version": version}, headers=HTMX if htmx else {})


def test_list_and_board_are_two_looks_at_the_same_url(app: Flask, ann: FlaskClient) -> None:
    make(app, name="Shop", stage="New", amount="1250.50")
    make(app, name="Fair", stage="Proposal", amount="3")
    make(app, name="Shop two", stage="New", amount="4")
    page = ann.get("/records/deals?board=stage&q=shop&sort=name").text
    assert cards(page)["New"] == ["Shop", "Shop two"] and cards(page)["Proposal"] == []
    assert "1,254.50" in page and 'id="list-count">2<' in page
    links = {
        words: html.unescape(link)
        for link, words in re.findall(r'<a href="([^"]+)"[^>]*><svg.*?</svg><span>(List|Board)<', page)
    }
    assert links["List"] == "/records/deals?q=shop&sort=name"
    assert 'class="list-name"' in ann.get(links["List"]).text
    column = html.unescape(re.findall(r'<h2 id="column-0"><a href="([^"]+)"', page)[0])
    assert column == "/records/deals?q=shop&sort=name&filter%5Bstage%5D=New"
    page = ann.get("/records/deals?q=shop").text
    assert "/records/deals?q=shop&amp;board=stage" in page
    assert 'id="board"' not in ann.get("/records/deals?board=amount").text, "by a picklist alone"
    assert "board=" not in ann.get("/records/contacts").text, "a module without one has no board"


def test_the_filter_of_the_board_field_is_replaced_by_that_of_the_column(app: Flask, ann: FlaskClient) -> None:
    page = ann.get("/records/deals?board=stage&op[stage]=is_any_of&filter[stage]=New&filter[stage]=Proposal").text
    assert '<h2 id="column-1"><a href="/records/deals?filter%5Bstage%5D=Qualifying"' in page
    make(app, name="Stageless", stage=None)
    page = ann.get("/records/deals?board=stage").text
    assert "/records/deals?op%5Bstage%5D=is_empty" in page and "No stage" in page


def test_a_filter_that_can_not_be_read_shows_its_words(ann: FlaskClient) -> None:
    answer = ann.get("/records/deals?board=stage&filter[close_date]=soon")
    assert answer.status_code == 200 and "is not a date" in answer.text and not cards(answer.text)


def test_a_view_can_be_of_the_board(app: Flask, ann: FlaskClient) -> None:
    make(app, name="Shop", stage="New")
    saved = ann.post("/records/deals/views", data={"name": "My board", "query": "board=stage&q=shop&columns=amount"})
    page = ann.get(saved.headers["Location"]).text
    assert cards(page)["New"] == ["Shop"] and '<input type="hidden" name="board" value="stage">' in page
    assert "<span>My board</span>" in page


def test_cards_show_the_columns_that_the_list_shows(app: Flask, ann: FlaskClient) -> None:
    organization = make(app, "organizations", name="Harbour")
    make(app, name="Shop", stage="New", amount="2", next_step="Ring them", organization=organization)
    page = ann.get("/records/deals?board=stage").text
    assert "Harbour" in page and "Ring them" not in page
    page = ann.get("/records/deals?board=stage&columns=next_step").text
    assert "Harbour" not in page and "Ring them" in page


def test_a_card_is_moved_and_the_answer_is_the_board(app: Flask, ann: FlaskClient) -> None:
    card = make(app, name="Shop", stage="New", amount="5")
    answer = move(ann, card, "Proposal")
    assert answer.status_code == 200 and stage(app, card) == "Proposal"
    assert cards(answer.text) == {**{column: [] for column in cards(answer.text)}, "Proposal": ["Shop"]}
    assert "“Shop” is now in Proposal." in answer.text and "note tone-" not in answer.text
    page = ann.get(f"/records/deals/{card}").text
    assert "<strong>Ann</strong> changed" in page


def test_who_moves_second_is_told_by_whom_and_where_it_went(app: Flask, ann: FlaskClient) -> None:
    card = make(app, name="Shop", stage="New")
    change(app, card, stage="Closed Won")
    answer = move(ann, card, "Proposal")
    assert answer.status_code == 409 and stage(app, card) == "Closed Won"
    assert (
        "Bob moved “Shop” to Closed Won in the meantime. It stays there and was not moved to Proposal." in answer.text
    )
    assert cards(answer.text)["Closed Won"] == ["Shop"]
    again = move(ann, card, "Closed Won")
    assert again.status_code == 200 and "Bob already moved “Shop” to Closed Won." in again.text
    assert move(ann, card, "Proposal", 2).status_code == 200 and stage(app, card) == "Proposal"


def test_what_others_changed_of_other_fields_stays_and_is_told(app: Flask, ann: FlaskClient) -> None:
    card = make(app, name="Shop", stage="New", amount="5")
    change(app, card, amount="6", next_step="Ring")
    answer = move(ann, card, "Proposal")
    assert answer.status_code == 200 and stage(app, card) == "Proposal"
    assert "“Shop” is now in Proposal. Meanwhile Bob changed Amount, Next step." in answer.text
    assert "6.00" in answer.text


def test_a_card_that_was_deleted_meanwhile_is_said_to_be(app: Flask, ann: FlaskClient) -> None:
    card = make(app, name="Shop", stage="New")
    with app.extensions["webhookui"].db.write() as session:
        records.delete(session, "deals", card, BOB)
    answer = move(ann, card, "Proposal")
    assert answer.status_code == 409 and "Bob deleted “Shop” in the meantime." in answer.text
    assert move(ann, card, "Proposal", htmx=False).location.startswith("/records/deleted/")


@pytest.mark.parametrize(
    ("to", "words"), [("Old one", "“Old one” is not one of: Small, Large."), ("", "Size is required.")]
)
def test_a_move_that_can_not_be_saved_is_refused_in_words(app: Flask, ann: FlaskClient, to: str, words: str) -> None:
    with app.extensions["webhookui"].db.write() as session:
        admin = accounts.all_users(session)[0]
        fields.add(session, "deals", FieldSpec("Size", "picklist", options=("Small", "Old one", "Large")), admin)
    make(app, name="Older", size="Old one")
    card = make(app, name="Shop", size="Small")
    with app.extensions["webhookui"].db.write() as session:
        fields.change(session, "deals", "size", FieldSpec("Size", options=("Small", "Large"), required=True), admin)
    page = ann.get("/records/deals?board=size").text
    assert re.search(r'data-column="Small" data-target', page)
    assert re.search(r'data-column="Old one" aria-labelledby', page), "no card goes to a retired option"
    address = f"/records/deals/board/{card}/move?board=size"
    answer = ann.post(address, data={"to": to, "version": 1}, headers=HTMX)
    assert answer.status_code == 422 and f"It was not moved. {words}" in html.unescape(answer.text)
    assert cards(answer.text)["Small"] == ["Shop"]
    answer = ann.post(address, data={"to": to, "version": 1})
    assert answer.status_code == 422 and words in html.unescape(answer.text) and "<h1>" in answer.text
    assert "Choose where to move it." in ann.post(address, data={"version": 1}).text, "which is not the same as nowhere"
    choices = re.findall(r'name="to" value="([^"]*)"', answer.text)
    assert choices == ["Small", "Large"]


def test_without_javascript_a_card_is_moved_by_a_page_of_its_own(app: Flask, ann: FlaskClient) -> None:
    card = make(app, name="Shop", stage="New")
    page = ann.get("/records/deals?board=stage&q=shop").text
    (link,) = re.findall(r'class="card-move" href="([^"]+)"', page)
    page = ann.get(html.unescape(link)).text
    assert re.findall(r'name="to" value="([^"]*)" disabled', page) == ["New"]
    assert re.findall(r'name="to" value="([^"]*)"', page)[-1] == ""
    answer = move(ann, card, "Proposal", htmx=False, query="&q=shop")
    assert answer.status_code == 303 and answer.location == "/records/deals?q=shop&board=stage"
    assert "“Shop” is now in Proposal." in ann.get(answer.location).text
    change(app, card, stage="Closed Lost")
    answer = move(ann, card, "New", 2, htmx=False)
    assert answer.status_code == 409 and "Bob moved “Shop” to Closed Lost" in answer.text
    assert '<input type="hidden" name="version" value="3">' in answer.text
    assert move(ann, card, "", 3, htmx=False).status_code == 303 and stage(app, card) is None


def test_a_move_out_of_the_filter_says_that_the_card_is_not_shown(app: Flask, ann: FlaskClient) -> None:
    card = make(app, name="Shop", stage="New")
    answer = move(ann, card, "Proposal", query="&filter[stage]=New")
    assert "“Shop” is now in Proposal. It is not among the cards shown." in answer.text
    assert stage(app, card) == "Proposal"


def test_an_open_board_hears_of_moves_and_of_nothing_else(app: Flask, ann: FlaskClient) -> None:
    card = make(app, name="Shop", stage="New")
    page = ann.get("/records/deals?board=stage").text
    address = html.unescape(re.findall(r'hx-get="([^"]+/board/live[^"]*)"', page)[0])

    def ask(**told: str) -> Any:
        return ann.get(f"{address}&{urlencode(told)}", headers=HTMX)

    seen = state(page)
    assert ask(**seen).status_code == 204
    make(app, "contacts", last_name="Other")
    assert ask(**seen).status_code == 204
    change(app, card, stage="Proposal")
    answer = ask(**seen)
    assert (
        cards(answer.text)["Proposal"] == ["Shop"] and 'id="board-columns" data-live-parts hx-swap-oob' in answer.text
    )
    assert 'id="board"' not in answer.text, "card by card"
    seen = state(answer.text)
    assert ask(**seen).status_code == 204
    change(app, card, stage=None)
    answer = ask(**seen)
    assert 'id="board" data-live-whole' in answer.text and "" in cards(answer.text), "a column more"


def test_a_board_whose_field_is_gone_is_loaded_anew_and_moves_nothing(app: Flask, ann: FlaskClient) -> None:
    card = make(app, name="Shop")
    with app.extensions["webhookui"].db.write() as session:
        admin = accounts.all_users(session)[0]
        fields.add(session, "deals", FieldSpec("Size", "picklist", options=("Small", "Large")), admin)
    seen = state(ann.get("/records/deals?board=size").text)
    with app.extensions["webhookui"].db.write() as session:
        fields.remove(session, "deals", "size", admin)
    answer = ann.get("/records/deals/board/live", query_string={"board": "size", **seen}, headers=HTMX)
    assert answer.headers["HX-Refresh"] == "true"
    address = f"/records/deals/board/{card}/move?board=size"
    assert ann.get(address).status_code == 404
    assert ann.post(address, data={"to": "Small", "version": 1}).status_code == 404
    assert 'id="board"' not in ann.get("/records/deals?board=size").text


def test_sums_are_of_the_field_that_was_chosen(app: Flask, ann: FlaskClient) -> None:
    with app.extensions["webhookui"].db.write() as session:
        fields.add(session, "deals", FieldSpec("Cost", "currency"), accounts.all_users(session)[0])
    make(app, name="Shop", stage="New", amount="11", cost="7")
    totals = [
        re.findall(r'class="board-total">.*?(\d[\d.,]*)<', ann.get(f"/records/deals?board=stage{query}").text)[0]
        for query in ("", "&sum=cost", "&sum=nonsense")
    ]
    assert totals == ["11.00", "7.00", "11.00"]
