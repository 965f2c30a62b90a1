"""Many records at once, in the browser: the selected, or all that match the list; a page asks what is to be done, then it is a
job (specification section 2)."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webhookui.core.background_jobs import Job
from webhookui.core.errors import Invalid
from webhookui.crm import record_jobs
from webhookui.crm.catalog import FieldInfo, ModuleInfo, catalog
from webhookui.crm.record_jobs import Chosen
from webhookui.crm.sorting import InvalidListing
from webhookui.current_installation import read, row_id, write
from webhookui.definitions.tables import Workflow
from webhookui.web.access import actor
from webhookui.web.choices import chosen as chosen_of
from webhookui.web.choices import row_numbers
from webhookui.web.records.form import SHOWN, RecordForm, form_of, sent_form, values_of
from webhookui.web.records.query import RecordQuery, read_query
from webhookui.web.template_filters import user_format, zone
from webhookui.workflows import run_now, store


@dataclass(frozen=True)
class Act:
    """What can be done to many records. `verb`: before their number; `icon`: of its button."""

    label: str
    verb: str
    icon: str


ACTS: dict[str, Act] = {
    "change": Act("Change a field", "Change", "pencil"),
    "owner": Act("Change the owner", "Change the owner of", "person"),
    "run": Act("Run a workflow", "Run a workflow for", "play"),
    "delete": Act("Delete", "Delete", "trash"),
}
SCOPES = ("selected", "matching")


@dataclass(frozen=True)
class Asked:
    """What the request speaks of."""

    act: str
    scope: str
    ids: list[int]
    query: RecordQuery
    field: FieldInfo | None
    """That is to be set."""

    @property
    def chosen(self) -> Chosen:
        return Chosen(self.ids) if self.scope == "selected" else Chosen(query=self.query.list_query(zone()))


def add_routes(bp: Blueprint) -> None:
    bp.get("/<module>/many")(ask_many)
    bp.post("/<module>/many")(start_many)


def ask_many(module: str) -> ResponseReturnValue:
    """Asks what is to be done to the selected (`ids`), or to all that match the list's `query`."""
    with read() as session:
        info = catalog(session).module(module)
        asked = _asked(info, request.args)
        if asked.scope == "selected" and not asked.ids:
            flash(f"Select the {info.label.lower()} first.", "warning")
            return redirect(asked.query.url(), 303)
        form = form_of(session, info, {}, style=user_format().name)
        return _page(session, info, asked, form)


def start_many(module: str) -> ResponseReturnValue:
    try:
        with write() as session:
            info = catalog(session).module(module)
            job = _start(session, info, _asked(info, request.form))
    except (Invalid, InvalidListing) as error:
        errors = error.errors if isinstance(error, Invalid) else {}
        with read() as session:
            asked, form = _asked(info, request.form), sent_form(session, info, request.form, errors)
            return _page(session, info, asked, form, errors), 422
    return redirect(f"/jobs/{job.id}", 303)


def _start(session: Session, info: ModuleInfo, asked: Asked) -> Job:
    if asked.act == "delete":
        words = [("What", "Delete")]
        return record_jobs.start_deletion(session, info.name, asked.chosen, actor(), words=words)
    if asked.act == "run":
        workflow = store.get(session, request.form.get("workflow", 0, type=row_id))
        words, anyway = [("Workflow", workflow.name)], request.form.get("anyway") == "1"
        return run_now.start(session, workflow.id or 0, asked.chosen, actor(), anyway=anyway, words=words)
    if asked.field is None:
        raise Invalid({"field": "Choose a field."})
    sent = MultiDict([pair for pair in request.form.items(multi=True) if not pair[0].startswith(f"{SHOWN}.")])
    values = {asked.field.name: values_of(session, info, sent, zone(), user_format()).get(asked.field.name)}
    return record_jobs.start_change(session, info.name, asked.chosen, values, actor())


def _asked(info: ModuleInfo, args: MultiDict[str, str]) -> Asked:
    act = chosen_of("act", ACTS, "change")
    field = info.fields.get("owner" if act == "owner" else args.get("field", ""))
    query = read_query(info, MultiDict(parse_qsl(args.get("query", ""))))
    return Asked(act, chosen_of("scope", SCOPES, "selected"), row_numbers(args.getlist("ids"), "record"), query, field)


def _page(
    session: Session, info: ModuleInfo, asked: Asked, form: RecordForm, errors: dict[str, str] | None = None
) -> str:
    problem = None
    try:
        number, has_more = asked.chosen.count(session)
    except InvalidListing as error:
        number, has_more, problem = 0, False, error
    workflows: list[Workflow] = [row for row in store.list_all(session, info.name) if row.active]
    return render_template(
        "records/many.html",
        info=info,
        asked=asked,
        act=ACTS[asked.act],
        form=form,
        errors=errors or {},
        number=number,
        has_more=has_more,
        problem=problem,
        workflows=workflows,
        query_text=asked.query.url().partition("?")[2],
    )
