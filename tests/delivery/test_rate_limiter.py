"""Rate limit per webhook: at most N a second, in order, over all senders and processes; order of first attempts
(specification section 6)."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.receiver import Answer, Received, Receiver
from tests.support.running import Running, until
from tests.support.sending import NUMBER, Sending, sending

PER_S = 10
LATE_S = 0.8


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Sending]:
    with sending(tmp_path, retry_delays=(0, 0, 0), workers=8) as new_room:
        yield new_room


def keeps(requests: list[Received], per_s: float) -> bool:
    """Whether no more came in any stretch of time than the limit allows. A turn is exact, its request may be late by what
    the machine is busy with, and the next one not."""
    times = [request.at for request in requests]
    return all(
        last - first > (number / per_s) - LATE_S
        for begin, first in enumerate(times)
        for number, last in enumerate(times[begin:])
    )


def ids(requests: list[Received]) -> list[int]:
    return [int(request.header("x-delivery") or 0) for request in requests]


def test_a_limited_webhook_sends_that_often_and_in_order_while_others_go_on(room: Sending, receiver: Receiver) -> None:
    receiver.routes["/limited"] = lambda _: Answer()
    room.hook(f"{receiver.url}/limited", "limited", rate_limit_per_s=PER_S)
    room.hook(receiver.url, "free")
    limited = [room.save("limited") for _ in range(15)]
    free = [room.save("free") for _ in range(15)]
    for delivery_id in free:
        assert room.settled(delivery_id).delivery.status == "success"
    assert len(receiver.routed) < 15, "the free ones waited for the limited ones"
    until(lambda: len(receiver.routed) == 15, 10)
    assert ids(receiver.routed) == limited
    assert keeps(receiver.routed, PER_S)


def test_a_slow_limit_keeps_no_thread_and_is_kept(room: Sending, receiver: Receiver) -> None:
    room.hook(receiver.url, rate_limit_per_s=0.4)
    for _ in range(3):
        room.save()
    receiver.wait_for(3, timeout_s=15)
    assert keeps(receiver.requests, 0.4)


def test_a_limit_that_is_set_later_holds_for_what_waits_already(tmp_path: Path, receiver: Receiver) -> None:
    room = Sending(tmp_path)
    try:
        workflow_id = room.workflow("contacts", {"url": receiver.url})
        for number in range(10):
            room.create("contacts", last_name=f"{number}")
        document = room.document(workflow_id)
        document["actions"][0]["rate_limit_per_s"] = 5
        room.replace(workflow_id, document)
        room.start()
        receiver.wait_for(10)
        assert keeps(receiver.requests, 5)
        document = room.document(workflow_id)
        document["actions"][0]["rate_limit_per_s"] = None
        room.replace(workflow_id, document)
        for number in range(10):
            room.create("contacts", last_name=f"{number}")
        receiver.wait_for(20)
        assert not keeps(receiver.requests[10:], 5)
    finally:
        room.close()


def test_the_limit_is_one_for_all_worker_processes(tmp_path: Path, receiver: Receiver) -> None:
    installation = Running(tmp_path).set_up()
    try:
        installation.start()
        for _ in range(2):
            installation.start("worker")
        until(lambda: (tmp_path / "worker.log").read_text().count("working on the queue") == 2, 60)
        action = {"type": "webhook", "title": "A", "url": receiver.url, "rate_limit_per_s": PER_S, "headers": [NUMBER]}
        document = {"name": "W", "module": "contacts", "trigger": {"on": "create"}, "actions": [action]}
        installation.call("POST", "/workflows", document)
        for number in range(30):
            installation.call("POST", "/records/contacts", {"values": {"last_name": f"{number}"}})
        receiver.wait_for(30, timeout_s=20)
    finally:
        installation.kill()
    assert keeps(receiver.requests, PER_S)
    # Two processes may overtake each other between taking their turns and sending, but nothing is left behind.
    assert all(abs(number - position) <= 3 for position, number in enumerate(ids(receiver.requests), 1))


@pytest.mark.parametrize("seed", range(3))
def test_first_attempts_for_one_record_come_in_the_order_of_its_saves(
    seed: int, room: Sending, receiver: Receiver
) -> None:
    """Whatever fails, is slow or is retried in between."""
    chance = random.Random(seed)

    def answer(_received: Received) -> Answer:
        seconds = chance.choice((0, 0, 0, 0.02, 0.1))
        return Answer(chance.choice((200, 200, 500, 422)), b"{}", before=lambda: receiver.pause(seconds))

    for path in ("/a", "/b"):
        receiver.routes[path] = answer
        room.hook(receiver.url + path, "many")
    records = [room.create("contacts", last_name="many") for _ in range(4)]
    for number in range(60):
        room.update("contacts", chance.choice(records), description=f"{number}")
    until(lambda: all(delivery.status in ("success", "failed") for delivery in room.deliveries()), 60)
    first: dict[int, int] = {}
    for position, delivery_id in enumerate(ids(receiver.routed)):
        first.setdefault(delivery_id, position)
    places: defaultdict[tuple[int | None, int | None], list[int]] = defaultdict(list)
    for delivery in room.deliveries():
        places[delivery.webhook_id, delivery.record_id].append(first[delivery.id or 0])
    assert len(places) == 8
    assert all(places_of_record == sorted(places_of_record) for places_of_record in places.values())
