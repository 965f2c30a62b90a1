"""The workflow form: its draft, as typed ↔ the workflow document (specification sections 3 and 10)."""

from collections.abc import Iterator, Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from webhookui.crm.operators import OPERATORS
from webhookui.web.workflow_editor.action_forms import form_of_action
from webhookui.web.workflow_editor.form_tree import (
    Draft,
    dict_of,
    nest,
    number_or_text,
    rows_of,
    text,
    texts_of,
    ticked,
)
from webhookui.workflows.trigger import SCHEDULE_OPTIONAL, SCHEDULES

STEPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "basic": ("Basic information", ("name", "description", "module", "active", "related_modules")),
    "trigger": ("Trigger", ("trigger",)),
    "criteria": ("Entry criteria", ("criteria",)),
    "actions": ("Actions", ("actions",)),
}
"""Step of the form → (its words, the document's keys that it is about)."""


def step_of(path: str) -> str:
    """The step in which an error at a document path is fixed."""
    key = path.split(".")[0]
    return next((step for step, (_, keys) in STEPS.items() if key in keys), "basic")


def workflow_draft(raw: Mapping[str, Any]) -> Draft:
    """The complete draft of what a form posted; missing inputs get their defaults."""
    trigger = dict_of(raw.get("trigger"))
    schedule = dict_of(trigger.get("schedule"))
    criteria = dict_of(raw.get("criteria"))
    return {
        "version": text(raw.get("version")),
        "format": text(raw.get("format")),
        "name": text(raw.get("name")),
        "description": text(raw.get("description")),
        "module": text(raw.get("module")),
        "active": ticked(raw.get("active")),
        "related_modules": texts_of(raw.get("related_modules")),
        "trigger": {
            "on": text(trigger.get("on")) or "create_or_update",
            "recurrence": text(trigger.get("recurrence")) or "every_time",
            "schedule": {
                "every": text(schedule.get("every")) or "day",
                "weekdays": texts_of(schedule.get("weekdays")),
                **{key: text(schedule.get(key)) for key in ("at", "day", "month", "date", "time_zone")},
            },
        },
        "criteria": {group: [condition_draft(row) for row in rows_of(criteria.get(group))] for group in ("all", "any")},
        "actions": [form_of_action(row).draft(row) for row in rows_of(raw.get("actions"))],
    }


def condition_draft(raw: Mapping[str, Any]) -> Draft:
    """One condition. `value` is a text or a list of texts, as its operator takes it."""
    value = raw.get("value")
    operator = OPERATORS.get(text(raw.get("operator")))
    kind = operator.value if operator else "one"
    if kind == "two":
        ends = value if isinstance(value, list) else [value]
        value = [text(end) for end in (*ends, "", "")[:2]]
    elif kind == "list":
        value = texts_of(value)
    source = text(raw.get("source")) or ("field" if raw.get("value_field") else "value")
    return {
        "field": text(raw.get("field")),
        "operator": text(raw.get("operator")),
        "source": source if kind in ("one", "number") else "value",
        "value": texts_of(value) if isinstance(value, list) else text(value),
        "value_field": text(raw.get("value_field")),
    }


def draft_of_form(form: MultiDict[str, str]) -> Draft:
    return workflow_draft(nest(form.lists()))


def draft_of_document(document: Mapping[str, Any]) -> Draft:
    """The draft of a stored or imported document. Secrets in it are not taken over."""
    actions = [form_of_action(action).draft_of(action) for action in rows_of(document.get("actions"))]
    return {**workflow_draft({**document, "active": document.get("active", True)}), "actions": actions}


def new_draft(module: str = "", time_zone: str = "UTC") -> Draft:
    """The draft of a workflow that nobody has typed anything of yet."""
    trigger = {"schedule": {"at": "06:00", "time_zone": time_zone}}
    return workflow_draft({"module": module, "active": True, "trigger": trigger})


def document_of(draft: Draft) -> dict[str, Any]:
    """The workflow document of a draft; what can't be read stays as typed, for the document's check to complain about."""
    document: dict[str, Any] = {
        **{key: draft[key] for key in ("name", "description", "module", "active", "related_modules")},
        "trigger": _trigger(draft["trigger"]),
        "criteria": {group: [_condition(row) for row in rows] for group, rows in draft["criteria"].items()},
        "actions": [form_of_action(action).document_of(action) for action in draft["actions"]],
    }
    version = number_or_text(draft["version"])
    if version is not None:
        document["version"] = version
    return document


def _trigger(draft: Draft) -> dict[str, Any]:
    trigger = {"on": draft["on"], "recurrence": draft["recurrence"]}
    if draft["on"] != "schedule":
        return trigger
    typed = draft["schedule"]
    every = typed["every"]
    keys = (*SCHEDULES.get(every, ()), *SCHEDULE_OPTIONAL.get(every, ()))
    schedule = {"every": every, **{key: typed[key] for key in keys}}
    for key in schedule.keys() & {"day", "month"}:
        schedule[key] = number_or_text(schedule[key])
    if typed["time_zone"]:
        schedule["time_zone"] = typed["time_zone"]
    return {**trigger, "schedule": schedule}


def _condition(draft: Draft) -> dict[str, Any]:
    operator = OPERATORS.get(draft["operator"])
    condition = {"field": draft["field"], "operator": draft["operator"]}
    if operator is not None and operator.value == "none":
        return condition
    if draft["source"] == "field":
        return {**condition, "value_field": draft["value_field"]}
    return {**condition, "value": draft["value"]}


# ---- rows that nobody typed anything into -------------------------------------------------------------------------------

BLANK_WHEN: Mapping[str, tuple[str, ...]] = {
    "all": ("field", "value", "value_field"),
    "any": ("field", "value", "value_field"),
    "headers": ("name", "value"),
    "parameters": ("name", "value"),
    "secrets": ("name", "value"),
    "on_success": ("path", "field"),
    "on_failure": ("path", "field"),
    "namespaces": ("prefix", "uri"),
}
"""Name of a list of rows → the inputs that are all empty in a row that counts for nothing."""


def without_blank_rows(draft: Draft) -> tuple[Draft, dict[str, str]]:
    """The draft without rows that nobody typed anything into, and where the others moved from (new path → old path)."""
    moved: dict[str, str] = {}
    kept = _pruned(draft, "", "", moved)
    return kept, moved


def _pruned(value: Any, name: str, old: str, moved: dict[str, str], new: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _pruned(item, key, _join(old, key), moved, _join(new, key)) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    kept: list[Any] = []
    for position, row in enumerate(value):
        if isinstance(row, dict) and name in BLANK_WHEN and _is_blank(row, BLANK_WHEN[name]):
            continue
        before, after = f"{old}.{position}", f"{new}.{len(kept)}"
        if before != after:
            moved[after] = before
        kept.append(_pruned(row, "", before, moved, after))
    return kept


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _is_blank(row: Draft, keys: tuple[str, ...]) -> bool:
    return not any(any(texts_of(row[key])) for key in keys)


def at_old_places(errors: Mapping[str, str], moved: Mapping[str, str]) -> dict[str, str]:
    """Errors by their paths in the draft that still has its blank rows."""
    return {_old_place(path, moved): words for path, words in errors.items()}


def _old_place(path: str, moved: Mapping[str, str]) -> str:
    prefix = next((new_prefix for new_prefix in _prefixes(path) if new_prefix in moved), "")
    return moved[prefix] + path[len(prefix) :] if prefix else path


def _prefixes(path: str) -> Iterator[str]:
    """The path and everything it stands in, the longest first."""
    while path:
        yield path
        path = path.rpartition(".")[0]
