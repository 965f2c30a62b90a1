"""Rotating a webhook's signing secret from its form (specification section 4.5)."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from webhookui.core.database import row_number
from webhookui.current_installation import installation, write
from webhookui.web.access import admin_only, me
from webhookui.web.htmx import htmx
from webhookui.web.workflow_editor.page import flash_signing, form_page
from webhookui.web.workflow_editor.webhook_editor import typed_webhook, workflow_in_form
from webhookui.workflows import store
from webhookui.workflows.actions.webhook import fresh_signing_secrets


def add_routes(bp: Blueprint) -> None:
    bp.post("/rotate")(rotate)


@admin_only
def rotate() -> ResponseReturnValue:
    """Makes a new secret at once, whatever else of the form is not saved yet, and shows it this once.

    Without a script the answer is the form, with what was typed.
    """
    draft, position = typed_webhook()
    action_id = draft["actions"][position]["id"]
    with write() as session:
        number = row_number(action_id) or 0
        row = store.rotate_signing(session, installation().box, workflow_in_form() or 0, number, me())
        secrets = fresh_signing_secrets(session)
    if not htmx:
        flash_signing(secrets)
        return form_page(draft)  # type: ignore[no-any-return]
    return render_template(
        "workflow_editor/webhook_form/_rotated.html",
        secret=secrets[row.id or 0],
        until=row.previous_signing_until,
        path=f"actions.{position}",
    )
