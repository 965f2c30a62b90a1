"""What fills the webhook form: a cURL command, a sample body, a recipe; and a sample response as a tree (SPEC section 4.6).

Each gets the whole form as it is typed and answers with the webhook drawn anew. Nothing is saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from webhookui.crm.field_types import FIELD_TYPES, FieldError
from webhookui.here import read
from webhookui.web.access import admin_only
from webhookui.web.form_paths import Draft
from webhookui.web.webhook_draft import SECRETS, draft_of_webhook, webhook_draft
from webhookui.web.workflow_form import WorkflowForm, form_of
from webhookui.webhooks import capture, xpath
from webhookui.webhooks.curl import CurlProblem, from_curl
from webhookui.webhooks.definition import CaptureRow
from webhookui.webhooks.recipes import RECIPES
from webhookui.webhooks.response_tree import tree_of
from webhookui.webhooks.sample import SampleProblem, parameters_from_sample

OF_THE_REQUEST = ("url", "method", "content_type", "authorization", "headers", "parameters", "xml_root")
"""What a cURL command speaks of; the rest of the webhook stays as it was."""


def add_routes(bp: Blueprint) -> None:
    for view in (curl, sample, recipe, response):
        bp.post(f"/{view.__name__}")(view)


@admin_only
def curl() -> ResponseReturnValue:
    """Method, URL, headers, authorization and parameters of a command (`text`)."""
    draft, position = _typed()
    try:
        found = from_curl(request.form.get("text", ""))
    except CurlProblem as problem:
        return _refused(str(problem))
    old = draft["actions"][position]
    new = draft_of_webhook(found)
    kept = {key: value for key, value in new.items() if key in OF_THE_REQUEST}
    for key in ("timeout_s", "follow_redirects"):
        if key in found:
            kept[key] = new[key]
    draft["actions"][position] = {**old, **kept}
    secrets = {key: value for key, value in found.get("authorization", {}).items() if key in SECRETS and value}
    return _drawn(draft, position, "Filled in from the cURL command.", secrets)


@admin_only
def sample() -> ResponseReturnValue:
    """Parameter rows of a body (`text`); its kind is told by how it begins."""
    draft, position = _typed()
    action, text = draft["actions"][position], request.form.get("text", "").strip()
    kind = _kind_of(text, action["content_type"])
    try:
        rows = [asdict(parameter) for parameter in parameters_from_sample(text, kind)]
        if kind == "XML":
            action["xml_root"] = xpath.read(text.encode()).tag.rpartition("}")[2]
    except SampleProblem as problem:
        return _refused(str(problem))
    kept = [row for row in action["parameters"] if row["name"] or row["value"]]
    new = [row for row in rows if row["name"] not in {each["name"] for each in kept}]
    draft["actions"][position] = webhook_draft({**action, "content_type": kind, "parameters": [*kept, *new]})
    words = f"{len(new)} parameter row{'' if len(new) == 1 else 's'} made of the sample"
    return _drawn(draft, position, f"{words}; rows of the same name stayed." if len(new) < len(rows) else f"{words}.")


def _kind_of(text: str, chosen: str) -> str:
    if text.startswith("<"):
        return "XML"
    if text.startswith(("{", "[")):
        return chosen if chosen in ("JSON", "JSONARRAY") else "JSON"
    return chosen if chosen in ("JSON", "JSONARRAY", "XML") and "=" not in text else "FORM"


@admin_only
def recipe() -> ResponseReturnValue:
    """A prefilled form (`recipe`)."""
    draft, position = _typed()
    chosen = RECIPES.get(request.form.get("recipe", ""))
    if chosen is None:
        return _refused("There is no such recipe.")
    action = draft["actions"][position]
    filled = draft_of_webhook({"description": action["description"], **chosen.document})
    draft["actions"][position] = {**filled, "id": action["id"], "title": action["title"] or filled["title"]}
    return _drawn(draft, position, chosen.hint)


@dataclass(frozen=True)
class WouldTake:
    """What one capture row would have taken of a sample response."""

    path: str
    field: str
    value: str
    tone: str
    words: str


@admin_only
def response() -> ResponseReturnValue:
    """A response (`text`) as a tree, and what the capture rows would have taken of it."""
    draft, position = _typed()
    body = request.form.get("text", "").strip().encode()
    tree = tree_of(body)
    if tree is None:
        return _refused("This is neither JSON nor XML." if body else "Paste a response first.")
    with read() as session:
        form = form_of(session, draft)
    return render_template(
        "webhook_form/_sample_response.html", tree=tree, taken=_would_take(form, draft["actions"][position], body)
    )


def _would_take(form: WorkflowForm, action: Draft, body: bytes) -> list[WouldTake]:
    wanted = action["capture"]
    if not wanted["on"]:
        return []
    rows = [row for row in (*wanted["on_success"], *wanted["on_failure"]) if row["path"]]
    namespaces = {row["prefix"]: row["uri"] for row in wanted["namespaces"] if row["prefix"]}
    captures = [CaptureRow(row["path"], row["field"], row["all"]) for row in rows]
    return [_in_words(form, taken) for taken in capture.read(wanted["type"], captures, body, "", namespaces)]


def _in_words(form: WorkflowForm, taken: capture.Taken) -> WouldTake:
    info = form.module.fields.get(taken.row.field) if form.module else None
    label = info.label if info else "no field yet"
    if taken.outcome != "found":
        return WouldTake(taken.row.path, label, "–", "warning", taken.message)
    value: Any = list(taken.values) if taken.row.all else taken.values[0]
    shown = ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)
    try:
        if info is not None and not taken.row.all:
            FIELD_TYPES[info.type].parse(value, info)
    except FieldError as error:
        return WouldTake(taken.row.path, label, shown, "warning", f"Does not fit: {error}")
    return WouldTake(taken.row.path, label, shown, "warning" if taken.message else "success", taken.message or "Fits")


def _typed() -> tuple[Draft, int]:
    from webhookui.web.webhook_form import typed_webhook

    return typed_webhook()


def _drawn(draft: Draft, position: int, note: str, secrets: Mapping[str, str] | None = None) -> ResponseReturnValue:
    """The webhook drawn anew. `secrets` were part of what was pasted just now: they go back into their inputs."""
    from webhookui.web.webhook_form import editor_choices

    with read() as session:
        form = form_of(session, draft)
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
