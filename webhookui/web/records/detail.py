"""One record's page: its fields, each edited in place; related lists; timeline and deliveries, live (specification section 2)."""

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webhookui.core.errors import Invalid
from webhookui.crm import records
from webhookui.crm.catalog import FieldInfo, ModuleInfo, catalog
from webhookui.crm.history import latest_trigger
from webhookui.crm.records import MOST_REFERRING, RecordConflict, RecordDeleted
from webhookui.crm.tables import DeletedRecord, Record
from webhookui.current_installation import read, row_id, write
from webhookui.web.access import actor, admin_only
from webhookui.web.htmx import htmx, make_response
from webhookui.web.records import deleted
from webhookui.web.records.form import RecordForm, opened_form, sent_form, values_of
from webhookui.web.records.record_view import (
    RelatedPlace,
    activity,
    differences,
    names_in,
    reading,
    reading_timeline,
    related_lists,
)
from webhookui.web.template_filters import user_format, zone
from webhookui.workflows import store
from webhookui.workflows.explain import explain


def add_routes(bp: Blueprint) -> None:
    place = "/<module>/<int:record_id>"
    bp.get(place, endpoint="show")(show)
    bp.get(f"{place}/live", endpoint="live")(live)
    bp.get(f"{place}/timeline", endpoint="timeline")(timeline)
    bp.get(f"{place}/fields/<name>", endpoint="field")(field)
    bp.get(f"{place}/fields/<name>/edit", endpoint="edit_field")(edit_field)
    bp.post(f"{place}/fields/<name>", endpoint="update_field")(update_field)
    bp.get(f"{place}/workflows", endpoint="workflows")(workflows)


def show(module: str, record_id: int) -> ResponseReturnValue:
    """The record's page; `?related=contacts.organization&after=` a page of one of its related lists."""
    with reading(module, record_id) as (session, info, record):
        modules = catalog(session)
        args = request.args
        first = max(1, args.get("first", 1, type=row_id))
        place = RelatedPlace(args.get("related", ""), args.get("after", ""), args.get("before", ""), first)
        related = related_lists(session, modules, record, place)
        return render_template(
            "records/show.html",
            info=info,
            record=record,
            names=names_in(session, info.fields.values(), [record.values]),
            related=related,
            activity=activity(session, info, record),
            **deletion(session, record),
        )


def deletion(session: Session, record: Record) -> dict[str, Any]:
    """What is said before a record is deleted."""
    return {
        "referring": records.referring(session, record), "most_referring": MOST_REFERRING,
        "modules_by_name": catalog(session).modules, "retention_days": deleted.retention_days(),
    }  # fmt: skip


def live(module: str, record_id: int) -> ResponseReturnValue:
    """The timeline and the deliveries when they moved (`?token=`), the fields too when the record did; else 204. That it was
    deleted is said once (`?gone=`)."""
    try:
        return _live(module, record_id)
    except RecordDeleted as error:
        return ("", 204) if "gone" in request.args else render_template("records/_gone.html", deleted=error.deleted)


def _live(module: str, record_id: int) -> ResponseReturnValue:
    with reading(module, record_id) as (session, info, record):
        now = activity(session, info, record)
        moved = str(record.version) != request.args.get("version", "")
        if now.token == request.args.get("token", "") and not moved:
            return "", 204
        return render_template(
            "records/_live.html",
            info=info,
            record=record,
            activity=now,
            moved=moved,
            names=names_in(session, info.fields.values(), [record.values]),
        )


def timeline(module: str, record_id: int) -> ResponseReturnValue:
    """Older changes: `?before=` the id of a change. Of a deleted record, too."""
    with reading_timeline(module, record_id) as (session, info, record):
        older = activity(session, info, record, request.args.get("before", type=row_id))
        page = "records/_older.html" if htmx else "records/timeline.html"
        return render_template(page, info=info, record=record, activity=older)


def field(module: str, record_id: int, name: str) -> ResponseReturnValue:
    """One field as it is shown."""
    with reading(module, record_id) as (session, info, record):
        return _shown(session, info, _field(info, name), record)


def edit_field(module: str, record_id: int, name: str) -> ResponseReturnValue:
    """One field as a form of its own, with the record's newest version."""
    with reading(module, record_id) as (session, info, record):
        field_info = _field(info, name)
        form = opened_form(session, info, record, zone(), user_format())
        return _field_form(session, info, field_info, record, form, version=record.version)


def update_field(module: str, record_id: int, name: str) -> ResponseReturnValue:
    """Saves one field; refused with a message at it, or with what somebody else saved there since."""
    version = request.form.get("version", 0, type=row_id)
    try:
        version = deleted.restored_first(module, record_id, version)
        with write() as session:
            info = catalog(session).module(module)
            _field(info, name)
            values = values_of(session, info, request.form, zone(), user_format())
            if name in values:
                records.update(session, module, record_id, {name: values[name]}, actor(), version=version)
        return _saved(module, record_id, name) if name in values else field(module, record_id, name)
    except Invalid as error:
        with reading(module, record_id) as (session, info, record):
            field_info = _field(info, name)
            errors = {name: error.errors.get(name) or " ".join(error.errors.values())}
            form = sent_form(session, info, request.form, errors)
            return _field_form(session, info, field_info, record, form, version=version), 422
    except RecordDeleted as error:
        with read() as session:
            info = catalog(session).module(module)
            form = sent_form(session, info, request.form)
            gone = error.deleted
            return _field_form(session, info, _field(info, name), gone, form, version=version, meanwhile=gone), 409
    except RecordConflict as error:
        return _overtaken(module, record_id, name, version, {key: pair[0] for key, pair in error.changed.items()})


def _overtaken(module: str, record_id: int, name: str, version: int, yours: dict[str, Any]) -> ResponseReturnValue:
    """Somebody saved meanwhile. When it was another field, yours is saved; when it was this one, you are asked."""
    with reading(module, record_id) as (session, info, record):
        field_info = _field(info, name)
        row = next(iter(differences(session, info, record, version, yours)), None)
        if row is None:
            return _shown(session, info, field_info, record)
        if row.both:
            form = sent_form(session, info, request.form, with_marks=False)
            return _field_form(session, info, field_info, record, form, version=record.version, overtaken=True), 409
    with write() as session:
        records.update(session, module, record_id, {name: yours[name]}, actor(), version=record.version)
    return _saved(module, record_id, name)


def _saved(module: str, record_id: int, name: str) -> ResponseReturnValue:
    """The field as it is shown after it was saved. No page is drawn while the transaction is open: every save waits for it."""
    return make_response(field(module, record_id, name), trigger="record-saved")  # type: ignore[no-any-return]


def _field(info: ModuleInfo, name: str) -> FieldInfo:
    if name not in info.fields:
        abort(404, description=f"{info.label} has no field “{name}”.")
    return info.fields[name]


def _shown(session: Session, info: ModuleInfo, field_info: FieldInfo, record: Record) -> ResponseReturnValue:
    """The field as it is shown; without htmx, back to the record's page."""
    names = names_in(session, [field_info], [record.values])
    if not htmx and request.method == "POST":
        return redirect(f"/records/{info.name}/{record.id}", 303)
    return render_template("records/_field.html", info=info, field=field_info, record=record, names=names)


def _field_form(
    session: Session,
    info: ModuleInfo,
    field_info: FieldInfo,
    record: Record | DeletedRecord,
    form: RecordForm,
    *,
    version: int,
    overtaken: bool = False,
    meanwhile: DeletedRecord | None = None,
) -> str:
    """`overtaken`: somebody else saved this field meanwhile; the form shows what stands there now. `meanwhile`: somebody deleted
    the record."""
    names = names_in(session, [field_info], [record.values])
    return render_template(
        "records/_field_form.html" if htmx else "records/field_page.html",
        info=info,
        field=field_info,
        record=record,
        form=form,
        version=version,
        overtaken=overtaken,
        deleted=meanwhile,
        names=names,
    )


@admin_only
def workflows(module: str, record_id: int) -> ResponseReturnValue:
    """Why did they (not) fire? All workflows of the module, looked at with this record (specification section 3)."""
    with reading(module, record_id) as (session, info, record):
        saved = latest_trigger(session, record_id)
        there = store.list_all(session, module, there_at=saved.at if saved else None)
        explained = [(workflow, explain(session, workflow, record)) for workflow in there]
        return render_template("records/workflows.html", info=info, record=record, explained=explained)
