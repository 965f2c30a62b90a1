"""A board has the records of the list it stands for, in the columns of a picklist, with exact counts and sums as far as it looks
(specification section 2)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import BOTH, database_url
from webhookui.core.sql_numbers import number_of, sort_key
from webhookui.crm import board, fields, records
from webhookui.crm.board import Column
from webhookui.crm.catalog import catalog
from webhookui.crm.fields import FieldSpec
from webhookui.crm.filters import Filter
from webhookui.crm.listing import ListQuery
from webhookui.crm.records import Actor, InvalidRecord, RecordConflict, RecordNotFound
from webhookui.crm.seed import DEAL_STAGES
from webhookui.installation import Installation, open_installation
from webhookui.people import accounts
from webhookui.settings import Settings

ANN, BOB = Actor("person", "Ann"), Actor("person", "Bob")


@pytest.fixture(params=BOTH)
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    url = database_url(request.param, request)
    opened = open_installation(Settings(instance=tmp_path, database_url=url))  # type: ignore[call-arg]
    yield opened
    opened.close()


def deal(crm: Installation, stage: str | None, amount: str | None = None, **values: Any) -> int:
    given = {"name": f"Deal in {stage}", "stage": stage, "amount": amount, **values}
    with crm.db.write() as session:
        return records.create(session, "deals", given, ANN).id or 0


def columns(crm: Installation, *filters: Filter, by: str = "stage", **query: Any) -> dict[str | None, Column]:
    with crm.db.read() as session:
        info = catalog(session).module("deals")
        asked = ListQuery("deals", filters=filters, **query)
        return {
            column.value: column for column in board.columns(session, asked, info.fields[by], info.fields["amount"])
        }


def ids(column: Column) -> list[int | None]:
    return [card.id for card in column.cards]


def test_there_is_a_column_for_each_option_in_their_order_with_its_cards_count_and_sum(crm: Installation) -> None:
    first, second = deal(crm, "Proposal", "10.10"), deal(crm, "Proposal", "0.2")
    deal(crm, "Proposal")
    won = deal(crm, "Closed Won", "9999999999999999999999.999999")
    shown = columns(crm)
    assert list(shown) == list(DEAL_STAGES)
    assert (shown["Proposal"].number, shown["Proposal"].total) == (3, Decimal("10.30"))
    assert ids(shown["Proposal"])[1:] == [second, first], "the last change first"
    assert ids(shown["Closed Won"]) == [won]
    assert shown["Closed Won"].total == Decimal("9999999999999999999999.999999")
    assert (shown["New"].cards, shown["New"].number, str(shown["New"].total)) == ([], 0, "0.00")
    assert not any(column.has_more or column.total_has_more for column in shown.values())
    assert all(column.is_option for column in shown.values())


def test_no_value_and_retired_options_have_a_column_while_a_record_has_them(crm: Installation) -> None:
    with crm.db.write() as session:
        admin = accounts.create_user(
            session, email="ann@example.com", name="Ann", password="a long password", role="admin"
        )
        fields.add(session, "deals", FieldSpec("Size", "picklist", options=("Small", "OLD one", "Large")), admin)
    old = deal(crm, "New", "5", size="OLD one")
    with crm.db.write() as session:
        fields.change(session, "deals", "size", FieldSpec("Size", options=("Small", "Large")), admin)
    deal(crm, "New", size="Small")
    shown = columns(crm, by="size")
    assert list(shown) == ["Small", "Large", "OLD one"] and not shown["OLD one"].is_option
    assert ids(shown["OLD one"]) == [old] and shown["OLD one"].total == 5
    empty = deal(crm, "New", size=None)
    shown = columns(crm, by="size")
    assert list(shown) == ["Small", "Large", "OLD one", None] and ids(shown[None]) == [empty] and shown[None].is_option
    with crm.db.write() as session:
        board.move(session, "deals", old, "size", "Large", ANN, version=1)
        records.update(session, "deals", empty, {"size": "Small"}, ANN)
    assert list(columns(crm, by="size")) == ["Small", "Large"]


def test_an_option_that_got_a_new_name_has_one_column_whichever_name_its_records_have(
    crm: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhookui.crm.options.BATCH", 1)  # the others get the new name in the background
    before = [deal(crm, "Proposal", "5"), deal(crm, "Proposal", "7")]
    with crm.db.write() as session:
        admin = accounts.create_user(
            session, email="ann@example.com", name="Ann", password="a long password", role="admin"
        )
        options = ["Offer" if stage == "Proposal" else stage for stage in DEAL_STAGES]
        fields.change(
            session, "deals", "stage", FieldSpec("Stage", options=options, renamed={"Proposal": "Offer"}), admin
        )
    after = deal(crm, "Offer", "3")
    shown = columns(crm)
    assert list(shown) == options
    assert ids(shown["Offer"]) == [after, *reversed(before)] and shown["Offer"].total == 15
    assert {card.values["stage"] for card in shown["Offer"].cards} == {"Proposal", "Offer"}
    with crm.db.write() as session:
        assert board.move(session, "deals", before[1], "stage", "New", ANN, version=1).record.version == 2


@pytest.mark.parametrize("few", [0, 2000], ids=["by the column", "by the filter"])
def test_search_filters_and_sort_are_those_of_the_list(
    crm: Installation, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhookui.crm.listing.FEW", few)
    for number, amount in enumerate(("30", "10", "20", None)):
        deal(crm, "New", amount, name=f"Shop {number}", next_step="Call" if number else "Write")
    deal(crm, "Proposal", "7", name="Other", next_step="Call")
    shown = columns(crm, Filter("next_step", "is", ("call",)), sort="-amount")
    assert [card.name for card in shown["New"].cards] == ["Shop 2", "Shop 1", "Shop 3"]
    assert (shown["New"].number, shown["New"].total, shown["Proposal"].total) == (3, 30, 7)
    shown = columns(crm, q="shop", sort="name")
    assert [card.name for card in shown["New"].cards] == ["Shop 0", "Shop 1", "Shop 2", "Shop 3"]
    assert shown["Proposal"].number == 0


def test_a_long_column_is_looked_at_in_part_counted_by_its_index_and_says_so(
    crm: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "FEW", 4)
    monkeypatch.setattr(board, "CARDS", 3)
    monkeypatch.setattr(board, "COUNTED", 6)
    made = [deal(crm, "New", "1") for _ in range(6)]
    deal(crm, "Proposal", "5")
    shown = columns(crm)
    assert ids(shown["New"]) == made[:2:-1]
    assert (shown["New"].number, shown["New"].has_more) == (6, False)
    assert (shown["New"].total, shown["New"].total_has_more) == (4, True)
    assert (shown["Proposal"].total, shown["Proposal"].total_has_more) == (5, False)
    with crm.db.write() as session:  # the one that was changed last is shown, however old it is
        records.update(session, "deals", made[0], {"amount": "100"}, ANN)
    made.append(deal(crm, "New", "1"))
    shown = columns(crm)
    assert ids(shown["New"]) == [made[-1], made[0], made[-2]] and shown["New"].total > 100
    assert (shown["New"].number, shown["New"].has_more) == (6, True)
    monkeypatch.setattr("webhookui.crm.listing.FEW", 0)
    shown = columns(crm, Filter("amount", "at_least", ("0",)))
    assert shown["New"].has_more and shown["New"].number >= 4


def test_no_board_reads_more_than_its_share_of_many_columns(crm: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "LOOKED_AT", 14)
    for _ in range(5):
        deal(crm, "New", "1")
    shown = columns(crm)
    assert (shown["New"].number, shown["New"].total, shown["New"].total_has_more) == (5, 2, True)


def test_a_move_saves_what_others_did_not_touch_and_gives_way_to_another_move(crm: Installation) -> None:
    card = deal(crm, "New", "10")
    with crm.db.write() as session:
        records.update(session, "deals", card, {"amount": "20"}, BOB)
    with crm.db.write() as session:
        move = board.move(session, "deals", card, "stage", "Proposal", ANN, version=1)
        assert [change.by for change in move.meanwhile] == ["Bob"]
        assert (move.record.values["stage"], move.record.values["amount"], move.record.version) == ("Proposal", 20, 3)
    with crm.db.write() as session, pytest.raises(RecordConflict) as conflict:
        board.move(session, "deals", card, "stage", "Closed Won", BOB, version=2)
    assert conflict.value.changed == {"stage": ("Closed Won", "Proposal")}
    with crm.db.write() as session:  # both meant the same
        move = board.move(session, "deals", card, "stage", "Proposal", BOB, version=2)
        assert move.record.version == 3 and "stage" in move.meanwhile[0].values


def test_a_move_is_refused_as_any_other_save_is(crm: Installation) -> None:
    card = deal(crm, "New")
    with crm.db.write() as session, pytest.raises(InvalidRecord):
        board.move(session, "deals", card, "stage", "Nowhere", ANN, version=1)
    with crm.db.write() as session, pytest.raises(RecordNotFound):
        board.move(session, "deals", card + 1, "stage", "Proposal", ANN, version=1)


def test_the_state_moves_with_each_save_of_the_module_and_with_nothing_else(crm: Installation) -> None:
    def state() -> str:
        with crm.db.read() as session:
            return board.state(session, "deals")

    states = [state()]
    card = deal(crm, "New")
    states.append(state())
    with crm.db.write() as session:
        records.create(session, "contacts", {"last_name": "Other"}, ANN)
    assert state() == states[-1]
    with crm.db.write() as session:
        records.update(session, "deals", card, {"stage": "Proposal"}, ANN)
    states.append(state())
    with crm.db.write() as session:
        records.delete(session, "deals", card, ANN)
    states.append(state())
    assert len(set(states)) == len(states)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**22), max_value=10**22))
def test_a_number_is_read_back_from_its_key_to_the_last_digit(number: Decimal) -> None:
    assert number_of(sort_key(number)) == number
