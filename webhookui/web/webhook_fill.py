"""What fills the webhook form: a cURL command, a sample body, a recipe (SPEC section 4.6).

Each gets the whole form as it is typed and answers with the webhook drawn anew. Nothing is saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from webhookui.crm.catalog import catalog
from webhookui.here import read
from webhookui.web.access import admin_only
from webhookui.web.form_paths import Draft
from webhookui.web.webhook_draft import SECRETS, draft_of_webhook, webhook_draft
from webhookui.web.webhook_editor import editor_choices, typed_webhook, workflow_of_form
from webhookui.web.workflow_form import form_of
from webhookui.webhooks.curl import CurlProblem, from_curl
from webhookui.webhooks.pasted import PasteProblem, body_document
from webhookui.webhooks.recipes import RECIPES, RecipeProblem
from webhookui.webhooks.xpath import in_utf8

OF_THE_REQUEST = ("url", "method", "content_type", "authorization", "headers", "parameters", "xml_root")
"""What a cURL command speaks of; the rest of the webhook stays as it was."""


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
    found = read_command.document
    old = draft["actions"][position]
    new = draft_of_webhook(found)
    kept = {key: value for key, value in new.items() if key in OF_THE_REQUEST}
    for key in ("timeout_s", "follow_redirects"):
        if key in found:
            kept[key] = new[key]
    draft["actions"][position] = {**old, **kept}
    return _drawn(draft, position, " ".join(("Filled in from the cURL command.", *read_command.notes)), _secrets(found))


@admin_only
def sample() -> ResponseReturnValue:
    """Parameter rows of a body (`text`); its kind is told by how it begins."""
    draft, position = typed_webhook()
    action = draft["actions"][position]
    text = request.form.get("text", "").replace("\r\n", "\n").removeprefix("\ufeff").strip()
    kind = _kind_of(text, action["content_type"])
    body = in_utf8(text) if kind == "XML" else text.replace("\n", "&" if kind == "FORM" else "\n").encode()
    try:
        found = body_document(body, kind)
    except PasteProblem as problem:
        return _refused(str(problem))
    kept = [row for row in action["parameters"] if row["name"] or row["value"]]
    new = [row for row in found["parameters"] if row["name"] not in {each["name"] for each in kept}]
    draft["actions"][position] = webhook_draft({**action, **found, "parameters": [*kept, *new]})
    words = f"{len(new)} parameter row{'' if len(new) == 1 else 's'} made of the sample"
    stayed = len(new) < len(found["parameters"])
    return _drawn(draft, position, f"{words}; rows of the same name stayed." if stayed else f"{words}.")


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
        note = f"Made for {label}: put other fields in the place of those that this module does not have. {note}"
    return _drawn(draft, position, note, _secrets(document))


def _secrets(document: Mapping[str, Any]) -> dict[str, str]:
    """Secrets that were typed or pasted just now: they go back into their inputs, never into anything stored."""
    return {key: value for key, value in document.get("authorization", {}).items() if key in SECRETS and value}


def _drawn(draft: Draft, position: int, note: str, secrets: Mapping[str, str] | None = None) -> ResponseReturnValue:
    """The webhook drawn anew. `secrets` were part of what was pasted just now: they go back into their inputs."""
    with read() as session:
        form = form_of(session, draft, workflow=workflow_of_form(session))
    return render_template(
        "webhook_form/_webhook_row.html",
        form=form,
        path=f"actions.{position}",
        action=draft["actions"][position],
        filled=note,
        pasted_secrets=secrets or {},
        **editor_choices(),
    )


def _refused(words: str) -> ResponseReturnValue:
    return render_template("webhook_form/_refused.html", words=words), 422
