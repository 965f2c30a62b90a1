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
from alembic import command
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import insert, inspect, text
from sqlmodel import SQLModel

from tests.conftest import BOTH, database_url
from tests.support.log_rows import add_delivery
from tests.support.older import older_installation
from tests.support.receiver import Answer, receiving
from tests.support.working import working
from webhookui.core.database import Database, now
from webhookui.crm import history, records
from webhookui.crm.records import Actor
from webhookui.crm.seed import seed
from webhookui.crm.tables import Change
from webhookui.delivery_log import retention
from webhookui.installation import open_installation
from webhookui.migrations import configuration, migrate
from webhookui.migrations.row_ids import kept
from webhookui.notifications.tables import Notification, OutgoingMail
from webhookui.settings import Settings

SYSTEM = Actor("system", "Test")


@pytest.fixture(params=BOTH)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = Database(database_url(request.param, request) or f"sqlite:///{tmp_path / 'new.db'}")
    migrate(database, tmp_path)
    with database.write() as session:
        seed(session)
    yield database
    database.close()


@pytest.fixture
def older(tmp_path: Path) -> Path:
    older_installation(tmp_path)
    return tmp_path / "webhookui.db"


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


def migrated(older: Path) -> None:
    open_installation(Settings(instance=older.parent)).close()  # type: ignore[call-arg]


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
    assert {"record", "delivery", "change", "workflow", "user", "api_token", "redelivery_job"} <= tables
    assert not tables & without_autoincrement(tmp_path / "new.db")


def test_an_older_database_gets_it_and_keeps_its_rows_keys_and_indexes(older: Path) -> None:
    database = Database(f"sqlite:///{older}")
    command.upgrade(configuration(database), "0009")
    tables = numbering(database)
    database.close()

    def everything() -> dict[str, list[Any]]:
        asked = ('SELECT * FROM "{}" ORDER BY id', 'PRAGMA foreign_key_list("{}")', 'PRAGMA index_list("{}")')
        with closing(sqlite3.connect(older)) as connection:
            rows_of = {
                table: [connection.execute(question.format(table)).fetchall() for question in asked] for table in tables
            }
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return rows_of

    before = everything()
    assert {"record", "delivery", "change", "attempt"} <= without_autoincrement(older)
    database = Database(f"sqlite:///{older}")
    command.upgrade(configuration(database), "0010")
    database.close()
    assert everything() == before
    assert not tables & without_autoincrement(older)


def test_an_older_database_goes_on_after_the_highest_id_that_stands_anywhere(older: Path) -> None:
    """The newest record and the newest delivery are gone; the timeline, a capture's change and a mail still speak of them."""
    database = Database(f"sqlite:///{older}")
    command.upgrade(configuration(database), "0009")
    with database.write() as session:
        newest = session.scalar(text("SELECT max(id) FROM record"))
        common: dict[str, Any] = {
            "module": "deals",
            "record_name": "Gone",
            "kind": "update",
            "source": "capture",
            "by": "x",
            "version": 2,
            "at": now(),
            "values": {},
        }
        # Columns that the table had then, where the class has today's.
        change = insert(Change.__table__)  # type: ignore[attr-defined]
        session.execute(change.values(record_id=newest + 7, **common))
        session.execute(change.values(record_id=newest, delivery_id=31, **common))
        session.add(Notification(user_id=1, title="Failed", url="/log/44"))
        session.add(OutgoingMail(message_id="m", to="a@b.c", subject="s", text="See https://crm.example.com/log/38."))
    database.close()
    migrated(older)
    assert new_record(database) == newest + 8
    assert new_delivery(database) == 45
    database.close()


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
