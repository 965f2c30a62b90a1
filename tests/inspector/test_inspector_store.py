"""What an inspector keeps, on a real SQLite file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from webhookui.core.database import Database, SQLModel
from webhookui.inspector import store
from webhookui.inspector.script import Script, Step
from webhookui.inspector.tables import InspectedRequest, InspectorScript


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'inspector.db'}")
    tables = [model.__table__ for model in (InspectedRequest, InspectorScript)]  # type: ignore[attr-defined]
    SQLModel.metadata.create_all(database.engine, tables=tables)
    yield database
    database.close()


def receive(session: Session, name: str, body: bytes = b"{}", method: str = "POST") -> InspectedRequest:
    headers = [["Content-Type", "application/json"]]
    row = InspectedRequest(
        name=name, method=method, path="/inspect/demo", headers=headers, body=body, remote="127.0.0.1"
    )
    store.receive(session, row)
    return row


def test_a_body_is_cut_at_64_kib_and_its_whole_size_is_kept(db: Database) -> None:
    with db.write() as session:
        row = receive(session, "demo", b"x" * 100_000)
    assert (len(row.body), row.size) == (65536, 100_000)


def test_only_the_last_200_requests_of_an_inspector_are_kept(db: Database) -> None:
    with db.write() as session:
        receive(session, "other")
        ids = [receive(session, "demo").id for _ in range(203)]
        assert [row.id for row in store.requests(session, "demo")] == ids[:2:-1]
        assert store.count(session, "other") == 1


def test_all_inspectors_together_keep_a_bounded_number(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "KEPT_IN_ALL", 10)  # the real number would take long to fill
    with db.write() as session:
        for number in range(14):
            receive(session, f"name-{number}")
        assert sum(item.requests for item in store.overview(session)) == 10


def test_an_id_never_comes_back_after_a_clear(db: Database) -> None:
    with db.write() as session:
        first = receive(session, "demo")
    with db.write() as session:
        assert store.clear(session, "demo") == 1
    with db.write() as session:
        second = receive(session, "demo")
    assert second.id is not None and first.id is not None and second.id > first.id


def test_the_script_goes_on_from_request_to_request_and_starts_over_when_told(db: Database) -> None:
    with db.write() as session:
        store.save_script(session, "demo", Script((Step(2, 500), Step(1, 200))))
    statuses = []
    for number in range(5):
        with db.write() as session:
            if number == 4:
                store.start_over(session, "demo")
            row = receive(session, "demo")
            statuses.append(row.answer_status)
    assert statuses == [500, 500, 200, 200, 500]


def test_a_script_without_steps_is_forgotten(db: Database) -> None:
    with db.write() as session:
        store.save_script(session, "demo", Script((Step(1, 418),)))
    with db.write() as session:
        store.save_script(session, "demo", Script())
        assert store.script(session, "demo") == (Script(), 0)


@pytest.mark.parametrize("name", ["", "a b", "a" * 65, "-a", "..", "ä", "a/b", "a\n"])
def test_a_name_that_makes_no_address_is_refused(db: Database, name: str) -> None:
    with pytest.raises(store.InvalidName), db.write() as session:
        receive(session, name)


def test_the_overview_has_the_last_used_first_and_always_a_demo(db: Database) -> None:
    with db.write() as session:
        receive(session, "a")
        receive(session, "b", method="PUT")
        store.save_script(session, "c", Script((Step(1, 201),)))
        overview = store.overview(session)
    assert [(item.name, item.requests, item.script.words) for item in overview] == [
        ("b", 1, "200 at once"),
        ("a", 1, "200 at once"),
        ("c", 0, "201"),
        ("demo", 0, "200 at once"),
    ]
    assert overview[0].newest is not None and overview[0].newest.method == "PUT"
