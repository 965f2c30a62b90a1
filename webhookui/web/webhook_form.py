"""The webhook form's own endpoints: preview, test, pickers, and what fills the form (SPEC sections 4.1 and 4.6).

They get the whole workflow form as it is typed, and `at`, the path of the webhook in it (`actions.1`). Nothing is saved.
"""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webhookui.crm import records
from webhookui.crm.catalog import catalog
from webhookui.crm.listing import search
from webhookui.crm.records import RecordNotFound
from webhookui.crm.tables import Record
from webhookui.delivery import log
from webhookui.here import installation, read, row_id, write
from webhookui.web import webhook_fill
from webhookui.web.access import admin_only, me
from webhookui.web.field_choices import placeholders
from webhookui.web.form_paths import Draft
from webhookui.web.log_detail import DetailView, detail_view
from webhookui.web.payload import content_type_of, payload
from webhookui.web.webhook_trial import NotReady, latest_record, webhook_at, webhook_without_secrets
from webhookui.web.workflow_draft import draft_of_form
from webhookui.webhooks.authorization import AUTHORIZATIONS, MASK, authorize
from webhookui.webhooks.content_types import CONTENT_TYPES
from webhookui.webhooks.definition import METHODS, PARAMETER_TYPES
from webhookui.webhooks.recipes import RECIPES
from webhookui.webhooks.request import RequestError, build_request
from webhookui.webhooks.response_tree import Node, tree_of
from webhookui.workflows import store
from webhookui.workflows.context import context_of
from webhookui.workflows.redeliver import send_test
from webhookui.workflows.tables import WorkflowWebhook

bp = Blueprint("webhook_form", __name__)
webhook_fill.add_routes(bp)

FOUND = 8
"""Records that a picker shows."""


def editor_choices() -> dict[str, Any]:
    """What the templates of the webhook form need besides the form."""
    return {
        "methods": [(name, name) for name in METHODS],
        "content_types": [(name, name) for name in CONTENT_TYPES],
        "authorizations": [(name, kind.label) for name, kind in AUTHORIZATIONS.items()],
        "parameter_types": list(PARAMETER_TYPES.items()),
        "capture_types": [("JSONPATH", "JSONPATH"), ("XPATH", "XPATH")],
        "recipes": list(RECIPES.values()),
        "inspector_address": f"{installation().settings.address}/inspect/{secrets.token_hex(4)}",
    }


# ---- preview and test -------------------------------------------------------------------------------------------------


@bp.post("/preview")
@admin_only
def preview() -> ResponseReturnValue:
    """The exact request for the chosen record, or the latest one; what is missing yet in its place."""
    draft, position = typed_webhook()
    with read() as session:
        record = _record_of(session, draft, position)
        try:
            webhook = webhook_without_secrets(session, draft, position)
            if record is None:
                raise NotReady({"": f"There is no record in {_label(session, draft['module'])} yet to show it for."})
            context = context_of(
                session,
                record,
                address=installation().settings.address,
                workflow_id=_workflow_id(),
                workflow=draft["name"],
            )
            built = build_request(webhook, context)
        except NotReady as error:
            return render_template("webhook_form/_preview.html", errors=error.errors, record=record)
        except RequestError as error:
            at = f"actions.{position}.{error.at}" if error.at else ""
            return render_template("webhook_form/_preview.html", errors={at: str(error)}, record=record, built=False)
    shown = authorize(built, webhook.authorization, token=MASK)
    return render_template(
        "webhook_form/_preview.html",
        errors={},
        record=record,
        request_=shown,
        body=payload(shown.body, content_type_of(shown.headers)),
        position=position,
    )


@bp.post("/test")
@admin_only
def test() -> ResponseReturnValue:
    """Sends the draft for real, marked as a test. Its status refreshes by itself."""
    draft, position = typed_webhook()
    here = installation()
    workflow_id = _workflow_id()
    try:
        with write() as session:
            record = _record_of(session, draft, position)
            webhook = webhook_at(session, here.box, draft, position, workflow_id)
            if record is None:
                raise NotReady({"": f"There is no record in {_label(session, draft['module'])} yet to send."})
            row = _stored_row(session, draft["actions"][position]["id"], workflow_id)
            delivery = send_test(
                session,
                here.box,
                webhook,
                record,
                by=me().name,
                address=here.settings.address,
                workflow=draft["name"] or "Unsaved draft",
                workflow_id=workflow_id,
                webhook_row=row,
            )
    except NotReady as error:
        return render_template("webhook_form/_test.html", errors=error.errors, view=None)
    return test_result(delivery.id or 0)


@bp.get("/test/<int:delivery_id>")
@admin_only
def test_result(delivery_id: int) -> ResponseReturnValue:
    """The state of a test: it asks again by itself until the end."""
    version = request.args.get("version", type=row_id)
    with read() as session:
        try:
            detail = log.detail(session, delivery_id)
        except log.DeliveryNotFound as error:
            abort(404, description=str(error))
    if version == detail.delivery.version:
        return "", 204
    view = detail_view(detail)
    tree = response_tree(view)
    return render_template("webhook_form/_test.html", errors={}, view=view, tree=tree)


def response_tree(view: DetailView) -> Node | None:
    """The latest response as a tree of values with their paths; None when it is neither JSON nor XML."""
    latest = view.latest
    if latest is None or not latest.attempt.response_body:
        return None
    return tree_of(latest.attempt.response_body, content_type_of(latest.attempt.response_headers))


# ---- pickers ----------------------------------------------------------------------------------------------------------


@bp.get("/placeholders")
@admin_only
def fields() -> ResponseReturnValue:
    """The list behind "+ field": `?module=`, and `related=1` in the rows of a related module."""
    with read() as session:
        modules = catalog(session)
        if request.args.get("module") not in modules.modules:
            abort(404)
        groups = placeholders(modules, request.args["module"], related=request.args.get("related") == "1")
    return render_template("webhook_form/_placeholders.html", groups=groups)


@bp.get("/records")
@admin_only
def find() -> ResponseReturnValue:
    """Records for a picker: `?module=&q=`."""
    module = request.args.get("module", "")
    with read() as session:
        if module not in catalog(session).modules:
            abort(404)
        found = search(session, request.args.get("q", ""), limit=FOUND, module=module)
    return render_template("webhook_form/_records.html", records=found)


# ---- what they share --------------------------------------------------------------------------------------------------


def typed_webhook() -> tuple[Draft, int]:
    """The draft in the request, and the position of the webhook that it is about."""
    draft = draft_of_form(request.form)
    name = request.form.get("at", "").removeprefix("actions.")
    if not (name.isascii() and name.isdigit() and len(name) < 4 and int(name) < len(draft["actions"])):
        abort(404)
    return draft, int(name)


def _record_of(session: Session, draft: Draft, position: int) -> Record | None:
    if draft["module"] not in catalog(session).modules:
        return None
    chosen = request.form.get(f"actions.{position}.preview.record", "")
    if chosen.isascii() and chosen.isdigit() and len(chosen) < 16:
        try:
            return records.get(session, draft["module"], int(chosen))
        except RecordNotFound:
            pass
    return latest_record(session, draft["module"])


def _workflow_id() -> int | None:
    name = request.form.get("workflow_id", "")
    return int(name) if name.isascii() and name.isdigit() and len(name) < 16 else None


def _stored_row(session: Session, action_id: str, workflow_id: int | None) -> WorkflowWebhook | None:
    if workflow_id is None:
        return None
    return next((row for row in store.webhooks_of(session, workflow_id) if str(row.id) == action_id), None)


def _label(session: Session, module: str) -> str:
    info = catalog(session).modules.get(module)
    return info.label if info else "the module"
