"""An older installation is migrated when it is started, after a backup copy; starting is safe however often."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import OperationalError

from tests.support import pages
from tests.support.older import older_installation
from webhookui.core.database import Database
from webhookui.crm.tables import Change, Record
from webhookui.definitions.tables import WorkflowVersion
from webhookui.delivery.tables import Delivery
from webhookui.installation import Installation, open_installation
from webhookui.migrations import DatabaseTooNew, configuration, migrate, revisions
from webhookui.settings import Settings
from webhookui.workflows import store
from webhookui.workflows.explain import explain_change


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
def older(tmp_path: Path) -> Path:
    older_installation(tmp_path)
    return tmp_path


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    yield database
    database.close()


def test_an_older_database_is_migrated_at_the_start_and_nothing_of_it_is_lost(older: Path) -> None:
    before = dump(older / "webhookui.db")
    rows = [line for line in before if line.startswith("record: ")]
    installation = opened(older)
    try:
        current, head = revisions(installation.db)
        assert current == head != "0001"
        with installation.db.read() as session:
            deal = session.scalars(select(Record).where(Record.name == "Big deal")).one()
            assert deal.values["stage"] == "Closed Won" and str(deal.values["amount"]) == "12500.50"
            deliveries = list(session.scalars(select(Delivery)))
            assert [delivery.status for delivery in deliveries] == ["queued", "queued"]
            assert all(delivery.endpoint_key.endswith(f":443#{delivery.webhook_id}") for delivery in deliveries), (
                "a lane for each webhook"
            )
            workflow = store.list_all(session)[0]
            actions = store.stored_actions(session, installation.box, workflow.id or 0)
            assert actions[0].secrets["password"] == "p", "stored secrets can still be opened"
        assert [line for line in dump(older / "webhookui.db") if line.startswith("record: ")] == rows
    finally:
        installation.close()


def test_people_log_in_to_a_migrated_installation(older: Path) -> None:
    with pages.app_in(older) as app:
        client = app.test_client()
        client.post("/login", data={"email": "ann@example.com", "password": "correct horse battery"})
        assert "Big deal" in client.get("/records/deals").text
        assert client.get("/log").text.count("Create invoice") >= 2


def test_a_workflow_on_a_schedule_is_switched_off_by_the_migration_shown_and_stays_off(older: Path) -> None:
    scheduled = '{"on":"schedule","recurrence":"every_time","schedule":{"every":"day","at":"02:30","time_zone":"UTC"}}'
    with sqlite3.connect(older / "webhookui.db") as connection:
        connection.execute("UPDATE workflow SET trigger = ? WHERE id = 1", (scheduled,))
    with pages.app_in(older) as app:
        client = app.test_client()
        client.post("/login", data={"email": "ann@example.com", "password": "correct horse battery"})
        page = client.get("/settings/workflows").text
        assert "On a schedule" in page and "Does not run yet" in page and 'aria-checked="true"' not in page
        assert "deactivated" in client.get("/settings/audit").text
        form = client.get("/settings/workflows/1").text
        assert "On a schedule" in form and 'value="02:30"' in form
        answer = client.post("/settings/workflows/1/active", data={"active": "1"}, follow_redirects=True)
        assert "can&#39;t be switched on. Schedules do not run yet." in answer.text
        assert 'aria-checked="true"' not in answer.text
        assert "On a schedule" not in client.get("/settings/workflows/new").text


def test_what_a_workflow_was_before_versions_were_kept_is_said_to_be_unknown_not_guessed(older: Path) -> None:
    with sqlite3.connect(older / "webhookui.db") as connection:
        connection.execute("UPDATE workflow SET version = 3, updated_at = '2999-01-01 00:00:00.000000'")
        fired = connection.execute("SELECT change_id, record_id FROM delivery WHERE change_id IS NOT NULL").fetchone()
    installation = opened(older)
    try:
        with installation.db.write() as session:
            workflow = store.list_all(session)[0]
            kept = session.scalars(select(WorkflowVersion).where(WorkflowVersion.workflow_id == workflow.id)).one()
            assert (kept.number, kept.action, kept.document["criteria"]) == (3, "kept", workflow.criteria)
            assert [action["title"] for action in kept.document["actions"]] and "markers" not in str(kept.document)
            change = session.get(Change, fired[0])
            assert change is not None and change.workflows_revision is None
            explanation = explain_change(session, workflow, change)
            assert explanation.fires and explanation.summary == "It fired: the log has deliveries of this save."
            assert "is unknown: its versions are kept only since 2999-01-01" in explanation.checks[0].words
            for delivery in session.scalars(select(Delivery)):
                delivery.change_id = None
            session.flush()
            explanation = explain_change(session, workflow, change)
            words = "The log has no delivery of this save. How the workflow was then is unknown"
            assert not explanation.fires and explanation.summary.startswith(words)
    finally:
        installation.close()


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


def test_a_database_of_a_newer_version_is_refused_with_words(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / "webhookui.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseTooNew, match="9999"):
        opened(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "webhookui", "demo"],
        env={"WEBHOOKUI_INSTANCE": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "9999" in done.stderr and "newer" in done.stderr and "Traceback" not in done.stderr


def test_the_migrations_make_exactly_the_tables_of_the_code(empty: Database, tmp_path: Path) -> None:
    migrate(empty, tmp_path / "backups")
    command.check(configuration(empty))  # fails with what differs


def test_every_migration_can_be_taken_back(empty: Database) -> None:
    command.upgrade(configuration(empty), "head")
    command.downgrade(configuration(empty), "base")
    assert inspect(empty.engine).get_table_names() == ["alembic_version"]
    command.upgrade(configuration(empty), "head")
