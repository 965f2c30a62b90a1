"""Retries after one, two and four hours, with a little jitter when that is set (specification section 6)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.support.receiver import Answer, Receiver
from tests.support.sending import Logged, Sending, sending
from webhookui.core.database import now
from webhookui.delivery.retries import RetrySchedule
from webhookui.delivery.tables import Delivery

HOUR = 3600.0


def delay(logged: Logged) -> float:
    """Seconds from the end of the last attempt to the next one."""
    assert logged.delivery.next_attempt_at is not None
    ended = logged.last.at + timedelta(milliseconds=float(logged.last.timing_ms["total"]))
    return (logged.delivery.next_attempt_at - ended).total_seconds()


def time_has_come(room: Sending, delivery_id: int) -> None:
    """As if the retry's time had come."""
    with room.db.write() as session:
        key = session.get(Delivery, delivery_id).endpoint_key  # type: ignore[union-attr]
        session.execute(update(Delivery).where(Delivery.id == delivery_id).values(next_attempt_at=now()))  # type: ignore[arg-type]
    room.installation.queue.wake(key)


def test_retries_come_after_one_two_and_four_hours_and_then_it_is_given_up(tmp_path: Path, receiver: Receiver) -> None:
    receiver.default = Answer(500)
    with sending(tmp_path) as room:
        room.hook(receiver.url)
        delivery = room.save()
        for number, hours in enumerate((1, 2, 4), 1):
            logged = room.settled(delivery, attempts=number)
            assert (logged.delivery.status, logged.delivery.failure_count) == ("retry", number)
            assert delay(logged) == pytest.approx(hours * HOUR, abs=5)
            time_has_come(room, delivery)
        logged = room.settled(delivery, attempts=4)
    assert (logged.delivery.status, logged.delivery.next_attempt_at) == ("failed", None)
    assert [attempt.outcome for attempt in logged.attempts] == ["failed"] * 4
    assert [attempt.number for attempt in logged.attempts] == [1, 2, 3, 4]
    assert len(receiver.requests) == 4


def test_a_retry_that_succeeds_ends_it(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = [Answer(500)]
    with sending(tmp_path) as room:
        room.hook(receiver.url)
        delivery = room.save()
        room.settled(delivery)
        time_has_come(room, delivery)
        logged = room.settled(delivery, attempts=2)
    assert (logged.delivery.status, logged.delivery.error) == ("success", None)


def test_jitter_only_ever_makes_it_later_and_differs(tmp_path: Path, receiver: Receiver) -> None:
    receiver.default = Answer(500)
    with sending(tmp_path, retry_jitter=0.1, pause_after=100) as room:
        room.hook(receiver.url)
        delays = [delay(room.settled(room.save())) for _ in range(12)]
    assert all(HOUR - 5 < delay < 1.1 * HOUR + 5 for delay in delays)
    assert max(delays) - min(delays) > 30


def test_the_setting_decides_how_many_there_are() -> None:
    schedule = RetrySchedule((5, 7))
    time = now()
    assert schedule.next(1, time, None) == time + timedelta(seconds=5)
    assert schedule.next(2, time, None) == time + timedelta(seconds=7)
    assert schedule.next(3, time, None) is None
    assert RetrySchedule(()).next(1, time, None) is None
    assert schedule.next(1, time, time + timedelta(seconds=90)) == time + timedelta(seconds=90)
    assert schedule.next(1, time, time + timedelta(seconds=1)) == time + timedelta(seconds=5)
