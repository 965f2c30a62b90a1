"""The page "Why did it (not) fire?" (specification section 3)."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webhookui.crm import history, records
from webhookui.crm.catalog import catalog
from webhookui.crm.records import RecordNotFound
from webhookui.crm.tables import Change, Record
from webhookui.current_installation import read, row_id
from webhookui.web.access import admin_only
from webhookui.workflows import store
from webhookui.workflows.explain import Explanation, explain, explain_change

SHOWN_CHANGES = 12
"""Past saves of the record that can be looked into."""


def add_routes(bp: Blueprint) -> None:
    bp.get("/<int:workflow_id>/explain", endpoint="explain")(show)


@admin_only
def show(workflow_id: int) -> ResponseReturnValue:
    """`?record_id=` a record, `&change_id=` one past save of it. Without one: its newest save."""
    record_id, change_id = request.args.get("record_id", type=row_id), request.args.get("change_id", type=row_id)
    with read() as session:
        workflow = store.get_even_deleted(session, workflow_id)
        record = _record(session, workflow.module, record_id)
        explanation: Explanation | None = None
        changes: list[Change] = []
        if record_id is not None:
            changes = history.timeline(session, record_id, limit=SHOWN_CHANGES)
            change = next((candidate for candidate in changes if candidate.id == change_id), None)
            if change is None and record is None:  # deleted, or of the module that the workflow once looked at
                change = next((candidate for candidate in changes if candidate.source != "capture"), None)
            if change is not None:
                explanation = explain_change(session, workflow, change)
            elif record is not None:
                explanation = explain(session, workflow, record)
        return render_template(
            "workflow_editor/explain.html",
            workflow=workflow,
            module=catalog(session).modules.get(workflow.module),
            record=record,
            record_id=record_id,
            explanation=explanation,
            changes=changes,
        )


def _record(session: Session, module: str, record_id: int | None) -> Record | None:
    if record_id is None:
        return None
    try:
        return records.get(session, module, record_id)
    except RecordNotFound:
        return None
