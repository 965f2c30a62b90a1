"""Identity (specification section 2): a record's id is never used again, on any database, whatever was deleted.
So is a delivery's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import inspect
from sqlmodel import SQLModel

from tests.conftest import BOTH, database_url
from tests.support.log_rows import add_delivery
from tests.support.receiver import Answer, receiving
from tests.support.working import working
from webhookui.core.database import Database, now
from webhookui.crm import history, records
from webhookui.crm.records import Actor
from webhookui.crm.seed import seed
from webhookui.delivery_log import retention
from webhookui.migrations import migrate
from webhookui.migrations.row_ids import kept

SYSTEM = Actor("system", "Test")


@pytest.fixture(params=BOTH)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = Database(database_url(request.param, request) or f"sqlite:///{tmp_path / 'new.db'}")
    migrate(database, tmp_path)
    with database.write() as session:
        seed(session)
    yield database
    database.close()


def new_record(db: Database, name: str = "Acme") -> int:
    with db.write() as session:
        return records.create(session, "organizations", {"name": name}, SYSTEM).id or 0


def new_delivery(db: Database, **values: Any) -> int:
    with db.write() as session:
        return add_delivery(session, **values).id or 0


def numbering(db: Database) -> set[str]:
    """The tables that number their rows."""
    there = inspect(db.engine).get_table_names()
    mine = (table for table in SQLModel.metadata.tables.values() if table.name in there)
    return {table.name for table in mine if table.autoincrement_column is not None}


def without_autoincrement(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    return {name for name, sql in rows if "AUTOINCREMENT" not in sql}


def test_the_id_of_a_deleted_record_is_not_given_to_another(db: Database) -> None:
    first = new_record(db)
    with db.write() as session:
        records.delete(session, "organizations", first, SYSTEM)
    second = new_record(db)
    assert second > first
    with db.read() as session:
        assert [change.record_name for change in history.timeline(session, second)] == ["Acme"]


def test_deliveries_go_on_counting_after_all_of_them_were_purged(db: Database) -> None:
    old = now() - timedelta(days=100)
    ids = [new_delivery(db, created_at=old, finished_at=old) for _ in range(3)]
    assert retention.purge(db, now() - timedelta(days=90)) == 3
    assert new_delivery(db) > max(ids)


def test_it_holds_for_every_table_that_numbers_its_rows(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    migrate(database, tmp_path)
    tables = numbering(database)
    database.close()
    assert {"record", "delivery", "change", "workflow", "user", "api_token", "job"} <= tables
    assert not tables & without_autoincrement(tmp_path / "new.db")


def test_a_migration_that_rebuilds_a_table_goes_on_counting(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    migrate(database, tmp_path)
    with database.write() as session:
        seed(session)
    first = new_record(database)
    with database.write() as session:
        records.delete(session, "organizations", first, SYSTEM)
    with database.migrating() as connection, kept(connection):
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("record", recreate="always"):
            pass
    assert "record" not in without_autoincrement(tmp_path / "new.db")
    assert new_record(database) > first
    database.close()


def test_what_comes_late_for_a_deleted_record_finds_no_other(tmp_path: Path) -> None:
    """A capture writes nothing, a workflow that fires once for each record fires, the new record has a timeline of its own."""
    capture = {"type": "JSONPATH", "on_success": [{"path": "$.id", "field": "description"}], "on_failure": []}
    with receiving() as receiver, working(tmp_path) as crm:
        receiver.default = Answer(200, b'{"id": "INV-1"}')
        action = {"url": receiver.url, "method": "POST", "content_type": "JSON", "capture": capture}
        crm.workflow("organizations", action, trigger={"on": "create", "recurrence": "first_time"})
        gone = crm.create("organizations", name="Gone")
        late = crm.last()[0].id
        crm.delete("organizations", gone)
        crm.start()
        stays = crm.create("organizations", name="Stays")
        assert crm.ended(late).status == "success"
        assert [capture.outcome for capture in crm.captured(late)] == ["no_record"]
        own = crm.last()[0]
        assert (own.record_id, own.id != late) == (stays, True), "it is met for the first time"
        assert crm.ended(own.id).status == "success"
        with crm.db.read() as session:
            assert {change.record_name for change in history.timeline(session, stays)} == {"Stays"}
