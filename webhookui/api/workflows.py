"""Workflows as documents, and why one would or would not fire."""

from __future__ import annotations

from dataclasses import asdict

from flask import jsonify
from flask.typing import ResponseReturnValue

from webhookui import here
from webhookui.api import bp
from webhookui.api.auth import admin_only, me
from webhookui.api.bodies import cursor, json_body, limit, object_body, page
from webhookui.api.errors import ApiError
from webhookui.crm import records
from webhookui.db import LARGEST_ID
from webhookui.workflows import store
from webhookui.workflows.explain import explain


@bp.get("/workflows")
@admin_only
def list_workflows() -> ResponseReturnValue:
    most, after = limit(), cursor()
    with here.read() as session:
        found = [each for each in store.list_all(session) if after is None or (each.id or 0) > after]
        documents = [store.to_document(session, each, with_ids=True) for each in found[:most]]
    return jsonify(page(documents, found[most - 1].id if len(found) > most else None))


@bp.post("/workflows")
@admin_only
def create_workflow() -> ResponseReturnValue:
    document = json_body()
    with here.write() as session:
        workflow = store.create(session, here.installation().box, document, me())
        written = store.to_document(session, workflow, with_ids=True)
    answer = jsonify(written)
    answer.headers["Location"] = f"/api/v1/workflows/{written['id']}"
    return answer, 201


@bp.get("/workflows/<int:workflow_id>")
@admin_only
def get_workflow(workflow_id: int) -> ResponseReturnValue:
    with here.read() as session:
        return jsonify(store.to_document(session, store.get(session, workflow_id), with_ids=True))


@bp.put("/workflows/<int:workflow_id>")
@admin_only
def replace_workflow(workflow_id: int) -> ResponseReturnValue:
    with here.read() as session:
        store.get(session, workflow_id)
    document = json_body()
    with here.write() as session:
        workflow = store.replace(session, here.installation().box, workflow_id, document, me())
        return jsonify(store.to_document(session, workflow, with_ids=True))


@bp.delete("/workflows/<int:workflow_id>")
@admin_only
def delete_workflow(workflow_id: int) -> ResponseReturnValue:
    with here.write() as session:
        store.delete(session, workflow_id, me())
    return "", 204


@bp.post("/workflows/<int:workflow_id>/explain")
@admin_only
def explain_workflow(workflow_id: int) -> ResponseReturnValue:
    """Whether it would fire for the record's latest save, and each condition with the value it saw."""
    with here.read() as session:
        workflow = store.get(session, workflow_id)
        body = object_body({"record_id"}, required={"record_id"})
        record_id = body["record_id"]
        if isinstance(record_id, bool) or not isinstance(record_id, int) or not 0 <= record_id <= LARGEST_ID:
            raise ApiError(422, "invalid", "record_id is a whole number.", {"record_id": "A whole number."})
        try:
            record = records.get(session, workflow.module, record_id)
        except records.RecordNotFound as error:
            raise ApiError(422, "invalid", str(error), {"record_id": str(error)}) from None
        found = explain(session, workflow, record)
    document = asdict(found)
    document["at"] = f"{found.at:%Y-%m-%dT%H:%M:%SZ}"
    return jsonify(document | {"stopped_by": found.stopped_by})
