"""The operators of entry criteria as one table (specification section 3): form, document, API and docs follow it.

An operator sees *comparable* values, which `comparable` makes out of typed ones: text is case-folded, a multi-select is
a frozenset, a date is a `date`, a date-time an aware `datetime`. None is the empty field. Fixed meanings:

- a condition on an empty field is false, but for `is_empty` and the negative operators, which are the plain opposites
  of their positive ones;
- `between` and the N-days operators include both ends;
- dates are days in a time zone; a date-time that is compared with a day is the day it falls on in that zone;
- the operators on the change compare the values before and after the save exactly (5 and 5.00 are the same, so are two
  orders of a multi-select), and only then look at what the value is or was, without regard to case.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any, Literal

from webhookui.crm.field_types import in_zone

ValueKind = Literal["none", "one", "two", "list", "number"]

MAX_DAYS = 36_500
"""The largest N of the N-days operators (a hundred years)."""


@dataclass(frozen=True)
class Clock:
    """What "today" is for a condition: the moment of the save and the time zone that its days are counted in."""

    at: datetime
    zone: tzinfo = UTC

    @property
    def today(self) -> date:
        return self.at.astimezone(self.zone).date()

    def day(self, value: date | datetime) -> date:
        """The day a value falls on."""
        return in_zone(value, self.zone).date() if isinstance(value, datetime) else value


Test = Callable[[Any, Any, Clock], bool]
"""(the field's comparable value, the operand's, the clock) → whether it holds. The field is never empty here."""


@dataclass(frozen=True)
class Operator:
    """One operator: its API name, its words, the field-type families it fits, and what kind of value it takes."""

    name: str
    label: str
    families: frozenset[str]
    value: ValueKind
    test: Test
    negative: bool = False
    """It is the opposite of `test`, and so holds for an empty field."""
    on_change: bool = False
    """It speaks of this save; `test` then decides on the value before (`has_changed_from`) or after it."""
    of_before: bool = False
    free_text: bool = False
    """For words, it looks for a piece of text, which need be no value of the field: a part of an e-mail address is none."""

    def fits(self, family: str) -> bool:
        return family in self.families

    def takes_text(self, family: str) -> bool:
        """Whether the value of a condition is a piece of text."""
        return self.free_text and family != "choices"

    def holds(self, value: Any, operand: Any, clock: Clock) -> bool:
        """Whether it holds for comparable values: `value` of the field, `operand` of the condition; None is empty."""
        if value is None:
            return self.negative or self.name == "is_empty"
        if operand is None and self.value != "none":
            return self.negative
        return self.test(value, operand, clock) != self.negative

    def holds_on_change(self, before: Any, after: Any, changed: bool, operand: Any, clock: Clock) -> bool:
        """Whether an operator on the change holds. `changed` is `really_changed` of the stored values."""
        if not changed:
            return False
        if self.value == "none":
            return True
        seen = before if self.of_before else after
        return seen is not None and operand is not None and self.test(seen, operand, clock)


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _choices(value: Any) -> frozenset[str]:
    items = value if isinstance(value, list | tuple | set | frozenset) else [value]
    return frozenset(_folded(item) for item in items)


def _number(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, float) else value


COMPARABLE: Mapping[str, Callable[[Any], Any]] = {
    "text": _folded,
    "choice": _folded,
    "choices": _choices,
    "number": _number,
}
"""Family → what turns a typed value into one that compares; the others compare as they are."""


def comparable(family: str, typed: Any) -> Any:
    """The value as operators see it. None, the empty text and an empty multi-select are None, the empty field."""
    if typed is None or typed == "" or typed == []:
        return None
    return COMPARABLE[family](typed) if family in COMPARABLE else typed


def really_changed(family: str, before: Any, after: Any) -> bool:
    """Whether two typed values of a field differ, whatever the scale of a number and the order of a multi-select."""
    return _identity(family, before) != _identity(family, after)


def _identity(family: str, typed: Any) -> Any:
    if family == "boolean":
        return bool(typed)
    if typed is None or typed == "" or typed == []:
        return None
    if family == "choices":
        return frozenset(typed) if isinstance(typed, list | tuple) else frozenset([typed])
    return _number(typed) if family == "number" else typed


def _equal(value: Any, operand: Any, clock: Clock) -> bool:
    value, operand = _same_grain(value, operand, clock)
    if isinstance(value, frozenset) and not isinstance(operand, frozenset):
        operand = _choices(operand)
    return bool(value == operand)


def _contains(value: Any, operand: Any, clock: Clock) -> bool:
    if isinstance(value, frozenset):
        return _choices(operand) <= value
    return operand in value


def _any_of(value: Any, operand: Any, clock: Clock) -> bool:
    if isinstance(value, frozenset):
        return any(_choices(item) & value for item in operand)
    return any(_equal(value, item, clock) for item in operand)


def _same_grain(value: Any, operand: Any, clock: Clock) -> tuple[Any, Any]:
    """Two date-times compare as moments; a day beside anything makes both of them days."""
    if isinstance(value, date) and isinstance(operand, date) and type(value) is not type(operand):
        return clock.day(value), clock.day(operand)
    return value, operand


def _ordered(decide: Callable[[Any, Any], bool]) -> Test:
    def test(value: Any, operand: Any, clock: Clock) -> bool:
        return decide(*_same_grain(value, operand, clock))

    return test


_less, _more, _at_most, _at_least = map(_ordered, (lt, gt, le, ge))


def _between(value: Any, operand: Any, clock: Clock) -> bool:
    first, last = operand
    return _at_least(value, first, clock) and _at_most(value, last, clock)


def _days(decide: Callable[[int, int], bool]) -> Test:
    """`decide` gets how many days the value lies in the future (negative: the past) and the N of the condition."""

    def test(value: Any, operand: Any, clock: Clock) -> bool:
        return decide((clock.day(value) - clock.today) // timedelta(days=1), int(operand or 0))

    return test


def _always(value: Any, operand: Any, clock: Clock) -> bool:
    return True


ALL = frozenset({"text", "number", "boolean", "date", "datetime", "choice", "choices", "reference", "user"})
MAY_BE_EMPTY = ALL - {"boolean"}
"""A checkbox is never empty: it is off."""
WORDS = frozenset({"text", "choice"})
DATES = frozenset({"date", "datetime"})
NUMBERS = frozenset({"number"})
LISTABLE = frozenset({"text", "number", "choice", "choices", "reference", "user", "date"})

OPERATORS: dict[str, Operator] = {
    operator.name: operator
    for operator in (
        Operator("is", "is", ALL, "one", _equal),
        Operator("is_not", "is not", ALL, "one", _equal, negative=True),
        Operator("contains", "contains", WORDS | {"choices"}, "one", _contains, free_text=True),
        Operator(
            "does_not_contain", "does not contain", WORDS | {"choices"}, "one", _contains, negative=True, free_text=True
        ),
        Operator("starts_with", "starts with", WORDS, "one", lambda v, o, _: v.startswith(o), free_text=True),
        Operator("ends_with", "ends with", WORDS, "one", lambda v, o, _: v.endswith(o), free_text=True),
        Operator("is_empty", "is empty", MAY_BE_EMPTY, "none", lambda *_: False),
        Operator("is_not_empty", "is not empty", MAY_BE_EMPTY, "none", _always),
        Operator("less_than", "less than", NUMBERS, "one", _less),
        Operator("greater_than", "greater than", NUMBERS, "one", _more),
        Operator("at_most", "at most", NUMBERS, "one", _at_most),
        Operator("at_least", "at least", NUMBERS, "one", _at_least),
        Operator("between", "between", NUMBERS | DATES, "two", _between),
        Operator("before", "before", DATES, "one", _less),
        Operator("after", "after", DATES, "one", _more),
        Operator("is_today", "is today", DATES, "none", _days(lambda ahead, _: ahead == 0)),
        Operator("is_tomorrow", "is tomorrow", DATES, "none", _days(lambda ahead, _: ahead == 1)),
        Operator("is_yesterday", "is yesterday", DATES, "none", _days(lambda ahead, _: ahead == -1)),
        Operator("in_the_last_days", "in the last N days", DATES, "number", _days(lambda ahead, n: -n <= ahead <= 0)),
        Operator("in_the_next_days", "in the next N days", DATES, "number", _days(lambda ahead, n: 0 <= ahead <= n)),
        Operator("more_than_days_ago", "more than N days ago", DATES, "number", _days(lambda ahead, n: ahead < -n)),
        Operator("more_than_days_later", "more than N days later", DATES, "number", _days(lambda ahead, n: ahead > n)),
        Operator("is_any_of", "is any of", LISTABLE, "list", _any_of),
        Operator("is_none_of", "is none of", LISTABLE, "list", _any_of, negative=True),
        Operator("has_changed", "has changed", ALL, "none", _always, on_change=True),
        Operator("has_changed_to", "has changed to", ALL, "one", _equal, on_change=True),
        Operator("has_changed_from", "has changed from", ALL, "one", _equal, on_change=True, of_before=True),
    )
}
"""Every operator by its name, in the order in which a menu shows them."""


def operators_for(family: str) -> tuple[Operator, ...]:
    """The operators that a field of this family offers."""
    return tuple(operator for operator in OPERATORS.values() if operator.fits(family))


COMPARABLE_FAMILIES: Mapping[str, frozenset[str]] = {
    **{family: frozenset({family}) for family in ALL},
    **dict.fromkeys(WORDS, WORDS),
    **dict.fromkeys(DATES, DATES),
    "choices": WORDS | {"choices"},
}
"""Family of a field → families of the fields that it can be compared with by `value_field`."""
