"""The webhook form's own endpoints: preview, test, pickers, and what fills the form (specification sections 4.1 and 4.6).

They get the whole workflow form as it is typed, and `at`, the path of the webhook in it (`actions.1`). Nothing is saved.
"""

from typing import Any

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webhookui.crm.catalog import catalog
from webhookui.current_installation import installation, read, row_id, write
from webhookui.delivery_log import queries
from webhookui.web.access import admin_only, me
from webhookui.web.log.detail import detail_view
from webhookui.web.workflow_editor import sample_response, signing, webhook_import
from webhookui.web.workflow_editor.field_choices import placeholders
from webhookui.web.workflow_editor.form_tree import Draft
from webhookui.web.workflow_editor.preview import secret_to_type_again, shown_request
from webhookui.web.workflow_editor.sample_response import body_of
from webhookui.web.workflow_editor.send_test import DraftError, webhook_at
from webhookui.web.workflow_editor.webhook_editor import record_in_form, stored_row, typed_webhook, workflow_in_form
from webhookui.web.workflow_editor.workflow_form import form_of
from webhookui.webhooks.authoring.response_tree import tree_of
from webhookui.webhooks.request import RequestError
from webhookui.workflows.redelivery import send_test

bp = Blueprint("webhook_form", __name__)
webhook_import.add_routes(bp)
sample_response.add_routes(bp)
signing.add_routes(bp)

# ---- preview and test -------------------------------------------------------------------------------------------------


@bp.post("/preview")
@admin_only
def preview() -> ResponseReturnValue:
    """The exact request for the chosen record, or the latest one; what is missing yet in its place."""
    draft, position = typed_webhook()
    with read() as session:
        record = record_in_form(session, draft, position)
        try:
            if record is None:
                raise DraftError(
                    {"": f"There is no record in {_label(session, draft['module'])} yet to preview it with."}
                )
            shown = shown_request(session, draft, position, record, installation().settings.address, workflow_in_form())
        except DraftError as error:
            return _draft_error("workflow_editor/webhook_form/_preview.html", session, draft, error, record=record)
        except RequestError as error:
            problem = DraftError({f"actions.{position}.{error.at}" if error.at else "": str(error)})
            return _draft_error(
                "workflow_editor/webhook_form/_preview.html", session, draft, problem, record=record, built=False
            )
        again = secret_to_type_again(session, draft, position, workflow_in_form())
    return render_template(
        "workflow_editor/webhook_form/_preview.html",
        problems=[],
        record=record,
        shown=shown,
        position=position,
        type_again=again,
    )


def _draft_error(
    template: str, session: Session, draft: Draft, error: DraftError, **values: Any
) -> ResponseReturnValue:
    """What is missing, each with its place in the webhook."""
    problems = form_of(session, draft, errors=error.errors).problems
    return render_template(template, problems=problems, **values)


@bp.post("/test")
@admin_only
def test() -> ResponseReturnValue:
    """Sends the draft for real, marked as a test. Its status refreshes by itself."""
    draft, position = typed_webhook()
    current = installation()
    workflow_id = workflow_in_form()
    try:
        with write() as session:
            record = record_in_form(session, draft, position)
            webhook = webhook_at(session, current.box, draft, position, workflow_id)
            if record is None:
                raise DraftError({"": f"There is no record in {_label(session, draft['module'])} yet to send."})
            delivery = send_test(
                session,
                current.box,
                webhook,
                record,
                by=me().name,
                address=current.settings.address,
                workflow=draft["name"] or "Unsaved draft",
                workflow_id=workflow_id,
                webhook_row=stored_row(session, draft["actions"][position]["id"], workflow_id),
            )
    except DraftError as error:
        with read() as session:
            return _draft_error("workflow_editor/webhook_form/_test.html", session, draft, error, view=None)
    return test_result(delivery.id or 0)


@bp.get("/test/<int:delivery_id>")
@admin_only
def test_result(delivery_id: int) -> ResponseReturnValue:
    """The state of a test: it asks again by itself until the end."""
    version = request.args.get("version", type=row_id)
    with read() as session:
        detail = queries.detail(session, delivery_id)
    if version == detail.delivery.version:
        return "", 204
    view = detail_view(detail)
    answered = view.latest is not None and bool(view.latest.attempt.response_body)
    tree = tree_of(*body_of(view.latest.attempt)) if view.latest and answered else None
    return render_template("workflow_editor/webhook_form/_test.html", problems=[], view=view, tree=tree)


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
    return render_template("workflow_editor/webhook_form/_placeholders.html", groups=groups)


def _label(session: Session, module: str) -> str:
    info = catalog(session).modules.get(module)
    return info.label if info else "the module"
