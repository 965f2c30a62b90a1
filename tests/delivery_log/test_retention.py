"""Retention (specification section 7): what is old and finished leaves the log with all that belongs to it; nothing else does."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from tests.conftest import BOTH, database_url
from tests.support.log_rows import add_attempt, add_change, add_delivery, add_failed, add_waiting
from webhookui.core import background_jobs
from webhookui.core.background_jobs import Job
from webhookui.core.database import Database, now
from webhookui.crm.tables import Change
from webhookui.delivery.tables import Attempt, CapturedValue, Delivery, DeliveryRequest
from webhookui.delivery_log import indexing, queries, retention
from webhookui.delivery_log.filter import LogFilter
from webhookui.migrations import migrate
from webhookui.workflows import redelivery_jobs

LIMIT = now() - timedelta(days=90)
OLD = {"created_at": LIMIT - timedelta(days=1), "finished_at": LIMIT - timedelta(days=1)}


@pytest.fixture(params=BOTH)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = Database(database_url(request.param, request) or f"sqlite:///{tmp_path / 'log.db'}")
    migrate(database, tmp_path)
    yield database
    database.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'log.db'}")
    migrate(database, tmp_path)
    yield database
    database.close()


def left(db: Database) -> set[int]:
    with db.read() as session:
        return set(session.scalars(select(Delivery.id)))  # type: ignore[call-overload]


def number_of(db: Database, table: Any) -> int:
    with db.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_only_what_is_old_and_finished_goes(db: Database) -> None:
    with db.write() as session:
        add_delivery(session, **OLD)
        add_failed(session, created_at=OLD["created_at"]).finished_at = OLD["finished_at"]
        stays = {
            add_delivery(session).id,
            add_waiting(session, created_at=OLD["created_at"]).id,
            add_delivery(session, status="queued", created_at=OLD["created_at"]).id,
            add_delivery(session, status="dispatched", created_at=OLD["created_at"]).id,
            add_delivery(session, created_at=OLD["created_at"], finished_at=now()).id,  # its retries took so long
        }
    assert retention.purge(db, LIMIT) == 2
    assert left(db) == stays
    assert retention.purge(db, LIMIT) == 0


def test_all_that_belongs_to_a_delivery_goes_along_and_the_change_stays(db: Database) -> None:
    with db.write() as session:
        change = add_change(session)
        delivery = add_delivery(session, change_id=change.id, **OLD)
        add_attempt(session, delivery)
        session.add(
            CapturedValue(delivery_id=delivery.id or 0, attempt_number=1, path="$.id", field="x", outcome="written")
        )
    while indexing.index_some(db):
        pass
    with db.read() as session:
        assert queries.counts(session, LogFilter()).total == 1
        assert queries.page(session, LogFilter(q="invoices")).items
    retention.purge(db, LIMIT)
    for table in (Delivery, DeliveryRequest, Attempt, CapturedValue):
        assert number_of(db, table) == 0, table
    assert number_of(db, Change) == 1
    with db.read() as session:
        assert queries.counts(session, LogFilter()).total == 0
        assert queries.page(session, LogFilter(q="invoices")).items == []
        ids = indexing.TEXTS.find(session, "invoices", None, [], above=0, below=2**60, limit=9, newest_first=True)
        assert ids == []


def test_a_purge_of_many_goes_in_batches_past_what_has_to_stay(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    with db.write() as session:
        stays = set()
        for number in range(95):  # all of the same time: the ids tell them apart
            if number % 3 == 0 or 40 < number < 65:
                stays.add(add_waiting(session, created_at=OLD["created_at"]).id)
            else:
                add_delivery(session, **OLD)
    while indexing.index_some(db):
        pass
    purged = retention.purge(db, LIMIT)
    assert purged == 95 - len(stays)
    assert left(db) == stays
    with db.read() as session:
        counts = queries.counts(session, LogFilter())
    assert (counts["success"], counts["retry"]) == (0, len(stays))


def test_a_purge_ends_when_it_is_told_to(db: Database) -> None:
    with db.write() as session:
        kept = add_delivery(session, **OLD).id
    assert retention.purge(db, LIMIT, lambda: True) == 0
    assert left(db) == {kept}


def test_old_redelivery_jobs_are_forgotten_and_running_ones_are_not(db: Database) -> None:
    with db.write() as session:
        old, fresh, running = (redelivery_jobs.start(session, "original", "Ann", ids=[1]) for _ in range(3))
        old.finished_at, fresh.finished_at = OLD["finished_at"], now()
        running.created_at = OLD["created_at"]
    background_jobs.forget(db, LIMIT)
    with db.read() as session:
        assert {job.id for job in session.scalars(select(Job))} == {fresh.id, running.id}


def test_saves_pass_while_a_purge_is_at_work(file: Database) -> None:
    with file.write() as session:
        for _ in range(1500):
            add_delivery(session, body=b"x" * 2000, **OLD)
    while indexing.index_some(file):
        pass
    purging = threading.Thread(target=retention.purge, args=(file, LIMIT))
    purging.start()
    passed = 0
    while purging.is_alive():
        with file.write() as session:
            add_delivery(session)
        passed += 1
    purging.join()
    assert passed >= 10
    assert len(left(file)) == passed


def test_the_file_becomes_smaller_when_much_of_it_is_free(file: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "SPARE", 20)
    with file.write() as session:
        for _ in range(300):
            add_delivery(session, body=b"x" * 20_000, **OLD)
    pages = pages_of(file)
    retention.purge(file, LIMIT)
    assert pages_of(file) < pages / 4


def test_an_older_file_is_compacted_once_and_then_becomes_smaller_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "old.db"
    plain = sqlite3.connect(path)
    plain.execute("CREATE TABLE before_us (x)")  # a file whose kind was settled without us
    plain.commit()
    plain.close()
    monkeypatch.setattr(Database, "SPARE", 20)
    db = Database(f"sqlite:///{path}")
    migrate(db, tmp_path)
    assert kind_of(db) == 0
    db.compact()
    assert kind_of(db) == 2
    with db.write() as session:
        for _ in range(100):
            add_delivery(session, body=b"x" * 20_000, **OLD)
    pages = pages_of(db)
    retention.purge(db, LIMIT)
    assert pages_of(db) < pages / 2
    db.close()


def pages_of(db: Database) -> int:
    with db.read() as session:
        return int(session.scalar(text("PRAGMA page_count")) or 0)


def kind_of(db: Database) -> int:
    with db.read() as session:
        return int(session.scalar(text("PRAGMA auto_vacuum")) or 0)
