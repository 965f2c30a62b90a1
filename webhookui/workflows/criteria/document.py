"""The check of a document's "criteria", with a sentence at the path of what may not be saved (specification section 10)."""

from collections.abc import Mapping
from typing import Any

from webhookui.crm.catalog import Catalog
from webhookui.crm.field_types import FIELD_TYPES, FieldError, storable
from webhookui.crm.operators import COMPARABLE_FAMILIES, MAX_DAYS, OPERATORS, Operator, operators_for
from webhookui.workflows.criteria.evaluation import constant, is_day
from webhookui.workflows.field_path import FieldPath, UnknownField, resolve
from webhookui.workflows.trigger import TRIGGERS, Errors, refuse_unknown

MAX_CONDITIONS = 100
"""Conditions of one group."""

EMPTY = {"is": "is empty", "is_not": "is not empty"}
"""What a person means who leaves the value of these operators empty."""


def parse_criteria(
    document: Any, at: str, errors: Errors, catalog: Catalog, module: str, trigger: str
) -> dict[str, list[dict[str, Any]]]:
    """The checked criteria as they are stored, their values parsed for the types of their fields."""
    groups: dict[str, list[dict[str, Any]]] = {"all": [], "any": []}
    if document is None:
        return groups
    if not isinstance(document, Mapping):
        errors[at] = "Entry criteria must be an object with “all” and “any”."
        return groups
    refuse_unknown(document, set(groups), at, errors)
    for group, parsed in groups.items():
        rows = document.get(group)
        if rows is None:
            continue
        if not isinstance(rows, list):
            errors[f"{at}.{group}"] = "A group must be a list of conditions."
        elif len(rows) > MAX_CONDITIONS:
            errors[f"{at}.{group}"] = f"A group can have at most {MAX_CONDITIONS} conditions."
        else:
            check = _ConditionCheck(catalog, module, trigger, errors)
            parsed.extend(check.parse(row, f"{at}.{group}.{position}") for position, row in enumerate(rows))
    return groups


def with_present_options(criteria: Mapping[str, Any], catalog: Catalog, module: str) -> dict[str, list[dict[str, Any]]]:
    """Stored criteria by the names that options have now."""
    return {
        group: [_with_present_option(row, catalog, module) for row in rows or ()] for group, rows in criteria.items()
    }


def _with_present_option(row: Mapping[str, Any], catalog: Catalog, module: str) -> dict[str, Any]:
    try:
        path = resolve(catalog, module, row["field"])
    except UnknownField:
        return dict(row)
    operator = OPERATORS.get(row["operator"])
    if not path.field.former_options or operator is None or operator.takes_text(path.family) or "value" not in row:
        return dict(row)
    return {**row, "value": path.field.present(row["value"])}


class _ConditionCheck:
    """Checks conditions of one module, in the order in which a person fills them in: field, operator, value."""

    def __init__(self, catalog: Catalog, module: str, trigger: str, errors: Errors) -> None:
        self.catalog, self.module, self.trigger, self.errors = catalog, module, trigger, errors

    def parse(self, row: Any, at: str) -> dict[str, Any]:
        if not isinstance(row, Mapping):
            self.errors[at] = "A condition must be an object with “field”, “operator” and “value”."
            return {}
        refuse_unknown(row, {"field", "operator", "value", "value_field"}, at, self.errors)
        path = self._field(row.get("field"), f"{at}.field")
        operator = self._operator(row.get("operator"), path, f"{at}.operator")
        if path is None or operator is None:
            return {}
        parsed: dict[str, Any] = {"field": path.text, "operator": operator.name}
        value, other = row.get("value"), row.get("value_field")
        if operator.value == "none":
            self._refuse_value(operator, value, other, at)
        elif other not in (None, ""):
            parsed["value_field"] = self._value_field(path, operator, value, other, at)
        else:
            parsed["value"] = self._value(path, operator, value, f"{at}.value")
        return parsed

    def _field(self, name: Any, at: str) -> FieldPath | None:
        if not isinstance(name, str) or not name.strip():
            self.errors[at] = "Choose a field."
            return None
        try:
            return resolve(self.catalog, self.module, name.strip())
        except UnknownField as error:
            self.errors[at] = str(error)
            return None

    def _operator(self, name: Any, path: FieldPath | None, at: str) -> Operator | None:
        operator = OPERATORS.get(name) if isinstance(name, str) else None
        names = ", ".join(offered.name for offered in (operators_for(path.family) if path else OPERATORS.values()))
        problem = ""
        if operator is None:
            problem = f"There is no operator “{name}”. Use one of: {names}." if name else "Choose an operator."
        elif path is None:
            return operator
        elif not operator.fits(path.family):
            problem = f"“{operator.label}” does not fit “{path.label}” ({path.type.label}). Use one of: {names}."
        elif operator.on_change and path.steps:
            problem = (
                f"“{operator.label}” applies to a field of this record; “{path.label}” belongs to another record, "
                "which this save does not change."
            )
        elif operator.on_change and self.trigger in TRIGGERS and not TRIGGERS[self.trigger].sees_changes:
            words = TRIGGERS[self.trigger].label.lower()
            problem = f"“{operator.label}” can never hold: a workflow that runs {words} sees no change of a field."
        if problem:
            self.errors[at] = problem
            return None
        return operator

    def _refuse_value(self, operator: Operator, value: Any, other: Any, at: str) -> None:
        for key, given in (("value", value), ("value_field", other)):
            if given not in (None, "", []):
                self.errors[f"{at}.{key}"] = f"“{operator.label}” takes no value."

    def _value_field(self, path: FieldPath, operator: Operator, value: Any, name: Any, at: str) -> str:
        errors, place = self.errors, f"{at}.value_field"
        if value not in (None, "", []):
            errors[place] = "Give either a value or another field, not both."
            return ""
        if operator.value in ("two", "list"):
            errors[place] = f"“{operator.label}” takes its values as a list, not from another field."
            return ""
        other = self._field(name, place)
        if other is None:
            return ""
        fits = frozenset({"number"}) if operator.value == "number" else COMPARABLE_FAMILIES[path.family]
        if other.family not in fits:
            errors[place] = (
                f"“{path.label}” ({path.type.label}) can't be compared with “{other.label}” ({other.type.label})."
            )
        elif path.family == "reference" and path.target != other.target:
            errors[place] = f"“{path.label}” and “{other.label}” point to different modules."
        return other.text

    def _value(self, path: FieldPath, operator: Operator, value: Any, at: str) -> Any:
        if _is_blank(value):
            self.errors[at] = f"“{path.label} {operator.label}” needs a value."
            if operator.name in EMPTY and OPERATORS["is_empty"].fits(path.family):
                self.errors[at] += f" To ask for an empty field, use “{EMPTY[operator.name]}”."
            return None
        match operator.value:
            case "number":
                return self._days(value, at)
            case "one":
                return self._single(path, operator, value, at)
            case "two":
                return self._range(path, operator, value, at)
            case _:
                items = value if isinstance(value, list) else [value]
                return [self._single(path, operator, item, f"{at}.{n}", in_list=True) for n, item in enumerate(items)]

    def _days(self, value: Any, at: str) -> int | None:
        if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value.strip()) < 9:
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_DAYS:
            return value
        self.errors[at] = f"“{value}” is not a number of days. Enter a whole number from 0 to {MAX_DAYS}."
        return None

    def _range(self, path: FieldPath, operator: Operator, value: Any, at: str) -> list[Any] | None:
        if not isinstance(value, list) or len(value) != 2:
            self.errors[at] = f"“{operator.label}” needs two values, the first and the last."
            return None
        ends = [self._single(path, operator, item, f"{at}.{n}") for n, item in enumerate(value)]
        if None in ends:
            return None
        first, last = constant(path, operator, ends)
        if type(first) is not type(last) and path.family == "datetime":
            self.errors[at] = "Enter two days or two date-times, not one of each."
        elif first > last:
            self.errors[at] = "The first value is greater than the last: nothing can be between them."
        return ends

    def _single(self, path: FieldPath, operator: Operator, value: Any, at: str, *, in_list: bool = False) -> Any:
        if _is_blank(value):
            self.errors[at] = f"“{path.label} {operator.label}” needs a value here."
            return None
        if isinstance(value, Mapping) or (isinstance(value, list) and (in_list or path.family != "choices")):
            self.errors[at] = "Enter one value here."
            return None
        try:
            text = operator.takes_text(path.family)
            parsed = storable(str(value)).replace("\r\n", "\n") if text else _parse(path, value)
        except FieldError as error:
            self.errors[at] = str(error)
            return None
        if in_list and isinstance(parsed, str) and "\n" in parsed:  # the form has one value of a list on each line
            self.errors[at] = "A value in a list can't contain a line break."
        return parsed


def _is_blank(value: Any) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def _parse(path: FieldPath, value: Any) -> Any:
    if path.family == "choices":
        return path.type.parse(value if isinstance(value, list) else [value], path.field.with_retired)
    if path.family == "datetime" and isinstance(value, str) and is_day(value.strip()):
        return FIELD_TYPES["date"].parse(value.strip(), path.field)
    return path.type.parse(value, path.field.with_retired)
