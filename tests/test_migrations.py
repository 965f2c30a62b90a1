"""An older installation is migrated when it is started, after a backup copy; starting is safe however often."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from tests.support import pages
from tests.support.older import before_the_first_release, with_one_more_migration
from tests.support.working import working
from webhookui.core.database import Database
from webhookui.crm.tables import Record
from webhookui.delivery.tables import Delivery
from webhookui.installation import Installation, open_installation
from webhookui.migrations import DatabaseRefused, configuration, migrate, revisions
from webhookui.settings import Settings


def opened(folder: Path) -> Installation:
    return open_installation(Settings(instance=folder))  # type: ignore[call-arg]


def dump(path: Path) -> list[str]:
    """Every table and every row of a database, but for the text index, which SQLite can't dump."""
    ours = "FROM sqlite_master WHERE name NOT LIKE 'log_search%'"
    with sqlite3.connect(path) as connection:
        lines = [str(sql) for (sql,) in connection.execute(f"SELECT sql {ours} ORDER BY name")]
        for (table,) in connection.execute(f"SELECT name {ours} AND type = 'table' ORDER BY name").fetchall():
            lines += [f"{table}: {row}" for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY 1')]
    return lines


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a deal, a workflow and a delivery, which the code is one migration ahead of."""
    with working(tmp_path) as crm:
        crm.workflow("deals", {"title": "Create invoice", "url": "https://api.example.com", "method": "POST"})
        crm.create("deals", name="Big deal", amount="12500.50")
    with_one_more_migration(monkeypatch, tmp_path / "versions")
    return tmp_path


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    yield database
    database.close()


def test_an_older_database_is_migrated_at_the_start_and_nothing_of_it_is_lost(older: Path) -> None:
    before = [line for line in dump(older / "webhookui.db") if line.startswith(("delivery: ", "workflow", "change: "))]
    installation = opened(older)
    try:
        current, head = revisions(installation.db)
        assert current == head == "0002"
        with installation.db.read() as session:
            deal = session.scalars(select(Record).where(Record.name == "Big deal")).one()
            assert str(deal.values["amount"]) == "12500.50"
            assert [delivery.status for delivery in session.scalars(select(Delivery))] == ["queued"]
        after = dump(older / "webhookui.db")
        assert (
            len(before) > 4
            and [line for line in after if line.startswith(("delivery: ", "workflow", "change: "))] == before
        )
    finally:
        installation.close()


def test_people_log_in_to_a_migrated_installation(older: Path) -> None:
    with pages.app_in(older) as app:
        client = pages.admin(app)
        assert "Big deal" in client.get("/records/deals").text
        assert "Create invoice" in client.get("/log").text


@pytest.mark.parametrize("revision", ["0001", "0018"])
def test_a_database_from_before_the_first_release_is_refused_with_what_to_do(tmp_path: Path, revision: str) -> None:
    before_the_first_release(tmp_path, revision)
    before = dump(tmp_path / "webhookui.db")
    done = webhookui(tmp_path, "demo")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "before the first release" in done.stderr and "webhookui workflows export" in done.stderr
    assert "before the first release" in webhookui(tmp_path, "doctor").stdout
    assert dump(tmp_path / "webhookui.db") == before and not (tmp_path / "backups").exists()


def test_before_a_migration_there_is_a_copy_of_the_database_as_it_was(older: Path) -> None:
    before = dump(older / "webhookui.db")
    opened(older).close()
    copies = list((older / "backups").iterdir())
    assert len(copies) == 1 and copies[0].name.startswith("before-")
    assert dump(copies[0]) == before
    assert copies[0].stat().st_mode & 0o077 == 0, "records of customers are not for other users of the machine"


def test_starting_again_changes_nothing_and_copies_nothing(older: Path) -> None:
    opened(older).close()
    before = dump(older / "webhookui.db")
    key = (older / "secret.key").read_bytes()
    opened(older).close()
    assert dump(older / "webhookui.db") == before
    assert len(list((older / "backups").iterdir())) == 1
    assert (older / "secret.key").read_bytes() == key


def test_a_new_installation_needs_no_copy_and_is_for_its_user_alone(tmp_path: Path) -> None:
    opened(tmp_path).close()
    assert not (tmp_path / "backups").exists()
    for name in ("webhookui.db", "secret.key"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, name


def test_however_many_start_at_once_one_migrates_and_the_others_wait(older: Path) -> None:
    together = threading.Barrier(4)

    def start(_number: int) -> None:
        together.wait()
        opened(older).close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(start, range(4)))
    assert len(list((older / "backups").iterdir())) == 1
    with sqlite3.connect(older / "webhookui.db") as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT name) FROM module").fetchone() == (7, 7)


def test_a_migration_that_fails_leaves_the_database_as_it_was(older: Path) -> None:
    before = dump(older / "webhookui.db")
    database = Database(f"sqlite:///{older / 'webhookui.db'}")
    with pytest.raises(OperationalError, match="no such table"), database.migrating() as connection:
        connection.execute(text("CREATE TABLE half (id INTEGER)"))
        connection.execute(text("DROP TABLE api_token"))
        connection.execute(text("DELETE FROM nowhere"))
    assert dump(older / "webhookui.db") == before
    database.close()


def test_a_migration_that_would_orphan_rows_is_taken_back(older: Path) -> None:
    before = dump(older / "webhookui.db")
    database = Database(f"sqlite:///{older / 'webhookui.db'}")
    with pytest.raises(RuntimeError, match="point to nothing"), database.migrating() as connection:
        connection.execute(text("DELETE FROM workflow"))
    assert dump(older / "webhookui.db") == before
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()


def webhookui(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    environment = {"WEBHOOKUI_INSTANCE": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-m", "webhookui", command], env=environment, capture_output=True, text=True)


def test_a_database_of_a_newer_version_is_refused_with_words(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / "webhookui.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseRefused, match="9999"):
        opened(tmp_path)
    done = webhookui(tmp_path, "demo")
    assert done.returncode == 1
    assert "9999" in done.stderr and "newer" in done.stderr and "Traceback" not in done.stderr


def test_the_migrations_make_exactly_the_tables_of_the_code(empty: Database, tmp_path: Path) -> None:
    migrate(empty, tmp_path / "backups")
    command.check(configuration(empty))  # fails with what differs
