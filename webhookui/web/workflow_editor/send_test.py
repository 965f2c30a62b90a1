"""Trying out the webhook that is being built: it alone, checked as if the workflow had nothing else
(specification section 4.6)."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from webhookui.core.secrets import SecretBox
from webhookui.crm.catalog import Catalog, catalog
from webhookui.crm.listing import search
from webhookui.crm.tables import Record
from webhookui.web.workflow_editor.form_tree import Draft
from webhookui.web.workflow_editor.workflow_draft import at_old_places, document_of, without_blank_rows
from webhookui.webhooks.definition import AUTHORIZATIONS, MASK, Webhook
from webhookui.webhooks.secret_values import secret_rows
from webhookui.workflows import store
from webhookui.workflows.actions.kind import StoredAction
from webhookui.workflows.actions.webhook import CheckedWebhook
from webhookui.workflows.document import InvalidDocument, parse


class DraftError(Exception):
    """The webhook can't be tried yet. `errors`: path in the form → sentence."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(self.errors.values()))


def webhook_at(session: Session, box: SecretBox, draft: Draft, position: int, workflow_id: int | None) -> Webhook:
    """The webhook at a position of the draft with its secrets, typed or stored, for a test. Raises DraftError."""
    stored = store.stored_actions(session, box, workflow_id) if workflow_id is not None else []
    return _checked(catalog(session), draft, position, stored, masked=False).signed()


def webhook_without_secrets(session: Session, draft: Draft, position: int) -> Webhook:
    """The same for the preview: a mask stands for every secret. Raises DraftError."""
    return _checked(catalog(session), draft, position, [], masked=True).webhook


def _checked(
    modules: Catalog, draft: Draft, position: int, stored: list[StoredAction], *, masked: bool
) -> CheckedWebhook:
    actions = draft["actions"]
    if not 0 <= position < len(actions):
        raise DraftError({"actions": "There is no such webhook in the form."})
    if draft["module"] not in modules.modules:
        raise DraftError({"module": "Choose a module first."})
    single = {**draft, "actions": [actions[position]]}
    kept, moved = without_blank_rows(single)
    document = _single_webhook_document(document_of(kept), modules)
    if masked:
        _show_only_the_request(document["actions"][0])
    if not str(document["actions"][0]["title"]).strip():
        document["actions"][0]["title"] = "Untitled webhook"
    named = [action for action in stored if action.id == document["actions"][0]["id"]]
    try:
        checked: CheckedWebhook = parse(document, modules, stored=named).actions[0].checked
    except InvalidDocument as error:
        errors = at_old_places(error.errors, moved)
        raise DraftError({_at_position(path, position): words for path, words in errors.items()}) from None
    return checked


def _single_webhook_document(document: dict[str, Any], modules: Catalog) -> dict[str, Any]:
    """A document in which only the webhook can be wrong."""
    related = modules.related_modules(document["module"])
    return {
        "name": document["name"].strip()[:100] or "Untitled workflow",
        "module": document["module"],
        "related_modules": [name for name in dict.fromkeys(document["related_modules"]) if name in related],
        "trigger": {"on": "create_or_update"},
        "actions": document["actions"],
    }


def _show_only_the_request(action: dict[str, Any]) -> None:
    kind = AUTHORIZATIONS.get(action["authorization"]["type"])
    if kind is not None and kind.secret:
        key = "username" if action["authorization"][kind.secret] == "" else kind.secret
        if key != "username" or action["authorization"][key] is None:
            action["authorization"][key] = MASK
    for _, _, row in secret_rows(action):
        row["value"] = MASK  # type: ignore[index]  # the draft's own
    action.update(signing=False, capture=None, success_if=None)  # no part of the request that a preview shows


def _at_position(path: str, position: int) -> str:
    return f"actions.{position}{path.removeprefix('actions.0')}" if path.startswith("actions.0") else path


def latest_record(session: Session, module: str) -> Record | None:
    """The record of the preview when none is chosen."""
    return next(iter(search(session, "", limit=1, module=module)), None)
