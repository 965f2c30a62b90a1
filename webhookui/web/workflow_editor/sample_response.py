"""The response beside the webhook form, a test's or a pasted sample: as a tree, with what the rows take of it
(specification section 4.6).

Each endpoint gets the whole form as it is typed. Nothing is saved.
"""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from webhookui.current_installation import read
from webhookui.delivery.tables import Attempt
from webhookui.delivery_log import queries
from webhookui.web.access import admin_only
from webhookui.web.workflow_editor.capture_preview import LISTS, capture_previews
from webhookui.web.workflow_editor.webhook_editor import number_in_form, typed_webhook
from webhookui.web.workflow_editor.workflow_form import form_of
from webhookui.webhooks.authoring.response_tree import tree_of
from webhookui.webhooks.body_text import as_utf8, content_type_of, marked


def add_routes(bp: Blueprint) -> None:
    for view in (response, taken):
        bp.post(f"/{view.__name__}")(view)


@admin_only
def response() -> ResponseReturnValue:
    """A pasted response (`text`) as a tree."""
    text = request.form.get("text", "").strip()
    tree = tree_of(marked(text))
    if tree is None:
        words = "This is neither JSON nor XML." if text else "Paste a response first."
        return render_template("workflow_editor/webhook_form/_refused.html", words=words), 422
    return render_template("workflow_editor/webhook_form/_sample_response.html", tree=tree, text=text)


@admin_only
def taken() -> ResponseReturnValue:
    """What the capture rows, as they are typed now, take of a pasted response (`text`) or of a test's (`delivery`)."""
    draft, position = typed_webhook()
    with read() as session:
        body, lists = marked(request.form.get("text", "")), tuple(LISTS)
        number = number_in_form("delivery")
        if number is not None:
            detail = queries.detail(session, number)
            body = as_utf8(*body_of(detail.attempts[-1])) if detail.attempts else b""
            lists = ("on_success",) if detail.delivery.status == "success" else ("on_failure",)
        form = form_of(session, draft)
    rows = capture_previews(
        form.module, draft["actions"][position]["capture"], f"actions.{position}.capture", body, lists
    )
    return render_template("workflow_editor/webhook_form/_taken.html", rows=rows, lists=[LISTS[name] for name in lists])


def body_of(attempt: Attempt) -> tuple[bytes, str]:
    """The body that an attempt was answered with, and its content type."""
    return attempt.response_body or b"", content_type_of(attempt.response_headers)
