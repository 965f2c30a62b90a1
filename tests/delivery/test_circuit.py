"""An endpoint that keeps failing is paused, probed, drained; people can step in (SPEC section 6)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Answer, Receiver
from tests.support.running import until
from tests.support.sending import Sending, sending
from webhookui.delivery import circuit
from webhookui.delivery.circuit import CircuitRules
from webhookui.delivery.results import ResultWriter
from webhookui.delivery.sender import Result
from webhookui.delivery.tables import Endpoint
from webhookui.settings import Settings

PAUSE_AFTER = 4
DOWN = Answer(500, b"{}")


@pytest.fixture
def told() -> list[tuple[str, str]]:
    """(lane, state) as the listeners were told."""
    return []


@pytest.fixture
def room(request: pytest.FixtureRequest, tmp_path: Path, told: list[tuple[str, str]]) -> Iterator[Sending]:
    """Probes every second, unless the test says otherwise."""
    values: dict[str, Any] = {"pause_after": PAUSE_AFTER, "probe_delays": (1,), "drain_rate": 20} | getattr(
        request, "param", {}
    )
    with sending(tmp_path, **values) as made:

        def tell(session: Any, lane: str) -> None:
            row = session.get(Endpoint, lane, populate_existing=True)
            told.append((lane, row.state))

        made.db.services["endpoint_listeners"].append(tell)
        yield made


NEVER = {"probe_delays": (600,)}


def lane_of(receiver: Receiver) -> str:
    return receiver.url


def endpoint(room: Sending, receiver: Receiver) -> Endpoint | None:
    with room.db.read() as session:
        return session.get(Endpoint, lane_of(receiver))


def pause(room: Sending, receiver: Receiver) -> list[int]:
    """Fails so often that the endpoint is paused; gives the failed deliveries."""
    receiver.default = DOWN
    failed = [room.save() for _ in range(PAUSE_AFTER)]
    for each in failed:
        room.settled(each)
    assert state(room, receiver) == "open"
    return failed


def state(room: Sending, receiver: Receiver) -> str:
    row = endpoint(room, receiver)
    return row.state if row else "closed"


def statuses(room: Sending) -> list[str]:
    return [each.status for each in room.deliveries()]


def test_the_defaults_are_those_of_the_settings() -> None:
    settings, rules = Settings(), CircuitRules()
    assert (settings.pause_after, settings.probe_delays) == (rules.pause_after, rules.probe_delays)


@pytest.mark.parametrize("room", [NEVER], indirect=True)
def test_a_paused_endpoint_gets_nothing_and_its_deliveries_stay_as_they_are(
    room: Sending, receiver: Receiver, told: list[tuple[str, str]]
) -> None:
    room.hook(receiver.url)
    pause(room, receiver)
    waiting = [room.save() for _ in range(5)]
    room.hook(f"{receiver.url.replace('127.0.0.1', '127.0.0.2')}", "neighbour")
    room.settled(room.save("neighbour"))  # another endpoint is another matter
    assert len(receiver.requests) == PAUSE_AFTER
    assert statuses(room)[:-1] == ["retry"] * PAUSE_AFTER + ["queued"] * 5
    assert all(not room.attempts(each) for each in waiting)
    assert told == [(lane_of(receiver), "open")]
    row = endpoint(room, receiver)
    assert row is not None
    assert (row.failures_in_a_row, row.last_error) == (PAUSE_AFTER, "127.0.0.1 answered 500: it failed on its side.")


def test_a_probe_now_and_then_finds_it_well_and_the_backlog_drains_at_a_limited_rate(
    room: Sending, receiver: Receiver, told: list[tuple[str, str]]
) -> None:
    room.hook(receiver.url)
    pause(room, receiver)
    for _ in range(20):
        room.save()
    receiver.wait_for(PAUSE_AFTER + 2)  # two probes, which fail
    receiver.default = Answer()
    until(lambda: statuses(room).count("success") >= 18, 30)
    until(lambda: state(room, receiver) == "closed", 10)
    times = [each.at for each in receiver.requests]
    probes = times[PAUSE_AFTER : PAUSE_AFTER + 2]
    assert probes[1] - probes[0] > 0.9, "probes came faster than they should"
    drained = times[PAUSE_AFTER + 3 :]
    assert drained[-1] - drained[0] > (len(drained) - 1) / 20 - 0.6, f"more than 20 a second: {drained}"
    assert told == [(lane_of(receiver), "open"), (lane_of(receiver), "draining")]
    before = len(receiver.requests)
    for _ in range(5):
        room.save()
    assert len(receiver.wait_for(before + 5)) == before + 5


@pytest.mark.parametrize("room", [{"probe_delays": (1, 2, 3)}], indirect=True)
def test_probes_become_rarer(room: Sending, receiver: Receiver) -> None:
    room.hook(receiver.url)
    pause(room, receiver)
    for _ in range(5):
        room.save()
    times = [each.at for each in receiver.wait_for(PAUSE_AFTER + 3)][PAUSE_AFTER - 1 :]
    gaps = [after - before for before, after in pairwise(times)]
    assert [least < gap < least + 6 for least, gap in zip((0.9, 1.9, 2.9), gaps, strict=True)] == [True] * 3, gaps


@pytest.mark.parametrize("room", [NEVER], indirect=True)
def test_requests_in_the_air_when_it_was_paused_do_not_put_the_probe_off(room: Sending, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.routes["/late"] = lambda _: Answer(500, before=lambda: go.wait(20) and None)
    room.hook(receiver.url)
    room.hook(f"{receiver.url}/late", "late")
    late = [room.save("late")]
    until(lambda: len(receiver.routed) == 1, 10)
    pause(room, receiver)
    row = endpoint(room, receiver)
    assert row is not None
    due = row.next_probe_at
    go.set()
    for each in late:
        room.settled(each)
    row = endpoint(room, receiver)
    assert row is not None
    assert (row.failures_in_a_row, row.next_probe_at) == (PAUSE_AFTER, due)


@pytest.mark.parametrize("room", [NEVER], indirect=True)
def test_resume_now_sends_at_the_limited_rate_without_waiting_for_a_probe(
    room: Sending, receiver: Receiver, told: list[tuple[str, str]]
) -> None:
    room.hook(receiver.url)
    pause(room, receiver)
    waiting = [room.save() for _ in range(4)]
    receiver.default = Answer()
    with room.db.write() as session:
        circuit.resume(session, lane_of(receiver))
    for each in waiting:
        assert room.settled(each).delivery.status == "success"
    until(lambda: state(room, receiver) == "closed", 10)
    assert [state for _, state in told] == ["open", "draining"]


@pytest.mark.parametrize("room", [NEVER], indirect=True)
def test_resumed_too_early_it_is_paused_again_after_a_few_failures(
    room: Sending, receiver: Receiver, told: list[tuple[str, str]]
) -> None:
    room.hook(receiver.url)
    pause(room, receiver)
    for _ in range(10):
        room.save()
    with room.db.write() as session:
        circuit.resume(session, lane_of(receiver))
    until(lambda: [state for _, state in told] == ["open", "draining", "open"], 10)
    assert len(receiver.requests) == PAUSE_AFTER + circuit.PAUSED_AGAIN_AFTER
    assert statuses(room).count("queued") == 10 - circuit.PAUSED_AGAIN_AFTER


@pytest.mark.parametrize("room", [NEVER], indirect=True)
def test_while_it_drains_an_answer_is_written_down_before_the_next_request(
    room: Sending, receiver: Receiver, told: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    room.hook(receiver.url)
    pause(room, receiver)
    for _ in range(10):
        room.save()
    write = ResultWriter._write

    def slowly(writer: ResultWriter, group: Sequence[Result]) -> None:
        """A disk that takes ten times as long as the pace of draining."""
        threading.Event().wait(0.5)
        write(writer, group)

    monkeypatch.setattr(ResultWriter, "_write", slowly)
    with room.db.write() as session:
        circuit.resume(session, lane_of(receiver))
    until(lambda: [state for _, state in told] == ["open", "draining", "open"], 20)
    assert len(receiver.requests) == PAUSE_AFTER + circuit.PAUSED_AGAIN_AFTER


@pytest.mark.parametrize("room", [NEVER], indirect=True)
def test_fail_all_ends_what_waits_for_it_and_nothing_else(room: Sending, receiver: Receiver) -> None:
    room.hook(receiver.url)
    pause(room, receiver)
    for _ in range(3):
        room.save()
    room.hook(receiver.url.replace("127.0.0.1", "127.0.0.2"), "neighbour")
    other = room.settled(room.save("neighbour"))
    with room.db.write() as session:
        assert circuit.fail_all(session, lane_of(receiver)) == PAUSE_AFTER + 3
    for each in room.deliveries()[:-1]:
        assert (each.status, each.error) == ("failed", circuit.FAILED_BY_HAND)
        assert each.finished_at is not None
        assert each.next_attempt_at is None
    assert room.logged(other.delivery.id or 0).delivery.status == other.delivery.status


NOT_HELD_AGAINST = {
    "an answer that speaks of one request": Answer(422, b"{}"),
    "a blocked redirect": Answer(302, b"", {"Location": "http://10.0.0.1/"}),
}


@pytest.mark.parametrize("case", NOT_HELD_AGAINST)
def test_what_speaks_of_one_request_is_not_held_against_the_endpoint(
    case: str, room: Sending, receiver: Receiver
) -> None:
    room.hook(receiver.url, follow_redirects=True)
    receiver.default = NOT_HELD_AGAINST[case]
    for _ in range(PAUSE_AFTER * 2):
        room.settled(room.save())
    assert state(room, receiver) == "closed"


def test_a_success_in_between_starts_the_count_again(room: Sending, receiver: Receiver) -> None:
    room.hook(receiver.url)
    for number in range(3 * PAUSE_AFTER):
        receiver.answers = [Answer() if number % PAUSE_AFTER == 0 else DOWN]
        room.settled(room.save())
    assert state(room, receiver) == "closed"


@pytest.mark.parametrize("room", [{"retry_delays": (0,) * 20}], indirect=True)
def test_a_request_that_is_never_taken_does_not_pause_an_endpoint_that_takes_others(
    room: Sending, receiver: Receiver
) -> None:
    receiver.routes["/poison"] = lambda _: DOWN
    room.hook(f"{receiver.url}/poison", "poison")
    found = room.settled(room.save("poison"), attempts=21)
    assert (found.delivery.status, state(room, receiver)) == ("failed", "closed")


@pytest.mark.parametrize("room", [{"retry_delays": (0, 3600)}], indirect=True)
def test_a_probe_is_a_fresh_delivery_rather_than_one_that_failed_before(room: Sending, receiver: Receiver) -> None:
    """The retries have been due for longer, and fail again."""
    bad = True
    receiver.routes["/poison"] = lambda _: DOWN
    receiver.routes["/good"] = lambda _: DOWN if bad else Answer()
    room.hook(f"{receiver.url}/poison", "poison")
    room.hook(f"{receiver.url}/good", "good")
    with room.db.write():
        poisoned = [room.save("poison") for _ in range(PAUSE_AFTER)]
    until(lambda: state(room, receiver) == "open", 10)
    bad = False
    good = room.save("good")
    assert room.settled(good, timeout_s=10).delivery.status == "success"
    until(lambda: state(room, receiver) == "closed", 10)
    for each in poisoned:
        assert room.settled(each, attempts=2).delivery.status == "retry"


@pytest.mark.parametrize("room", [NEVER], indirect=True)
def test_a_test_goes_out_while_the_endpoint_is_paused_and_is_not_held_against_it(
    room: Sending, receiver: Receiver
) -> None:
    from tests.delivery.test_ssrf import send_raw

    room.hook(receiver.url)
    for _ in range(PAUSE_AFTER + 1):
        receiver.default = DOWN
        send_raw(room, f"{receiver.url}/")
    assert state(room, receiver) == "closed"
    pause(room, receiver)
    before = len(receiver.requests)
    receiver.default = Answer()
    found = send_raw(room, f"{receiver.url}/")
    assert found.delivery.status == "success"
    assert len(receiver.requests) == before + 1
    assert state(room, receiver) == "open", "a test decides nothing about the endpoint"
