"""Export, delete everything, import: the same records, field by field, for every type (specification section 2)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crm.imports.test_import_jobs import Room
from tests.support import any_record
from tests.support.any_record import MODULE, VALUES
from webhookui.core import background_jobs
from webhookui.crm import records
from webhookui.crm.exports import exported
from webhookui.crm.imports import jobs, uploads
from webhookui.crm.listing import ListQuery
from webhookui.crm.records import Actor, InvalidRecord

ANN = Actor("person", "Ann")
NASTY = [
    "=1+1", "+49 30 1", "-5", "@SUM(A1)", "'=1", "''", "'quoted'", '"', 'a "b", c;d', "one\ntwo", "one\rtwo", "\U0001f600 é",
    "＝1", "#12", "Name (#12)", "\ufeffmark", "sep=;", "{{ name }}", "NULL", "1.250,50",
]  # fmt: skip
TEXTS = st.one_of(st.sampled_from(NASTY), VALUES["text"])
ROWS = st.lists(
    st.fixed_dictionaries({}, optional={
        f"any_{name}": TEXTS if name in ("text", "long_text") else strategy
        for name, strategy in VALUES.items()
        if name not in ("reference", "user")
    }),
    min_size=1, max_size=4,
)  # fmt: skip


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """With a field of every type, and organizations that others refer to."""
    new_room = Room(tmp_path_factory.mktemp("both ways"), "")
    any_record.add_fields(new_room.db, new_room.ann)
    yield new_room
    new_room.close()


def export(room: Room, columns: tuple[str, ...] = (), **query: Any) -> bytes:
    return b"".join(exported(room.db, ListQuery(MODULE, **query), columns)[1])


def delete_all(room: Room, *kept: int) -> None:
    with room.db.write() as session:
        for number in session.scalars(records.select(records.Record.id)).all():  # type: ignore[attr-defined, call-overload]
            if number not in kept:
                records.delete(session, MODULE, number, ANN)


def bring_in(room: Room, data: bytes) -> None:
    file_id = uploads.store(room.db, MODULE, room.ann, "export.csv", io.BytesIO(data))
    file, plan = room.plan(file_id)
    assert all(column.field for column in plan.columns), "every column is recognised"
    job_id = jobs.start(room.db, file, plan, room.ann).id or 0
    while background_jobs.work(room.db, room.kinds):
        pass
    with room.db.read() as session:
        job = background_jobs.get(session, job_id)
    assert job.rejected == 0, job.reasons


def stored(room: Room, kept: list[int]) -> list[dict[str, Any]]:
    with room.db.read() as session:
        rows = session.scalars(records.select(records.Record).order_by(records.Record.id))  # type: ignore[attr-defined, arg-type]
        return [dict(row.values) for row in rows if row.id not in kept]


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, texts=st.lists(st.sampled_from(NASTY), min_size=1, max_size=4), data=st.data())
def test_an_export_that_is_imported_gives_the_same_records(
    room: Room, rows: list[dict[str, Any]], texts: list[str], data: st.DataObject
) -> None:
    kept: list[int] = []
    with room.db.write() as session:
        for number, text in enumerate(dict.fromkeys(texts)):
            # Names of which each is that of one record alone.
            kept.append(records.create(session, MODULE, {"name": f"{text}{number}"}, ANN).id or 0)
        for row in rows:
            row |= {"any_reference": data.draw(st.sampled_from([None, *kept])), "owner": room.ann.id}
            row["any_user"] = data.draw(st.sampled_from([None, room.ann.id]))
            good = dict(row)
            for name in row:
                try:
                    records.checked(session, MODULE, {name: row[name]})
                except InvalidRecord:
                    del good[name]
            records.create(session, MODULE, {"name": "Exported", **good}, ANN)
    before = stored(room, kept)
    file = export(room, q="exported")
    delete_all(room, *kept)
    bring_in(room, file)
    assert stored(room, kept) == before
    delete_all(room)


def test_references_are_found_by_name_when_their_records_have_other_numbers(room: Room) -> None:
    with room.db.write() as session:
        old = records.create(session, MODULE, {"name": "=Acme"}, ANN).id
        records.create(session, MODULE, {"name": "Branch", "any_reference": old}, ANN)
    file = export(room)
    assert f"'=Acme (#{old})".encode() in file
    delete_all(room)
    head, first, second = file.split(b"\r\n")[:3]
    bring_in(room, head + b"\r\n" + first + b"\r\n")
    bring_in(room, head + b"\r\n" + second + b"\r\n")
    acme, branch = stored(room, [])
    with room.db.read() as session:
        assert records.names_of(session, [branch["any_reference"]]) == {branch["any_reference"]: "=Acme"}
    assert branch["any_reference"] != old and acme["name"] == "=Acme"
    delete_all(room)


def test_a_list_is_exported_in_its_order_filtered_with_its_columns_whatever_is_saved_meanwhile(room: Room) -> None:
    with room.db.write() as session:
        ids = [
            records.create(session, MODULE, {"name": f"N{n:04}", "phone": "555 12"}, ANN).id or 0 for n in range(1203)
        ]
        records.create(session, MODULE, {"name": "Other"}, ANN)
    parts = exported(room.db, ListQuery(MODULE, q="n", sort="-updated_at"), ("phone", "phone"))[1]
    text = next(parts).decode()
    with room.db.write() as session:
        records.update(session, MODULE, ids[-1], {"phone": "555 13"}, ANN)
        records.delete(session, MODULE, ids[-2], ANN)
    lines = (text + b"".join(parts).decode()).splitlines()
    assert lines[0] == "Record ID,Name,Phone" and lines[1] == f"{ids[0]},N0000,555 12"
    assert len({line.split(",")[0] for line in lines[1:]}) == len(lines) - 1 >= 1202
    assert lines[-1].startswith(f"{ids[-1]},N1202")
    ordered = export(room, ("phone",), sort="-name").decode().splitlines()
    assert ordered[1].endswith("Other,") and ordered[2].startswith(f"{ids[-1]},")
    delete_all(room)


def test_numbers_stay_numbers_and_texts_are_no_formulas(room: Room) -> None:
    with room.db.write() as session:
        values = {"name": "=HYPERLINK(1)", "any_number": "-5", "any_currency": "-1250.5", "any_phone": "+49 30 123"}
        records.create(session, MODULE, values, ANN)
    line = export(room, ("any_number", "any_currency", "any_phone")).decode().splitlines()[1]
    assert line.partition(",")[2] == "'=HYPERLINK(1),-5,-1250.50,'+49 30 123"
    assert b"".join(exported(room.db, ListQuery(MODULE), with_bom=True)[1]).startswith(b"\xef\xbb\xbfRecord ID")
    delete_all(room)
