"""The webhook log in the browser (specification section 7), without a browser: pages, filters, live answers, redelivery."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from tests.support.log_rows import add_attempt, add_change, add_delivery, add_failed, add_waiting, move, record_of
from webhookui.core.database import Database
from webhookui.delivery.tables import CapturedValue, Delivery, Endpoint


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("log")) as app:
        yield app


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, *pages.LOG, "change")
    return database


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return pages.admin(app)


def ids(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'data-live-row="(\d+)"', html)]


def test_the_list_is_newest_first_and_pages_by_cursor(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        numbers = [add_delivery(session).id for _ in range(60)]
    first = client.get("/log").text
    assert ids(first) == numbers[:9:-1]
    assert f"before={numbers[10]}" in first
    assert ids(client.get(f"/log?before={numbers[10]}").text) == numbers[9::-1]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("status=failed", ["b"]),
        ("workflow_id=3", ["a"]),
        ("webhook_id=9", ["b"]),
        ("record_id=5", ["c"]),
        ("host=other.example", ["c"]),
        ("status_code=422", ["b"]),
        ("q=INVOICES", ["b", "a"]),
        ("q=unprocessable", ["b"]),
        ("q=100%25", []),
        ("test=true", ["c"]),
        ("since=2020-01-01T00:00", ["c", "b", "a"]),
        ("until=2020-01-01T00:00", []),
        ("range=1h", ["c", "b", "a"]),
        ("status=success&test=true", ["c"]),
    ],
)
def test_filters_of_the_url_say_what_is_shown(client: FlaskClient, db: Database, query: str, names: list[str]) -> None:
    with db.write() as session:
        number = {
            "a": add_delivery(session, workflow_id=3).id,
            "b": add_failed(session, webhook_id=9).id,
            "c": add_delivery(session, record_id=5, url="https://other.example/", host="other.example", test=True).id,
        }
    assert ids(client.get(f"/log?{query}").text) == [number[name] for name in names]


def test_a_filter_that_can_not_be_read_is_told_and_keeps_what_was_typed(client: FlaskClient, db: Database) -> None:
    page = client.get("/log?status_code=teapot").text
    assert "“teapot” is not a number." in page
    assert 'value="teapot"' in page


@pytest.mark.parametrize(
    "query", ["status_code=teapot", "range=1y", "statsu=failed", "test=perhaps", "status=x&status=y"]
)
def test_a_filter_that_can_not_be_read_shows_nothing(client: FlaskClient, db: Database, query: str) -> None:
    with db.write() as session:
        add_failed(session)
    page = client.get(f"/log?{query}").text
    assert "The filter can’t be read" in page and "Show all deliveries" in page
    assert ids(page) == [] and 'class="selection-bar"' not in page
    assert client.get(f"/log/live?{query}&first=1&flow=1&recount=1").status_code == 204


def test_an_empty_log_says_what_it_is_for(client: FlaskClient, db: Database) -> None:
    assert "Nothing sent yet" in client.get("/log").text
    assert "No delivery matches" in client.get("/log?status=failed").text


def test_the_live_answer_is_204_until_something_moves(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        first, second = add_delivery(session, status="queued").id, add_delivery(session).id
    live = f"/log/live?first=1&flow=1&announced=0&rows={second}:1,{first}:1"
    assert client.get(live).status_code == 204
    with db.write() as session:
        move(session, first, status="dispatched")
    answer = client.get(live)
    assert (answer.status_code, ids(answer.text)) == (200, [first])
    assert 'hx-swap-oob="true"' in answer.text
    assert f"Delivery {first}: Dispatched." in answer.text


def test_a_live_answer_has_the_counts_only_when_they_moved(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        number = add_delivery(session).id
    live = f"/log/live?first=1&flow=1&rows={number}:1&recount=1&paused=&counts="
    assert client.get(live + "0-0-1-0-0").status_code == 204
    assert 'data-counts="0-0-1-0-0"' in client.get(live + "0-0-0-0-0").text


def test_new_deliveries_flow_in_or_are_announced_as_the_page_asks(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        old, new = add_delivery(session).id, add_delivery(session).id
    live = f"/log/live?first=1&rows={old}:1"
    flowing = client.get(live + "&flow=1&announced=0").text
    assert ids(flowing) == [new]
    announced = client.get(live + "&flow=0&announced=0").text
    assert ids(announced) == [] and "1 new" in announced
    assert client.get(live + "&flow=0&announced=1&counts=0-0-2-0-0").status_code == 204
    assert client.get(live.replace("first=1", "first=0") + "&announced=0").status_code == 204


def test_an_older_delivery_that_comes_to_match_the_filter_comes_in(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        older, shown = add_delivery(session, status="retry").id, add_failed(session).id
    live = f"/log/live?status=failed&first=1&flow=1&announced=0&rows={shown}:1"
    assert client.get(live).status_code == 204
    with db.write() as session:
        move(session, older, status="failed")
    assert ids(client.get(live).text) == [older]


def test_an_open_detail_is_refreshed_when_its_delivery_moves(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        number = add_waiting(session).id
    live = f"/log/live?open={number}:1&announced=0"
    assert client.get(live).status_code == 204
    with db.write() as session:
        delivery = session.get(Delivery, number)
        assert delivery is not None
        add_attempt(session, delivery)
        move(session, number, status="success")
    answer = client.get(live).text
    assert f'id="detail-{number}"' in answer and f'id="attempt-{number}-2"' in answer


def test_the_detail_shows_attempts_cause_captures_and_what_to_do(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        change = add_change(session)
        delivery = add_failed(session, change_id=change.id, record_id=7)
        session.add(
            CapturedValue(
                delivery_id=delivery.id or 0, attempt_number=2, path="$.error.message", field="invoice_error",
                outcome="written", value="amount must be positive",
            )
        )  # fmt: skip
    page = client.get(f"/log/{delivery.id}").text
    for words in (
        "The third party answered 422 Unprocessable Content.", "Correct the parameters.", "amount must be positive",
        "Kettle order was changed by Ann Admin", "Closed Won", "$.error.message", "Invoice error", "Attempt 2",
        "Compared with attempt 1", "POST /invoices?x=1 HTTP/1.1", "HTTP 422 Unprocessable", "DNS and connect",
        "Basic ••••••", "curl -X POST", "/records/deals/7",
    ):  # fmt: skip
        assert words in page, words


def test_whatever_a_third_party_says_is_escaped(client: FlaskClient, db: Database) -> None:
    evil = "<script>alert(1)</script>"
    with db.write() as session:
        delivery = add_delivery(
            session, record_name=evil, action=evil, workflow=evil, url=f"https://a.example/{evil}", host=evil, error=evil,
            status="failed", note=evil, caused_by=evil, body=evil.encode(),
        )  # fmt: skip
        add_attempt(
            session, delivery, outcome="failed", error=evil, advice=evil, response_body=evil.encode(),
            response_headers=[["Content-Type", "text/html"], [evil, evil]], request_headers=[[evil, evil]],
        )  # fmt: skip
        session.add(
            CapturedValue(
                delivery_id=delivery.id or 0, attempt_number=1, path=evil, field=evil, outcome="written", value=evil,
                message=evil,
            )
        )  # fmt: skip
    for url in ("/log", f"/log?open={delivery.id}", f"/log/{delivery.id}", f"/log/{delivery.id}/panel"):
        assert "<script>alert" not in client.get(url).text, url


def test_pages_have_no_inline_style_or_script(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        number = add_failed(session).id
    for url in ("/log", f"/log?open={number}", f"/log/{number}"):
        page = client.get(url).text
        assert not re.search(r"<[^>]+\sstyle=", page), url
        assert not re.search(r"<script(?![^>]*\bsrc=)", page), url
        assert not re.search(r"<[^>]+\son\w+=", page), url


def test_a_kept_body_downloads_as_a_file_and_never_as_a_page(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        number = add_failed(session).id
    answer = client.get(f"/log/{number}/body?attempt=1")
    assert answer.data == b"<h1>Oops</h1>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert client.get(f"/log/{number}/body").data == b'{"amount":1250.00}'
    assert client.get(f"/log/{number}/body?attempt=9").status_code == 404


def test_a_delivery_that_does_not_exist_is_not_found(client: FlaskClient, db: Database) -> None:
    assert client.get("/log/999999").status_code == 404
    assert client.get("/log/999999/panel").status_code == 404


def test_a_plain_user_reads_what_went_out_for_her_records_and_redelivers_nothing(
    app: Flask, client: FlaskClient, db: Database
) -> None:
    user = pages.user(app)
    with db.write() as session:
        number = add_failed(session, module="deals", record_id=record_of(session, pages.USER[0])).id
    page = user.get(f"/log/{number}")
    assert page.status_code == 200 and "Redeliver" not in page.text
    assert user.post(f"/log/{number}/redeliver").status_code == 403
    assert user.post("/log/redeliver", data={"ids": [number]}).status_code == 403


def test_a_paused_endpoint_stands_above_the_list_with_its_two_buttons(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        session.add(Endpoint(endpoint_key="https://api.example.com:443", state="open", last_error="Refused."))
        number = add_waiting(session).id
    page = client.get("/log").text
    assert "api.example.com is paused" in page and "Resume now" in page and "Fail all" in page
    client.post("/log/endpoints/fail-all?key=https%3A%2F%2Fapi.example.com%3A443")
    with db.read() as session:
        assert session.get(Delivery, number).status == "failed"  # type: ignore[union-attr]
    client.post("/log/endpoints/resume", data={"key": "https://api.example.com:443"})
    assert "has recovered" in client.get("/log").text
    for path in ("resume", "fail-all"):  # what is not paused has nothing to resume or to end
        again = client.post(
            f"/log/endpoints/{path}", data={"key": "https://api.example.com:443"}, follow_redirects=True
        )
        assert "It is no longer paused, so nothing was done." in again.text
