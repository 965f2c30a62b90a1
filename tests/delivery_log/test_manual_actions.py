"""Try now and Give up: one delivery that waits, by an admin (specification section 6)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from tests.conftest import BOTH, database_url
from tests.support import postgres, prepared
from tests.support.receiver import Answer, Receiver
from tests.support.running import until
from tests.support.sending import Sending
from webhookui.core.database import now
from webhookui.delivery import claim
from webhookui.delivery.tables import Delivery, Endpoint
from webhookui.delivery_log import manual_actions
from webhookui.notifications.tables import OutgoingMail
from webhookui.workflows import redelivery, store


@pytest.fixture(params=BOTH)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sending]:
    """Not started: what is saved waits. A retry is due in an hour."""
    new_room = Sending(
        tmp_path, database_url=database_url(request.param, request), retry_delays=(3600, 7200), workers=2
    )
    if request.param == "postgresql":
        with new_room.db.write() as session:
            prepared.ann(session)
    try:
        yield new_room
    finally:
        new_room.close()


def in_retry(room: Sending, receiver: Receiver, answer: Answer | None = None) -> int:
    """A delivery whose first attempt failed."""
    answers = iter([Answer(500, b"{}")])
    receiver.routes["/hook"] = lambda _received: next(answers, answer or Answer())
    room.hook(f"{receiver.url}/hook")
    room.start()
    delivery = room.save()
    until(lambda: room.logged(delivery).delivery.status == "retry", 20)
    return delivery


def try_now(room: Sending, delivery_id: int) -> Delivery:
    with room.db.write() as session:
        return manual_actions.try_now(session, delivery_id)


def give_up(room: Sending, delivery_id: int) -> Delivery:
    with room.db.write() as session:
        return manual_actions.give_up(session, delivery_id, "Ann")


DOING = {"try now": try_now, "give up": give_up}


def test_the_next_attempt_of_a_retry_is_made_at_once(room: Sending, receiver: Receiver) -> None:
    delivery = in_retry(room, receiver)
    try_now(room, delivery)
    logged = room.settled(delivery, attempts=2)
    assert (logged.delivery.status, [attempt.number for attempt in logged.attempts]) == ("success", [1, 2])


def test_trying_now_is_the_schedules_next_attempt_and_no_extra_one(room: Sending, receiver: Receiver) -> None:
    delivery = in_retry(room, receiver, Answer(500, b"{}"))
    try_now(room, delivery)
    until(lambda: room.logged(delivery).delivery.failure_count == 2, 20)
    row = room.logged(delivery).delivery
    assert row.status == "retry" and row.next_attempt_at is not None
    assert (row.next_attempt_at - now()).total_seconds() > 7200 * 0.7  # the second delay, less its jitter
    try_now(room, delivery)
    assert room.settled(delivery, attempts=3).delivery.status == "failed"


@pytest.mark.parametrize("attempts", [0, 1])
def test_what_is_given_up_is_failed_by_somebody_and_nobody_is_mailed(
    attempts: int, room: Sending, receiver: Receiver
) -> None:
    if attempts:
        delivery = in_retry(room, receiver)
    else:
        room.hook(receiver.url)
        delivery = room.save()
    give_up(room, delivery)
    logged = room.logged(delivery)
    assert (logged.delivery.status, logged.delivery.error) == ("failed", "Given up by Ann.")
    assert logged.delivery.next_attempt_at is None and logged.delivery.finished_at is not None
    assert len(logged.attempts) == attempts
    with room.db.read() as session:
        assert session.scalar(select(func.count()).select_from(OutgoingMail)) == 0


@pytest.mark.parametrize("doing", DOING)
@pytest.mark.parametrize(("status", "words"), [("dispatched", "right now"), ("success", "ended"), ("failed", "ended")])
def test_what_does_not_wait_is_left_as_it_is(status: str, words: str, doing: str, room: Sending) -> None:
    room.hook("https://example.com/")
    delivery = room.save()
    with room.db.write() as session:
        session.get_one(Delivery, delivery).status = status
    before = room.logged(delivery).delivery
    with pytest.raises(manual_actions.NotWaiting, match=words):
        DOING[doing](room, delivery)
    assert room.logged(delivery).delivery == before


@pytest.mark.parametrize("doing", DOING)
def test_a_sender_that_was_faster_keeps_it(doing: str, room: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    """The delivery is claimed after it was read as waiting and before it is moved."""
    room.hook("https://example.com/")
    delivery = room.save()
    key = room.logged(delivery).delivery.endpoint_key
    read = manual_actions._waiting

    def read_and_then_claimed(session, delivery_id):  # type: ignore[no-untyped-def]
        delivery_row = read(session, delivery_id)
        if room.db.skip_locked():
            assert len(claim.claim(room.db, "a sender", key, 1)) == 1
        else:  # SQLite has one writer at a time: what the read says is true until the end; the UPDATE asks all the same
            values = {"status": "dispatched", "claimed_by": "a sender"}
            session.connection().execute(update(Delivery.__table__).values(**values))  # type: ignore[attr-defined]
        return delivery_row

    monkeypatch.setattr(manual_actions, "_waiting", read_and_then_claimed)
    with pytest.raises(manual_actions.NotWaiting, match="right now"):
        DOING[doing](room, delivery)
    row = room.logged(delivery).delivery
    assert (row.error, row.finished_at) == (None, None)
    if room.db.skip_locked():  # the other one's stand-in was rolled back with the refusal
        assert (row.status, row.claimed_by) == ("dispatched", "a sender")


def test_nothing_of_a_workflow_that_is_off_is_tried_but_it_can_be_given_up(room: Sending) -> None:
    workflow_id = room.hook("https://example.com/")
    delivery = room.save()
    with room.db.write() as session:
        store.set_active(session, workflow_id, False, room.user)
    with pytest.raises(manual_actions.NotWaiting, match="switch the workflow on first"):
        try_now(room, delivery)
    assert give_up(room, delivery).status == "failed"


@pytest.mark.parametrize("whole", [False, True])
def test_what_is_paused_names_resume_now(whole: bool, room: Sending) -> None:
    room.hook("https://example.com/")
    delivery = room.save()
    key = room.logged(delivery).delivery.endpoint_key
    with room.db.write() as session:
        session.add(Endpoint(endpoint_key=key.partition("#")[0] if whole else key, state="open"))
    with pytest.raises(manual_actions.NotWaiting, match="Resume now"):
        try_now(room, delivery)


def test_one_that_goes_after_another_of_its_record_names_it(room: Sending) -> None:
    room.hook("https://example.com/")
    first, second = room.save(), room.save()
    record = room.logged(first).delivery.record_id
    with room.db.write() as session:
        session.get_one(Delivery, second).record_id = record
    with pytest.raises(manual_actions.NotWaiting, match=f"Delivery {first},"):
        try_now(room, second)
    assert try_now(room, first).status == "queued"


@pytest.mark.parametrize("payload", redelivery.PAYLOADS)
@pytest.mark.parametrize("status", redelivery.UNFINISHED)
def test_what_has_attempts_to_come_is_not_redelivered(status: str, payload: str, room: Sending) -> None:
    room.hook("https://example.com/")
    delivery = room.save()
    with room.db.write() as session:
        session.get_one(Delivery, delivery).status = status
    with room.db.write() as session, pytest.raises(redelivery.NotRedeliverable, match="Try now"):
        redelivery.redeliver(session, delivery, payload, "Ann", "http://127.0.0.1:8000")
    assert [delivery.id for delivery in room.deliveries()] == [delivery]


@pytest.mark.postgresql
def test_a_retry_is_due_at_once_wherever_the_server_counts_its_time(
    postgresql_server: postgres.Server, tmp_path: Path, receiver: Receiver
) -> None:
    url = f"{postgresql_server.database()}&options=-c%20timezone%3DAsia/Tokyo"
    room = Sending(tmp_path, database_url=url, retry_delays=(3600,), workers=2)
    try:
        with room.db.write() as session:
            prepared.ann(session)
        row = try_now(room, in_retry(room, receiver, Answer(500, b"{}")))
        assert row.next_attempt_at is not None and abs((now() - row.next_attempt_at).total_seconds()) < 60
    finally:
        room.close()
