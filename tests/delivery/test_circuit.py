"""What keeps failing is paused, probed, drained; people can step in (specification section 6).

What answers with an error pauses its webhook alone, what can't be reached its endpoint for all.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Answer, Receiver, receiving
from tests.support.running import until
from tests.support.sending import Sending, sending
from webhookui.delivery import circuit
from webhookui.delivery.attempt import Result
from webhookui.delivery.circuit import CircuitRules
from webhookui.delivery.events import endpoint_changed
from webhookui.delivery.results import ResultWriter
from webhookui.delivery.tables import Endpoint
from webhookui.settings import Settings

PAUSE_AFTER = 4
DOWN = Answer(500, b"{}")


@pytest.fixture
def reported() -> list[tuple[str, str]]:
    """(key, state) as the listeners were told."""
    return []


@pytest.fixture
def room(request: pytest.FixtureRequest, tmp_path: Path, reported: list[tuple[str, str]]) -> Iterator[Sending]:
    """Probes every second, unless the test says otherwise."""
    values: dict[str, Any] = {"pause_after": PAUSE_AFTER, "probe_delays": (1,), "drain_rate": 20} | getattr(
        request, "param", {}
    )
    with sending(tmp_path, **values) as new_room:

        def tell(session: Any, key: str) -> None:
            row = session.get(Endpoint, key, populate_existing=True)
            reported.append((key, row.state))

        endpoint_changed.connect(new_room.db, tell)
        yield new_room


NEVER = {"probe_delays": (600,)}
BAD = 400


def key_of(receiver: Receiver, webhook_id: int = 1) -> str:
    """Of the first webhook, unless another is asked for."""
    return f"{receiver.url}#{webhook_id}"


def endpoint(room: Sending, receiver: Receiver) -> Endpoint | None:
    with room.db.read() as session:
        return session.get(Endpoint, key_of(receiver))


def pause(room: Sending, receiver: Receiver, *, in_the_air: bool = False) -> list[int]:
    """Fails so often that the endpoint is paused; gives the failed deliveries. No sender is at work then, unless something
    is `in_the_air`: one that had looked just before the pause would still take the next delivery."""
    receiver.default = DOWN
    failed = [room.save() for _ in range(PAUSE_AFTER)]
    for delivery_id in failed:
        room.settled(delivery_id)
    assert state(room, receiver) == "open"
    circuits = room.installation.queue.engine._circuits  # type: ignore[union-attr]
    until(lambda: circuits.is_paused(key_of(receiver)), 10)  # the process learns of it after the commit
    if not in_the_air:
        rest(room)
    return failed


def rest(room: Sending) -> None:
    """Until no sender is at work."""
    pools = room.installation.queue.engine._pools  # type: ignore[union-attr]
    until(lambda: not pools.any_busy(), 10)


def state(room: Sending, receiver: Receiver) -> str:
    row = endpoint(room, receiver)
    return row.state if row else "closed"


def statuses(room: Sending) -> list[str]:
    return [delivery.status for delivery in room.deliveries()]


def test_the_defaults_are_those_of_the_settings() -> None:
    settings, rules = Settings(), CircuitRules()
    assert (settings.pause_after, settings.probe_delays) == (rules.pause_after, rules.probe_delays)


@pytest.mark.parametrize("room", [NEVER], indirect=True)
def test_a_paused_endpoint_gets_nothing_and_its_deliveries_stay_as_they_are(
    room: Sending, receiver: Receiver, reported: list[tuple[str, str]]
) -> None:
    room.hook(receiver.url)
    pause(room, receiver)
    waiting = [room.save() for _ in range(5)]
    room.hook(f"{receiver.url.replace('127.0.0.1', '127.0.0.2')}", "neighbour")
    room.settled(room.save("neighbour"))  # another endpoint is another matter
    assert len(receiver.requests) == PAUSE_AFTER
    assert statuses(room)[:-1] == ["retry"] * PAUSE_AFTER + ["queued"] * 5
    assert all(not room.attempts(delivery_id) for delivery_id in waiting)
    assert reported == [(key_of(receiver), "open")]
    row = endpoint(room, receiver)
    assert row is not None
    assert (row.failures_in_a_row, row.last_error) == (PAUSE_AFTER, "127.0.0.1 answered 500: it failed on its side.")


def test_a_probe_now_and_then_finds_it_well_and_the_backlog_drains_at_a_limited_rate(
    room: Sending, receiver: Receiver, reported: list[tuple[str, str]]
) -> None:
    room.hook(receiver.url)
    pause(room, receiver)
    for _ in range(20):
        room.save()
    receiver.wait_for(PAUSE_AFTER + 2)  # two probes, which fail
    receiver.default = Answer()
    until(lambda: statuses(room).count("success") >= 18, 30)
    until(lambda: state(room, receiver) == "closed", 10)
    times = [request.at for request in receiver.requests]
    probes = times[PAUSE_AFTER : PAUSE_AFTER + 2]
    assert probes[1] - probes[0] > 0.9, "probes came faster than they should"
    drained = times[PAUSE_AFTER + 3 :]
    assert drained[-1] - drained[0] > (len(drained) - 1) / 20 - 0.6, f"more than 20 a second: {drained}"
    assert reported == [(key_of(receiver), "open"), (key_of(receiver), "draining")]
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
    times = [request.at for request in receiver.wait_for(PAUSE_AFTER + 3)][PAUSE_AFTER - 1 :]
    gaps = [after - before for before, after in pairwise(times)]
    assert [least < gap < least + 6 for least, gap in zip((0.9, 1.9, 2.9), gaps, strict=True)] == [True] * 3, gaps


@pytest.mark.parametrize("room", [NEVER], indirect=True)
def test_requests_in_the_air_when_it_was_paused_do_not_put_the_probe_off(room: Sending, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.routes["/late"] = lambda _: Answer(500, before=lambda: go.wait(20) and None)
    room.hook(f"{receiver.url}/{{{{ first_name }}}}")
    late = [room.save(first_name="late")]
    until(lambda: len(receiver.routed) == 1, 10)
    pause(room, receiver, in_the_air=True)
    row = endpoint(room, receiver)
    assert row is not None
    due = row.next_probe_at
    go.set()
    for delivery_id in late:
        room.settled(delivery_id)
    row = endpoint(room, receiver)
    assert row is not None
    assert (row.failures_in_a_row, row.next_probe_at) == (PAUSE_AFTER, due)


@pytest.mark.parametrize("room", [NEVER], indirect=True)
def test_resume_now_sends_at_the_limited_rate_without_waiting_for_a_probe(
    room: Sending, receiver: Receiver, reported: list[tuple[str, str]]
) -> None:
    room.hook(receiver.url)
    pause(room, receiver)
    waiting = [room.save() for _ in range(4)]
    receiver.default = Answer()
    with room.db.write() as session:
        circuit.resume(session, key_of(receiver))
    for delivery_id in waiting:
        assert room.settled(delivery_id).delivery.status == "success"
    until(lambda: state(room, receiver) == "closed", 10)
    assert [state for _, state in reported] == ["open", "draining"]


@pytest.mark.parametrize("room", [NEVER], indirect=True)
def test_resumed_too_early_it_is_paused_again_after_a_few_failures(
    room: Sending, receiver: Receiver, reported: list[tuple[str, str]]
) -> None:
    room.hook(receiver.url)
    pause(room, receiver)
    for _ in range(10):
        room.save()
    rest(room)  # a sender that is still looking would be a second one when it drains
    with room.db.write() as session:
        circuit.resume(session, key_of(receiver))
    until(lambda: [state for _, state in reported] == ["open", "draining", "open"], 10)
    assert len(receiver.requests) == PAUSE_AFTER + circuit.PAUSED_AGAIN_AFTER
    assert statuses(room).count("queued") == 10 - circuit.PAUSED_AGAIN_AFTER


@pytest.mark.parametrize("room", [NEVER], indirect=True)
def test_while_it_drains_an_answer_is_written_down_before_the_next_request(
    room: Sending, receiver: Receiver, reported: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
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
        circuit.resume(session, key_of(receiver))
    until(lambda: [state for _, state in reported] == ["open", "draining", "open"], 20)
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
        assert circuit.fail_all(session, key_of(receiver), "Ann") == PAUSE_AFTER + 3
    for delivery in room.deliveries()[:-1]:
        assert (delivery.status, delivery.error) == ("failed", "Given up by Ann while the webhook was paused.")
        assert delivery.finished_at is not None
        assert delivery.next_attempt_at is None
    assert room.logged(other.delivery.id or 0).delivery.status == other.delivery.status


NOT_HELD_AGAINST = {
    "a blocked redirect": Answer(302, b"", {"Location": "http://10.0.0.1/"}),
}


@pytest.mark.parametrize("case", NOT_HELD_AGAINST)
def test_what_was_never_sent_is_not_held_against_the_webhook(case: str, room: Sending, receiver: Receiver) -> None:
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
def test_a_request_that_is_never_taken_does_not_pause_a_webhook_whose_others_are_taken(
    room: Sending, receiver: Receiver
) -> None:
    receiver.routes["/poison"] = lambda _: DOWN
    room.hook(f"{receiver.url}/poison", "poison")
    logged = room.settled(room.save("poison"), attempts=21)
    assert (logged.delivery.status, state(room, receiver)) == ("failed", "closed")


@pytest.mark.parametrize("room", [{"retry_delays": (0, 3600)}], indirect=True)
def test_a_probe_is_a_fresh_delivery_rather_than_one_that_failed_before(room: Sending, receiver: Receiver) -> None:
    """The retries have been due for longer, and fail again."""
    bad = True
    receiver.routes["/poison"] = lambda _: DOWN
    receiver.routes["/good"] = lambda _: DOWN if bad else Answer()
    room.hook(f"{receiver.url}/{{{{ first_name }}}}")
    with room.db.write():
        poisoned = [room.save(first_name="poison") for _ in range(PAUSE_AFTER)]
    until(lambda: state(room, receiver) == "open", 10)
    bad = False
    good = room.save(first_name="good")
    assert room.settled(good, timeout_s=10).delivery.status == "success"
    until(lambda: state(room, receiver) == "closed", 10)
    for delivery_id in poisoned:
        assert room.settled(delivery_id, attempts=2).delivery.status == "retry"


@pytest.mark.parametrize("room", [NEVER], indirect=True)
def test_a_test_goes_out_while_the_endpoint_is_paused_and_is_not_held_against_it(
    room: Sending, receiver: Receiver
) -> None:
    from tests.outgoing.test_ssrf import send_raw

    room.hook(receiver.url)
    for _ in range(PAUSE_AFTER + 1):
        receiver.default = DOWN
        send_raw(room, f"{receiver.url}/")
    assert state(room, receiver) == "closed"
    pause(room, receiver)
    before = len(receiver.requests)
    receiver.default = Answer()
    logged = send_raw(room, f"{receiver.url}/")
    assert logged.delivery.status == "success"
    assert len(receiver.requests) == before + 1
    assert state(room, receiver) == "open", "a test decides nothing about the endpoint"


# ---- one webhook, or all of an endpoint ---------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [NEVER], indirect=True)
@pytest.mark.parametrize("status", [401, 404, 422, 429, 500, 503])
def test_what_answers_with_an_error_pauses_that_webhook_alone(status: int, room: Sending, receiver: Receiver) -> None:
    """Hundreds of deliveries to a dead path hold up none to another one of the same host, and its buttons touch nothing else."""
    receiver.routes["/bad"] = lambda _: Answer(status, b"{}")
    room.hook(f"{receiver.url}/bad", "bad")
    room.hook(f"{receiver.url}/good", "good")
    with room.db.write():
        for _ in range(BAD):
            room.create("contacts", last_name="bad")
    until(lambda: state(room, receiver) == "open", 20)
    good = room.save("good")
    assert room.settled(good).delivery.status == "success"
    assert len(receiver.routed) < BAD
    with room.db.read() as session:
        assert [row.endpoint_key for row in circuit.paused(session)] == [key_of(receiver)]
    with room.db.write() as session:
        circuit.resume(session, key_of(receiver))
    until(lambda: state(room, receiver) == "open", 20)
    assert room.settled(room.save("good")).delivery.status == "success"
    with room.db.write() as session:
        assert circuit.fail_all(session, key_of(receiver)) == BAD
        assert circuit.fail_all(session, key_of(receiver, 2)) == 0, "what is not paused has no such button"
    assert [delivery.status for delivery in room.deliveries()] == ["failed"] * BAD + ["success"] * 2


@pytest.mark.parametrize("room", [NEVER], indirect=True)
def test_what_cannot_be_reached_pauses_its_endpoint_for_all_and_they_come_back_together(
    room: Sending, receiver: Receiver, reported: list[tuple[str, str]]
) -> None:
    with receiving() as gone:
        url = gone.url
    room.hook(f"{url}/a", "a")
    room.hook(f"{url}/b", "b")
    room.hook(f"{receiver.url}/b", "neighbour")
    failed = [room.save("ab"[number % 2]) for number in range(PAUSE_AFTER)]
    for delivery_id in failed:
        room.settled(delivery_id)
    until(lambda: reported == [(url, "open")], 10)
    waiting = [room.save("a"), room.save("b")]
    assert room.settled(room.save("neighbour")).delivery.status == "success"
    assert [room.attempts(delivery_id) for delivery_id in waiting] == [[], []]
    with room.db.write() as session:
        assert circuit.fail_all(session, url) == PAUSE_AFTER + 2
    assert room.deliveries()[0].error == "Given up while the endpoint was paused."


@pytest.mark.parametrize("room", [{"probe_delays": (1,)}], indirect=True)
def test_probes_go_round_the_webhooks_that_wait_and_any_answer_ends_the_pause_of_an_endpoint(
    room: Sending, receiver: Receiver, reported: list[tuple[str, str]]
) -> None:
    """One of them never gets an answer in time; the other is answered, if by an error."""
    hang = threading.Event()
    receiver.routes["/hangs"] = lambda _: Answer(200, before=lambda: hang.wait(20) and None)
    room.hook(f"{receiver.url}/hangs", "hangs", timeout_s=1)
    room.hook(f"{receiver.url}/answers", "answers")
    receiver.default = Answer(404, b"{}")
    with room.db.write():
        for _ in range(PAUSE_AFTER + 6):
            room.save("hangs")
    until(lambda: (receiver.url, "open") in reported, 20)
    other = room.save("answers")
    logged = room.settled(other, timeout_s=15)
    assert logged.last.status_code == 404
    assert reported[:2] == [(receiver.url, "open"), (receiver.url, "draining")]
    hang.set()


def test_an_answer_in_between_ends_the_count_of_what_cannot_be_reached(room: Sending, receiver: Receiver) -> None:
    closed = False
    room.hook(f"{receiver.url}/slow", "slow", timeout_s=1)
    room.hook(f"{receiver.url}/other", "other")
    hang = threading.Event()
    receiver.routes["/slow"] = lambda _: Answer(200, before=lambda: hang.wait(20) and None)
    receiver.default = Answer(422, b"{}")
    for _ in range(2):
        for _ in range(PAUSE_AFTER - 1):
            room.settled(room.save("slow"))
        room.settled(room.save("other"))
    with room.db.read() as session:
        closed = circuit.paused(session) == []
    hang.set()
    assert closed
