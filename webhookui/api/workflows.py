"""Workflows as documents, and why one would or would not fire."""

from dataclasses import asdict
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from webhookui.api.auth import actor, admin_only, me
from webhookui.api.blueprint import bp
from webhookui.api.bodies import cursor, ids_in, json_body, limit, object_body, page_document
from webhookui.api.errors import invalid
from webhookui.api.jobs import accepted
from webhookui.core.database import LARGEST_ID
from webhookui.core.paging import one_page
from webhookui.crm import records
from webhookui.crm.field_types import iso_time
from webhookui.crm.record_jobs import Chosen
from webhookui.crm.tables import Change
from webhookui.current_installation import installation, read, write
from webhookui.workflows import loop_guard, run_now, store
from webhookui.workflows.explain import Explanation, explain, explain_change


@bp.get("/workflows")
@admin_only
def list_workflows() -> ResponseReturnValue:
    most, after = limit(), cursor()
    with read() as session:
        workflows = [workflow for workflow in store.list_all(session) if after is None or (workflow.id or 0) > after]
        listed = one_page(workflows, most, lambda workflow: workflow.id)
        return jsonify(page_document(listed, lambda workflow: store.to_document(session, workflow, with_ids=True)))


@bp.post("/workflows")
@admin_only
def create_workflow() -> ResponseReturnValue:
    document = json_body()
    with write() as session:
        workflow = store.create(session, installation().box, document, me())
        written = store.to_document(session, workflow, with_ids=True)
    answer = jsonify(written)
    answer.headers["Location"] = f"/api/v1/workflows/{written['id']}"
    return answer, 201


@bp.get("/workflows/<int:workflow_id>")
@admin_only
def get_workflow(workflow_id: int) -> ResponseReturnValue:
    with read() as session:
        return jsonify(store.to_document(session, store.get(session, workflow_id), with_ids=True))


@bp.put("/workflows/<int:workflow_id>")
@admin_only
def replace_workflow(workflow_id: int) -> ResponseReturnValue:
    with read() as session:
        store.get(session, workflow_id)
    document = json_body()
    with write() as session:
        workflow = store.replace(session, installation().box, workflow_id, document, me())
        return jsonify(store.to_document(session, workflow, with_ids=True))


@bp.delete("/workflows/<int:workflow_id>")
@admin_only
def delete_workflow(workflow_id: int) -> ResponseReturnValue:
    with write() as session:
        store.delete(session, workflow_id, me())
    return "", 204


@bp.get("/workflows/<int:workflow_id>/holds")
@admin_only
def list_holds(workflow_id: int) -> ResponseReturnValue:
    """The records for which the workflow is held because it fires in a loop."""
    most, after = limit(), cursor()
    with read() as session:
        store.get(session, workflow_id)
        standing = sorted(loop_guard.standing(session, workflow_id), key=lambda loop: loop.hold.record_id)
    standing = [loop for loop in standing if after is None or loop.hold.record_id > after]
    return jsonify(page_document(one_page(standing, most, lambda loop: loop.hold.record_id), _hold))


@bp.post("/workflows/<int:workflow_id>/release")
@admin_only
def release_workflow(workflow_id: int) -> ResponseReturnValue:
    """Sends what waits, for one record or for all for which the workflow is held."""
    with read() as session:
        store.get(session, workflow_id)
    body = object_body({"record_id"}) if request.data else {}
    record_id = _id_in(body, "record_id") if "record_id" in body else None
    with write() as session:
        return jsonify({"deliveries": loop_guard.release(session, workflow_id, record_id, me())})


def _hold(held: loop_guard.Held) -> dict[str, Any]:
    hold = held.hold
    return {
        "record_id": hold.record_id,
        "module": hold.module,
        "record_name": hold.record_name,
        "at": iso_time(hold.at),
        "fired": hold.fired,
        "deliveries": held.waits,
    }


@bp.post("/workflows/<int:workflow_id>/explain")
@admin_only
def explain_workflow(workflow_id: int) -> ResponseReturnValue:
    """Whether it fired for the record's latest save, or the `change_id` given, and each condition with the value it saw."""
    with read() as session:
        workflow = store.get_even_deleted(session, workflow_id)
        body = object_body({"record_id", "change_id"}, required={"record_id"})
        record_id = _id_in(body, "record_id")
        if body.get("change_id") is not None:
            change = session.get(Change, _id_in(body, "change_id"))
            if change is None or change.record_id != record_id:
                raise invalid("change_id", f"Record {record_id} has no such change.")
            return jsonify(_explained(explain_change(session, workflow, change)))
        try:
            record = records.get(session, workflow.module, record_id)
        except records.RecordNotFound as error:
            raise invalid("record_id", str(error)) from None
        return jsonify(_explained(explain(session, workflow, record)))


@bp.post("/workflows/<int:workflow_id>/run")
@admin_only
def run_workflow(workflow_id: int) -> ResponseReturnValue:
    """Runs it for the records `record_ids`, whatever its trigger; its criteria are checked unless `anyway`: a job."""
    with read() as session:
        store.get(session, workflow_id)
    body = object_body({"record_ids", "anyway"}, required={"record_ids"})
    anyway = body.get("anyway", False)
    if not isinstance(anyway, bool):
        raise invalid("anyway", "true or false.", "anyway must be true or false.")
    chosen = Chosen(ids_in(body, "record_ids"))
    with write() as session:
        return accepted(run_now.start(session, workflow_id, chosen, actor(), anyway=anyway))


def _id_in(body: dict[str, Any], key: str) -> int:
    value = body[key]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_ID:
        raise invalid(key, "A whole number.", f"{key} must be a whole number.")
    return value


def _explained(explanation: Explanation) -> dict[str, Any]:
    document = asdict(explanation) | {"stopped_by": explanation.stopped_by}
    for key in ("at", "version_at"):
        if document[key] is not None:
            document[key] = iso_time(document[key])
    return document
