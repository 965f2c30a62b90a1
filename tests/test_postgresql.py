"""What differs on PostgreSQL: several workers on one database, the queue beside the data, starting, migrating, texts.

The main job and the API have their tests on both databases (tests/test_main_job.py, tests/api).
"""

from __future__ import annotations

import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from sqlalchemy.orm import Session

from tests.conftest import database_url
from tests.support.older import with_one_more_migration
from tests.support.receiver import Answer, Receiver
from tests.support.running import Running, until
from tests.test_main_job import close_a_deal, document
from webhookui.core.database import Database
from webhookui.crm import fields, listing, records
from webhookui.crm.fields import FieldSpec
from webhookui.crm.filters import Filter
from webhookui.crm.listing import ListQuery
from webhookui.crm.records import Actor
from webhookui.crm.tables import Record
from webhookui.installation import Installation, open_installation
from webhookui.migrations import configuration, migrate, revisions
from webhookui.people import accounts
from webhookui.settings import Settings

pytestmark = pytest.mark.postgresql

SYSTEM = Actor("system", "Test")


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    return database_url("postgresql", request, empty=True)


@pytest.fixture
def installation(tmp_path: Path, database: str) -> Iterator[Installation]:
    """The installation, opened in this process."""
    opened = open_installation(Settings(instance=tmp_path, database_url=database))  # type: ignore[call-arg]
    yield opened
    opened.close()


# ---- several workers --------------------------------------------------------------------------------------------------


@pytest.fixture
def two_machines(tmp_path: Path, database: str) -> Iterator[tuple[Running, Running]]:
    """A web process on one machine, and another machine: another folder, the same database and key. No worker yet."""
    first = Running(tmp_path / "first", WEBHOOKUI_DATABASE_URL=database).set_up()
    key = str(tmp_path / "first" / "secret.key")
    (tmp_path / "second").mkdir()
    second = Running(tmp_path / "second", WEBHOOKUI_DATABASE_URL=database, WEBHOOKUI_SECRET_KEY_FILE=key)
    try:
        first.start("web")
        yield first, second
    finally:
        first.kill()
        second.kill()


def holders(database: str) -> set[str]:
    """The worker processes that have something in flight."""
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        rows = connection.execute("SELECT claimed_by FROM delivery WHERE status = 'dispatched'").fetchall()
    return {row[0] for row in rows}


def log_of(worker: Running) -> str:
    return (worker.folder / "worker.log").read_text()


def sent_by(worker: Running) -> set[int]:
    """Deliveries of which the worker's log says that it made an attempt."""
    lines = [json.loads(line) for line in log_of(worker).splitlines() if line.startswith("{")]
    return {line["delivery"] for line in lines if line["event"] == "attempt"}


def test_two_workers_share_a_backlog_and_send_nothing_twice(
    two_machines: tuple[Running, Running], receiver: Receiver, database: str
) -> None:
    go = threading.Event()
    receiver.default = Answer(before=lambda: go.wait(60) and None)
    first, second = two_machines
    first.call("POST", "/workflows", {
        "name": "Burst", "module": "tasks", "trigger": {"on": "create"},
        "actions": [{"type": "webhook", "title": f"{n}", "url": f"{receiver.url}/{n}", "timeout_s": 60} for n in range(3)],
    })  # fmt: skip
    tasks = itertools.count()

    def save() -> None:
        first.call("POST", "/records/tasks", {"values": {"subject": f"Task {next(tasks)}"}})

    for _ in range(80):
        save()
    for machine in two_machines:
        machine.start("worker")

    def both_have_some() -> bool:
        save()  # each save rings once, for whichever of them hears it
        return len(holders(database)) == 2

    until(both_have_some, 90)
    go.set()  # from now on both take whatever they get
    number = 3 * next(tasks)
    receiver.wait_for(number, 60)
    until(lambda: {delivery["status"] for delivery in page(first)} == {"success"}, 20)
    until(lambda: len(sent_by(first) | sent_by(second)) == number, 10)
    times = Counter(request.header("webhook-id") for request in receiver.requests)
    assert len(times) == number and set(times.values()) == {1}
    assert {delivery["attempt_count"] for delivery in page(first)} == {1}
    assert not sent_by(first) & sent_by(second)


def page(installation: Running) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = installation.call("GET", "/deliveries?limit=200")["items"]
    return items


def test_what_a_killed_worker_had_in_hand_is_taken_over_by_the_other(
    two_machines: tuple[Running, Running], receiver: Receiver, database: str
) -> None:
    go = threading.Event()
    receiver.answers = [Answer(before=lambda: go.wait(60) and None)]
    first, _ = two_machines
    for machine in two_machines:
        machine.start("worker")
        until(lambda machine=machine: "working on the queue" in log_of(machine), 30)  # type: ignore[misc]
    first.call("POST", "/workflows", document(receiver.url))
    _, delivery = close_a_deal(first)
    receiver.wait_for(1)
    [name] = holders(database)
    pids = {process.pid: process for machine in two_machines for process in machine.processes}
    holder = next(process for pid, process in pids.items() if f":{pid}:" in name)
    holder.kill()
    holder.wait()
    go.set()
    delivery_document = first.delivery(delivery, "success", timeout_s=30)
    assert [attempt["outcome"] for attempt in delivery_document["attempts"]] == ["interrupted", "success"]
    assert [request.header("webhook-id") for request in receiver.requests] == [delivery_document["message_id"]] * 2


# ---- starting, migrating ----------------------------------------------------------------------------------------------


def test_however_many_start_at_once_one_makes_the_tables_and_the_modules(tmp_path: Path, database: str) -> None:
    together = threading.Barrier(4)

    def start(number: int) -> None:
        settings = Settings(instance=tmp_path / str(number), database_url=database, secret_key_file=tmp_path / "key")  # type: ignore[call-arg]
        together.wait()
        open_installation(settings).close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(start, range(4)))
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM module").fetchone() == (7,)
    assert len((tmp_path / "key").read_text().splitlines()) == 1


def test_an_older_database_is_migrated_at_the_start_with_its_rows(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(instance=tmp_path, database_url=database)  # type: ignore[call-arg]
    installation = open_installation(settings)
    with installation.db.write() as session:
        deal_id = records.create(session, "deals", {"name": "Big deal", "amount": "12500.50"}, SYSTEM).id or 0
    installation.close()
    with_one_more_migration(monkeypatch, tmp_path / "versions")
    installation = open_installation(settings)
    try:
        current, head = revisions(installation.db)
        assert current == head == "0002"
        with installation.db.read() as session:
            assert str(records.get(session, "deals", deal_id).values["amount"]) == "12500.50"
        with installation.db.write() as session:
            records.update(session, "deals", deal_id, {"stage": "New"}, SYSTEM)
        migrate(installation.db, tmp_path / "backups")
    finally:
        installation.close()


def test_the_migrations_make_exactly_the_tables_of_the_code(tmp_path: Path, database: str) -> None:
    target = Database(database)
    migrate(target, tmp_path / "backups")
    command.check(configuration(target))  # fails with what differs
    target.close()


def test_the_queue_is_in_the_same_database(installation: Installation) -> None:
    installation.queue.wake("https://x.example.com:443")
    assert installation.queue.huey.pending_count() == 1
    assert not (installation.settings.instance / "queue.db").exists()


def test_the_command_line_says_how_to_back_up_and_the_doctor_reaches_the_database(
    tmp_path: Path, database: str
) -> None:
    installation = Running(tmp_path, WEBHOOKUI_DATABASE_URL=database).set_up()
    done = installation.command("backup", str(tmp_path / "copy"), good=False)
    assert done.returncode == 1 and "pg_dump" in done.stderr
    doctor = installation.command("doctor", good=False)
    assert "ok     database: reachable" in doctor.stdout
    assert doctor.returncode == 1 and "worker" in doctor.stdout, "no process works on the queue here"


# ---- texts ------------------------------------------------------------------------------------------------------------


def test_a_null_character_breaks_nothing(installation: Installation) -> None:
    with installation.db.write() as session:
        session.add(Record(module="tasks", name="a\0b", values={"subject": "a\0b"}, search_text="a\0b"))
    with installation.db.read() as session:
        assert listing.search(session, "a\0b")[0].name == "a\ufffdb"


def test_letters_beyond_a_to_z_are_found_and_sorted_without_regard_to_case(installation: Installation) -> None:
    with installation.db.write() as session:
        for name in ("Émile", "éva", "Zoe"):
            records.create(session, "contacts", {"last_name": name}, SYSTEM)
    with installation.db.read() as session:
        contacts = listing.page(
            session, ListQuery("contacts", sort="name", filters=[Filter("last_name", operands=("É",))])
        )
    assert [contact.name for contact in contacts.items] == ["Émile", "éva"]


# ---- a field that is added while records are created ------------------------------------------------------------------


def is_waiting(database: str) -> bool:
    """Whether somebody waits for somebody else's lock."""
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        row = connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return row.fetchone() is not None


@pytest.mark.parametrize("first", ["the record", "the field"])
def test_a_record_that_is_created_while_a_field_is_added_has_its_place_in_the_fields_order(
    installation: Installation, database: str, first: str
) -> None:
    with installation.db.write() as session:
        admin = accounts.create_user(
            session, email="ann@x.example", name="Ann", password="a long password", role="admin"
        )
        records.create(session, "deals", {"name": "Before"}, SYSTEM)

    def create(session: Session) -> None:
        records.create(session, "deals", {"name": "Meanwhile"}, SYSTEM)

    def add(session: Session) -> None:
        fields.add(session, "deals", FieldSpec("Region"), admin)

    at_first, meanwhile = (create, add) if first == "the record" else (add, create)

    def do_meanwhile() -> None:
        with installation.db.write() as session:
            meanwhile(session)

    with ThreadPoolExecutor(1) as pool:
        with installation.db.write() as session:
            at_first(session)
            other = pool.submit(do_meanwhile)
            until(lambda: other.done() or is_waiting(database), 30)
        other.result(30)
    with installation.db.read() as session:
        for sort in ("region", "-region"):
            listed = listing.page(session, ListQuery("deals", sort=sort))
            assert {record.name for record in listed.items} == {"Before", "Meanwhile"}
