"""A graceful stop keeps to its limit, whatever third parties do; what it gives up is sent again (specification section 6)."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.receiver import Answer, Receiver
from tests.support.running import Running, until
from tests.support.sending import sending
from webhookui.delivery.daemon_pool import DaemonThreads

LIMIT_S = 1
SLACK_S = 8
"""For the process to end, on a busy machine; without the limit it would take a minute."""


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Running]:
    started = Running(tmp_path, WEBHOOKUI_STOP_TIMEOUT=str(LIMIT_S)).set_up()
    try:
        started.start()
        yield started
    finally:
        started.kill()


def save(installation: Running, url: str) -> int:
    action = {"type": "webhook", "title": "A", "url": url, "timeout_s": 60}
    document = {"name": "W", "module": "contacts", "trigger": {"on": "create"}, "actions": [action]}
    installation.call("POST", "/workflows", document)
    installation.call("POST", "/records/contacts", {"values": {"last_name": "A"}})
    new_id: int = installation.call("GET", "/deliveries")["items"][0]["id"]
    return new_id


def stopped(installation: Running, delivery: int) -> tuple[str, list[str]]:
    """Status and outcomes in the database after a stop that ended well and in time."""
    started = time.monotonic()
    assert installation.stop() == [0]
    assert time.monotonic() - started < LIMIT_S + SLACK_S
    db = sqlite3.connect(installation.folder / "webhookui.db")
    status = db.execute("SELECT status FROM delivery WHERE id = ?", [delivery]).fetchone()[0]
    outcomes = db.execute("SELECT outcome FROM attempt WHERE delivery_id = ?", [delivery]).fetchall()
    assert db.execute("SELECT count(*) FROM worker_process").fetchone() == (0,)
    db.close()
    return status, [outcome for (outcome,) in outcomes]


def test_a_receiver_that_hangs_does_not_hold_up_the_stop_and_gets_the_request_again(
    installation: Running, receiver: Receiver
) -> None:
    go = threading.Event()
    receiver.default = Answer(before=lambda: go.wait(60) and None)
    delivery = save(installation, receiver.url)
    receiver.wait_for(1)
    assert stopped(installation, delivery) == ("retry", ["interrupted"])
    go.set()
    installation.start()
    document = installation.delivery(delivery, "success")
    assert [attempt["outcome"] for attempt in document["attempts"]] == ["interrupted", "success"]
    assert [request.header("webhook-id") for request in receiver.requests] == [document["message_id"]] * 2


@contextmanager
def full_backlog() -> Iterator[str]:
    """The URL of a port whose queue of connections is full: making one more takes for ever."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for client in waiting:
            client.close()


def test_a_connection_that_is_never_made_does_not_hold_up_the_stop(installation: Running) -> None:
    with full_backlog() as url:
        delivery = save(installation, url)
        installation.delivery(delivery, "dispatched")
        assert stopped(installation, delivery) == ("retry", ["interrupted"])


def test_what_was_taken_in_hand_and_not_sent_is_given_back_as_it_was(tmp_path: Path, receiver: Receiver) -> None:
    go = threading.Event()
    with sending(tmp_path, stop_timeout=0.5) as room:
        room.hook(receiver.url, timeout_s=60)
        for _ in range(3):
            room.settled(room.save())  # quick answers, so that it takes many at a time
        receiver.default = Answer(before=lambda: go.wait(60) and None)
        with room.db.write():  # the saves of a moment, seen at once
            waiting = [room.save() for _ in range(30)]
        receiver.wait_for(4)
        until(lambda: sum(delivery.status == "dispatched" for delivery in room.deliveries()) > 3, 10)
    arrived = {int(request.header("x-delivery") or 0) for request in receiver.requests}
    for delivery_id in waiting:
        logged = room.logged(delivery_id)
        outcomes = [attempt.outcome for attempt in logged.attempts]
        expected = ("retry", ["interrupted"]) if delivery_id in arrived else ("queued", [])
        assert (logged.delivery.status, outcomes) == expected
    go.set()


def test_a_process_that_ends_does_not_wait_for_threads_that_are_stuck() -> None:
    threads, stuck, done = DaemonThreads(2, "test"), threading.Event(), []
    for number in range(6):
        threads.submit(done.append, number)
    until(lambda: sorted(done) == list(range(6)), 5)
    for _ in range(2):
        threads.submit(stuck.wait)
    threads.submit(done.append, 6)
    assert 6 not in done, "there were two threads at the most"
    stuck.set()
    until(lambda: 6 in done, 5)
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("test-"))
