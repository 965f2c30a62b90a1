"""Settings → Automation → Workflows: the list, the stepwise form, duplicate, switch, delete (specification section 3)."""

from flask import Blueprint, abort, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webhookui.crm.catalog import catalog
from webhookui.current_installation import installation, read, write
from webhookui.delivery import pending
from webhookui.delivery.states import STATUSES
from webhookui.delivery_log.queries import counts_by_workflow
from webhookui.web.access import admin_only, me
from webhookui.web.choices import chosen
from webhookui.web.htmx import htmx, make_response
from webhookui.web.workflow_editor import explain, import_export, loop_holds
from webhookui.web.workflow_editor.form_tree import at, edit_rows
from webhookui.web.workflow_editor.page import flash_signing, form_page
from webhookui.web.workflow_editor.typed_numbers import read_numbers
from webhookui.web.workflow_editor.webhook_editor import workflow_of_form
from webhookui.web.workflow_editor.workflow_draft import (
    document_of,
    draft_of_document,
    draft_of_form,
    new_draft,
    without_blank_rows,
    workflow_draft,
)
from webhookui.web.workflow_editor.workflow_form import form_of
from webhookui.workflows import loop_guard, store
from webhookui.workflows.actions.webhook import fresh_signing_secrets
from webhookui.workflows.document import InvalidDocument
from webhookui.workflows.trigger import TRIGGERS

bp = Blueprint("workflows", __name__)
import_export.add_routes(bp)
explain.add_routes(bp)
loop_holds.add_routes(bp)

# ---- the list ---------------------------------------------------------------------------------------------------------


@bp.get("")
@admin_only
def index() -> ResponseReturnValue:
    with read() as session:
        return render_template(
            "workflow_editor/index.html",
            workflows=store.list_all(session),
            counts=counts_by_workflow(session),
            waits=pending.counts(session),
            loops={loop.workflow_id: loop for loop in loop_guard.loops(session)},
            infos=catalog(session).modules,
            triggers=TRIGGERS,
            statuses=STATUSES,
        )


@bp.post("/<int:workflow_id>/active")
@admin_only
def switch(workflow_id: int) -> ResponseReturnValue:
    """Switches a workflow on (`active=1`) or off (`active=0`)."""
    active = chosen("active", ("1", "0")) == "1"
    try:
        with write() as session:
            workflow = store.get(session, workflow_id)
            store.set_active(session, workflow.id or 0, active, me())
            waits = pending.count(session, pending.of_workflow(workflow_id))
    except InvalidDocument as error:
        flash(f"“{workflow.name}” can't be switched on. {' '.join(error.errors.values())}", "danger")
        return _go("/settings/workflows")
    if htmx:
        return render_template(
            "workflow_editor/_switched.html", workflow=workflow, waiting=waits, spoken=True, oob=True
        )
    return redirect("/settings/workflows", 303)


@bp.post("/<int:workflow_id>/end-waiting")
@admin_only
def end_waiting(workflow_id: int) -> ResponseReturnValue:
    """Ends what waits of a workflow as Failed."""
    with write() as session:
        workflow = store.get(session, workflow_id)
        number = store.end_waiting(session, workflow_id, me())
    flash(f"{number} deliver{'y' if number == 1 else 'ies'} of “{workflow.name}” ended as Failed.", "success")
    return redirect("/settings/workflows", 303)


@bp.post("/<int:workflow_id>/duplicate")
@admin_only
def duplicate(workflow_id: int) -> ResponseReturnValue:
    current = installation()
    with write() as session:
        store.get(session, workflow_id)
        copy = store.duplicate(session, current.box, workflow_id, me())
        secrets = fresh_signing_secrets(session)
    flash(f"“{copy.name}” is a copy, switched off. Change what you like and switch it on.", "success")
    flash_signing(secrets)
    return redirect(f"/settings/workflows/{copy.id}", 303)


@bp.post("/<int:workflow_id>/delete")
@admin_only
def delete(workflow_id: int) -> ResponseReturnValue:
    with write() as session:
        workflow = store.get(session, workflow_id)
        store.delete(session, workflow_id, me())
    flash(f"“{workflow.name}” was deleted. Its deliveries stay in the webhook log.", "success")
    return redirect("/settings/workflows", 303)


# ---- the form ---------------------------------------------------------------------------------------------------------


@bp.get("/new")
@admin_only
def new() -> ResponseReturnValue:
    return form_page(new_draft(request.args.get("module", ""), me().time_zone))


@bp.get("/<int:workflow_id>")
@admin_only
def edit(workflow_id: int) -> ResponseReturnValue:
    with read() as session:
        workflow = store.get(session, workflow_id)
        document = store.to_document(session, workflow, with_ids=True)
    return form_page(draft_of_document(document), workflow=workflow)


@bp.post("")
@admin_only
def create() -> ResponseReturnValue:
    return _save(None)


@bp.post("/<int:workflow_id>")
@admin_only
def replace(workflow_id: int) -> ResponseReturnValue:
    return _save(workflow_id)


def _save(workflow_id: int | None) -> ResponseReturnValue:
    """Saves the whole draft or nothing of it; what can't be saved comes back as it was typed, with its errors."""
    current = installation()
    draft, _ = without_blank_rows(draft_of_form(request.form))
    document = document_of(draft)
    with read() as session:
        problems = read_numbers(document, draft, catalog(session), me().format)
    workflow = None
    try:
        with write() as session:
            if workflow_id is None:
                workflow = store.create(session, current.box, document, me())
            else:
                workflow = store.get(session, workflow_id)
                workflow = store.replace(session, current.box, workflow_id, document, me())
            secrets = fresh_signing_secrets(session)
            waits = pending.count(session, pending.of_workflow(workflow.id or 0))
    except InvalidDocument as error:
        return form_page(draft, errors={**error.errors, **problems}, workflow=workflow), 422
    except store.WorkflowConflict as error:
        return form_page(draft, workflow=error.current, conflict=str(error)), 409
    state = "is active" if workflow.active else "is switched off"
    if waits and not workflow.active:
        state += f"; {waits} deliver{'y is' if waits == 1 else 'ies are'} held until it is on again"
    flash(f"“{workflow.name}” was saved and {state}.", "success")
    flash_signing(secrets)
    return _go("/settings/workflows" if not secrets else f"/settings/workflows/{workflow.id}")


def _go(url: str) -> ResponseReturnValue:
    """A redirect that htmx follows with a whole new page."""
    if htmx:
        return make_response("", 204, redirect=url)  # type: ignore[no-any-return]
    return redirect(url, 303)


@bp.post("/draft")
@admin_only
def draft() -> ResponseReturnValue:
    """The form drawn anew from what is typed, nothing saved; `do` adds, removes or moves a row."""
    typed = draft_of_form(request.form)
    edit_rows(typed, request.form.get("do", ""))
    typed = workflow_draft(typed)  # gives a row that was just added its inputs
    with read() as session:
        modules = catalog(session)
        related = modules.related_modules(typed["module"]) if typed["module"] in modules.modules else ()
        workflow = workflow_of_form(session)
    typed["related_modules"] = [name for name in typed["related_modules"] if name in related]
    return form_page(typed, workflow=workflow)


@bp.post("/condition")
@admin_only
def condition() -> ResponseReturnValue:
    """One condition drawn anew (`at`), after its field or operator changed."""
    typed = draft_of_form(request.form)
    path = request.form.get("at", "")
    row = at(typed, path)
    if not path.startswith("criteria.") or not isinstance(row, dict) or "operator" not in row:
        abort(404)
    with read() as session:
        form = form_of(session, typed)
    operators = [name for name, _ in form.operators(row)]
    chosen = form.field(row["field"])
    if chosen is not None and row["operator"] not in [name for name, _ in form.operators({**row, "operator": ""})]:
        row["operator"] = operators[0]
    return render_template("workflow_editor/_condition_row.html", form=form, path=path, row=row)
