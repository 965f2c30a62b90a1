"""The disk is full, another process holds the database, an answer can't be stored: nothing is lost, nothing is sent twice."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from tests.support.receiver import Answer, Receiver
from tests.support.running import until
from tests.support.sending import Sending, sending
from webhookui.app import create_app
from webhookui.core.database import Database
from webhookui.people import tokens

LOCKED_S = 3.0
"""How long the other process holds the database. SQLite is waited for up to 30 s, so that longer is no different."""
ENDLESS = 1 << 30


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Sending]:
    with sending(tmp_path) as new_room:
        yield new_room


@contextmanager
def full_disk(db: Database) -> Iterator[None]:
    """No page can be added to the database file: SQLite then says what it says when the disk is full."""
    with db.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    limit: list[Any] = [pages]

    def limited(connection: Any, *_: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={limit[0]}")

    event.listen(db.engine, "checkout", limited)
    try:
        yield
    finally:
        limit[0] = ENDLESS


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another process has a write transaction open."""
    code = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); db.execute('BEGIN IMMEDIATE'); "
        "print('locked', flush=True); sys.stdin.readline(); db.execute('ROLLBACK')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder / "webhookui.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.readline() == b"locked\n"
    try:
        yield
    finally:
        process.stdin.close()
        process.wait(10)


def client_of(room: Sending) -> FlaskClient:
    """The application on the installation whose engine is under test, and an admin's API token."""
    app = create_app(room.settings)
    app.extensions["webhookui"].close()
    app.extensions["webhookui"] = room.installation
    with room.db.write() as session:
        token = tokens.create(session, room.user, "test", "test")
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def test_with_a_full_disk_a_result_waits_and_is_written_once_there_is_room(room: Sending, receiver: Receiver) -> None:
    client = client_of(room)
    go = threading.Event()
    receiver.default = Answer(200, b"x" * 60_000, before=lambda: go.wait(20) and None)
    room.hook(receiver.url)
    delivery = room.save()
    receiver.wait_for(1)
    assert client.get("/readyz").status_code == 200
    with full_disk(room.db):
        go.set()
        until(lambda: client.get("/readyz").status_code == 503, 10)
        reason = client.get("/readyz").get_json()["reason"]
        assert reason == "Results of deliveries can't be written: database or disk is full."
        assert room.logged(delivery).delivery.status == "dispatched"
        refused = client.post(
            "/api/v1/records/contacts", json={"values": {"last_name": "B", "description": "y" * 9000}}
        )
        assert (refused.status_code, refused.get_json()["error"]["code"]) == (503, "unavailable")
        assert "database or disk is full. Nothing was saved." in refused.get_json()["error"]["message"]
    logged = room.settled(delivery)
    assert (logged.delivery.status, len(logged.attempts)) == ("success", 1)
    assert logged.last.response_body == b"x" * 60_000
    until(lambda: client.get("/readyz").status_code == 200, 10)
    assert len(receiver.requests) == 1


def test_with_a_full_disk_nothing_is_sent_that_could_not_be_claimed(room: Sending, receiver: Receiver) -> None:
    room.hook(receiver.url)
    with full_disk(room.db), pytest.raises(OperationalError, match="full"):
        for number in range(1000):
            room.save(description=f"{number}" * 4000)
    until(lambda: all(delivery.status == "success" for delivery in room.deliveries()), 30)
    sent = [request.header("webhook-id") for request in receiver.requests]
    assert sorted(sent, key=str) == sorted(delivery.message_id for delivery in room.deliveries())


def test_while_another_process_holds_the_database_results_wait(room: Sending, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.default = Answer(before=lambda: go.wait(20) and None)
    room.hook(receiver.url)
    delivery = room.save()
    receiver.wait_for(1)
    saved: list[int] = []
    with locked(room.settings.instance):
        go.set()
        saving = threading.Thread(target=lambda: saved.append(room.save()))
        saving.start()
        saving.join(LOCKED_S)
        assert saving.is_alive(), "a save went through a lock"
        assert room.logged(delivery).delivery.status == "dispatched"
    saving.join(20)
    for delivery_id in (delivery, *saved):
        logged = room.settled(delivery_id)
        assert (logged.delivery.status, len(logged.attempts)) == ("success", 1)
    assert len(receiver.requests) == 2


POISON: dict[str, bytes] = {
    "half a surrogate pair": rb'{"a":"\ud800"}',
    "a null character": rb'{"a":"x\u0000y"}',
    "a very deep answer": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number without end": b'{"a":1e999999999}',
    "no JSON at all": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("case", POISON)
def test_an_answer_that_can_not_be_stored_holds_up_no_other_result(
    case: str, room: Sending, receiver: Receiver
) -> None:
    receiver.routes["/poison"] = lambda _received: Answer(200, POISON[case])
    capture = {"type": "JSONPATH", "on_success": [{"path": "$.a", "field": "description"}], "on_failure": []}
    room.hook(f"{receiver.url}/poison", "poison", capture=capture)
    room.hook(f"{receiver.url}/good", "good")
    poisoned, good = room.save("poison"), room.save("good")
    assert room.settled(good).delivery.status == "success"
    logged = room.settled(poisoned)
    assert (logged.delivery.status, logged.delivery.status_code) == ("success", 200)
    assert len(receiver.routed) == 1
    assert room.settled(room.save("good")).delivery.status == "success"
