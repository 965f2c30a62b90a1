"""The whole workflow document: what may be saved, with a sentence at the path of what may not (specification section 10)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webhookui.core.exact_json import dumps
from webhookui.crm.catalog import Catalog
from webhookui.webhooks.problems import UNSTORABLE
from webhookui.workflows.actions import KINDS
from webhookui.workflows.actions.kind import StoredAction
from webhookui.workflows.criteria.document import parse_criteria
from webhookui.workflows.trigger import Errors, parse_trigger, refuse_unknown

MAX_ACTIONS = 3
MAX_NAME = 200
"""Characters of a workflow's name."""

KEYS = {"name", "description", "module", "active", "related_modules", "trigger", "criteria", "actions"}
ANSWER_KEYS = {"id", "version", "created_at", "updated_at"}
"""Keys of the API's answer that a PUT may send back."""


class InvalidDocument(Exception):
    """The document can't be saved. `errors`: path in the document → sentence for people."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(f"{path}: {words}" for path, words in self.errors.items()))


@dataclass(frozen=True)
class Action:
    """One checked action, as its kind keeps it, and the stored action that it replaces."""

    type: str
    checked: Any
    replaces: int | None


@dataclass(frozen=True)
class WorkflowDocument:
    """A checked document. Everything in it fits the catalog that it was checked against."""

    name: str
    description: str
    module: str
    active: bool
    related_modules: tuple[str, ...]
    trigger: Mapping[str, Any]
    criteria: Mapping[str, Any]
    actions: tuple[Action, ...]
    version: int | None = None
    """The version that an edit was made of, when the document names it."""


def parse(
    document: Any, modules: Catalog, *, stored: Sequence[StoredAction] = (), time_zone: str = "UTC"
) -> WorkflowDocument:
    """Checks a document. Raises InvalidDocument with every error found.

    `stored`: the actions of the workflow that it replaces, in their order. `time_zone`: of schedules that name none.
    """
    if not isinstance(document, Mapping):
        raise InvalidDocument({"": "A workflow must be a JSON object."})
    errors: Errors = {}
    refuse_unknown(document, KEYS | ANSWER_KEYS, "", errors)
    name = _text(document, "name", errors, required="Enter a name for the workflow.")
    description = _text(document, "description", errors)
    module = _module(document.get("module"), modules, errors)
    active = document.get("active", True)
    if not isinstance(active, bool):
        errors["active"] = "“active” must be true or false."
    trigger = parse_trigger(document.get("trigger"), "trigger", errors, time_zone)
    related, criteria, actions = (), {}, ()  # type: tuple[str, ...], dict[str, Any], tuple[Action, ...]
    if module:
        related = _related_modules(document.get("related_modules"), modules, module, errors)
        criteria = parse_criteria(
            document.get("criteria"), "criteria", errors, modules, module, trigger.get("on") or ""
        )
        actions = _actions(document.get("actions"), modules, module, related, stored, errors)
    version = document.get("version")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
        errors["version"] = "“version” must be a whole number."
    if errors:
        raise InvalidDocument(errors)
    return WorkflowDocument(name, description, module, active, related, trigger, criteria, actions, version)


def _text(document: Mapping[str, Any], key: str, errors: Errors, required: str = "") -> str:
    value = document.get(key)
    if value is None or value == "":
        if required:
            errors[key] = required
        return ""
    if not isinstance(value, str):
        errors[key] = f"“{key}” must be text."
        return ""
    text = value.strip()
    if UNSTORABLE.search(text):
        errors[key] = "This contains a character that can't be stored."
    if required and not text:
        errors[key] = required
    elif required and len(text) > MAX_NAME:
        errors[key] = f"At most {MAX_NAME} characters; this has {len(text)}."
    return text


def _module(name: Any, modules: Catalog, errors: Errors) -> str:
    if isinstance(name, str) and name in modules.modules:
        return name
    if name in (None, ""):
        errors["module"] = "Choose a module."
    else:
        errors["module"] = f"There is no module “{name}”. Use one of: {', '.join(modules.modules)}."
    return ""


def _related_modules(rows: Any, modules: Catalog, module: str, errors: Errors) -> tuple[str, ...]:
    if rows is None:
        return ()
    if not isinstance(rows, list):
        errors["related_modules"] = "Related modules must be a list of module names."
        return ()
    related = modules.related_modules(module)
    label = modules.module(module).label
    for position, name in enumerate(rows):
        at = f"related_modules.{position}"
        if not isinstance(name, str) or name not in modules.modules:
            errors[at] = f"There is no module “{name}”."
        elif name not in related:
            errors[at] = f"{modules.module(name).label} is not related to {label}. Use one of: {', '.join(related)}."
        elif name in rows[:position]:
            errors[at] = f"{modules.module(name).label} is listed twice."
    return tuple(name for name in rows if isinstance(name, str) and name in related)


def _actions(
    rows: Any,
    modules: Catalog,
    module: str,
    related: Sequence[str],
    stored: Sequence[StoredAction],
    errors: Errors,
) -> tuple[Action, ...]:
    if rows is None:
        return ()
    if not isinstance(rows, list):
        errors["actions"] = "Actions must be a list."
        return ()
    if len(rows) > MAX_ACTIONS:
        errors["actions"] = f"A workflow has at most {MAX_ACTIONS} webhooks; this one has {len(rows)}."
        return ()
    checks = {name: kind.check_for(modules, module, related) for name, kind in KINDS.items()}
    actions = []
    for position, (row, replaced) in enumerate(zip(rows, _match(rows, stored), strict=True)):
        at = f"actions.{position}"
        if not isinstance(row, Mapping):
            errors[at] = "An action must be an object."
            continue
        kind = _type_of(row)
        if kind not in KINDS:
            errors[f"{at}.type"] = f"“{kind[:60]}” is not one of: {', '.join(KINDS)}."
            continue
        checked = checks[kind](row, replaced, at, errors)
        if checked is not None:
            actions.append(Action(kind, checked, replaced.id if replaced else None))
    return tuple(actions)


def _type_of(row: Any) -> str:
    """The kind of action that a row asks for: a webhook when it does not say."""
    named = row.get("type") if isinstance(row, Mapping) else None
    return named if isinstance(named, str) else "webhook" if named is None else dumps(named)


def _match(rows: Sequence[Any], stored: Sequence[StoredAction]) -> list[StoredAction | None]:
    """The stored action of each row: by its id, or else the one at the same position that no other row names. One of another
    kind is none: a row keeps its kind."""
    by_id = {action.id: action for action in stored}
    ids = [row.get("id") if isinstance(row, Mapping) else None for row in rows]
    named = {action_id for action_id in ids if isinstance(action_id, int) and action_id in by_id}
    matched: list[StoredAction | None] = []
    for position, action_id in enumerate(ids):
        at_position = stored[position] if position < len(stored) else None
        if isinstance(action_id, int) and action_id in by_id:
            matched.append(by_id.pop(action_id, None))
        elif action_id is None and at_position is not None and at_position.id not in named:
            matched.append(at_position)
        else:
            matched.append(None)
    return [
        action if action is not None and action.type == _type_of(row) else None
        for row, action in zip(rows, matched, strict=True)
    ]
