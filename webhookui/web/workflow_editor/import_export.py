"""Export and import of workflows as the JSON document (specification sections 3 and 10)."""

import re
from typing import Any

import simplejson
from flask import Blueprint, Response, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webhookui.core import exact_json
from webhookui.current_installation import installation, read, write
from webhookui.web.access import admin_only, me
from webhookui.web.workflow_editor.page import form_page
from webhookui.web.workflow_editor.webhook_draft import SECRETS
from webhookui.web.workflow_editor.workflow_draft import draft_of_document
from webhookui.workflows import store
from webhookui.workflows.document import InvalidDocument

MOST_BYTES = 2 * 1024 * 1024
_SECRET = re.compile(rf"actions\.\d+\.(authorization\.({'|'.join(SECRETS)}|username)|signing\.secret)")


def add_routes(bp: Blueprint) -> None:
    bp.get("/<int:workflow_id>/export")(export)
    bp.get("/import", endpoint="import_page")(show)
    bp.post("/import", endpoint="import_document")(load)


@admin_only
def export(workflow_id: int) -> ResponseReturnValue:
    """The workflow's document as a file, without secrets."""
    with read() as session:
        workflow = store.get(session, workflow_id)
        document = store.to_document(session, workflow, with_ids=False)
    name = re.sub(r"[^a-z0-9]+", "-", workflow.name.lower()).strip("-") or "workflow"
    text = simplejson.dumps(document, use_decimal=True, ensure_ascii=False, indent=2)
    return Response(
        text + "\n",
        mimetype="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}.json"', "Cache-Control": "no-store"},
    )


@admin_only
def show() -> ResponseReturnValue:
    return _page("")


@admin_only
def load() -> ResponseReturnValue:
    """Makes the workflow of an uploaded or pasted document. One that only lacks its secrets is opened in the form."""
    text, problem = _given()
    if problem:
        return _page(text, {"": problem}), 422
    try:
        document = exact_json.loads(text)
    except (ValueError, RecursionError) as error:
        return _page(text, {"": _not_json(error)}), 422
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if isinstance(document, list):
        return _page(text, {"": f"This is a list of {len(document)} documents. Import one workflow at a time."}), 422
    current = installation()
    try:
        with write() as session:
            workflow = store.create(session, current.box, document, me())
    except InvalidDocument as error:
        wants_form = request.form.get("do") == "open"
        if isinstance(document, dict) and (wants_form or all(_SECRET.fullmatch(path) for path in error.errors)):
            return _in_the_form(document, error.errors)
        return _page(text, error.errors, can_open=isinstance(document, dict)), 422
    flash(f"“{workflow.name}” was imported and is {'active' if workflow.active else 'switched off'}.", "success")
    return redirect(f"/settings/workflows/{workflow.id}", 303)


def _given() -> tuple[str, str]:
    """The document's text, and what is wrong with how it was given."""
    upload = request.files.get("file")
    if upload is None or not upload.filename:
        text = request.form.get("document", "").strip()
        return text, "" if text else "Choose a file or paste a document."
    raw = upload.stream.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        return "", f"The file “{upload.filename}” is larger than 2 MiB: it is not a workflow."
    try:
        return raw.decode("utf-8-sig").strip(), ""
    except UnicodeDecodeError:
        return "", f"The file “{upload.filename}” is not text in UTF-8, so it is not JSON."


def _not_json(error: Exception) -> str:
    if isinstance(error, simplejson.JSONDecodeError):
        return f"This is not JSON: {error.msg} (line {error.lineno}, column {error.colno})."
    if isinstance(error, RecursionError):
        return "This is not a workflow: it is nested too deeply."
    return f"This is not JSON: {error}."


def _in_the_form(document: dict[str, Any], errors: dict[str, str]) -> ResponseReturnValue:
    return form_page(draft_of_document(document), errors=errors), 422


def _page(text: str, errors: dict[str, str] | None = None, *, can_open: bool = False) -> str:
    return render_template("workflow_editor/import.html", document=text, errors=errors or {}, can_open=can_open)
