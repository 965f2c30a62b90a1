"""Deleted records (specification section 2): restored under their id with their references, looked through, purged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.conftest import BOTH, database_url
from tests.support.log_rows import add_delivery
from webhookui.core import background_jobs
from webhookui.core.database import Database, now
from webhookui.crm import deleted_records, deleted_references, fields, history, listing, records
from webhookui.crm.catalog import catalog
from webhookui.crm.deleted_records import DeletedQuery, NotDeleted
from webhookui.crm.fields import FieldSpec
from webhookui.crm.filters import Filter
from webhookui.crm.history import RecordChange, record_saved
from webhookui.crm.listing import ListQuery
from webhookui.crm.records import Actor, RecordConflict, RecordDeleted, RecordNotFound
from webhookui.crm.seed import seed
from webhookui.crm.tables import Change, DeletedLink, DeletedRecord, Link, RecordKey
from webhookui.delivery_log import retention
from webhookui.migrations import migrate
from webhookui.people import accounts
from webhookui.people.tables import User

ANN = Actor("person", "Ann")
JOBS = {deleted_references.REFERENCES: deleted_references.KIND}


@pytest.fixture(params=BOTH)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = Database(database_url(request.param, request) or f"sqlite:///{tmp_path / 'new.db'}")
    migrate(database, tmp_path)
    with database.write() as session:
        seed(session)
    yield database
    database.close()


def make(db: Database, module: str, actor: Actor = ANN, **values: Any) -> int:
    with db.write() as session:
        return records.create(session, module, values, actor).id or 0


def contact(db: Database, name: str = "Keys", **values: Any) -> int:
    return make(db, "contacts", last_name=name, **values)


def deal(db: Database, name: str, **values: Any) -> int:
    return make(db, "deals", name=name, **values)


def change(db: Database, module: str, record_id: int, **values: Any) -> None:
    with db.write() as session:
        records.update(session, module, record_id, values, ANN)


def delete(db: Database, module: str, record_id: int, actor: Actor = ANN) -> None:
    with db.write() as session:
        records.delete(session, module, record_id, actor)


def restore(db: Database, module: str, record_id: int) -> list[str]:
    """What could not be set again."""
    with db.write() as session:
        return records.restore(session, module, record_id, ANN)[1]


def values(db: Database, module: str, record_id: int) -> dict[str, Any]:
    with db.read() as session:
        return records.get(session, module, record_id).values


def timeline(db: Database, record_id: int) -> list[Change]:
    with db.read() as session:
        return history.timeline(session, record_id)


def listed(db: Database, module: str, **query: Any) -> list[int | None]:
    with db.read() as session:
        return [record.id for record in listing.page(session, ListQuery(module, **query)).items]


def number_of(db: Database, table: Any, *where: Any) -> int:
    with db.read() as session:
        return session.scalar(select(func.count()).select_from(table).where(*where)) or 0


def admin(db: Database) -> User:
    with db.write() as session:
        try:
            return accounts.by_email(session, "ann@example.com")
        except accounts.UserNotFound:
            return accounts.create_user(
                session, email="ann@example.com", name="Ann", password="correct horse battery", role="admin"
            )


def add_field(db: Database, module: str, label: str, **spec: Any) -> str:
    by = admin(db)
    with db.write() as session:
        return fields.add(session, module, FieldSpec(label, **spec), by).name


def purge(db: Database, limit: datetime | None = None) -> int:
    return deleted_records.purge(db, limit or now() + timedelta(seconds=1), retention.has_deliveries)


# ---- restoring --------------------------------------------------------------------------------------------------------


def test_a_deleted_record_is_in_no_list_and_comes_back_as_it_was_under_its_id(db: Database) -> None:
    add_field(db, "contacts", "Size", type="number")
    organization = make(db, "organizations", name="Acme")
    filled = {
        "first_name": "Eva", "email": "eva@example.com", "description": 'Quotes ", lines\nand 🎈', "birthday": "1990-02-28",
        "organization": organization, "size": "12.50", "interests": ["Events"],
    }  # fmt: skip
    eva = contact(db, "Keys", **filled)
    with db.read() as session:
        before = records.get(session, "contacts", eva)
    keys = (RecordKey, RecordKey.__table__.c.record_id == eva)  # type: ignore[attr-defined]
    number = number_of(db, *keys)
    delete(db, "contacts", eva)
    assert listed(db, "contacts") == [] and listed(db, "contacts", q="eva@") == [] and number_of(db, *keys) == 0
    with db.read() as session, pytest.raises(RecordDeleted, match=r"was deleted by Ann at .* it can be restored"):
        records.get(session, "contacts", eva)
    assert restore(db, "contacts", eva) == []
    with db.read() as session:
        after = records.get(session, "contacts", eva)
    assert (after.id, after.values, after.name, after.created_at) == (eva, before.values, "Eva Keys", before.created_at)
    assert after.version == before.version + 2 and after.updated_at > before.updated_at
    assert (after.sort_keys, after.search_text) == (before.sort_keys, before.search_text)
    assert listed(db, "contacts", q="eva@") == [eva] and number_of(db, *keys) == number
    assert listed(db, "contacts", filters=[Filter("organization", "is", (str(organization),))]) == [eva]
    assert [change.kind for change in timeline(db, eva)] == ["restore", "delete", "create"]
    with db.write() as session, pytest.raises(NotDeleted):
        records.restore(session, "contacts", eva, ANN)


def test_references_become_empty_and_are_set_again_and_the_timelines_say_so(db: Database) -> None:
    eva = contact(db)
    first, second = deal(db, "First", contact=eva), deal(db, "Second", contact=eva)
    task = make(db, "tasks", subject="Call", contact=eva, deal=first)
    delete(db, "contacts", eva)
    assert [values(db, "deals", number)["contact"] for number in (first, second)] == [None, None]
    assert values(db, "tasks", task)["contact"] is None and values(db, "tasks", task)["deal"] == first
    assert listed(db, "deals", sort="contact") == [first, second]
    assert restore(db, "contacts", eva) == []
    assert [values(db, "deals", number)["contact"] for number in (first, second)] == [eva, eva]
    assert listed(db, "deals", sort="contact") == [first, second]
    assert listed(db, "tasks", filters=[Filter("contact", "is", (str(eva),))]) == [task]
    latest = [(change.by, change.source, change.values) for change in timeline(db, first)][:2]
    assert latest == [
        ("Restoration of Keys", "system", {"contact": [None, eva]}),
        ("Deletion of Keys", "system", {"contact": [eva, None]}),
    ]
    assert number_of(db, DeletedLink) == 0 and number_of(db, Link) == 4


def test_what_was_filled_or_deleted_meanwhile_stays_and_is_said(db: Database) -> None:
    eva, adam = contact(db, "Eva"), contact(db, "Adam")
    filled, gone, stays = (deal(db, name, contact=eva) for name in ("Filled", "Gone", "Stays"))
    delete(db, "contacts", eva)
    change(db, "deals", filled, contact=adam)
    delete(db, "deals", gone)
    notes = restore(db, "contacts", eva)
    assert notes == [
        "Filled refers to another record by now; it stays so.",
        "One record that referred to it is deleted too; restored, it refers to it again.",
    ]
    assert values(db, "deals", filled)["contact"] == adam and values(db, "deals", stays)["contact"] == eva
    assert restore(db, "deals", gone) == []
    assert values(db, "deals", gone)["contact"] == eva
    assert number_of(db, DeletedLink) == 0


@pytest.mark.parametrize("deleted", list(permutations((0, 1))))
@pytest.mark.parametrize("restored", list(permutations((0, 1))))
def test_two_that_refer_to_each_other_do_so_again(
    db: Database, deleted: tuple[int, ...], restored: tuple[int, ...]
) -> None:
    add_field(db, "contacts", "Best deal", type="reference", target="deals")
    eva = contact(db)
    order = deal(db, "Order", contact=eva)
    change(db, "contacts", eva, best_deal=order)
    both = [("contacts", eva), ("deals", order)]
    for number in deleted:
        delete(db, *both[number])
    for number in restored:
        restore(db, *both[number])
    assert values(db, "contacts", eva)["best_deal"] == order and values(db, "deals", order)["contact"] == eva
    assert number_of(db, DeletedLink) == 0 and number_of(db, Link) == 2


def test_a_record_comes_back_without_a_target_that_is_gone_for_good(db: Database) -> None:
    eva, adam = contact(db, "Eva"), contact(db, "Adam")
    first, second = deal(db, "First", contact=eva), deal(db, "Second", contact=adam)
    for module, number in (("deals", first), ("deals", second), ("contacts", eva), ("contacts", adam)):
        delete(db, module, number)
    with db.write() as session:
        deleted_records.remove(session, [adam], retention.has_deliveries)
    away = "Contact is empty: Eva is deleted too. It is set when that is restored."
    assert restore(db, "deals", first) == [away]
    assert restore(db, "deals", second) == ["Contact is empty: the record that it referred to is gone."]
    assert values(db, "deals", first)["contact"] is None
    restore(db, "contacts", eva)
    assert values(db, "deals", first)["contact"] == eva and values(db, "deals", second)["contact"] is None


def test_what_changed_meanwhile_stops_no_restoration_and_loses_nothing(db: Database) -> None:
    size = add_field(db, "contacts", "Size", options=("Small", "Large"), type="picklist")
    extra = add_field(db, "contacts", "Extra")
    ann = admin(db)
    with db.write() as session:
        sam = accounts.create_user(session, email="sam@example.com", name="Sam", password="correct horse battery")
    eva = contact(db, "Eva", size="Large", extra="Kept", owner=sam.id)
    delete(db, "contacts", eva)
    with db.write() as session:
        fields.change(session, "contacts", size, FieldSpec("Size", options=("Small",)), ann)
        fields.remove(session, "contacts", extra, ann)
        fields.add(session, "contacts", FieldSpec("Region", required=True), ann)
        accounts.change_user(session, accounts.by_email(session, "sam@example.com"), role="user", active=False, by=ann)
    assert restore(db, "contacts", eva) == [
        "The field Extra was removed; its value stays in the timeline.",
        "Region is required and empty.",
        "Owner is still Sam, who is deactivated.",
    ]
    kept = values(db, "contacts", eva)
    assert (kept["size"], kept["region"], kept["owner"]) == ("Large", None, sam.id) and extra not in kept
    assert timeline(db, eva)[1].values[extra] == ["Kept", None]
    change(db, "contacts", eva, first_name="Eva")  # what stands there is no obstacle to a save
    # A field that comes back under its name has its type: the value of a record that comes back after it fits.
    delete(db, "contacts", eva)
    assert add_field(db, "contacts", "Extra") == extra
    restore(db, "contacts", eva)
    assert values(db, "contacts", eva)[extra] is None


def test_a_required_reference_does_not_keep_its_target_from_being_deleted(db: Database) -> None:
    add_field(db, "deals", "Sponsor", type="reference", target="contacts", required=True)
    eva = contact(db)
    order = deal(db, "Order", sponsor=eva)
    delete(db, "contacts", eva)
    assert values(db, "deals", order)["sponsor"] is None
    restore(db, "contacts", eva)
    assert values(db, "deals", order)["sponsor"] == eva


def test_a_restoration_runs_no_workflows(db: Database) -> None:
    heard: list[str] = []
    record_saved.connect(db, lambda _session, saved: heard.append(saved.kind))
    eva = contact(db)
    deal(db, "Order", contact=eva)
    delete(db, "contacts", eva)
    restore(db, "contacts", eva)
    assert heard == ["create", "create", "delete"]
    with db.read() as session:
        restored = RecordChange.past(session, timeline(db, eva)[0])
    assert (restored.kind, restored.values["last_name"], restored.before) == ("restore", "Keys", {})


def test_a_save_from_before_the_deletion_is_told_of_it_and_contests_nothing(db: Database) -> None:
    eva = contact(db, "Keys", first_name="Eva")
    delete(db, "contacts", eva)
    restore(db, "contacts", eva)
    with db.write() as session, pytest.raises(RecordConflict) as raised:
        records.update(session, "contacts", eva, {"first_name": "Ada"}, ANN, version=1)
    assert raised.value.changed == {"first_name": ("Ada", "Eva")} and raised.value.contested == ()


def test_the_owner_of_a_deleted_record_is_still_known(db: Database) -> None:
    ann = admin(db)
    eva = contact(db, "Eva", owner=ann.id)
    with db.write() as session:
        add_delivery(session, module="contacts", record_id=eva)
    for purged in (False, True):
        delete(db, "contacts", eva) if not purged else purge(db)
        with db.read() as session:
            assert records.owners_of(session, [eva]) == {eva: ann.id}


# ---- many references --------------------------------------------------------------------------------------------------


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deleted_references, "BATCH", 4)
    monkeypatch.setattr(background_jobs, "TURN_S", 60.0)


@pytest.mark.usefixtures("small_batches")
def test_many_references_are_left_to_a_job(db: Database) -> None:
    add_field(db, "deals", "Sponsor", type="reference", target="contacts")
    eva = contact(db)
    deals = [deal(db, f"Order {number}", contact=eva, sponsor=eva) for number in range(7)]
    delete(db, "contacts", eva)
    assert [values(db, "deals", number)["contact"] for number in deals[:2]] == [None, eva], (
        "the first batch, then a job"
    )
    background_jobs.work(db, JOBS)
    assert {values(db, "deals", number)[name] for number in deals for name in ("contact", "sponsor")} == {None}
    assert [len(timeline(db, number)) for number in deals] == [2] * 7, "one change of both fields"
    restore(db, "contacts", eva)
    background_jobs.work(db, JOBS)
    assert {values(db, "deals", number)[name] for number in deals for name in ("contact", "sponsor")} == {eva}
    assert sorted(listed(db, "deals", filters=[Filter("contact", "is", (str(eva),))])) == deals  # type: ignore[type-var]
    assert (number_of(db, DeletedLink), number_of(db, Link)) == (0, 14)


@pytest.mark.usefixtures("small_batches")
def test_a_restoration_overtakes_the_job_and_all_refer_to_it(db: Database) -> None:
    eva, adam = contact(db, "Eva"), contact(db, "Adam")
    deals = [deal(db, f"Order {number}", contact=eva) for number in range(10)]
    delete(db, "contacts", eva)
    change(db, "deals", deals[-1], contact=adam)  # while it still named the deleted one
    restore(db, "contacts", eva)
    background_jobs.work(db, JOBS)
    assert [values(db, "deals", number)["contact"] for number in deals] == [eva] * 9 + [adam]
    assert [len(timeline(db, number)) for number in deals[3:9]] == [1] * 6, "what was never emptied is not set again"
    assert (number_of(db, DeletedLink), number_of(db, Link)) == (0, 10)


@pytest.mark.usefixtures("small_batches")
def test_a_purge_leaves_no_reference_to_what_is_gone(db: Database) -> None:
    eva = contact(db)
    deals = [deal(db, f"Order {number}", contact=eva) for number in range(9)]
    delete(db, "contacts", eva)
    assert purge(db) == 1
    background_jobs.work(db, JOBS)
    assert {values(db, "deals", number)["contact"] for number in deals} == {None}
    assert number_of(db, DeletedLink) == 0


# ---- the list ---------------------------------------------------------------------------------------------------------


def page(db: Database, *, before: int | None = None, after: int | None = None, **query: Any) -> Any:
    with db.read() as session:
        return deleted_records.page(session, DeletedQuery(**query), 2, before=before, after=after)


def test_the_newest_comes_first_and_pages_go_both_ways(db: Database) -> None:
    ids = [contact(db, f"Number {number}") for number in range(5)]
    for number in (2, 0, 4, 1, 3):
        delete(db, "contacts", ids[number])
    first = page(db)
    second = page(db, before=first.next_page)
    third = page(db, before=second.next_page)
    assert [[row.name[-1] for row in part.items] for part in (first, second, third)] == [["3", "1"], ["4", "0"], ["2"]]
    assert third.next_page is None and first.previous_page is None
    assert page(db, after=third.previous_page).items == second.items
    assert page(db, after=second.previous_page).items == first.items


def test_it_is_searched_and_filtered_by_module_who_and_when(db: Database) -> None:
    ann = admin(db)
    eva, order = contact(db, "Keys", first_name="Eva", email="eva@example.com"), deal(db, "Order for Eva")
    delete(db, "contacts", eva)
    between = now()
    delete(db, "deals", order, Actor("person", "Ann", ann.id))

    def names(**query: Any) -> list[str]:
        return [row.name for row in page(db, **query).items]

    assert names(q="eva") == ["Order for Eva", "Eva Keys"] and names(q="eva@example") == ["Eva Keys"]
    assert names(q="ev order") == ["Order for Eva"] and names(q="no such words") == []
    assert names(module="contacts") == ["Eva Keys"] and names(user_id=ann.id) == ["Order for Eva"]
    assert names(since=between) == ["Order for Eva"] and names(until=between) == ["Eva Keys"]
    assert names(since=between, until=between) == [] and names(since=now() + timedelta(days=1)) == []


# ---- purging ----------------------------------------------------------------------------------------------------------


def test_what_is_old_enough_is_purged_with_its_timeline_and_nothing_else(db: Database) -> None:
    old, new, stays = contact(db, "Old"), contact(db, "New"), contact(db, "Stays")
    delete(db, "contacts", old)
    between = now()
    delete(db, "contacts", new)
    assert purge(db, between) == 1 and purge(db, between) == 0
    assert number_of(db, DeletedRecord) == 1
    assert [len(timeline(db, number)) for number in (old, new, stays)] == [0, 2, 1]
    with db.write() as session, pytest.raises(NotDeleted):
        records.restore(session, "contacts", old, ANN)
    with db.read() as session, pytest.raises(RecordNotFound, match="There is no record"):
        records.get(session, "contacts", old)
    assert contact(db, "Later") > stays


def test_a_timeline_stays_as_long_as_the_log_has_deliveries_of_it(db: Database) -> None:
    eva = contact(db, "Eva")
    old = now() - timedelta(days=100)
    with db.write() as session:
        saved = history.timeline(session, eva)[0]
        for _ in range(2):
            add_delivery(session, module="contacts", record_id=eva, change_id=saved.id, created_at=old, finished_at=old)
        late = add_delivery(session, module="contacts", record_id=eva, created_at=now(), finished_at=now()).id
    delete(db, "contacts", eva)
    purge(db)
    assert len(timeline(db, eva)) == 2, "a delivery can still be sent again"
    assert retention.purge(db, now() - timedelta(days=90)) == 2
    assert len(timeline(db, eva)) == 2 and late
    assert retention.purge(db, now() + timedelta(seconds=1)) == 1
    assert timeline(db, eva) == []


def test_the_timeline_of_a_record_that_is_there_or_can_be_restored_outlives_its_deliveries(db: Database) -> None:
    there, deleted = contact(db, "There"), contact(db, "Deleted")
    with db.write() as session:
        for record_id in (there, deleted):
            add_delivery(session, module="contacts", record_id=record_id)
    delete(db, "contacts", deleted)
    assert retention.purge(db, now() + timedelta(seconds=1)) == 2
    assert [len(timeline(db, number)) for number in (there, deleted)] == [1, 2]


def test_how_many_refer_to_a_record_is_counted_by_relation(db: Database) -> None:
    eva = contact(db)
    for number in range(3):
        deal(db, f"Order {number}", contact=eva)
    make(db, "tasks", subject="Call", contact=eva)
    with db.read() as session:
        numbers = records.referring(session, records.get(session, "contacts", eva))
        assert catalog(session).module("deals").label == "Deals"
    assert {(relation.module, relation.field): number for relation, number in numbers.items()} == {
        ("deals", "contact"): 3, ("tasks", "contact"): 1,
    }  # fmt: skip
