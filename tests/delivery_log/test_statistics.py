"""Deliveries over time: what is counted once and kept, and what is counted anew, always add up to what the log holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from tests.support.log_rows import add_delivery, move
from webhookui.core.database import Database, now
from webhookui.delivery.histogram import class_of
from webhookui.delivery.tables import Delivery, DeliveryRequest, DeliverySlot
from webhookui.delivery_log import statistics
from webhookui.delivery_log.statistics import Counted, added, observe, over_time
from webhookui.migrations import migrate


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'webhookui.db'}")
    migrate(database, tmp_path / "backups")
    yield database
    database.close()


def add_deliveries(db: Database, ago: timedelta, number: int = 1, **values: Any) -> int:
    with db.write() as session:
        for _ in range(number):
            delivery = add_delivery(session, **{"created_at": now() - ago, "duration_ms": 120.0, **values})
    return delivery.id or 0


def counted(db: Database, days: int = 2, bars: int = 1) -> list[Counted]:
    until = now() + timedelta(minutes=1)
    edges = [until - timedelta(days=days) * (bars - number) / bars for number in range(bars + 1)]
    with db.read() as session:
        return over_time(session, edges)


def slots(db: Database) -> list[DeliverySlot]:
    with db.read() as session:
        return list(session.scalars(select(DeliverySlot).where(DeliverySlot.counted)))  # type: ignore[arg-type]


HOURS = timedelta(hours=1)


def test_counted_or_not_it_is_the_same(db: Database) -> None:
    for hours in (1, 5, 26, 40):
        add_deliveries(db, HOURS * hours, 3)
        add_deliveries(db, HOURS * hours, 2, status="failed", duration_ms=2000.0)
    add_deliveries(db, HOURS * 5, status="retry")
    add_deliveries(db, timedelta(0), status="queued", duration_ms=None)
    before = counted(db, bars=4)
    observe(db)
    assert counted(db, bars=4) == [
        Counted(bar.by_status, bar.durations, after.oldest_queued_s)
        for bar, after in zip(before, counted(db, bars=4), strict=True)
    ]
    assert added(before).by_status == Counter(success=12, failed=8, retry=1, queued=1)
    assert added(before).durations == Counter({class_of(120): 12, class_of(2000): 8})


def test_a_slot_is_counted_once_it_is_over_and_late_saves_are_in(db: Database) -> None:
    add_deliveries(db, timedelta(minutes=45))
    add_deliveries(db, timedelta(minutes=5))
    observe(db)
    assert sum(slot.finished.get("success", 0) for slot in slots(db)) == 1
    assert added(counted(db)).by_status == Counter(success=2)


def test_what_is_finished_later_moves_to_its_status_at_once(db: Database) -> None:
    number = add_deliveries(db, HOURS * 3, status="retry")
    observe(db)
    assert added(counted(db)).by_status == Counter(retry=1)
    with db.write() as session:
        move(session, number, status="failed")
    assert added(counted(db)).by_status == Counter(failed=1)
    observe(db)
    assert [(slot.finished, slot.unfinished) for slot in slots(db) if slot.finished] == [({"failed": 1}, 0)]
    assert added(counted(db)).by_status == Counter(failed=1)


def test_a_delivery_whose_save_took_very_long_is_counted_too(db: Database) -> None:
    add_deliveries(db, HOURS * 3)
    observe(db)
    number = add_deliveries(db, HOURS * 3, status="queued")
    observe(db)
    with db.write() as session:
        move(session, number, status="success")
    observe(db)
    assert added(counted(db)).by_status == Counter(success=2)


def test_what_is_counted_is_not_read_again(db: Database) -> None:
    add_deliveries(db, HOURS * 3, 5)
    observe(db)
    with db.write() as session:
        session.execute(delete(DeliveryRequest))
        session.execute(delete(Delivery))
    assert added(counted(db)).by_status == Counter(success=5)
    assert added(counted(db)).durations == Counter({class_of(120): 5})


def test_a_delivery_falls_into_the_bar_of_its_time(db: Database) -> None:
    day = now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    add_deliveries(db, now() - day - timedelta(hours=5, minutes=59))
    add_deliveries(db, now() - day - timedelta(hours=6))
    edges = [day + HOURS * 6 * number for number in range(4)]
    for _ in range(2):
        with db.read() as session:
            assert [bar.total for bar in over_time(session, edges)] == [1, 1, 0]
        observe(db)


def test_the_queue_s_age_is_noted_at_its_worst(db: Database) -> None:
    number = add_deliveries(db, timedelta(minutes=7), status="queued", duration_ms=None)
    observe(db)
    with db.write() as session:
        move(session, number, status="success")
    observe(db)
    age = added(counted(db)).oldest_queued_s
    assert age is not None and 7 * 60 <= age < 9 * 60


def test_what_is_older_than_any_dashboard_is_dropped(db: Database) -> None:
    with db.write() as session:
        session.add(DeliverySlot(at=datetime(2020, 1, 1, tzinfo=UTC), counted=True, finished={"success": 1}))
    add_deliveries(db, timedelta(days=100))
    observe(db)
    with db.read() as session:
        oldest = session.scalar(select(func.min(DeliverySlot.at)))
    assert oldest is not None and oldest > now() - statistics.KEPT - statistics.SLOT
