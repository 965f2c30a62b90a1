"""What each operator holds for (specification section 3)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookui.crm.operators import OPERATORS, Clock, comparable, operators_for, really_changed

NOON = Clock(datetime(2026, 3, 10, 12, tzinfo=UTC))
FAMILIES = ("text", "number", "boolean", "date", "datetime", "choice", "choices", "reference", "user")
PRAGUE = Clock(datetime(2026, 3, 9, 23, 30, tzinfo=UTC), ZoneInfo("Europe/Prague"))
"""Half past midnight of the tenth in Prague."""


def day(text: str) -> date:
    return date.fromisoformat(text)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def holds(operator: str, family: str, value: Any, operand: Any = None, clock: Clock = NOON) -> bool:
    kind = OPERATORS[operator].value
    if kind in ("two", "list"):
        operand = tuple(comparable(family, item) for item in operand)
    elif kind == "one" and type(operand) is not date:
        operand = comparable(family, operand)
    return OPERATORS[operator].holds(comparable(family, value), operand, clock)


TABLE = [
    # operator, family, the field's value, the condition's value, whether it holds
    ("is", "text", "Acme", "ACME", True),
    ("is", "text", "Straße", "STRASSE", True),
    ("is", "text", "Acme", "Acme Ltd", False),
    ("is", "number", 5, Decimal("5.00"), True),
    ("is", "number", Decimal("0.1"), Decimal("0.10"), True),
    ("is", "number", 0, 0, True),
    ("is", "boolean", True, True, True),
    ("is", "boolean", False, False, True),
    ("is", "boolean", False, True, False),
    ("is", "choice", "Closed Won", "closed won", True),
    ("is", "choices", ["A", "B"], ["B", "A"], True),
    ("is", "choices", ["A", "B"], ["A"], False),
    ("is", "reference", 7, 7, True),
    ("is", "user", 7, 8, False),
    ("is", "date", day("2026-03-10"), day("2026-03-10"), True),
    ("is", "datetime", moment("2026-03-10T23:59"), day("2026-03-10"), True),
    ("is", "datetime", moment("2026-03-10T23:59"), moment("2026-03-10T23:58"), False),
    ("is_not", "text", "Acme", "acme", False),
    ("is_not", "text", "Acme", "other", True),
    ("is_not", "boolean", False, True, True),
    ("contains", "text", "Praha 4", "HA 4", True),
    ("contains", "text", "Praha", "Brno", False),
    ("contains", "choice", "Closed Won", "closed", True),
    ("contains", "choices", ["Red", "Blue"], ["blue"], True),
    ("contains", "choices", ["Red", "Blue"], ["blue", "green"], False),
    ("does_not_contain", "text", "Praha", "Brno", True),
    ("does_not_contain", "choices", ["Red"], ["red"], False),
    ("starts_with", "text", "Acme Ltd", "acme", True),
    ("starts_with", "text", "Acme Ltd", "ltd", False),
    ("ends_with", "text", "Acme Ltd", "LTD", True),
    ("ends_with", "text", "Acme Ltd", "acme", False),
    ("is_empty", "text", "x", None, False),
    ("is_not_empty", "text", "x", None, True),
    ("is_not_empty", "number", 0, None, True),
    ("less_than", "number", Decimal("4.99"), 5, True),
    ("less_than", "number", 5, 5, False),
    ("greater_than", "number", Decimal("5.01"), 5, True),
    ("greater_than", "number", 5, 5, False),
    ("at_most", "number", 5, Decimal("5.00"), True),
    ("at_most", "number", 6, 5, False),
    ("at_least", "number", 5, Decimal("5.00"), True),
    ("at_least", "number", 4, 5, False),
    ("between", "number", 1, (1, 10), True),
    ("between", "number", 10, (1, 10), True),
    ("between", "number", 11, (1, 10), False),
    ("between", "date", day("2026-03-01"), (day("2026-03-01"), day("2026-03-31")), True),
    ("between", "date", day("2026-03-31"), (day("2026-03-01"), day("2026-03-31")), True),
    ("between", "date", day("2026-04-01"), (day("2026-03-01"), day("2026-03-31")), False),
    ("between", "datetime", moment("2026-03-31T23:00"), (day("2026-03-01"), day("2026-03-31")), True),
    ("before", "date", day("2026-03-09"), day("2026-03-10"), True),
    ("before", "date", day("2026-03-10"), day("2026-03-10"), False),
    ("before", "datetime", moment("2026-03-10T00:00"), day("2026-03-10"), False),
    ("before", "datetime", moment("2026-03-09T23:59"), day("2026-03-10"), True),
    ("after", "date", day("2026-03-11"), day("2026-03-10"), True),
    ("after", "date", day("2026-03-10"), day("2026-03-10"), False),
    ("after", "datetime", moment("2026-03-10T23:59"), day("2026-03-10"), False),
    ("after", "datetime", moment("2026-03-10T12:01"), moment("2026-03-10T12:00"), True),
    ("is_today", "date", day("2026-03-10"), None, True),
    ("is_today", "date", day("2026-03-11"), None, False),
    ("is_today", "datetime", moment("2026-03-10T00:00"), None, True),
    ("is_tomorrow", "date", day("2026-03-11"), None, True),
    ("is_tomorrow", "date", day("2026-03-10"), None, False),
    ("is_yesterday", "date", day("2026-03-09"), None, True),
    ("is_yesterday", "date", day("2026-03-08"), None, False),
    ("in_the_last_days", "date", day("2026-03-10"), 7, True),
    ("in_the_last_days", "date", day("2026-03-03"), 7, True),
    ("in_the_last_days", "date", day("2026-03-02"), 7, False),
    ("in_the_last_days", "date", day("2026-03-11"), 7, False),
    ("in_the_last_days", "date", day("2026-03-10"), 0, True),
    ("in_the_next_days", "date", day("2026-03-10"), 7, True),
    ("in_the_next_days", "date", day("2026-03-17"), 7, True),
    ("in_the_next_days", "date", day("2026-03-18"), 7, False),
    ("in_the_next_days", "date", day("2026-03-09"), 7, False),
    ("more_than_days_ago", "date", day("2026-03-02"), 7, True),
    ("more_than_days_ago", "date", day("2026-03-03"), 7, False),
    ("more_than_days_later", "date", day("2026-03-18"), 7, True),
    ("more_than_days_later", "date", day("2026-03-17"), 7, False),
    ("is_any_of", "choice", "New", ("new", "Proposal"), True),
    ("is_any_of", "choice", "Closed", ("New", "Proposal"), False),
    ("is_any_of", "choices", ["A", "C"], ("B", "C"), True),
    ("is_any_of", "number", Decimal("5.00"), (4, 5), True),
    ("is_none_of", "choice", "New", ("new",), False),
    ("is_none_of", "choices", ["A"], ("B", "C"), True),
]


@pytest.mark.parametrize(("operator", "family", "value", "operand", "expected"), TABLE)
def test_an_operator_holds_as_the_table_says(
    operator: str, family: str, value: Any, operand: Any, expected: bool
) -> None:
    assert OPERATORS[operator].fits(family)
    assert holds(operator, family, value, operand) is expected


def test_every_operator_of_the_specification_is_in_the_table_and_tested() -> None:
    words = """is is_not contains does_not_contain starts_with ends_with is_empty is_not_empty less_than greater_than
        at_most at_least between before after is_today is_tomorrow is_yesterday in_the_last_days in_the_next_days
        more_than_days_ago more_than_days_later is_any_of is_none_of has_changed has_changed_to has_changed_from"""
    assert list(OPERATORS) == words.split()
    assert {row[0] for row in TABLE} == {name for name, operator in OPERATORS.items() if not operator.on_change}


NEGATIVE = {"is_not", "does_not_contain", "is_none_of", "is_empty"}
OPERAND = {"none": None, "number": 3, "two": (1, 2), "list": ("x",), "one": "x"}


@pytest.mark.parametrize("name", [name for name, operator in OPERATORS.items() if not operator.on_change])
def test_on_an_empty_field_only_the_negative_operators_and_is_empty_hold(name: str) -> None:
    operator = OPERATORS[name]
    for family in operator.families:
        for empty in (None, "", []):
            assert operator.holds(comparable(family, empty), OPERAND[operator.value], NOON) is (name in NEGATIVE)


def test_compared_with_another_field_that_is_empty_only_the_negative_operators_hold() -> None:
    assert not OPERATORS["is"].holds("a", None, NOON)
    assert OPERATORS["is_not"].holds("a", None, NOON)
    assert not OPERATORS["contains"].holds("a", None, NOON)
    assert not OPERATORS["less_than"].holds(1, None, NOON)
    assert not OPERATORS["in_the_last_days"].holds(day("2026-03-10"), None, NOON)


def test_a_day_begins_at_midnight_of_the_time_zone() -> None:
    assert holds("is_today", "date", day("2026-03-10"), clock=PRAGUE)
    assert holds("is_today", "datetime", moment("2026-03-09T23:00"), clock=PRAGUE)
    assert not holds("is_today", "datetime", moment("2026-03-09T22:59"), clock=PRAGUE)
    assert holds("is", "datetime", moment("2026-03-09T23:00"), day("2026-03-10"), clock=PRAGUE)
    assert holds("before", "datetime", moment("2026-03-09T22:59"), day("2026-03-10"), clock=PRAGUE)


def test_days_are_counted_rightly_over_the_change_to_summer_time() -> None:
    clock = Clock(datetime(2026, 3, 29, 22, 30, tzinfo=UTC), ZoneInfo("Europe/Prague"))  # the thirtieth, 0:30
    assert holds("is_yesterday", "datetime", moment("2026-03-28T23:00"), clock=clock)
    assert not holds("is_yesterday", "datetime", moment("2026-03-28T22:59"), clock=clock)
    assert holds("in_the_last_days", "datetime", moment("2026-03-28T23:00"), 1, clock=clock)


CHANGES = [
    # family, before, after, whether it really changed
    ("number", 5, Decimal("5.00"), False),
    ("number", None, 0, True),
    ("number", 5, Decimal("5.01"), True),
    ("choices", ["A", "B"], ["B", "A"], False),
    ("choices", [], None, False),
    ("choices", ["A"], ["A", "B"], True),
    ("boolean", None, False, False),
    ("boolean", False, True, True),
    ("text", None, "", False),
    ("text", "mcdonald", "McDonald", True),
    ("date", day("2026-03-10"), day("2026-03-10"), False),
    ("datetime", moment("2026-03-10T12:00"), moment("2026-03-10T12:00"), False),
    ("reference", 1, 2, True),
    ("user", 1, None, True),
    ("choice", "New", "Closed Won", True),
]


@pytest.mark.parametrize(("family", "before", "after", "expected"), CHANGES)
def test_a_value_has_really_changed_or_not(family: str, before: Any, after: Any, expected: bool) -> None:
    assert really_changed(family, before, after) is expected
    assert really_changed(family, after, before) is expected


def test_has_changed_to_and_from_need_a_real_change_and_the_value() -> None:
    to, from_, changed = (OPERATORS[name] for name in ("has_changed_to", "has_changed_from", "has_changed"))
    assert to.holds_on_change("new", "closed won", True, "closed won", NOON)
    assert not to.holds_on_change("closed won", "closed won", False, "closed won", NOON)
    assert not to.holds_on_change("new", "lost", True, "closed won", NOON)
    assert from_.holds_on_change("new", "lost", True, "new", NOON)
    assert not from_.holds_on_change("new", "new", False, "new", NOON)
    assert not from_.holds_on_change(None, "new", True, "new", NOON)
    assert changed.holds_on_change(None, "new", True, None, NOON)
    assert not changed.holds_on_change("a", "a", False, None, NOON)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_offers_the_operators_on_the_change(family: str) -> None:
    names = [operator.name for operator in operators_for(family)]
    assert {"is", "is_not", "has_changed", "has_changed_to", "has_changed_from"} <= set(names)
    assert ("is_empty" in names) is (family != "boolean")
    assert ("before" in names) is (family in ("date", "datetime"))


@given(days=st.integers(-400, 400), n=st.integers(0, 400))
def test_last_next_ago_and_later_leave_no_day_out_and_share_only_today(days: int, n: int) -> None:
    value = date.fromordinal(NOON.today.toordinal() + days)
    held = [
        name
        for name in ("in_the_last_days", "in_the_next_days", "more_than_days_ago", "more_than_days_later")
        if holds(name, "date", value, n)
    ]
    assert len(held) == (2 if days == 0 else 1)


@given(value=st.text(min_size=1), operand=st.text(min_size=1))
def test_the_negative_text_operators_are_the_opposites_of_the_positive_ones(value: str, operand: str) -> None:
    assert holds("is", "text", value, operand) is not holds("is_not", "text", value, operand)
    assert holds("contains", "text", value, operand) is not holds("does_not_contain", "text", value, operand)
