"""Nothing of a workflow that is off goes out: what waits is held, and goes on or is ended (specification section 3)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BOTH, database_url
from tests.support.receiver import Answer, Receiver
from tests.support.running import until
from tests.support.sending import Sending
from webhookui.delivery import pending
from webhookui.delivery.claim import INTERRUPTED
from webhookui.delivery.events import deliveries_failed
from webhookui.delivery.tables import Delivery
from webhookui.delivery_log import queue_health
from webhookui.workflows import redelivery, store


@pytest.fixture(params=BOTH)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sending]:
    """Not started: what is saved waits."""
    new_room = Sending(tmp_path, database_url=database_url(request.param, request), retry_delays=(0, 3600), workers=2)
    if request.param == "postgresql":
        from tests.support import prepared

        with new_room.db.write() as session:
            prepared.ann(session)
    try:
        yield new_room
    finally:
        new_room.close()


def switch(room: Sending, workflow_id: int, *, on: bool) -> None:
    with room.db.write() as session:
        store.set_active(session, workflow_id, on, room.user)


def through_the_document(room: Sending, workflow_id: int, *, on: bool) -> None:
    room.replace(workflow_id, room.document(workflow_id) | {"active": on})


def workflow_of(room: Sending, delivery_id: int) -> int:
    return room.logged(delivery_id).delivery.workflow_id or 0


def held(room: Sending) -> dict[int, str]:
    """Delivery → what holds it."""
    with room.db.read() as session:
        return {key: hold.name for key, hold in pending.holds(session, room.deliveries()).items()}


WAYS = {"the switch": switch, "an edit, an import or the API's PUT": through_the_document}


@pytest.mark.parametrize("way", WAYS)
def test_what_waits_is_held_says_so_and_goes_on_when_the_workflow_is_on_again(
    way: str, room: Sending, receiver: Receiver
) -> None:
    workflow_id = room.hook(receiver.url)
    deliveries = [room.save() for _ in range(3)]
    WAYS[way](room, workflow_id, on=False)
    room.hook(receiver.url, "neighbour")
    room.start()
    assert room.settled(room.save("neighbour")).delivery.status == "success"
    assert held(room) == dict.fromkeys(deliveries, "workflow_off")
    assert {room.logged(delivery_id).delivery.status for delivery_id in deliveries} == {"queued"}
    assert len(receiver.requests) == 1
    WAYS[way](room, workflow_id, on=True)
    for delivery_id in deliveries:
        assert room.settled(delivery_id).delivery.status == "success"
    assert held(room) == {}


def test_a_retry_is_held_when_its_time_has_come(room: Sending, receiver: Receiver) -> None:
    answered = threading.Event()

    def switches_it_off(_received: Any) -> Answer:
        """The workflow is switched off while the request is in flight."""
        if not answered.is_set():
            switch(room, workflow_id, on=False)
            answered.set()
            return Answer(500, b"{}")
        return Answer()

    receiver.routes["/hook"] = switches_it_off
    workflow_id = room.hook(f"{receiver.url}/hook")
    room.hook(receiver.url, "neighbour")
    room.start()
    delivery = room.save()
    logged = room.settled(delivery)
    assert logged.last.status_code == 500, "what is in flight is not torn off: its answer is written down"
    for _ in range(3):
        room.settled(room.save("neighbour"))
    assert held(room) == {delivery: "workflow_off"}
    assert len(receiver.routed) == 1
    switch(room, workflow_id, on=True)
    assert room.settled(delivery, attempts=2).delivery.status == "success"


def test_what_was_claimed_just_before_the_switch_does_not_go_out(room: Sending, receiver: Receiver) -> None:
    """A quick webhook is claimed by the dozen: the switch comes with the fifth request, the others are given back."""

    def switches_it_off(_received: Any) -> Answer:
        if len(receiver.routed) == 5:
            switch(room, workflow_id, on=False)
        return Answer()

    receiver.routes["/hook"] = switches_it_off
    workflow_id = room.hook(f"{receiver.url}/hook")
    deliveries = [room.save() for _ in range(40)]
    room.start()
    until(lambda: len(receiver.routed) >= 5, 20)
    until(lambda: all(delivery.status != "dispatched" for delivery in room.deliveries()), 20)
    sent = len(receiver.routed)
    assert sent <= 5 + 2, "one request may be in flight with each other sender"
    assert len(held(room)) == len(deliveries) - sent
    assert all(not room.attempts(delivery_id) for delivery_id in held(room))
    switch(room, workflow_id, on=True)
    until(lambda: all(delivery.status == "success" for delivery in room.deliveries()), 20)
    assert len(receiver.routed) == len(deliveries)


def test_a_redelivery_made_while_it_is_off_is_held_too(room: Sending, receiver: Receiver) -> None:
    workflow_id = room.hook(receiver.url)
    room.start()
    first = room.save()
    room.settled(first)
    switch(room, workflow_id, on=False)
    with room.db.write() as session:
        again = redelivery.redeliver(session, first, "original", "Ann", room.settings.address).id or 0
    room.hook(receiver.url, "neighbour")
    room.settled(room.save("neighbour"))
    assert held(room) == {again: "workflow_off"}
    switch(room, workflow_id, on=True)
    assert room.settled(again).delivery.status == "success"


def test_a_test_of_a_draft_goes_out_whatever_the_switch_says(room: Sending, receiver: Receiver) -> None:
    from tests.outgoing.test_ssrf import send_raw

    workflow_id = room.hook(receiver.url)
    switch(room, workflow_id, on=False)
    room.start()
    assert send_raw(room, f"{receiver.url}/").delivery.status == "success"


def test_deleting_the_workflow_ends_what_waits_without_a_mail(room: Sending, receiver: Receiver) -> None:
    failed_ids: list[int] = []
    deliveries_failed.connect(
        room.db, lambda _session, failed: failed_ids.extend(delivery.id or 0 for delivery in failed)
    )
    workflow_id = room.hook(receiver.url)
    deliveries = [room.save() for _ in range(3)]
    with room.db.write() as session:
        store.delete(session, workflow_id, room.user)
    for delivery in room.deliveries():
        assert (delivery.status, delivery.error) == (
            "failed", "The workflow was deleted by Ann Admin while this delivery waited."
        )  # fmt: skip
        assert delivery.finished_at is not None
    room.start()
    room.hook(receiver.url, "neighbour")
    room.settled(room.save("neighbour"))
    assert (len(receiver.requests), failed_ids) == (1, [])
    assert len(deliveries) == 3


def test_removing_an_action_ends_what_waits_of_it_and_of_no_other(room: Sending, receiver: Receiver) -> None:
    workflow_id = room.workflow(
        "contacts", {"title": "Stays", "url": receiver.url}, {"title": "Goes", "url": receiver.url}
    )
    room.create("contacts", last_name="A")
    document = room.document(workflow_id)
    room.replace(workflow_id, document | {"actions": document["actions"][:1]})
    room.start()
    until(lambda: [delivery.status for delivery in room.deliveries()] == ["success", "failed"], 20)
    assert (
        room.deliveries()[1].error
        == "The action was removed from the workflow by Ann Admin while this delivery waited."
    )
    assert len(receiver.requests) == 1


def test_what_is_in_the_air_when_the_workflow_is_deleted_is_not_tried_again(room: Sending, receiver: Receiver) -> None:
    failed_ids: list[int] = []
    deliveries_failed.connect(
        room.db, lambda _session, failed: failed_ids.extend(delivery.id or 0 for delivery in failed)
    )

    def deletes_it(_received: Any) -> Answer:
        with room.db.write() as session:
            store.delete(session, workflow_id, room.user)
        return Answer(500, b"{}")

    receiver.routes["/hook"] = deletes_it
    workflow_id = room.hook(f"{receiver.url}/hook")
    room.start()
    logged = room.settled(room.save())
    assert (logged.delivery.status, logged.delivery.error, failed_ids) == ("failed", pending.REMOVED, [])
    assert logged.last.status_code == 500


def test_held_deliveries_do_not_make_the_queue_look_as_if_nobody_worked_on_it(
    room: Sending, receiver: Receiver
) -> None:
    workflow_id = room.hook(receiver.url)
    for _ in range(3):
        room.save()
    with room.db.read() as session:
        assert queue_health.oldest_queued_s(session) > 0
    switch(room, workflow_id, on=False)
    with room.db.read() as session:
        assert queue_health.oldest_queued_s(session) == 0
        assert pending.counts(session) == {workflow_id: 3}


def test_what_waits_can_be_ended_by_hand(room: Sending, receiver: Receiver) -> None:
    workflow_id, other = room.hook(receiver.url), room.hook(receiver.url, "other")
    deliveries = [room.save() for _ in range(3)] + [room.save("other")]
    switch(room, workflow_id, on=False)
    with room.db.write() as session:
        assert store.end_waiting(session, workflow_id, room.user) == 3
    statuses = {delivery.id: (delivery.status, delivery.error) for delivery in room.deliveries()}
    ended = ("failed", "Given up by Ann Admin, with everything of the workflow that was waiting.")
    assert statuses == {**dict.fromkeys(deliveries[:3], ended), deliveries[3]: ("queued", None)}
    with room.db.read() as session:
        assert pending.count(session, pending.of_workflow(other)) == 1


def test_every_process_obeys_a_switch_at_once(room: Sending, receiver: Receiver) -> None:
    """Another process has its own idea of the workflows, and asks before each request."""
    from webhookui.delivery.webhook_cache import WebhookCache

    workflow_id = room.hook(receiver.url)
    webhook_id = room.logged(room.save()).delivery.webhook_id
    another = WebhookCache(room.db, room.box)
    for on in (True, False, True, False):
        switch(room, workflow_id, on=on)
        assert another.state(webhook_id) == ("on" if on else "off")


def test_an_interrupted_request_of_a_workflow_that_is_off_is_not_sent_again(room: Sending, receiver: Receiver) -> None:
    workflow_id = room.hook(receiver.url)
    delivery = room.save()
    with room.db.write() as session:
        row = session.get_one(Delivery, delivery)
        row.status, row.claimed_by, row.note = "dispatched", "a process that died", "Noted when it was built."
    switch(room, workflow_id, on=False)
    room.start()
    room.hook(receiver.url, "neighbour")
    until(lambda: room.logged(delivery).delivery.status == "retry", 20)
    assert room.logged(delivery).delivery.note == f"Noted when it was built. {INTERRUPTED}"
    room.settled(room.save("neighbour"))
    assert (held(room), len(receiver.requests)) == ({delivery: "workflow_off"}, 1)
