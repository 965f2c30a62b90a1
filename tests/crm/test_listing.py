"""A list has exactly the records that its search and filters mean, in the order of its sort, whichever way the database finds
them (specification section 2)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.conftest import database_url
from webhookui.core.database import now
from webhookui.crm import fields, listing, records
from webhookui.crm.catalog import FieldInfo, catalog
from webhookui.crm.fields import FieldSpec
from webhookui.crm.filters import Filter, filter_operators
from webhookui.crm.listing import ListQuery
from webhookui.crm.operators import OPERATORS, Clock, comparable
from webhookui.crm.records import Actor
from webhookui.crm.sorting import InvalidListing
from webhookui.crm.tables import Record
from webhookui.installation import Installation, open_installation
from webhookui.people import accounts
from webhookui.settings import Settings

ANN = Actor("person", "Ann", 1)
ZONE = ZoneInfo("America/New_York")
WORDS = ["alpha", "Beta", "gamma ray", "Ärger", "x" * 250, "x" * 249 + "y", "50%_off", "back\\slash", "ÉTÉ", "z"]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder: Path = tmp_path_factory.mktemp("listing")
    url = database_url(request.param, request)
    opened = open_installation(Settings(instance=folder, database_url=url))  # type: ignore[call-arg]
    fill(opened)
    yield opened
    opened.close()


def fill(installation: Installation) -> None:
    """Deals with values of each type, some empty, and custom fields among them."""
    pick = random.Random(7)
    with installation.db.write() as session:
        ann = accounts.create_user(
            session, email="ann@example.com", name="Ann", password="a long password", role="admin"
        )
        accounts.create_user(session, email="bob@example.com", name="bob", password="a long password", role="user")
        for spec in (
            FieldSpec("Tags", "multi_picklist", options=("Red", "Green", "Blue")),
            FieldSpec("Seen at", "datetime"),
            FieldSpec("Urgent", "checkbox"),
        ):
            fields.add(session, "deals", spec, ann)
        organizations = [
            records.create(session, "organizations", {"name": name}, ANN).id for name in ("Zeta", "acme", "Acme", "Mid")
        ]
        today = now()
        for number in range(90):
            day = today + timedelta(days=pick.choice([-400, -3, -1, 0, 1, 2, 30]), hours=pick.randint(-9, 9))
            values: dict[str, Any] = {
                "name": f"{pick.choice(WORDS)} {number}" if number % 3 else pick.choice(WORDS),
                "next_step": pick.choice([None, *WORDS]),
                "amount": pick.choice([None, "10", "10.00", "9.5", "-3", "123456789012345678.12", "0"]),
                "stage": pick.choice([None, "New", "Proposal", "Closed Won", "Closed Lost"]),
                "close_date": pick.choice([None, day.date().isoformat()]),
                "organization": pick.choice([None, *organizations]),
                "owner": pick.choice([None, 1, 2]),
                "tags": pick.choice([None, ["Red"], ["Red", "Blue"], ["Green"]]),
                "seen_at": pick.choice([None, day.isoformat(timespec="seconds")]),
                "urgent": pick.choice([True, False]),
            }
            records.create(session, "deals", values, ANN)
        some = list(session.query(Record).filter_by(module="deals"))
        for record in some[::5]:  # saved again, so that their keys have moved
            records.update(
                session, "deals", record.id or 0, {"amount": "11", "stage": "Proposal", "next_step": "moved"}, ANN
            )
        for record in some[:4]:
            records.delete(session, "deals", record.id or 0, ANN)


@pytest.fixture(params=[0, listing.FEW], ids=["by the order", "by the filter"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids of a filter are put in order, or the order is gone through for what the filter lets pass."""
    monkeypatch.setattr(listing, "FEW", request.param)


SORTS = [
    "id", "name", "next_step", "amount", "stage", "close_date", "organization", "owner", "tags", "seen_at", "urgent",
    "created_at", "updated_at",
]  # fmt: skip


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("direction", ["", "-"])
@pytest.mark.parametrize("sort", SORTS)
def test_pages_in_both_directions_are_the_whole_list_in_order(
    installation: Installation, sort: str, direction: str
) -> None:
    query = ListQuery("deals", sort=f"{direction}{sort}", filters=[Filter("stage", "is_not_empty")])
    with installation.db.read() as session:
        expected = [record.id for record in sorted_by_hand(session, query)]
        pages, page = [], listing.page(session, query, per_page=7)
        while True:
            pages.append([record.id for record in page.items])
            assert page.total == len(expected)
            if page.next_page is None:
                break
            page = listing.page(session, query, str(page.next_page), 7)
        assert [number for shown in pages for number in shown] == expected
        for shown in reversed(pages[:-1]):
            page = listing.page(session, query, per_page=7, before=str(page.previous_page))
            assert [record.id for record in page.items] == shown
        assert page.previous_page is None


def sorted_by_hand(session: Any, query: ListQuery) -> list[Record]:
    """Empty ones last, then by the value, then by id."""
    info = catalog(session).module("deals")
    rows = [record for record in session.query(Record).filter_by(module="deals") if record.values["stage"]]
    name = query.sort.removeprefix("-")
    field, descending = info.fields.get(name), query.sort.startswith("-")

    def value(record: Record) -> Any:
        if field is None:
            return getattr(record, name)
        stored = record.values.get(name)
        if stored is None or stored == []:
            return None
        if field.kind.family == "reference":
            target = session.get(Record, stored)
            return target.name.lower(), target.id
        if field.kind.family == "user":
            return accounts.get(session, stored).name.lower(), stored
        if field.kind.family == "choice":
            return field.options.index(stored)
        if field.kind.family == "number":
            return Decimal(str(stored))
        if field.kind.family == "choices":
            return ", ".join(stored).lower()
        return stored[:200].lower() if isinstance(stored, str) else stored

    filled = [record for record in rows if value(record) is not None]
    filled.sort(key=lambda record: (value(record), record.id), reverse=descending)
    empty = sorted((record for record in rows if value(record) is None), key=lambda record: record.id or 0)
    return filled + (empty[::-1] if descending else empty)


@pytest.mark.parametrize("sort", ["id", "-name", "stage", "-organization", "owner", "-amount", "updated_at"])
def test_pages_that_look_at_some_records_only_are_the_whole_list_together(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr(listing, "FEW", 0)
    query = ListQuery("deals", "xy", sort=sort)
    with installation.db.read() as session:
        expected = [record.id for record in listing.page(session, query, per_page=100).items]
        assert 0 < len(expected) < 30
        monkeypatch.setattr(listing, "LOOKED_AT", 7)
        cursor, shown, pages = "", [], 0
        while pages == 0 or (cursor and pages < 100):
            page = listing.page(session, query, cursor, 3)
            assert page.has_more and page.total <= 7
            shown += [record.id for record in page.items]
            cursor, pages = str(page.next_page or ""), pages + 1
        assert shown == expected and pages > len(expected) / 3
        assert ids_by_cursor(session, query) == expected
        back, last_page = set(), {record.id for record in page.items}
        place: str | None = str(page.previous_page)
        while place and pages:
            page = listing.page(session, query, per_page=3, before=place)
            back |= {record.id for record in page.items}
            place, pages = str(page.previous_page or ""), pages - 1
        assert not place and back | last_page == set(expected)


def ids_by_cursor(session: Any, query: ListQuery) -> list[int | None]:
    page = listing.page_after(session, query, "", 3)
    ids = [record.id for record in page.items]
    while page.next_page is not None:
        page = listing.page_after(session, query, str(page.next_page), 3)
        ids += [record.id for record in page.items]
    return ids


def operands_for(field: FieldInfo, operator: str, stored: list[Any]) -> list[tuple[str, ...]]:
    kind = OPERATORS[operator].value
    if kind == "none":
        return [()]
    if kind == "number":
        return [("0",), ("3",), ("400",)]
    texts = sorted({field.kind.text(value, ZONE) if field.kind.family != "choices" else value[0] for value in stored})
    if field.kind.family in ("reference", "user"):
        texts = sorted({str(value) for value in stored})
    if field.kind.family == "datetime":
        texts = [*sorted({value[:10] for value in stored}), stored[0]]
    if field.kind.family == "boolean":
        texts = ["true", "false"]
    if kind == "two":
        return [(texts[0], texts[-1]), (texts[1], texts[1])]
    if kind == "list":
        return [tuple(texts[:2]), tuple(texts[-1:])]
    parts = [text[1:4] for text in texts[:4]] if OPERATORS[operator].takes_text(field.kind.family) else []
    return [(text,) for text in (*texts[:5], *parts)]


FIELDS = ["next_step", "amount", "stage", "close_date", "organization", "owner", "tags", "seen_at", "urgent", "name"]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", FIELDS)
def test_a_filter_holds_for_what_the_same_condition_of_a_workflow_holds_for(
    installation: Installation, name: str
) -> None:
    with installation.db.read() as session:
        info = catalog(session).module("deals")
        field, rows = info.fields[name], list(session.query(Record).filter_by(module="deals"))
        stored = [row.values[name] for row in rows if row.values.get(name) not in (None, [], "")]
        asked_of = 0
        for operator in filter_operators(field):
            for operands in operands_for(field, operator.name, stored):
                asked = Filter(name, operator.name, operands)
                expected = {row.id for row in rows if by_hand(field, operator.name, operands, row.values.get(name))}
                page = listing.page(session, ListQuery("deals", filters=[asked], zone=ZONE), per_page=100)
                assert {record.id for record in page.items} == expected, asked
                assert page.total == len(expected), asked
                asked_of += 1
    assert asked_of >= 4


def by_hand(field: FieldInfo, name: str, operands: tuple[str, ...], stored: Any) -> bool:
    operator, family = OPERATORS[name], field.kind.family
    clock = Clock(now(), ZONE)
    value = comparable(family, None if stored in (None, "", []) else field.kind.typed(stored))

    def read(text: str) -> Any:
        if operator.value == "number":
            return int(text)
        if operator.takes_text(family):
            return comparable("text", text)
        if family == "choices":
            return comparable(family, [text])
        if family == "datetime" and len(text) == 10:
            return comparable("date", field.kind.typed(text + "T00:00:00Z").date())
        return comparable(family, field.kind.typed(field.kind.parse(text, field)))

    read_operands = [read(text) for text in operands]
    operand = None if not read_operands else read_operands if operator.value in ("two", "list") else read_operands[0]
    return operator.holds(value, operand, clock)


@pytest.mark.usefixtures("way")
def test_the_search_finds_parts_of_words_in_any_field_and_takes_nothing_for_a_pattern(
    installation: Installation,
) -> None:
    with installation.db.read() as session:
        for word in ("lph", "été", "%_o", "k\\s", "xy", "nothing of it", "acme"):
            expected = {
                record.id
                for record in session.query(Record).filter_by(module="deals")
                if all(part in record.search_text for part in word.split())
            }
            page = listing.page(session, ListQuery("deals", word), per_page=100)
            assert {record.id for record in page.items} == expected, word
        assert [record.name for record in listing.search(session, "acme")][:2] == ["Acme", "acme"]


def test_the_keys_of_a_list_are_those_of_its_records_whatever_was_saved(installation: Installation) -> None:
    from webhookui.crm.record_keys import ids_of, keys_of
    from webhookui.crm.tables import RecordKey

    with installation.db.read() as session:
        info = catalog(session).module("deals")
        rows = list(session.query(Record).filter_by(module="deals"))
        assert all(row.sort_keys == keys_of(info, row.values, row.name) for row in rows)
        ids = ids_of(info)
        kept = {
            (key.field_id, key.key, key.record_id) for key in session.query(RecordKey) if key.field_id in ids.values()
        }
        assert kept == {(number, row.sort_keys.get(name, ""), row.id) for row in rows for name, number in ids.items()}


def test_a_search_of_any_number_of_words_is_answered(installation: Installation) -> None:
    with installation.db.read() as session:
        assert (
            listing.page(session, ListQuery("deals", " ".join(f"word{number}" for number in range(3000)))).items == []
        )
        assert listing.search(session, " ".join(f"word{number}" for number in range(3000))) == []


def test_a_long_text_hides_no_other_field_from_the_search_and_from_filters(installation: Installation) -> None:
    with installation.db.write() as session:
        ann = accounts.all_users(session)[0]
        fields.add(session, "tasks", FieldSpec("Last of all"), ann)
        values = {"subject": "Long", "description": "word " * 4000, "last_of_all": "needle"}
        task = records.create(session, "tasks", values, ANN).id
    with installation.db.read() as session:
        by_search = listing.page(session, ListQuery("tasks", "needle"))
        by_filter = listing.page(session, ListQuery("tasks", filters=[Filter("last_of_all", "contains", ("eedl",))]))
        assert [record.id for record in (*by_search.items, *by_filter.items)] == [task, task]


def test_a_related_list_pages_through_all_that_refer_to_a_record_the_newest_first(installation: Installation) -> None:
    with installation.db.read() as session:
        targets = list(session.query(Record).filter_by(module="organizations"))
        relation = next(row for row in catalog(session).relations("organizations") if row.module == "deals")
        for target in targets:
            rows = list(session.query(Record).filter_by(module="deals"))
            expected = sorted((row.id or 0 for row in rows if row.values["organization"] == target.id), reverse=True)
            assert len(expected) > 10
            page = listing.related(session, relation, target.id or 0, per_page=4)
            shown = [record.id for record in page.items]
            while page.next_page is not None:
                assert page.total == len(expected)
                page = listing.related(session, relation, target.id or 0, str(page.next_page), 4)
                shown += [record.id for record in page.items]
            assert shown == expected
            page = listing.related(session, relation, target.id or 0, per_page=4, before=str(page.previous_page))
            behind = len(expected) - (len(expected) % 4 or 4)
            assert [record.id for record in page.items] == expected[behind - 4 : behind]
        with pytest.raises(InvalidListing):
            cursor = str(listing.page(session, ListQuery("deals", sort="-id"), per_page=1).next_page)
            listing.related(session, relation, targets[0].id or 0, cursor)
