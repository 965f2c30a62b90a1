"""What fills the webhook form: a cURL command, a sample body, a recipe (specification section 4.6).

Each gets the whole form as it is typed and answers with the webhook drawn anew. Nothing is saved.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from webhookui.crm.catalog import catalog
from webhookui.current_installation import read
from webhookui.web.access import admin_only
from webhookui.web.workflow_editor.form_tree import Draft
from webhookui.web.workflow_editor.webhook_draft import SECRETS, draft_of_webhook, webhook_draft
from webhookui.web.workflow_editor.webhook_editor import editor_choices, typed_webhook, workflow_of_form
from webhookui.web.workflow_editor.workflow_form import form_of
from webhookui.webhooks.authoring.curl import CurlProblem, from_curl
from webhookui.webhooks.authoring.pasted import PasteProblem, body_of
from webhookui.webhooks.authoring.recipes import RECIPES, RecipeProblem
from webhookui.webhooks.body_text import marked
from webhookui.webhooks.content_types import CONTENT_TYPES
from webhookui.webhooks.definition import AUTHORIZATIONS, RAW
from webhookui.webhooks.secret_values import secret_rows

OF_THE_REQUEST = ("url", "method", "content_type", "authorization", "headers", "parameters")
"""What a cURL command speaks of; the rest of the webhook stays as it was …"""
OF_SOME = {
    "xml_root": "xml_root",
    "timeout_s": "timeout_s",
    "follow_redirects": "follow_redirects",
    "media_type": "media_type",
    "body": "body",
    "body_as_stored": "body",
}
"""… as do these, unless the document that was made has the key behind them."""


def add_routes(bp: Blueprint) -> None:
    for view in (curl, sample, recipe):
        bp.post(f"/{view.__name__}")(view)


@admin_only
def curl() -> ResponseReturnValue:
    """Method, URL, headers, authorization and parameters of a command (`text`)."""
    draft, position = typed_webhook()
    try:
        read_command = from_curl(request.form.get("text", ""))
    except CurlProblem as problem:
        return _refused(str(problem))
    document = read_command.document
    old = draft["actions"][position]
    new = draft_of_webhook(document)
    kept = {key: new[key] for key in (*OF_THE_REQUEST, *_of_some(document))}
    draft["actions"][position] = {**old, **kept}
    notes = (_came_over(document), *read_command.notes)
    return _drawn(draft, position, "Filled in from the cURL command.", _secrets(document), notes)


def _of_some(document: Mapping[str, Any]) -> list[str]:
    return [key for key, source in OF_SOME.items() if source in document]


def _came_over(document: Mapping[str, Any]) -> str:
    """What of the webhook a command filled, in one line."""
    rows, headers = len(document["parameters"]), len(document["headers"])
    body = f"{_counted(rows, 'parameter')}, {document['content_type']}" if rows else ""
    if document["content_type"] == RAW:
        body = f"the body as it is (RAW, {document['media_type']})"
    kind = AUTHORIZATIONS[document["authorization"]["type"]]
    parts = [document["method"], body or "no body", _counted(headers, "header"), kind.label if kind.secret else ""]
    return f"Imported: {'; '.join(part for part in parts if part)}."


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}" if number else ""


@admin_only
def sample() -> ResponseReturnValue:
    """Parameter rows of a body (`text`); its kind is told by how it begins."""
    draft, position = typed_webhook()
    action = draft["actions"][position]
    text = request.form.get("text", "").replace("\r\n", "\n").removeprefix("\ufeff").strip()
    kind = _kind_of(text, action["content_type"])
    body = text.replace("\n", "&").encode() if kind == "FORM" else marked(text)
    try:
        pasted = body_of(body, kind, CONTENT_TYPES[kind].media_type)
    except PasteProblem as problem:
        return _refused(str(problem))
    document = pasted.document
    kept = [row for row in action["parameters"] if row["name"] or row["value"]]
    new = [row for row in document["parameters"] if row["name"] not in {kept_row["name"] for kept_row in kept}]
    if document["content_type"] == RAW and action["method"] == "GET":
        return _refused(f"A GET only sends parameters, and rows can’t express this sample: {pasted.why_raw}")
    filled = {key: draft_of_webhook(document)[key] for key in ("content_type", *_of_some(document))}
    draft["actions"][position] = webhook_draft({**action, **filled, "parameters": [*kept, *new]})
    if document["content_type"] == RAW:
        stay = " Your parameter rows come back with another content type." if kept else ""
        return _drawn(draft, position, f"The sample is now the body, as it is: {pasted.why_raw}{stay}")
    words = f"{_counted(len(new), 'parameter row') or 'No new parameter row'} made from the sample"
    stayed = len(new) < len(pasted.document["parameters"])
    return _drawn(draft, position, f"{words}; existing rows of the same name were kept." if stayed else f"{words}.")


def _kind_of(text: str, chosen: str) -> str:
    if text.startswith("<"):
        return "XML"
    if text.startswith(("{", "[")):
        return "JSONARRAY" if chosen == "JSONARRAY" and text.startswith("[") else "JSON"
    return chosen if chosen in ("JSON", "JSONARRAY", "XML") and "=" not in text else "FORM"


@admin_only
def recipe() -> ResponseReturnValue:
    """A prefilled form (`recipe`), with what it asks for (`ask.TOKEN`)."""
    draft, position = typed_webhook()
    chosen = RECIPES.get(request.form.get("recipe", ""))
    if chosen is None:
        return _refused("There is no such recipe.")
    try:
        document = chosen.filled({ask.token: request.form.get(f"ask.{ask.token}", "") for ask in chosen.asks})
    except RecipeProblem as problem:
        return _refused(str(problem))
    action = draft["actions"][position]
    filled = draft_of_webhook({"description": action["description"], **document})
    draft["actions"][position] = {**filled, "id": action["id"], "title": action["title"] or filled["title"]}
    note = chosen.hint
    if chosen.module and chosen.module != draft["module"]:
        with read() as session:
            label = catalog(session).module(chosen.module).label
        note = f"Made for {label}: replace the fields that this module does not have. {note}"
    return _drawn(draft, position, note, _secrets(document))


def _secrets(document: Mapping[str, Any]) -> dict[str, str]:
    """Secrets that were typed or pasted just now: they go back into their inputs, never into anything stored."""
    secrets = {key: value for key, value in document.get("authorization", {}).items() if key in SECRETS and value}
    return secrets | {path: row["value"] for _, path, row in secret_rows(document) if row.get("value")}


def _drawn(
    draft: Draft, position: int, note: str, secrets: Mapping[str, str] | None = None, details: Sequence[str] = ()
) -> ResponseReturnValue:
    """The webhook drawn anew. `secrets` were part of what was pasted just now: they go back into their inputs.
    `details`: what came over and what did not, a sentence each."""
    with read() as session:
        form = form_of(session, draft, workflow=workflow_of_form(session))
    return render_template(
        "workflow_editor/webhook_form/_webhook_row.html",
        form=form,
        path=f"actions.{position}",
        action=draft["actions"][position],
        filled=note,
        filled_details=details,
        pasted_secrets=secrets or {},
        **editor_choices(),
    )


def _refused(words: str) -> ResponseReturnValue:
    return render_template("workflow_editor/webhook_form/_refused.html", words=words), 422
