"""What the endpoints of the webhook form share: the posted draft, the webhook and the record that it is about."""

import secrets
from typing import Any

from flask import abort, request
from sqlalchemy.orm import Session

from webhookui.crm import records
from webhookui.crm.catalog import catalog
from webhookui.crm.records import RecordNotFound
from webhookui.crm.tables import Record
from webhookui.current_installation import installation, row_id
from webhookui.definitions.tables import Workflow, WorkflowAction
from webhookui.web.workflow_editor.action_forms import action_type
from webhookui.web.workflow_editor.form_tree import Draft
from webhookui.web.workflow_editor.send_test import latest_record
from webhookui.web.workflow_editor.workflow_draft import draft_of_form
from webhookui.webhooks.authoring.recipes import RECIPES
from webhookui.webhooks.content_types import CONTENT_TYPES
from webhookui.webhooks.definition import (
    AUTHORIZATIONS,
    CAPTURE_TYPES,
    CLIENT_AUTHENTICATIONS,
    LIST_STYLES,
    METHODS,
    PARAMETER_TYPES,
    RAW,
)
from webhookui.workflows import store

MEDIA_TYPES = (
    "application/json", "application/x-ndjson", "text/plain; charset=utf-8", "text/xml; charset=utf-8", "application/soap+xml",
    "application/xml", "application/graphql", "text/csv",
)  # fmt: skip
"""What is offered while the media type of a RAW body is typed."""


def editor_choices() -> dict[str, Any]:
    """What the templates of the webhook form need besides the form."""
    return {
        "methods": [(name, name) for name in METHODS],
        "content_types": [(name, name) for name in (*CONTENT_TYPES, RAW)],
        "media_types": MEDIA_TYPES,
        "list_styles": [("", "the usual way"), *LIST_STYLES.items()],
        "authorizations": [(name, kind.label) for name, kind in AUTHORIZATIONS.items()],
        "client_authentications": list(CLIENT_AUTHENTICATIONS.items()),
        "parameter_types": list(PARAMETER_TYPES.items()),
        "capture_types": [(name, name) for name in CAPTURE_TYPES],
        "recipes": list(RECIPES.values()),
        "inspector_address": f"{installation().settings.address}/inspect/{secrets.token_hex(4)}",
    }


def typed_webhook() -> tuple[Draft, int]:
    """The draft in the request, and the position of the webhook that it is about (`at`, such as `actions.1`)."""
    draft = draft_of_form(request.form)
    name = request.form.get("at", "").removeprefix("actions.")
    if not (name.isascii() and name.isdigit() and len(name) < 4 and int(name) < len(draft["actions"])):
        abort(404)
    if action_type(draft["actions"][int(name)]) != "webhook":
        abort(404)
    return draft, int(name)


def number_in_form(name: str) -> int | None:
    """A whole number of the posted form; None when it is none."""
    return request.form.get(name, type=row_id)


def workflow_in_form() -> int | None:
    """The id of the workflow that is being edited; None when it is a new one."""
    return number_in_form("workflow_id")


def workflow_of_form(session: Session) -> Workflow | None:
    """The workflow that the posted draft is of, when it is there still."""
    number = workflow_in_form()
    try:
        return store.get(session, number) if number is not None else None
    except store.WorkflowNotFound:
        return None


def record_in_form(session: Session, draft: Draft, position: int) -> Record | None:
    """The record chosen for the preview, or the latest one; None when the module has none."""
    if draft["module"] not in catalog(session).modules:
        return None
    chosen = number_in_form(f"actions.{position}.preview.record")
    if chosen is not None:
        try:
            return records.get(session, draft["module"], chosen)
        except RecordNotFound:
            pass
    return latest_record(session, draft["module"])


def stored_row(session: Session, action_id: str, workflow_id: int | None) -> WorkflowAction | None:
    """The row of a saved webhook; None for one that is new in the form."""
    if workflow_id is None:
        return None
    return next((row for row in store.actions_of(session, workflow_id) if str(row.id) == action_id), None)
