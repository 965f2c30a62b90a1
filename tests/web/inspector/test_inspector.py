"""The inspector: an address that accepts anything, and its pages (specification section 4.6)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from webhookui.core.database import Database
from webhookui.inspector import store
from webhookui.inspector.script import Script, Step


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("inspector")) as app:
        app.config["WTF_CSRF_ENABLED"] = True  # the address has to do without a token
        yield app


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, "inspected_request", "inspector_script")
    return database


@pytest.fixture
def admin(app: Flask) -> Iterator[FlaskClient]:
    app.config["WTF_CSRF_ENABLED"] = False
    yield pages.admin(app)
    app.config["WTF_CSRF_ENABLED"] = True


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW"])
def test_any_method_is_accepted_without_login_or_token(app: Flask, db: Database, method: str) -> None:
    answer = app.test_client().open("/inspect/demo", method=method, data=b'{"a": 1}')
    assert (answer.status_code, answer.json["ok"]) == (200, True)  # type: ignore[index]
    with db.read() as session:
        row = store.requests(session, "demo")[0]
    assert (row.id, row.method, row.body) == (answer.json["id"], method, b'{"a": 1}')  # type: ignore[index]


@pytest.mark.parametrize(
    ("url", "path", "query"),
    [
        ("/inspect/demo", "/inspect/demo", ""),
        ("/inspect/demo/", "/inspect/demo/", ""),
        ("/inspect/demo/a/b?x=1&x=%20", "/inspect/demo/a/b", "x=1&x=%20"),
        ("/inspect/demo/a//b", "/inspect/demo/a//b", ""),
        ("/inspect/demo/%C5%BElu%C5%A5", "/inspect/demo/%C5%BElu%C5%A5", ""),
    ],
)
def test_any_path_below_the_name_is_kept_as_sent(app: Flask, db: Database, url: str, path: str, query: str) -> None:
    assert app.test_client().post(url).status_code == 200
    with db.read() as session:
        row = store.requests(session, "demo")[0]
    assert (row.path, row.query) == (path, query)


def test_a_form_body_is_kept_byte_for_byte(app: Flask, db: Database) -> None:
    app.test_client().post("/inspect/demo", data=b"a%5Bb%5D=1", content_type="application/x-www-form-urlencoded")
    with db.read() as session:
        assert store.requests(session, "demo")[0].body == b"a%5Bb%5D=1"


def test_a_body_above_1_mib_is_refused_and_one_of_1_mib_is_not(app: Flask, db: Database) -> None:
    assert app.test_client().post("/inspect/demo", data=b"x" * 1048576).status_code == 200
    answer = app.test_client().post("/inspect/demo", data=b"x" * 1048577)
    assert (answer.status_code, answer.json) == (
        413, {"ok": False, "error": "The inspector accepts bodies up to 1 MiB."},
    )  # fmt: skip


def test_a_name_that_makes_no_address_is_refused(app: Flask, db: Database) -> None:
    assert app.test_client().post("/inspect/a b").status_code == 404


def test_answers_follow_the_script(app: Flask, db: Database) -> None:
    steps = (Step(2, 500, body='{"error": 1}'), Step(1, 201, "application/xml", "<id>7</id>"))
    with db.write() as session:
        store.save_script(session, "demo", Script(steps))
    answers = [app.test_client().post("/inspect/demo") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [500, 500, 201, 201]
    assert answers[0].text == '{"error": 1}'
    assert (answers[2].text, answers[2].mimetype) == ("<id>7</id>", "application/xml")


def test_a_delayed_answer_takes_its_time_and_holds_up_no_other_writer(app: Flask, db: Database) -> None:
    with db.write() as session:
        store.save_script(session, "slow", Script((Step(1, 200, delay_s=0.3),)))
    started = time.monotonic()
    app.test_client().get("/inspect/slow")
    assert time.monotonic() - started >= 0.3


def test_the_page_shows_address_requests_and_script(admin: FlaskClient, db: Database) -> None:
    admin.post("/inspect/demo/orders?x=1", data=b'{"a":[1.50]}', content_type="application/json")
    page = admin.get("/inspector/demo").text
    for words in (
        "/inspect/demo",
        "POST /inspect/demo/orders?x=1 HTTP/1.1",
        "1.50",
        "Raw bytes",
        "7b 22 61 22",
        "Content-Type",
    ):
        assert words in page, words


def test_what_arrives_is_escaped(admin: FlaskClient, db: Database) -> None:
    evil = "<script>alert(1)</script>"
    admin.post(f"/inspect/demo/{evil}?{evil}", data=evil, headers={"X-Evil": evil}, content_type="text/html")
    assert "<script>alert" not in admin.get("/inspector/demo").text


def test_the_live_answer_is_204_until_something_arrives(admin: FlaskClient, db: Database) -> None:
    live = "/inspector/demo/live?rows="
    assert admin.get(live + "&counts=0-0").status_code == 204
    number = admin.post("/inspect/demo").json["id"]  # type: ignore[index]
    assert f'data-live-row="{number}"' in admin.get(live + "&counts=0-0").text
    assert admin.get(f"{live}{number}:1&counts=1-0").status_code == 204


def test_clearing_forgets_the_requests(admin: FlaskClient, db: Database) -> None:
    admin.post("/inspect/demo")
    assert admin.post("/inspector/demo/clear").status_code == 303
    assert "Nothing received yet" in admin.get("/inspector/demo").text


def form(*rows: tuple[str, str, str, str, str], do: str = "save") -> dict[str, object]:
    names = ("times", "status", "content_type", "delay_s", "body")
    return {"do": do, **{name: [row[i] for row in rows] for i, name in enumerate(names)}}


def test_a_script_is_made_in_the_form(admin: FlaskClient, db: Database) -> None:
    rows = form(("2", "500", "application/json", "0", "{}"), ("1", "200", "text/plain", "0", "fine"))
    assert admin.post("/inspector/demo/script", data=rows).status_code == 303
    assert [admin.get("/inspect/demo").status_code for _ in range(3)] == [500, 500, 200]
    page = admin.get("/inspector/demo").text
    assert "500 twice, then 200" in page and "3 answered" in page
    admin.post("/inspector/demo/start-over")
    assert admin.get("/inspect/demo").status_code == 500


def test_a_wrong_field_is_told_and_nothing_typed_is_lost(admin: FlaskClient, db: Database) -> None:
    answer = admin.post("/inspector/demo/script", data=form(("1", "teapot", "application/json", "0", "what I typed")))
    assert answer.status_code == 422
    for words in ("Must be a whole number from 200 to 599.", "teapot", "what I typed"):
        assert words in answer.text, words


def test_a_row_is_added_and_removed_without_saving(admin: FlaskClient, db: Database) -> None:
    row = ("1", "503", "application/json", "0", "kept")
    assert admin.post("/inspector/demo/script", data=form(row, do="add")).text.count('name="body"') == 2
    assert 'name="body"' not in admin.post("/inspector/demo/script", data=form(row, do="remove-0")).text
    assert admin.get("/inspect/demo").status_code == 200


def test_pages_are_for_admins_and_open_by_name(app: Flask, admin: FlaskClient, db: Database) -> None:
    assert admin.get("/inspector?name=orders").headers["Location"] == "/inspector/orders"
    assert admin.get("/inspector?name=a/b").status_code == 422
    assert "demo" in admin.get("/inspector").text
    assert app.test_client().get("/inspector").status_code in (302, 303, 401)
    assert pages.user(app).get("/inspector").status_code == 403


def test_secrets_that_arrive_are_masked_and_what_else_arrives_is_not(app: Flask, admin: FlaskClient) -> None:
    sent = {"Authorization": "Basic YW5uOnMzY3JldA==", "Proxy-Authorization": "t0ken", "X-Other": "kept"}
    app.test_client().get("/inspect/hidden?q=1", headers=sent)
    page = admin.get("/inspector/hidden").text
    assert "Basic ••••••" in page and "kept" in page and "q=1" in page
    assert "YW5u" not in page and "t0ken" not in page
