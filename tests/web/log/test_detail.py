"""The detail of a delivery over HTTP (specification section 7): what third parties answer, what to do next,
how attempts differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from tests.support.log_rows import (
    add_attempt,
    add_change,
    add_delivery,
    add_failed,
    add_waiting,
    add_webhook,
    record_of,
)
from webhookui.core.database import Database
from webhookui.definitions.tables import WorkflowAction
from webhookui.delivery.tables import Endpoint
from webhookui.web.log.detail import PHASES
from webhookui.web.log.next_steps import _INPUTS


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("detail")) as app:
        yield app


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, *pages.LOG, "change")
    return database


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return pages.admin(app)


def response_of(page: str, delivery: int | None) -> str:
    """The text of the shown response, its label and notes."""
    box = re.search(
        rf'<div class="log-body">(?:(?!<div class="log-body">).)*id="response-{delivery}-1".*?</section>', page, re.S
    )
    assert box is not None
    return " ".join(unescape(re.sub(r"<[^>]*>", "", box[0])).split())


SCRIPT = b"<script>document.title='owned'</script>"


@pytest.mark.parametrize(
    ("content_type", "body", "size", "words"),
    [
        ("text/html; charset=utf-8", b"<!doctype html><h1>Sign in</h1>" + SCRIPT, None,
         ("HTML 70 bytes · UTF-8", "shown as its source", "<h1>Sign in</h1><script>document.title='owned'</script>")),
        ("application/json", b'{"a": 1,}', None, ("JSON 9 bytes · UTF-8", "Not valid JSON", '{"a": 1,}')),
        ("image/png", b"\x89PNG\r\n\x1a\n\x00", None,
         ("Binary data (image/png) 9 bytes", "as hexadecimal numbers", "89 50 4e 47 0d 0a 1a 0a 00 ·PNG·····")),
        ("text/plain", b"x" * 65536, 65537, ("Text 65,537 bytes · UTF-8", "Cut: the first 65,536 of 65,537 bytes are shown.")),
        ("application/json", b'{"say":"' + SCRIPT + b'"}', None, ("JSON 49 bytes", "<script>document.title='owned'</script>")),
        ("text/plain; charset=iso-8859-2", "žluť".encode("iso-8859-2"), None, ("Text 4 bytes · ISO8859-2", "žluť")),
        ("application/xml", b"<a><b>1</b></a>", None, ("XML 15 bytes · UTF-8", "<a> <b>1</b> </a>")),
    ],
)  # fmt: skip
def test_an_answer_is_shown_as_text_and_labelled(
    client: FlaskClient, db: Database, content_type: str, body: bytes, size: int | None, words: tuple[str, ...]
) -> None:
    with db.write() as session:
        delivery = add_delivery(session)
        headers = [["Content-Type", content_type]]
        add_attempt(session, delivery, response_headers=headers, response_body=body, response_size=size)
    page = client.get(f"/log/{delivery.id}").text
    shown = response_of(page, delivery.id)
    for word in words:
        assert word in shown, shown[:300]
    assert SCRIPT.decode() not in page
    assert not re.search(r"<(img|iframe|object|embed)\b", page)


def test_json_and_xml_fold(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        delivery = add_delivery(session)
        add_attempt(session, delivery, response_body=b'{"invoice":{"id":1,"lines":[1,2,3]}}')
    assert client.get(f"/log/{delivery.id}").text.count('<details class="fold" open>') == 4  # one in the request


def test_the_attempts_are_compared_in_request_and_response(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        number = add_failed(session).id
    page = client.get(f"/log/{number}").text
    assert "Compared with attempt 1: the request is the same, the response differs in" in page
    assert "<del>- HTTP 500\n</del><ins>+ HTTP 422\n</ins>" in page


def test_the_timings_are_drawn_and_said(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        delivery = add_delivery(session, status="failed")
        add_attempt(
            session, delivery, outcome="failed", status_code=None, timing_ms={"total": 10000.0}, response_headers=[]
        )
        add_attempt(session, delivery, timing_ms={"connect": 0.0, "tls": 0.0, "first_byte": 30.0, "total": 40.0})
    page = client.get(f"/log/{delivery.id}").text
    assert 'aria-label="Until it was given up 10.0 s"' in page
    assert 'aria-label="Waiting for the first byte 30 ms, Rest of the body 10 ms"' in page
    assert re.search(r'<rect class="bar-first_byte" x="0.0" y="0" width="450.0"', page)
    assert "over a kept-alive connection" in page


@pytest.mark.parametrize("code", [*_INPUTS, "server_error"])
def test_a_failure_leads_to_the_input_that_mends_it(client: FlaskClient, db: Database, code: str) -> None:
    with db.write() as session:
        webhook = session.get(WorkflowAction, add_webhook(session))
        assert webhook is not None
        delivery = add_waiting(session, webhook_id=webhook.id, workflow_id=webhook.workflow_id)
        add_attempt(session, delivery, outcome="failed", error="No.", error_code=code, advice="Do this.")
    page = client.get(f"/log/{delivery.id}").text
    assert "<strong>What to do:</strong> Do this." in page
    link = re.search(rf'href="(/settings/workflows/{webhook.workflow_id})#(actions\.0[^"]*)"', page)
    assert link is not None
    assert f'id="{link[2]}"' in client.get(link[1]).text


def test_a_blocked_address_leads_to_the_network_settings(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        delivery = add_delivery(session, status="failed", error="Blocked.")
        add_attempt(session, delivery, outcome="failed", status_code=None, error_code="address_blocked")
    assert 'href="/settings/network"' in client.get(f"/log/{delivery.id}").text


def test_a_plain_user_is_not_led_where_she_may_not_go(app: Flask, db: Database) -> None:
    user = pages.user(app)
    with db.write() as session:
        webhook = session.get(WorkflowAction, add_webhook(session))
        assert webhook is not None
        record_id = record_of(session, pages.USER[0])
        values = {
            "webhook_id": webhook.id,
            "workflow_id": webhook.workflow_id,
            "record_id": record_id,
            "status": "failed",
        }
        delivery = add_delivery(session, error="No.", **values)
        add_attempt(session, delivery, outcome="failed", error_code="unprocessable", advice="Do this.")
    page = user.get(f"/log/{delivery.id}").text
    assert "Edit the record" in page and "/settings/" not in page


def test_what_caused_it_is_told_in_the_words_of_the_form(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        webhook = session.get(WorkflowAction, add_webhook(session))
        assert webhook is not None
        change = add_change(session, values={"stage": ["Proposal", "Closed Won"], "close_date": [None, "2026-03-01"]})
        values = {"webhook_id": webhook.id, "workflow_id": webhook.workflow_id, "record_id": 7, "change_id": change.id}
        delivery = add_delivery(session, **values)
    page = client.get(f"/log/{delivery.id}").text
    assert "Kettle order was changed by Ann Admin" in page
    assert '<th scope="row">Close date</th>' in page and "1 Mar 2026" in page
    assert f"/settings/workflows/{webhook.workflow_id}/explain?record_id=7&amp;change_id={change.id}" in page


def test_a_delivery_that_waits_for_a_paused_endpoint_says_so(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        session.add(Endpoint(endpoint_key="https://api.example.com:443", state="open"))
        waiting, done = add_waiting(session).id, add_delivery(session).id
    assert "The endpoint is paused because it can’t be reached" in client.get(f"/log/{waiting}").text
    assert "is paused" not in client.get(f"/log/{done}").text


def test_a_body_that_no_command_takes_is_downloaded_beside_it(client: FlaskClient, db: Database) -> None:
    with db.write() as session:
        number = add_delivery(session, body=b"\x00" * 10).id
    page = unescape(client.get(f"/log/{number}").text)
    assert f"--data-binary @delivery-{number}-request.txt" in page
    download = client.get(f"/log/{number}/body")
    assert download.headers["Content-Disposition"] == f'attachment; filename="delivery-{number}-request.txt"'


def test_every_phase_of_an_attempt_has_a_colour() -> None:
    css = (Path(__file__).parents[3] / "static" / "log" / "detail.css").read_text()
    assert [phase for phase in PHASES if f".bar-{phase} {{" not in css] == []
