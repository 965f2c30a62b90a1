"""Files come in as jobs: good rows in, bad ones out with their reasons, duplicates as chosen; on both databases
(specification section 2)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.conftest import BOTH, database_url
from tests.support.sending import Sending
from webhookui.core import background_jobs
from webhookui.core.background_jobs import Job, JobKind
from webhookui.core.database import now
from webhookui.crm import fields, records
from webhookui.crm.fields import FieldSpec
from webhookui.crm.imports import jobs, look, uploads
from webhookui.crm.imports.plan import ImportPlan, InvalidImport
from webhookui.crm.imports.requested import Request, plan_of
from webhookui.crm.imports.tables import ImportChunk, ImportFile
from webhookui.crm.records import Actor
from webhookui.crm.rejected_rows import rejected_csv
from webhookui.crm.tables import Change, Link, Record, RecordKey
from webhookui.people import accounts
from webhookui.people.tables import User

ANN = Actor("person", "Ann")


class Room(Sending):
    """Nobody works on the queue; Ann imports."""

    def __init__(self, folder: Path, database: str) -> None:
        super().__init__(folder, database_url=database)
        self.kinds: dict[str, JobKind] = {jobs.IMPORT: jobs.Imports().kind()}
        with self.db.write() as session:
            self.ann: User = accounts.by_email(session, "ann@example.com")

    def upload(self, module: str, text: str, encoding: str = "utf-8") -> int:
        return uploads.store(self.db, module, self.ann, "list.csv", io.BytesIO(text.encode(encoding)))

    def plan(self, file_id: int, **asked: Any) -> tuple[ImportFile, ImportPlan]:
        with self.db.read() as session:
            file = uploads.get(session, file_id, self.ann)
            return file, plan_of(session, file, Request(**asked))

    def start(self, module: str, text: str, **asked: Any) -> int:
        return jobs.start(self.db, *self.plan(self.upload(module, text), **asked), self.ann).id or 0

    def bring_in(self, module: str, text: str, **asked: Any) -> Job:
        job_id = self.start(module, text, **asked)
        while background_jobs.work(self.db, self.kinds):
            pass
        with self.db.read() as session:
            return background_jobs.get(session, job_id)

    def values(self, module: str, *names: str) -> list[tuple[Any, ...]]:
        with self.db.read() as session:
            rows = session.scalars(select(Record).where(Record.module == module).order_by(Record.id))  # type: ignore[arg-type]
            return [tuple(row.values.get(name) for name in names) for row in rows]

    def rejected(self, job: Job) -> list[list[str]]:
        text = b"".join(rejected_csv(self.db, self.kinds, job.id or 0)).decode()
        return list(csv.reader(io.StringIO(text, newline="")))


@pytest.fixture(params=BOTH)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    new_room = Room(tmp_path, database_url(request.param, request))
    try:
        yield new_room
    finally:
        new_room.close()


def counts(job: Job) -> tuple[int, int, int, int]:
    return job.created, job.updated, job.skipped, job.rejected


def test_good_rows_come_in_and_five_in_a_hundred_bad_ones_are_in_the_file_each_with_its_reason(room: Room) -> None:
    lines = [f"A{n},B{n},{'not an address' if n % 20 == 0 else f'a{n}@example.com'}" for n in range(400)]
    job = room.bring_in("contacts", "First name,Last name,E-mail\n" + "\n".join(lines))
    assert counts(job) == (380, 0, 0, 20) and job.state == "finished" and job.total == 400
    header, *rows = room.rejected(job)
    assert header == ["First name", "Last name", "E-mail", "Reason"]
    assert [row[0] for row in rows] == [f"A{n}" for n in range(0, 400, 20)]
    assert all(row[3].startswith("E-mail: “not an address” is not an e-mail address") for row in rows)
    assert len(room.values("contacts", "email")) == 380


def test_what_was_rejected_comes_in_once_it_is_mended(room: Room) -> None:
    job = room.bring_in("contacts", 'First name,Last name,E-mail\n"\'=1+1",Lee,wrong\nBo,,b@example.com\n')
    assert counts(job) == (0, 0, 0, 2)
    header, first, second = room.rejected(job)
    assert second[3] == "Last name is required."
    text = io.StringIO()
    csv.writer(text).writerows([header, [*first[:2], "a@example.com", first[3]], [second[0], "Ray", *second[2:]]])
    assert counts(room.bring_in("contacts", text.getvalue())) == (2, 0, 0, 0)
    assert room.values("contacts", "first_name", "last_name") == [("=1+1", "Lee"), ("Bo", "Ray")]


def test_many_are_created_as_one_is(room: Room) -> None:
    with room.db.write() as session:
        fields.add(session, "contacts", FieldSpec("Shoe size", "number"), room.ann)
        acme = records.create(session, "organizations", {"name": "Acme"}, ANN).id
        given = {"last_name": "Lee", "email": "lee@example.com", "shoe_size": "42", "organization": acme}
        single = records.create(session, "contacts", given, Actor("import", room.ann.name, room.ann.id)).id
    room.bring_in("contacts", "Last name,E-mail,Shoe size,Organization\nLee,lee@example.com,42,Acme\n")
    with room.db.read() as session:
        rows = [session.get_one(Record, number) for number in (single, (single or 0) + 1)]
        parts: list[tuple[Any, ...]] = []
        for row in rows:
            change = session.scalars(select(Change).where(Change.record_id == row.id)).one()  # type: ignore[arg-type]
            keys = session.execute(select(RecordKey.field_id, RecordKey.key).where(RecordKey.record_id == row.id)).all()  # type: ignore[call-overload]
            links = session.execute(select(Link.field, Link.target_id).where(Link.record_id == row.id)).all()  # type: ignore[call-overload]
            parts.append((
                row.name, row.values, row.search_text, row.sort_keys, row.owner_id, row.version, sorted(keys), links, change.kind,
                change.source, change.by, change.user_id, change.values, change.version, change.record_name,
            ))  # fmt: skip
    assert parts[0] == parts[1]


def test_duplicates_are_skipped_updated_or_created_as_chosen(room: Room) -> None:
    text = "Last name,E-mail,Phone\nOne,a@example.com,\nTwo,A@EXAMPLE.com,555 123\nThree,c@example.com,\nFour,,\n"
    with room.db.write() as session:
        records.create(session, "contacts", {"last_name": "Old", "email": "c@example.com", "phone": "555 999"}, ANN)
    assert counts(room.bring_in("contacts", text, match_on="email")) == (2, 0, 2, 0)
    assert room.values("contacts", "last_name") == [("Old",), ("One",), ("Four",)]
    assert counts(room.bring_in("contacts", text, match_on="email", on_match="update")) == (1, 2, 1, 0)
    # The second row updates what the first one has named; an empty cell takes no phone number away.
    assert room.values("contacts", "last_name", "phone")[:2] == [("Three", "555 999"), ("Two", "555 123")]
    assert counts(room.bring_in("contacts", text, match_on="email", on_match="create")) == (4, 0, 0, 0)
    job = room.bring_in("contacts", text, match_on="email", on_match="update")
    assert counts(job) == (1, 0, 0, 3) and "several contacts have this value" in room.rejected(job)[1][3]


def test_a_row_updates_the_record_that_a_row_before_it_in_the_same_file_created(room: Room) -> None:
    text = "Last name,E-mail,Phone\nOne,a@example.com,555 111\nTwo,a@example.com,\nThree,a@example.com,555 333\n"
    assert counts(room.bring_in("contacts", text, match_on="email", on_match="update")) == (1, 2, 0, 0)
    assert room.values("contacts", "last_name", "phone") == [("Three", "555 333")]


def test_duplicates_are_found_by_the_records_own_number(room: Room) -> None:
    with room.db.write() as session:
        number = records.create(session, "contacts", {"last_name": "Old"}, ANN).id
    text = f"Record ID,Last name\n{number},New\n#{number},Newer\n,Other\n99999,Another\nx,Bad\n"
    job = room.bring_in("contacts", text, match_on="id", on_match="update")
    assert counts(job) == (2, 2, 0, 1)
    assert room.values("contacts", "last_name") == [("Newer",), ("Other",), ("Another",)]


def test_references_are_found_by_name_and_number_and_users_by_address(room: Room) -> None:
    with room.db.write() as session:
        acme, twin, other = (
            records.create(session, "organizations", {"name": name}, ANN).id for name in ("Acme", "Twin", "Twin")
        )
    rows = [
        f"a,Acme (#{acme})",
        f"b,#{other}",
        "c,acme",
        "d,Twin",
        f"e,Twin (#{twin})",
        "f,Nobody",
        f"g,Acme (#{twin})",
    ]
    job = room.bring_in("contacts", "Last name,Organization\n" + "\n".join(rows))
    assert room.values("contacts", "last_name", "organization") == [
        ("a", acme), ("b", other), ("c", acme), ("e", twin), ("g", acme),
    ]  # fmt: skip
    reasons = {row[0]: row[2] for row in room.rejected(job)[1:]}
    assert reasons["d"].startswith("Organization: 2 organizations are called “Twin”.")
    assert reasons["f"] == "Organization: There is no “Nobody” in Organizations."
    job = room.bring_in("contacts", "Last name,Owner\nx,ANN@example.com\ny,\nz,bo@example.com\n")
    assert room.values("contacts", "last_name", "owner")[-2:] == [("x", room.ann.id), ("y", None)]
    assert room.rejected(job)[1][2] == "Owner: There is no user “bo@example.com”. Write the user’s e-mail address."


def test_repeated_empty_and_unknown_columns_and_rows_of_another_length(room: Room) -> None:
    text = "Last name,Last name,,Shoe size,E-mail\nLee,ignored,x,42\nRay,,,,r@example.com,\nFox,,,,,one more\n"
    _, plan = room.plan(room.upload("contacts", text))
    assert [column.field for column in plan.columns] == ["last_name", "", "", "", "email"]
    job = room.bring_in("contacts", text)
    assert room.values("contacts", "last_name", "email") == [("Lee", None), ("Ray", "r@example.com")]
    assert room.rejected(job)[1][-1] == "This row has 6 cells, but the header names 5 columns."


def test_two_hundred_columns_in_windows_1250_with_carriage_returns_alone(room: Room) -> None:
    with room.db.write() as session:
        for number in range(40):
            fields.add(session, "contacts", FieldSpec(f"Údaj {number}"), room.ann)
    header = ["Last name", *(f"Údaj {number}" for number in range(199))]
    cells = ["Dvořáková", *(f"č. {number}" for number in range(199))]
    file_id = uploads.store(
        room.db, "contacts", room.ann, "l.csv", io.BytesIO(f"{';'.join(header)}\r{';'.join(cells)}\r".encode("cp1250"))
    )
    jobs.start(room.db, *room.plan(file_id), room.ann)
    while background_jobs.work(room.db, room.kinds):
        pass
    assert room.values("contacts", "last_name", "udaj_0", "udaj_39") == [("Dvořáková", "č. 0", "č. 39")]


def test_the_look_says_what_the_job_then_does_and_writes_nothing(room: Room) -> None:
    with room.db.write() as session:
        records.create(session, "contacts", {"last_name": "Old", "email": "a@example.com"}, ANN)
        records.create(session, "contacts", {"last_name": "Same", "email": "s@example.com"}, ANN)
    rows = [
        "New,a@example.com",
        "Same,s@example.com",
        "Lee,b@example.com",
        "Ray,b@example.com",
        ",c@example.com",
        "Fox,no",
    ]
    text = "\n".join(["Last name,E-mail", *rows])
    file, plan = room.plan(room.upload("contacts", text), match_on="email", on_match="update")
    with room.db.read() as session:
        seen = look.look(session, file, plan, room.ann)
    outcome = seen.outcome
    assert room.values("contacts", "last_name") == [("Old",), ("Same",)] and seen.is_all
    job = room.bring_in("contacts", text, match_on="email", on_match="update")
    assert (outcome.created, outcome.updated, outcome.skipped, len(outcome.rejected)) == counts(job) == (1, 2, 1, 2)
    assert [reason for _, reason in outcome.rejected] == [row[-1] for row in room.rejected(job)[1:]]


def test_an_empty_checkbox_of_a_field_that_is_newer_than_the_record_is_no_change_in_look_and_job(room: Room) -> None:
    with room.db.write() as session:
        records.create(session, "contacts", {"last_name": "Old", "email": "a@example.com"}, ANN)
        fields.add(session, "contacts", FieldSpec("Vegan", "checkbox"), room.ann)
    text = "E-mail,Vegan\na@example.com,no\n"
    file, plan = room.plan(room.upload("contacts", text), match_on="email", on_match="update")
    with room.db.read() as session:
        outcome = look.look(session, file, plan, room.ann).outcome
    job = room.bring_in("contacts", text, match_on="email", on_match="update")
    assert (outcome.created, outcome.updated, outcome.skipped, len(outcome.rejected)) == counts(job) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"mapping": {"Nothing": "email"}}, "mapping"),
        ({"mapping": {"Last name": "email", "E-mail": "email"}}, "mapping"),
        ({"mapping": {"Last name": "shoe_size"}}, "mapping"),
        ({"mapping": {"Last name": None}}, "mapping"),
        ({"match_on": "phone"}, "match_on"),
        ({"match_on": "birthday"}, "match_on"),
        ({"on_match": "explode"}, "on_match"),
        ({"encoding": "klingon"}, "encoding"),
        ({"separator": "x"}, "separator"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_words(room: Room, asked: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidImport) as refused:
        room.plan(room.upload("contacts", "Last name,E-mail\nLee,a@example.com\n"), **asked)
    assert list(refused.value.errors) == [field]


def test_another_process_goes_on_where_one_has_stopped(room: Room) -> None:
    text = "Last name\n" + "\n".join(f"N{number}" for number in range(300))
    job_id = room.start("contacts", text)
    for _ in range(3):
        background_jobs.step(room.db, room.kinds, job_id, jobs.IMPORT)
    others = {jobs.IMPORT: jobs.Imports().kind()}
    background_jobs.step(room.db, others, job_id, jobs.IMPORT)
    while background_jobs.work(room.db, room.kinds):
        pass
    assert room.values("contacts", "last_name") == [(f"N{number}",) for number in range(300)]


def test_a_row_that_breaks_the_program_does_not_hold_up_the_others(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_on_five(info: Any, values: Any) -> Any:
        if values["last_name"] == "N5":
            raise RuntimeError("a fault of the program")
        return records.lifted(info, values)

    monkeypatch.setattr("webhookui.crm.create_many.lifted", break_on_five)  # no real row does so
    job = room.bring_in("contacts", "Last name\n" + "\n".join(f"N{number}" for number in range(12)))
    assert counts(job) == (11, 0, 0, 1) and room.rejected(job)[1] == ["N5", background_jobs.OUR_FAULT]


def test_a_fault_that_all_rows_meet_ends_the_job(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_always(*_: Any) -> Any:
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr("webhookui.crm.create_many.lifted", break_always)  # as above
    job = room.bring_in("contacts", "Last name\n" + "\n".join(f"N{number}" for number in range(60)))
    assert (job.state, counts(job), job.error) == ("failed", (0, 0, 0, 0), background_jobs.OUR_FAULT)


def test_a_file_goes_when_its_job_has_ended_or_it_was_never_started(room: Room) -> None:
    room.bring_in("contacts", "Last name\nLee\n")
    job_id = room.start("contacts", "Last name\nRay\n")
    waiting, old = (room.upload("contacts", "Last name\nFox\n") for _ in range(2))
    with room.db.write() as session:
        session.get_one(ImportFile, old).created_at = now() - timedelta(days=2)
    uploads.forget(room.db)
    with room.db.read() as session:
        files = {file.id: file.job_id for file in session.scalars(select(ImportFile))}
        assert set(files) == {waiting, next(number for number, job in files.items() if job == job_id)}
        assert session.scalar(select(func.count()).select_from(ImportChunk)) == 2


def test_workflows_run_only_when_they_are_asked_to(room: Room) -> None:
    room.workflow("contacts", {"url": "https://api.example.com/"}, trigger={"on": "create"})
    room.bring_in("contacts", "Last name\nLee\nRay\n")
    assert len(room.deliveries()) == 0
    room.bring_in("contacts", "Last name\nFox\nBee\n", run_workflows=True)
    assert [delivery.record_name for delivery in room.deliveries()] == ["Fox", "Bee"]


def test_a_plan_with_a_field_that_was_removed_meanwhile_is_not_started(room: Room) -> None:
    with room.db.write() as session:
        fields.add(session, "contacts", FieldSpec("Shoe size", "number"), room.ann)
    file, plan = room.plan(room.upload("contacts", "Last name,Shoe size\nLee,42\n"))
    with room.db.write() as session:
        fields.remove(session, "contacts", "shoe_size", room.ann)
    with pytest.raises(InvalidImport):
        jobs.start(room.db, file, plan, room.ann)
