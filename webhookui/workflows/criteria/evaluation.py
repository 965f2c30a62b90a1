"""Entry criteria: compiled once per version of a workflow into callables, evaluated, and explained (specification section 3)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, Literal

from webhookui.crm.catalog import Catalog
from webhookui.crm.field_types import FIELD_TYPES
from webhookui.crm.operators import OPERATORS, Clock, Operator, comparable, really_changed
from webhookui.webhooks.templating.reasons import reason
from webhookui.workflows.field_path import FieldPath, UnknownField, resolve
from webhookui.workflows.record_loader import RecordLoader

Group = Literal["all", "any"]


class Subject:
    """One save of one record as criteria see it. Values are read and made comparable once for all workflows.

    `values` are stored ones after the save (before it, for a deletion), `before` those before it: None when the save
    changed nothing that a condition may speak of.
    """

    def __init__(
        self, values: Mapping[str, Any], before: Mapping[str, Any] | None, at: datetime, loader: RecordLoader
    ) -> None:
        self.values = values
        self.previous = values if before is None else before
        self.at = at
        self.loader = loader
        self._seen: dict[str, Any] = {}
        self._changes: dict[str, tuple[Any, Any, bool]] = {}

    def stored(self, path: FieldPath) -> Any:
        """The stored value that the path leads to; None when a reference on its way is empty."""
        values: Mapping[str, Any] | None = self.values
        for step in path.steps:
            target = values.get(step.name) if values is not None else None
            values = None if target is None else self.loader.values(step, target)
        return values.get(path.field.name) if values is not None else None

    def seen(self, path: FieldPath) -> Any:
        """The comparable value now; None for an empty field."""
        if path.text not in self._seen:
            self._seen[path.text] = _comparable(path, self.stored(path))
        return self._seen[path.text]

    def change(self, path: FieldPath) -> tuple[Any, Any, bool]:
        """The comparable values before and after the save, and whether they really differ."""
        if path.text not in self._changes:
            before, after = self.previous.get(path.field.name), self.values.get(path.field.name)
            changed = really_changed(path.family, _typed(path, before), _typed(path, after))
            self._changes[path.text] = (_comparable(path, before), self.seen(path), changed)
        return self._changes[path.text]


def _typed(path: FieldPath, stored: Any) -> Any:
    if stored is None:
        # A checkbox of the record itself that was never set is off; one beyond an empty reference is not there.
        return False if path.family == "boolean" and not path.steps else None
    return path.type.typed(stored)


def _comparable(path: FieldPath, stored: Any) -> Any:
    return comparable(path.family, _typed(path, stored))


Holds = Callable[[Subject, Clock], bool]


@dataclass(frozen=True)
class CompiledCondition:
    """One condition, ready to be asked. `problem` says why it can't hold any more (its field was removed)."""

    group: Group
    position: int
    condition: Mapping[str, Any]
    holds: Holds
    operator: Operator | None = None
    path: FieldPath | None = None
    other: FieldPath | None = None
    problem: str = ""


@dataclass(frozen=True)
class ConditionRow:
    """One condition as an explanation shows it: what it asked for, what it saw, and whether it held."""

    group: Group
    position: int
    field: str
    label: str
    operator: str
    operator_label: str
    expected: str
    seen: str
    """The value in words; empty for an empty field."""
    before: str | None
    """The value before the save, for operators on the change."""
    held: bool
    note: str = ""


@dataclass(frozen=True)
class Criteria:
    """The *all* and the *any* group of one workflow. Both must hold; an empty group holds."""

    all: tuple[CompiledCondition, ...]
    any: tuple[CompiledCondition, ...]
    counts_days: bool
    """Whether a condition needs to know the time zone."""

    def hold(self, subject: Subject, clock: Clock) -> bool:
        for condition in self.all:
            if not condition.holds(subject, clock):
                return False
        return not self.any or any(condition.holds(subject, clock) for condition in self.any)

    def explain(self, subject: Subject, clock: Clock) -> tuple[ConditionRow, ...]:
        """Every condition with the value it saw, in the order of the form: none is skipped."""
        return tuple(_row(condition, subject, clock) for condition in (*self.all, *self.any))


def compile_criteria(criteria: Mapping[str, Any], catalog: Catalog, module: str) -> Criteria:
    """Makes callables of stored criteria. A condition on a field that was removed since then never holds."""
    groups = {
        name: tuple(_compile(catalog, module, name, at, row) for at, row in enumerate(criteria.get(name) or ()))
        for name in ("all", "any")
    }
    paths = [condition.path for group in groups.values() for condition in group if condition.path is not None]
    return Criteria(groups["all"], groups["any"], any(path.family in ("date", "datetime") for path in paths))


def _compile(
    catalog: Catalog, module: str, group: Any, position: int, condition: Mapping[str, Any]
) -> CompiledCondition:
    operator = OPERATORS.get(condition["operator"])
    make = partial(CompiledCondition, group, position, condition)
    try:
        path = resolve(catalog, module, condition["field"])
        other = resolve(catalog, module, condition["value_field"]) if condition.get("value_field") else None
        if operator is None or not operator.fits(path.family):
            raise UnknownField(f"“{path.label}” no longer has the operator “{condition['operator']}”.")
        operand = None if other else constant(path, operator, condition.get("value"))
    except Exception as error:  # it was checked when it was stored; a save goes through even so
        return make(holds=lambda subject, clock: False, operator=operator, problem=reason(error))
    return make(holds=_callable(path, operator, other, operand), operator=operator, path=path, other=other)


def _callable(path: FieldPath, operator: Operator, other: FieldPath | None, operand: Any) -> Holds:
    def holds(subject: Subject, clock: Clock) -> bool:
        if operator.on_change and not subject.change(path)[2]:
            return False
        expected = subject.seen(other) if other else operand
        if operator.on_change:
            return operator.holds_on_change(*subject.change(path), expected, clock)
        return operator.holds(subject.seen(path), expected, clock)

    return holds


def constant(path: FieldPath, operator: Operator, stored: Any) -> Any:
    """The comparable form of a condition's stored value."""
    match operator.value:
        case "none":
            return None
        case "number":
            return int(stored)
        case "one":
            return _constant(path, operator, stored)
        case _:
            return tuple(_constant(path, operator, item) for item in stored)


def _constant(path: FieldPath, operator: Operator, stored: Any) -> Any:
    if operator.takes_text(path.family):
        return str(stored).casefold()
    if path.family == "datetime" and is_day(stored):
        return date.fromisoformat(stored)
    if path.family == "choices" and not isinstance(stored, list):
        stored = [stored]
    return comparable(path.family, path.type.typed(path.field.present(stored)))


def is_day(stored: Any) -> bool:
    """Whether the stored value of a condition is a day rather than a moment."""
    return isinstance(stored, str) and len(stored) == len("2026-01-31")


def _row(compiled: CompiledCondition, subject: Subject, clock: Clock) -> ConditionRow:
    condition, path, operator = compiled.condition, compiled.path, compiled.operator
    expected, seen, before, held, note = stored_in_words(condition.get("value")), "", None, False, compiled.problem
    if path is not None and operator is not None:
        try:
            old = subject.previous.get(path.field.name)
            expected, seen, before, held, note = (
                _expected(compiled, path, operator, subject, clock),
                in_words(path, subject.stored(path), subject.loader, clock),
                in_words(path, old, subject.loader, clock) if operator.on_change else None,
                compiled.holds(subject, clock),
                _note(path, operator, subject),
            )
        except (ArithmeticError, ValueError, TypeError, LookupError) as error:
            note = f"This can't be checked: {reason(error)}"
    return ConditionRow(
        group=compiled.group,
        position=compiled.position,
        field=condition["field"],
        label=path.label if path else condition["field"],
        operator=condition["operator"],
        operator_label=operator.label if operator else condition["operator"],
        expected=expected,
        seen=seen,
        before=before,
        held=held,
        note=note,
    )


def _note(path: FieldPath, operator: Operator, subject: Subject) -> str:
    if operator.on_change:
        return "" if subject.change(path)[2] else "This save did not change the field."
    if subject.seen(path) is None and not operator.negative and operator.name != "is_empty":
        return "The field is empty."
    return ""


def _expected(compiled: CompiledCondition, path: FieldPath, operator: Operator, subject: Subject, clock: Clock) -> str:
    other, value = compiled.other, compiled.condition.get("value")
    if other is not None:
        return f"{other.label} ({in_words(other, subject.stored(other), subject.loader, clock) or 'empty'})"
    if operator.value == "none":
        return ""
    if operator.value == "number" or operator.takes_text(path.family):
        return str(value)
    items: Sequence[Any] = value if operator.value in ("two", "list") and isinstance(value, list) else [value]
    joint = " and " if operator.value == "two" else ", "
    return joint.join(in_words(path, item, subject.loader, clock) for item in items)


def in_words(path: FieldPath, stored: Any, loader: RecordLoader, clock: Clock) -> str:
    """A stored value for people: names in place of ids, days and times in the clock's zone."""
    if stored is None or stored == "" or stored == []:
        return "No" if path.family == "boolean" and stored is None and not path.steps else ""
    if path.family == "reference":
        record = loader.record(stored)
        return record.name if record else f"#{stored}"
    if path.family == "user":
        user = loader.user(stored)
        return user.name if user else f"#{stored}"
    if path.family == "datetime" and is_day(stored):
        return FIELD_TYPES["date"].text(stored, clock.zone)
    if path.family == "choices" and not isinstance(stored, list):
        stored = [stored]
    return path.type.text(path.field.present(stored), clock.zone)


def stored_in_words(value: Any) -> str:
    """A condition's value when its field is gone."""
    if value is None:
        return ""
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
