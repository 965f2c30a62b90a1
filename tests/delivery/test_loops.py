"""No loop without a sign: a workflow that keeps firing for one record because of saves through the API is held for it, and admins
are told once (specification section 6)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select, update
from sqlalchemy.orm import Session

from tests.conftest import BOTH, database_url
from tests.notifications.test_failures import kept
from tests.support.receiver import Answer, Receiver
from tests.support.running import Running, until
from tests.support.sending import Sending
from webhookui.core.database import now
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.crm.tables import Change, Record
from webhookui.definitions.tables import Workflow, WorkflowHold
from webhookui.delivery import pending
from webhookui.delivery.tables import Delivery, DeliveryRequest, Endpoint
from webhookui.delivery_log import manual_actions, queue_health
from webhookui.installation import open_installation
from webhookui.notifications.tables import Notice, Notification
from webhookui.workflows import explain, loop_guard, redelivery, store

on_both = pytest.mark.parametrize("room", BOTH, indirect=True)
LIMIT = 5
"""Of `room`, so that each test is short; that of the settings is 20."""
API = Actor("api", "Ann Admin", None)
DEFAULT_LIMIT = 20


@pytest.fixture
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sending]:
    """Not started: what is saved waits. On SQLite, unless the test asks for both."""
    kind = getattr(request, "param", "sqlite")
    new_room = Sending(tmp_path, database_url=database_url(kind, request), loop_limit=LIMIT, workers=2)
    if kind == "postgresql":
        from tests.support import prepared

        with new_room.db.write() as session:
            prepared.ann(session)
    try:
        yield new_room
    finally:
        new_room.close()


@pytest.fixture
def deal(room: Sending) -> int:
    """Made by a person, before there is any workflow."""
    return room.create("deals", name="Kettles", amount="1")


def hook(room: Sending, url: str = "http://127.0.0.1:9/", **document: Any) -> int:
    """A workflow that fires whenever a deal's amount changes."""
    changed = {"all": [{"field": "amount", "operator": "has_changed"}], "any": []}
    return room.workflow("deals", {"url": url}, **{"criteria": changed, "trigger": {"on": "update"}, **document})


def save(room: Sending, deal: int, times: int = 1, actor: Actor = API) -> None:
    for _ in range(times):
        with room.db.write() as session:
            amount = session.get_one(Record, deal).values["amount"]
            records.update(session, "deals", deal, {"amount": str(int(amount) + 1)}, actor)


def held(room: Sending) -> list[int]:
    """The deliveries that are held as a loop, in the order of their saves."""
    with room.db.read() as session:
        holds = pending.holds(session, room.deliveries())
    return sorted(delivery_id for delivery_id, hold in holds.items() if hold.name == "loop")


def standing(room: Sending) -> list[tuple[int, int, int]]:
    """(workflow, record, how often it fired)"""
    with room.db.read() as session:
        return [(loop.hold.workflow_id, loop.hold.record_id, loop.hold.fired) for loop in loop_guard.standing(session)]


def notified(room: Sending) -> int:
    """How often an admin was told, by mail."""
    with room.db.read() as session:
        return sum(notice.count for notice in session.scalars(select(Notice).where(Notice.kind == "loop")))


# ---- a real loop ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BOTH)
def test_a_third_party_that_writes_back_is_stopped_told_once_and_released(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, receiver: Receiver
) -> None:
    """On each request, the third party saves the record through the API. On PostgreSQL: a web process and two workers."""
    installation = Running(tmp_path, WEBHOOKUI_DATABASE_URL=database_url(kind, request)).set_up()
    writes_back = True

    def third_party(_received: Any) -> Answer:
        if writes_back:
            number = len(receiver.routed)
            installation.call("PATCH", f"/records/deals/{deal}", {"values": {"amount": number + 1000}})
        return Answer()

    receiver.routes["/hook"] = third_party
    try:
        for command in ("run",) if kind == "sqlite" else ("web", "worker", "worker"):
            installation.start(command)
        workflow = installation.call("POST", "/workflows", {
            "name": "Sync deal", "module": "deals", "trigger": {"on": "create_or_update"},
            "actions": [{"type": "webhook", "title": "Sync", "url": f"{receiver.url}/hook",
                         "parameters": [{"name": "amount", "value": "{{ amount }}"}]}],
        })["id"]  # fmt: skip
        deal = installation.call("POST", "/records/deals", {"values": {"name": "Kettles", "amount": 1}})["id"]

        def stands_still() -> bool:
            deliveries = installation.call("GET", "/deliveries?limit=200")["items"]
            return [delivery["status"] for delivery in deliveries] == ["queued"] + ["success"] * DEFAULT_LIMIT

        until(stands_still, 40, lambda: str(len(receiver.routed)))
        newest = installation.call("GET", "/deliveries?limit=1")["items"][0]
        assert (newest["held"], len(receiver.routed)) == ("loop", DEFAULT_LIMIT)
        (hold,) = installation.call("GET", f"/workflows/{workflow}/holds")["items"]
        assert (hold["record_id"], hold["fired"], hold["deliveries"]) == (deal, DEFAULT_LIMIT + 1, 1)
        installation.call("PATCH", f"/records/deals/{deal}", {"values": {"amount": 5000}})  # quietly held too
        assert installation.call("POST", f"/deliveries/{newest['id']}/try-now", status=409)["error"]["message"] == (
            "Its workflow is held for this record, for which it fired in a loop: press “Release” first."
        )
        until(lambda: bool(kept(tmp_path)), 20)
        writes_back = False
        assert installation.call("POST", f"/workflows/{workflow}/release", {"record_id": deal}) == {"deliveries": 2}
        installation.delivery(newest["id"] + 1, "success")
        installation.delivery(newest["id"], "success")
        assert [request.body for request in receiver.routed[-2:]] == [b'{"amount":1020.00}', b'{"amount":5000.00}']
        installation.call("POST", f"/workflows/{workflow}/release", status=409)
        installation.call("PATCH", f"/records/deals/{deal}", {"values": {"amount": 6000}})
        installation.delivery(newest["id"] + 2, "success")
        mails = kept(tmp_path)
        assert [mail["Subject"] for mail in mails] == ["Held: Sync deal fires in a loop for Kettles"]
        text = mails[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert "it fired 21 times within a minute" in text
        assert f"{installation.address}/log?workflow_id={workflow}&record_id={deal}" in text
    finally:
        installation.kill()


# ---- what is a loop, and what is none ---------------------------------------------------------------------------------


@on_both
def test_the_first_save_beyond_the_limit_is_held_with_all_that_follow_whoever_makes_them(
    room: Sending, deal: int
) -> None:
    workflow = hook(room)
    save(room, deal, LIMIT)
    assert (held(room), standing(room), notified(room)) == ([], [], 0)
    save(room, deal)
    assert standing(room) == [(workflow, deal, LIMIT + 1)]
    save(room, deal, 2)
    save(room, deal, actor=room.actor)
    ids = [delivery.id for delivery in room.deliveries()]
    assert len(ids) == LIMIT + 4 and held(room) == ids, "all that waits of the pair, in one order"
    assert notified(room) == 1


NOT_A_LOOP: dict[str, Callable[[Sending, int], object]] = {
    "saves by a person": lambda room, deal: save(room, deal, 3 * LIMIT, room.actor),
    "an import": lambda room, deal: save(room, deal, 3 * LIMIT, Actor("import", "deals.csv", None)),
    "saves of as many records": lambda room, _: [
        save(room, room.create("deals", name=f"D{number}", amount="1")) for number in range(3 * LIMIT)
    ],
    "a person's between those of the API": lambda room, deal: [
        (save(room, deal), save(room, deal, actor=room.actor)) for _ in range(LIMIT)
    ],
    "saves that do not make it fire": lambda room, deal: [
        _rename(room, deal, f"Kettles {number}") for number in range(3 * LIMIT)
    ],
    "saves that took longer": lambda room, deal: (save(room, deal, LIMIT), _a_minute_goes_by(room), save(room, deal, LIMIT)),
    "redeliveries": lambda room, deal: (save(room, deal), _redeliver(room, 3 * LIMIT), save(room, deal, LIMIT - 1)),
}  # fmt: skip


@pytest.mark.parametrize("what", NOT_A_LOOP)
def test_no_loop_is_seen_in(what: str, room: Sending, deal: int) -> None:
    hook(room)
    NOT_A_LOOP[what](room, deal)
    assert (held(room), standing(room), notified(room)) == ([], [], 0)


def _rename(room: Sending, deal: int, name: str) -> None:
    with room.db.write() as session:
        records.update(session, "deals", deal, {"name": name}, API)


def _a_minute_goes_by(room: Sending) -> None:
    with room.db.write() as session:
        session.execute(update(Change).values(at=now() - timedelta(seconds=61)))
        session.execute(update(Record).values(updated_at=now() - timedelta(seconds=61)))


def _redeliver(room: Sending, times: int) -> None:
    with room.db.write() as session:
        manual_actions.give_up(session, 1, "Ann")
        for _ in range(times):
            redelivery.redeliver(session, 1, "original", "Ann", room.settings.address)
            manual_actions.give_up(session, room_last(session), "Ann")


def room_last(session: Session) -> int:
    return session.scalars(select(Delivery.id).order_by(Delivery.id.desc())).first() or 0  # type: ignore[union-attr, call-overload, no-any-return]


def test_what_could_not_be_built_went_to_nobody_and_is_no_loop(room: Sending, deal: int) -> None:
    required = {"name": "contact", "value": "{{ contact.email }}", "required": True}
    room.workflow("deals", {"url": "http://127.0.0.1:9/", "parameters": [required]})
    save(room, deal, 3 * LIMIT)
    assert {delivery.status for delivery in room.deliveries()} == {"failed"}
    assert (standing(room), notified(room)) == ([], 0)


def test_one_workflow_is_held_and_others_of_the_record_are_not(room: Sending, deal: int) -> None:
    rarely = {"all": [{"field": "name", "operator": "has_changed"}], "any": []}
    other = hook(room, criteria=rarely, name="Rarely")
    first = hook(room, name="First time", trigger={"on": "update", "recurrence": "first_time"})
    looping = hook(room, name="Looping")
    save(room, deal, LIMIT + 1)
    _rename(room, deal, "Pots")
    assert standing(room) == [(looping, deal, LIMIT + 1)]
    of = {delivery.id: delivery.workflow_id for delivery in room.deliveries()}
    assert {of[delivery_id] for delivery_id in held(room)} == {looping}
    assert set(of.values()) == {other, first, looping}


def test_a_workflow_with_three_webhooks_fires_once_at_a_save(room: Sending, deal: int) -> None:
    room.workflow(
        "deals", *({"url": "http://127.0.0.1:9/", "title": title} for title in "ABC"), trigger={"on": "update"}
    )
    save(room, deal, LIMIT)
    assert standing(room) == []
    save(room, deal)
    assert len(held(room)) == 3 * (LIMIT + 1)


@on_both
def test_processes_that_save_at_once_count_together(room: Sending, deal: int) -> None:
    """Two installations on one database, four threads: a hold begins with the very save that is beyond the limit."""
    hook(room)
    other = open_installation(room.settings)
    saves = iter([room.db, other.db] * LIMIT)
    lock = threading.Lock()

    def go() -> None:
        while True:
            with lock:
                db = next(saves, None)
            if db is None:
                return
            with db.write() as session:
                record = records.get(session, "deals", deal, for_update=True)
                records.update(session, "deals", deal, {"amount": str(int(record.values["amount"]) + 1)}, API)

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    other.close()
    assert len(room.deliveries()) == 2 * LIMIT
    assert [fired for _, _, fired in standing(room)] == [LIMIT + 1]
    assert notified(room) == 1


LAW = settings(
    max_examples=20, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip


@LAW
@given(
    acts=st.lists(
        st.sampled_from(["API", "API", "API", "API", "a person", "release", "a minute"]), min_size=12, max_size=40
    )
)
def test_a_hold_begins_with_the_save_beyond_the_limit_and_ends_with_a_release_whatever_happens(
    room: Sending, acts: list[str]
) -> None:
    """The law: it stands from the first moment at which more saves by the API than the limit lie within a minute and after
    the last release, until the next release; and all that was not sent waits."""
    deal = room.create("deals", name="Kettles", amount="1")
    workflow = hook(room)
    counted, holds = 0, False
    for act in acts:
        if act == "a minute":
            _a_minute_goes_by(room)
            counted = 0
        elif act == "release" and holds:
            with room.db.write() as session:
                loop_guard.release(session, workflow, deal, room.user)
            counted, holds = 0, False
        elif act in ("API", "a person"):
            save(room, deal, actor=API if act == "API" else room.actor)
            counted += act == "API"
            holds = holds or counted > LIMIT
        assert bool(standing(room)) == holds, act
    assert {delivery.status for delivery in room.deliveries()} <= {"queued"}
    assert len(held(room)) == (len(room.deliveries()) if holds else 0)
    with room.db.write() as session:
        store.delete(session, workflow, room.user)
        session.execute(delete(DeliveryRequest))
        session.execute(delete(Delivery))


# ---- while it is held, and after --------------------------------------------------------------------------------------


@pytest.fixture
def looping(room: Sending, deal: int, receiver: Receiver) -> int:
    """A workflow that is held for the deal."""
    workflow = hook(room, receiver.url, name="Sync")
    save(room, deal, LIMIT + 1)
    return workflow


@on_both
def test_nothing_of_it_is_sent_until_it_is_released_and_then_in_order(
    room: Sending, deal: int, looping: int, receiver: Receiver
) -> None:
    room.hook(receiver.url, "neighbour")
    room.start()
    room.settled(room.save("neighbour"))
    save(room, room.create("deals", name="Another deal", amount="1"))
    until(lambda: len(receiver.requests) == 2, 20)
    assert len(held(room)) == LIMIT + 1
    with room.db.write() as session:
        assert loop_guard.release(session, looping, deal, room.user) == LIMIT + 1
    until(lambda: {delivery.status for delivery in room.deliveries()} == {"success"}, 20)
    assert (held(room), standing(room)) == ([], [])


def test_a_retry_of_it_is_held_too(room: Sending, deal: int, looping: int, receiver: Receiver) -> None:
    with room.db.write() as session:
        first = session.get_one(Delivery, 1)
        first.status, first.next_attempt_at, first.attempt_count, first.failure_count = "retry", now(), 1, 1
    room.start()
    room.hook(receiver.url, "neighbour")
    room.settled(room.save("neighbour"))
    assert len(receiver.requests) == 1 and 1 in held(room)


def test_after_a_release_it_is_counted_anew_and_told_anew(room: Sending, deal: int, looping: int) -> None:
    for times in (1, 2):
        assert notified(room) == times
        with room.db.write() as session:
            loop_guard.release(session, looping, deal, room.user)
        save(room, deal, LIMIT)
        assert standing(room) == [], "what fired before the release is not counted again"
        save(room, deal)
        assert [fired for _, _, fired in standing(room)] == [LIMIT + 1]


def test_what_is_held_takes_no_probe_of_a_paused_webhook_from_others(
    room: Sending, deal: int, looping: int, receiver: Receiver
) -> None:
    key = room.deliveries()[0].endpoint_key
    with room.db.write() as session:
        session.add(Endpoint(endpoint_key=key, state="open", opened_at=now(), next_probe_at=now()))
    room.start()
    save(room, deal, actor=room.actor)  # rings, and has nothing to send
    room.hook(receiver.url, "neighbour")
    for _ in range(3):
        room.settled(room.save("neighbour"))
    save(room, room.create("deals", name="Another deal", amount="1"))
    until(lambda: room.deliveries()[-1].status == "success", 20)
    assert len(held(room)) == LIMIT + 2


def test_what_is_held_can_be_given_up_and_the_hold_stands(room: Sending, deal: int, looping: int) -> None:
    with room.db.write() as session:
        manual_actions.give_up(session, 1, "Ann Admin")
        with pytest.raises(manual_actions.NotWaiting, match="press “Release” first"):
            manual_actions.try_now(session, 2)
    with room.db.write() as session:
        assert loop_guard.give_up(session, looping, None, room.user) == LIMIT
    statuses = {(delivery.status, delivery.error) for delivery in room.deliveries()}
    assert statuses == {
        ("failed", "Given up by Ann Admin."),
        ("failed", "Given up by Ann Admin while the workflow was held for the record."),
    }
    save(room, deal)
    assert len(held(room)) == 1
    with room.db.write() as session:
        loop_guard.release(session, looping, None, room.user)
        with pytest.raises(loop_guard.NotHeld, match="held for any record"):
            loop_guard.release(session, looping, None, room.user)


def test_a_switch_is_told_before_the_loop_and_a_deletion_ends_both(room: Sending, deal: int, looping: int) -> None:
    with room.db.write() as session:
        store.set_active(session, looping, False, room.user)
    with room.db.read() as session:
        assert {hold.name for hold in pending.holds(session, room.deliveries()).values()} == {"workflow_off"}
        assert queue_health.measure(session).held == LIMIT + 1
    with room.db.write() as session:
        store.set_active(session, looping, True, room.user)
    assert len(held(room)) == LIMIT + 1
    with room.db.write() as session:
        store.delete(session, looping, room.user)
    assert standing(room) == [] and {delivery.status for delivery in room.deliveries()} == {"failed"}


def test_the_alarm_of_the_oldest_queued_leaves_them_out(room: Sending, deal: int, looping: int) -> None:
    with room.db.read() as session:
        health = queue_health.measure(session)
    assert (health.oldest_queued_s, health.held) == (0, LIMIT + 1)
    save(room, room.create("deals", name="Another deal", amount="1"))
    with room.db.read() as session:
        assert queue_health.oldest_queued_s(session) > 0


def test_it_is_explained_where_the_loop_guard_stopped_it(room: Sending, deal: int, looping: int) -> None:
    def now_explained() -> explain.Explanation:
        with room.db.read() as session:
            return explain.explain(session, session.get_one(Workflow, looping), session.get_one(Record, deal))

    explanation = now_explained()
    guard = next(check for check in explanation.checks if check.name == "loop_guard")
    assert explanation.fires and not guard.held
    assert guard.words.startswith("The workflow is held for this record: it fired 6 times within a minute because of")
    assert explanation.summary == "It fired, but the loop guard holds its deliveries."
    assert explanation.notes == () and explanation.delivery_ids == (LIMIT + 1,)
    with room.db.write() as session:
        loop_guard.release(session, looping, deal, room.user)
    explanation = now_explained()
    assert explanation.summary == "It fires: everything holds." and all(check.held for check in explanation.checks)


def test_many_loops_of_a_workflow_are_one_notice_with_their_number(room: Sending, looping: int) -> None:
    for number in range(2):
        save(room, room.create("deals", name=f"D{number}", amount="1"), LIMIT + 1)
    with room.db.read() as session:
        (entry,) = session.scalars(select(Notification))
        assert (entry.count, entry.title_many) == (3, "loops of “Sync” are held, each for one record")
        assert [len(loop.held) for loop in loop_guard.loops(session)] == [3]
        assert entry.url_many == f"/log?workflow_id={looping}"


def test_a_save_goes_through_when_nobody_can_be_told(room: Sending, deal: int) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    loop_guard.workflow_held.connect(room.db, broken)
    hook(room)
    save(room, deal, LIMIT + 1)
    assert len(held(room)) == LIMIT + 1


def test_old_releases_are_cleared_away(room: Sending, deal: int, looping: int) -> None:
    with room.db.write() as session:
        loop_guard.release(session, looping, None, room.user)
        session.execute(update(WorkflowHold).values(released_at=now() - timedelta(seconds=61)))
    save(room, room.create("deals", name="Another deal", amount="1"), LIMIT + 1)
    with room.db.read() as session:
        assert len(list(session.scalars(select(WorkflowHold)))) == 1


# ---- what it costs ----------------------------------------------------------------------------------------------------


@on_both
def test_a_save_by_a_person_asks_nothing_and_one_by_the_api_one_thing(room: Sending, deal: int) -> None:
    """Statements of a save: the same for a person, whether or not a hold stands; one more for the API, where it can be a loop."""

    def statements(actor: Actor) -> list[str]:
        seen: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            seen.append(statement)

        event.listen(room.db.engine, "before_cursor_execute", note)
        try:
            save(room, deal, actor=actor)
        finally:
            event.remove(room.db.engine, "before_cursor_execute", note)
        return seen

    hook(room)
    statements(room.actor)
    before = statements(room.actor)
    assert len(statements(API)) == len(before), "a record that was never saved so often"
    save(room, deal, LIMIT, room.actor)
    _a_minute_goes_by(room)
    assert len(statements(API)) == len(before), "a record that was not saved within the minute"
    assert len(statements(API)) == len(before) + 1
    save(room, deal, LIMIT)
    assert held(room)
    assert len(statements(room.actor)) == len(before)
