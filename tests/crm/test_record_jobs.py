"""Many records at once as a job (specification section 2), on both databases."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.conftest import BOTH, database_url
from tests.support.sending import Sending
from webhookui.core import background_jobs
from webhookui.core.background_jobs import Job
from webhookui.crm import record_jobs, records
from webhookui.crm.filters import Filter
from webhookui.crm.listing import ListQuery
from webhookui.crm.record_jobs import Chosen
from webhookui.crm.records import Actor, InvalidRecord
from webhookui.crm.sorting import InvalidListing
from webhookui.crm.tables import Change, Record

ANN = Actor("person", "Ann")
MANY = 50


@pytest.fixture(params=BOTH)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sending]:
    """Nobody works on the queue; fifty deals, every second of them New."""
    new_room = Sending(tmp_path, database_url=database_url(request.param, request))
    with new_room.db.write() as session:
        for number in range(MANY):
            stage = "New" if number % 2 == 0 else "Proposal"
            records.create(session, "deals", {"name": f"Deal {number:02}", "stage": stage, "amount": number}, ANN)
    try:
        yield new_room
    finally:
        new_room.close()


def work(room: Sending) -> None:
    while background_jobs.work(room.db, record_jobs.KINDS):
        pass


def steps(room: Sending, job_id: int, number: int) -> None:
    for _ in range(number):
        background_jobs.step(room.db, record_jobs.KINDS, job_id, record_jobs.CHANGE)


def job(room: Sending, job_id: int) -> Job:
    with room.db.read() as session:
        return background_jobs.get(session, job_id)


def counts(room: Sending, job_id: int) -> tuple[int, int, int]:
    """(changed, skipped, rejected)"""
    row = job(room, job_id)
    return row.updated, row.skipped, row.rejected


def stages(room: Sending) -> dict[str, int]:
    with room.db.read() as session:
        values = [record.values["stage"] for record in session.scalars(select(Record))]
    return {stage: values.count(stage) for stage in set(values)}


def change(room: Sending, chosen: Chosen, **values: Any) -> int:
    with room.db.write() as session:
        return record_jobs.start_change(session, "deals", chosen, values, ANN).id or 0


NEW = Chosen(query=ListQuery("deals", filters=(Filter("stage", "is", ("New",)),)))


def test_all_that_match_are_changed_by_ordinary_saves_each_once(room: Sending) -> None:
    number = change(room, NEW, stage="Negotiation")
    assert job(room, number).total == MANY // 2
    work(room)
    assert stages(room) == {"Negotiation": MANY // 2, "Proposal": MANY // 2}
    assert counts(room, number) == (MANY // 2, 0, 0) and job(room, number).state == "finished"
    with room.db.read() as session:
        trace = session.scalars(select(Change).where(Change.kind == "update")).all()  # type: ignore[arg-type]
    assert len(trace) == MANY // 2 and {row.by for row in trace} == {"Ann"}
    assert all(row.values == {"stage": ["New", "Negotiation"]} for row in trace)


def test_what_no_longer_matches_when_the_job_gets_there_is_left_alone(room: Sending) -> None:
    number = change(room, NEW, stage="Negotiation")
    with room.db.write() as session:
        last = max(record.id or 0 for record in session.scalars(select(Record)) if record.values["stage"] == "New")
        records.update(session, "deals", last, {"stage": "Closed Won"}, Actor("person", "Sam"))
    work(room)
    assert stages(room)["Closed Won"] == 1 and counts(room, number) == (MANY // 2 - 1, 0, 0)


def test_a_worker_that_dies_between_two_batches_leaves_none_out_and_does_none_twice(
    room: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = change(room, Chosen(query=ListQuery("deals")), next_step="Call")
    steps(room, number, 1)
    assert counts(room, number) == (record_jobs.BATCH, 0, 0) and job(room, number).state == "running"

    class Killed(BaseException):
        pass

    def dies(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(record_jobs, "_handle", dies)
        steps(room, number, 1)
    work(room)
    assert counts(room, number) == (MANY, 0, 0)
    with room.db.read() as session:
        assert {record.version for record in session.scalars(select(Record))} == {2}


def test_what_has_the_value_already_is_skipped_and_a_record_that_is_gone_is_rejected_with_the_reason(
    room: Sending,
) -> None:
    with room.db.read() as session:
        ids = sorted(record.id or 0 for record in session.scalars(select(Record)))[:3]
    number = change(room, Chosen([*ids, ids[0]]), stage="New")
    with room.db.write() as session:
        records.delete(session, "deals", ids[1], ANN)
    work(room)
    assert counts(room, number) == (0, 2, 1)
    assert job(room, number).reasons == {"It was deleted in the meantime.": [1, ids[1]]}


def test_a_record_that_can_not_be_saved_is_rejected_with_its_field_and_the_others_are_changed(room: Sending) -> None:
    with room.db.write() as session:
        (first, *_), deals = records.names_of(session, list(range(1, 400))), session.scalars(select(Record)).all()
        deals[0].values = deals[0].values | {"name": None}  # as an older version may have left it
    assert first
    number = change(room, Chosen([deal.id or 0 for deal in deals[:2]]), stage="Closed Lost")
    work(room)
    assert counts(room, number) == (2, 0, 0), "a field that nobody touches is not judged"


def test_values_that_no_record_can_have_and_filters_that_can_not_be_read_start_nothing(room: Sending) -> None:
    with pytest.raises(InvalidRecord):
        change(room, NEW, amount="a lot")
    with pytest.raises(InvalidRecord):
        change(room, NEW, name="")
    with pytest.raises(InvalidListing):
        change(room, Chosen(query=ListQuery("deals", filters=(Filter("amount", "at_least", ("much",)),))), stage="New")
    with pytest.raises(record_jobs.InvalidJob):
        change(room, Chosen([]), stage="New")
    with room.db.read() as session:
        assert background_jobs.running(session, record_jobs.KINDS) == []


def test_all_that_match_are_deleted_and_a_cancelled_job_deletes_no_more(room: Sending) -> None:
    with room.db.write() as session:
        number = record_jobs.start_deletion(session, "deals", Chosen(query=ListQuery("deals")), ANN).id or 0
    background_jobs.step(room.db, record_jobs.KINDS, number, record_jobs.DELETE)
    with room.db.write() as session:
        background_jobs.cancel(session, record_jobs.KINDS, number, "Sam")
    work(room)
    assert sum(stages(room).values()) == MANY - record_jobs.BATCH
    row = job(room, number)
    assert (row.state, row.cancelled_by, row.updated) == ("cancelled", "Sam", record_jobs.BATCH)


def test_a_job_whose_batch_breaks_ends_with_words_and_is_not_tried_for_ever(
    room: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = change(room, NEW, stage="Negotiation")
    monkeypatch.setattr(record_jobs.listing, "ids_after", lambda *_: 1 / 0)
    work(room)
    row = job(room, number)
    assert (row.state, row.error) == ("failed", background_jobs.OUR_FAULT) and stages(room)["New"] == MANY // 2
