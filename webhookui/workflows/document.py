"""The whole workflow document: what may be saved, with a sentence at the path of what may not (specification section 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from webhookui.crm.catalog import Catalog
from webhookui.webhooks.definition import AUTHORIZATIONS, Webhook
from webhookui.webhooks.document import parse_webhook
from webhookui.webhooks.problems import UNSTORABLE
from webhookui.webhooks.secret_scope import SecretScope, origin_as_written, secret_scope
from webhookui.webhooks.secret_values import secret_rows
from webhookui.workflows.context import related_schema_of, schema_of, to_one_fields
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
class StoredAction:
    """What is stored of an action that an edit may leave unchanged: its row's id, definition and opened secrets.

    `typed_for`: the addresses that the secrets were typed for.
    """

    id: int
    definition: Mapping[str, Any]
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    typed_for: SecretScope = field(default_factory=lambda: SecretScope("", ""))


@dataclass(frozen=True)
class Action:
    """One checked webhook, complete with its secrets, and the stored action that it replaces."""

    webhook: Webhook
    replaces: int | None
    new_signing_secret: bool
    """Signing was asked for with `{}`: a secret is to be made."""


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
    check = _ActionCheck(modules, module, related)
    actions = [
        check.parse(row, stored_action, f"actions.{position}", errors)
        for position, (row, stored_action) in enumerate(zip(rows, _match(rows, stored), strict=True))
    ]
    return tuple(action for action in actions if action is not None)


class _ActionCheck:
    """Checks the actions of one workflow. Does not care about their order or number."""

    def __init__(self, modules: Catalog, module: str, related: Sequence[str]) -> None:
        self.schema = schema_of(modules, module)
        self.related_schemas = {
            name: related_schema_of(modules, name, many=not to_one_fields(modules, module, name)) for name in related
        }
        self.capture_fields = {name: info.type for name, info in modules.module(module).fields.items()}

    def parse(self, row: Any, stored: StoredAction | None, at: str, errors: Errors) -> Action | None:
        if not isinstance(row, Mapping):
            errors[at] = "An action must be an object."
            return None
        secret_errors: Errors = {}
        complete = _with_stored_secrets(row, stored, at, secret_errors)
        for_webhook: Errors = {}
        webhook = parse_webhook(complete, at, for_webhook, self.schema, self.related_schemas, self.capture_fields)
        errors.update({**for_webhook, **secret_errors})
        if webhook is None:
            return None
        return Action(
            webhook, stored.id if stored else None, webhook.signing is not None and webhook.signing.secret is None
        )


def _match(rows: Sequence[Any], stored: Sequence[StoredAction]) -> list[StoredAction | None]:
    """The stored action of each row: by its id, or else the one at the same position that no other row names."""
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
    return matched


def _with_stored_secrets(
    row: Mapping[str, Any], stored: StoredAction | None, at: str, errors: Errors
) -> dict[str, Any]:
    """The action with the secrets that it leaves unchanged filled in. What must be typed (again) goes to `errors`."""
    complete = {key: value for key, value in row.items() if key != "id"}
    authorization = row.get("authorization")
    if isinstance(authorization, Mapping):
        complete["authorization"] = _authorization_with_secret(row, authorization, stored, at, errors)
    signing = row.get("signing")
    if isinstance(signing, Mapping) and "secret" in signing and signing["secret"] in (None, ""):
        secrets = stored.secrets.get("signing") if stored else None
        if stored is None or not secrets:
            errors[f"{at}.signing.secret"] = "Enter the signing secret, or set “signing” to {} to have one generated."
            complete["signing"] = {}
        elif stored.typed_for.url != origin_as_written(row.get("url")):
            errors[f"{at}.signing.secret"] = (
                "The address has changed: enter the signing secret again, or have a new one generated "
                "(“signing”: {} in a document)."
            )
            complete["signing"] = {}
        else:
            complete["signing"] = {**signing, "secret": secrets[0]}
    _fill_in_rows(complete, row, stored, at, errors)
    return complete


def _fill_in_rows(
    complete: dict[str, Any], row: Mapping[str, Any], stored_action: StoredAction | None, at: str, errors: Errors
) -> None:
    """Secret headers, parameters and names of `row` that leave their values unchanged, into `complete`."""
    stored: Mapping[str, str] = (stored_action.secrets.get("values") or {}) if stored_action else {}
    moved = stored_action is not None and stored_action.typed_for.url != origin_as_written(row.get("url"))
    filled: dict[str, str] = {}
    for place, path, secret_row in secret_rows(row):
        if secret_row.get("value") not in (None, ""):
            continue
        if place not in stored:
            errors[f"{at}.{path}.value"] = "Enter the secret value."
        elif moved:
            errors[f"{at}.{path}.value"] = (
                "The address has changed: enter the value again, so that it is not sent elsewhere unnoticed."
            )
        else:
            filled[path] = stored[place]
    if filled:
        complete |= deepcopy(
            {key: complete[key] for key in ("headers", "parameters", "related", "secrets") if key in complete}
        )
    for path, value in filled.items():
        target: Any = complete
        for key in path.split("."):
            target = target[int(key) if key.isdigit() else key]
        target["value"] = value


def _authorization_with_secret(
    row: Mapping[str, Any],
    authorization: Mapping[str, Any],
    stored_action: StoredAction | None,
    at: str,
    errors: Errors,
) -> dict[str, Any]:
    complete = dict(authorization)
    kind = authorization.get("type")
    key = AUTHORIZATIONS[kind].secret if isinstance(kind, str) and kind in AUTHORIZATIONS else None
    if kind == "basic" and authorization.get("username") is None and _says_no_password(authorization, stored_action):
        complete["password"], key = "", "username"
    if key is None or authorization.get(key) or (kind == "basic" and authorization.get(key) == ""):
        return complete
    place = f"{at}.authorization.{key}"
    words = "user name" if key == "username" else key.replace("_", " ")
    stored = stored_action.secrets.get(key) if stored_action else None
    if stored_action is None or not stored or stored_action.definition.get("authorization", {}).get("type") != kind:
        errors[place] = f"Enter the {words}."
    elif stored_action.typed_for != secret_scope(row):
        errors[place] = f"The address has changed: enter the {words} again, so that it is not sent elsewhere unnoticed."
    else:
        complete[key] = stored
    return complete


def _says_no_password(authorization: Mapping[str, Any], stored: StoredAction | None) -> bool:
    """Whether a Basic authorization is to have no password, so that its user name is the secret (specification section 4.4)."""
    typed = authorization.get("password")
    return typed == "" or (typed is None and stored is not None and stored.secrets.get("password") == "")
