"""The workflow form as a page: what its templates need, whichever endpoint draws it (specification section 3)."""

from collections.abc import Mapping
from typing import Any

from flask import flash, make_response, render_template

from webhookui.core.time_zones import time_zones
from webhookui.crm.catalog import catalog
from webhookui.current_installation import read
from webhookui.definitions.tables import Workflow
from webhookui.delivery import pending
from webhookui.web.access import me
from webhookui.web.htmx import htmx
from webhookui.web.workflow_editor.form_tree import Draft
from webhookui.web.workflow_editor.typed_numbers import in_format
from webhookui.web.workflow_editor.webhook_editor import editor_choices, workflow_of_form
from webhookui.web.workflow_editor.workflow_form import form_of
from webhookui.workflows import loop_guard
from webhookui.workflows.trigger import OFFERED, RECURRENCES, SCHEDULE_LABELS, TRIGGERS, Trigger

TRIGGER_HINTS = {
    "create": "A record is created, by a person, the API or an import.",
    "update": "A record is saved and something in it has changed.",
    "create_or_update": "Either of the two.",
    "delete": "A record is deleted; its last values are sent.",
    "schedule": "Schedules do not run yet: choose another trigger.",
}
RECURRENCE_HINTS = {
    "every_time": "Each time a record meets the entry criteria, the webhooks are called again.",
    "first_time": "Once for each record. After that it is left alone, however often it is saved.",
}
WEEKDAYS = [("1", "Mon"), ("2", "Tue"), ("3", "Wed"), ("4", "Thu"), ("5", "Fri"), ("6", "Sat"), ("7", "Sun")]
MONTHS = [
    (str(number), words)
    for number, words in enumerate(
        ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
         "December"), start=1,
    )
]  # fmt: skip


def form_page(
    draft: Draft,
    *,
    errors: Mapping[str, str] | None = None,
    workflow: Workflow | None = None,
    conflict: str = "",
) -> Any:
    """The form of a draft as a page; to htmx, the form alone."""
    with read() as session:
        if workflow is None:
            workflow = workflow_of_form(session)
        draft = in_format(draft, catalog(session), me().format)
        form = form_of(session, draft, errors=errors, workflow=workflow)
        loops = loop_guard.loops(session, workflow.id) if workflow and workflow.id else []
        waits = pending.count(session, pending.of_workflow(workflow.id)) if workflow and workflow.id else 0
    template = "workflow_editor/_form.html" if htmx else "workflow_editor/form.html"
    page = render_template(
        template,
        form=form,
        waiting=waits,
        loops=loops,
        conflict=conflict,
        current_version=workflow.version if workflow else "",
        triggers=_offered(draft["trigger"]["on"]),
        trigger_hints=TRIGGER_HINTS,
        recurrences=RECURRENCES,
        recurrence_hints=RECURRENCE_HINTS,
        schedules=SCHEDULE_LABELS,
        weekdays=WEEKDAYS,
        months=MONTHS,
        time_zones=time_zones(),
        **editor_choices(),
    )
    answer = make_response(page)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _offered(chosen: str) -> dict[str, Trigger]:
    """The triggers to choose from; a stored one that does not run stays, so that the form shows what is there."""
    return {name: trigger for name, trigger in TRIGGERS.items() if name in OFFERED or name == chosen}


def flash_signing(secrets: Mapping[int, str]) -> None:
    """New signing secrets, to be shown on the next page and never again."""
    for secret in secrets.values():
        flash(secret, "secret")
