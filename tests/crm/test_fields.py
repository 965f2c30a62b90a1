"""Labels and options of fields change while everything runs (specification section 2), on both databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.conftest import BOTH, database_url
from tests.support.prepared import ann as admin
from webhookui.core import background_jobs
from webhookui.core.background_jobs import Job
from webhookui.core.database import Database
from webhookui.crm import fields, listing, options, records
from webhookui.crm.catalog import FieldInfo, catalog
from webhookui.crm.fields import FieldNotFound, FieldSpec, InvalidField
from webhookui.crm.filters import Filter
from webhookui.crm.history import RecordChange, timeline
from webhookui.crm.listing import ListQuery
from webhookui.crm.records import Actor, InvalidRecord
from webhookui.crm.tables import Record, RecordKey
from webhookui.installation import open_installation
from webhookui.settings import Settings

SYSTEM = Actor("system", "Test")
STAGES = ("New", "Qualifying", "Proposal", "Negotiation", "Closed Won", "Closed Lost")


@pytest.fixture(params=BOTH)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = database_url(request.param, request)
    opened = open_installation(Settings(instance=tmp_path, database_url=url))  # type: ignore[call-arg]
    yield opened.db
    opened.close()


def change(
    db: Database, name: str = "stage", offered: list[str] | None = None, *, module: str = "deals", label: str = "",
    **renamed: str,
) -> FieldInfo:  # fmt: skip
    """Changes a field's options; a name of `renamed` has underscores for its blanks."""
    with db.write() as session:
        field = catalog(session).module(module).fields[name]
        names = {old.replace("_", " "): new for old, new in renamed.items()}
        texts = offered if offered is not None else [names.get(option, option) for option in field.options]
        spec = FieldSpec(label or field.label, options=texts, renamed=names)
        return fields.change(session, module, name, spec, admin(session))


def deal(db: Database, **values: Any) -> int:
    with db.write() as session:
        return records.create(session, "deals", {"name": "D", **values}, SYSTEM).id or 0


def record(db: Database, record_id: int) -> Record:
    with db.read() as session:
        return session.get_one(Record, record_id)


def rename(db: Database) -> bool:
    """What the worker of jobs does."""
    return background_jobs.work(db, {options.RENAME: options.KIND})


def listed(db: Database, *filters: Filter, sort: str = "id") -> list[str]:
    with db.read() as session:
        query = ListQuery("deals", sort=sort, filters=filters)
        return [str(row.values["stage"]) for row in listing.page(session, query, "", 100).items]


def assert_indexed(db: Database) -> None:
    """The lifted columns and the index of all fields say what the values say."""
    with db.read() as session:
        info = catalog(session).module("deals")
        keys = {(row.field_id, row.record_id): row.key for row in session.scalars(select(RecordKey))}
        for row in session.scalars(select(Record).where(Record.module == "deals")):  # type: ignore[arg-type]
            assert (row.name, row.search_text, row.sort_keys) == records.lifted(info, row.values)
            for field in info.fields.values():
                assert keys[field.id, row.id or 0] == row.sort_keys.get(field.name, ""), field.name


def test_a_new_stage_is_taken_at_once_and_sorts_at_its_place(db: Database) -> None:
    for stage in ("Closed Won", "Proposal", "New"):
        deal(db, stage=stage)
    change(db, offered=["New", "Demo", *STAGES[1:]])
    deal(db, stage="demo")
    assert listed(db, sort="stage") == ["New", "Demo", "Proposal", "Closed Won"]
    assert listed(db, Filter("stage", "is", ("Demo",))) == ["Demo"]
    change(db, offered=["Closed Won", "Demo", "New", *STAGES[1:4], "Closed Lost"])
    assert listed(db, sort="stage") == ["Closed Won", "Demo", "New", "Proposal"]
    assert listed(db, sort="-stage") == ["Proposal", "New", "Demo", "Closed Won"]


def test_a_standard_field_gets_another_label_and_keeps_what_is_not_its_own(db: Database) -> None:
    with db.write() as session:
        spec = FieldSpec("Phase", options=STAGES, required=True, in_list=False)
        field = fields.change(session, "deals", "stage", spec, admin(session))
    assert (field.label, field.required, field.in_list, field.options) == ("Phase", False, True, STAGES)
    with db.write() as session, pytest.raises(FieldNotFound):
        fields.remove(session, "deals", "stage", admin(session))


def test_a_retired_option_stays_where_it_stands_and_is_found_and_comes_back(db: Database) -> None:
    lost = deal(db, stage="Closed Lost")
    field = change(db, offered=list(STAGES[:-1]))
    assert (field.options, field.retired_options) == (STAGES[:-1], ("Closed Lost",))
    with db.write() as session:
        assert records.update(session, "deals", lost, {"name": "E", "stage": "Closed Lost"}, SYSTEM).name == "E"
        with pytest.raises(InvalidRecord):
            records.create(session, "deals", {"name": "F", "stage": "Closed Lost"}, SYSTEM)
    deal(db, stage="New")
    assert listed(db, Filter("stage", "is", ("Closed Lost",))) == ["Closed Lost"]
    assert listed(db, Filter("stage", "is_none_of", ("Closed Lost",))) == ["New"]
    assert listed(db, sort="stage") == ["New", "Closed Lost"]
    assert change(db, offered=list(STAGES)).retired_options == ()
    deal(db, stage="Closed Lost")


def test_an_option_that_no_record_has_goes_without_a_trace(db: Database) -> None:
    field = change(db, offered=list(STAGES[:-1]))
    assert (field.options, field.retired_options) == (STAGES[:-1], ())


def test_what_a_new_record_starts_with_follows_its_option(db: Database) -> None:
    assert change(db, New="Fresh").default == "Fresh"
    assert record(db, deal(db)).values["stage"] == "Fresh"
    assert change(db, offered=list(STAGES[1:])).default == "Qualifying"
    assert record(db, deal(db)).values["stage"] == "Qualifying"


def test_a_rename_reaches_all_records_and_makes_no_save_of_it(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "BATCH", 2)
    ids = [deal(db, stage="Proposal", name=f"Quote {number}") for number in range(7)]
    other = deal(db, stage="New")
    before = {number: record(db, number) for number in ids}
    change(db, Proposal="Quoted")
    held = [record(db, number).values["stage"] for number in ids]
    assert held == ["Quoted"] * 2 + ["Proposal"] * 5, "the first at once, the others in the background"
    assert sorted(listed(db, Filter("stage", "is", ("Quoted",)))) == sorted(held), "both names are the option"
    assert rename(db) is False
    assert [record(db, number).values["stage"] for number in ids] == ["Quoted"] * 7
    assert record(db, other).values["stage"] == "New"
    for number in ids:
        row = record(db, number)
        assert (row.version, row.updated_at) == (before[number].version, before[number].updated_at)
    with db.read() as session:
        job = session.scalars(select(Job)).one()
        assert (job.state, job.updated, job.by) == ("finished", 7, "Ann Admin")
        assert len(timeline(session, ids[0])) == 1, "the timeline has no save that nobody made"
        found = listing.search(session, "quoted", limit=50)
        assert {row.id for row in found} == set(ids) and not listing.search(session, "proposal", limit=50)
    assert_indexed(db)


def test_a_rename_goes_on_where_a_killed_process_left_it(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "BATCH", 2)
    ids = [deal(db, stage="Proposal") for _ in range(5)]
    change(db, Proposal="Quoted")
    change(db, Quoted="Offered")
    with db.write() as session:  # what a save finds half renamed becomes whole, without a change of the field
        records.update(session, "deals", ids[-1], {"name": "Saved", "stage": "Offered"}, SYSTEM)
        assert set(timeline(session, ids[-1])[0].values) == {"name"}
    while rename(db):
        pass
    assert {record(db, number).values["stage"] for number in ids} == {"Offered"}
    assert_indexed(db)


@pytest.mark.parametrize("new", ["PROPOSAL", "Angebot"])
def test_a_rename_may_change_nothing_but_the_case(db: Database, new: str) -> None:
    number = deal(db, stage="Proposal")
    change(db, Proposal=new)
    assert rename(db) is False and record(db, number).values["stage"] == new
    change(db, **{new: "Proposal"})
    assert rename(db) is False and record(db, number).values["stage"] == "Proposal"


def test_options_of_a_multi_select_picklist_are_renamed_among_the_others(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "BATCH", 1)
    with db.write() as session:
        number = records.create(
            session, "contacts", {"last_name": "R", "interests": ["Newsletter", "Events"]}, SYSTEM
        ).id
    change(db, "interests", module="contacts", Events="Fairs")
    while rename(db):
        pass
    assert record(db, number or 0).values["interests"] == ["Newsletter", "Fairs"]
    field = change(db, "interests", ["Newsletter"], module="contacts")
    assert field.retired_options == ("Fairs",), "held options are retired, the others go"


def test_the_former_name_stands_for_the_option_wherever_it_comes_from(db: Database) -> None:
    number = deal(db, stage="New")
    change(db, Closed_Won="Won")
    with db.write() as session:
        saved = records.update(session, "deals", number, {"stage": "closed won"}, Actor("capture", "Delivery 1"))
        assert saved.values["stage"] == "Won"
    assert listed(db, Filter("stage", "is", ("Closed Won",))) == ["Won"]


def test_past_changes_are_read_by_the_names_of_today(db: Database) -> None:
    number = deal(db, stage="New")
    with db.write() as session:
        records.update(session, "deals", number, {"stage": "Closed Won"}, SYSTEM)
    change(db, Closed_Won="Won", New="Fresh")
    with db.read() as session:
        latest = timeline(session, number)[0]
        assert latest.values == {"stage": ["New", "Closed Won"]}, "the timeline says what was saved then"
        past = RecordChange.past(session, latest)
        assert (past.before["stage"], past.values["stage"]) == ("Fresh", "Won")


REFUSED: Mapping[str, tuple[list[str], dict[str, str], str, str]] = {
    "none is left": ([], {}, "options", "at least one"),
    "one is twice": (["New", "new"], {}, "options", "twice"),
    "renamed to another": (list(STAGES), {"New": "Proposal"}, "rename_options", "same name"),
    "renamed from nothing": (list(STAGES), {"Nothing": "Something"}, "rename_options", "no option “Nothing”"),
    "a former name is taken again": ([*STAGES[:4], "Won", "Closed Won"], {}, "options", "former name of “Won”"),
    "too long": ([*STAGES, "x" * 201], {}, "options", "at most 200"),
    "unstorable": ([*STAGES, "a\x00b"], {}, "options", "can't be stored"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_options_can_not_be_is_refused_and_changes_nothing(db: Database, case: str) -> None:
    offered, renamed, path, words = REFUSED[case]
    if "former" in case:
        change(db, Closed_Won="Won")
    with db.read() as session:
        before = catalog(session).module("deals").fields["stage"]
    with pytest.raises(InvalidField) as refused:
        change(db, "stage", offered, **renamed)
    assert words in refused.value.errors[path]
    with db.read() as session:
        assert catalog(session).module("deals").fields["stage"] == before
