"""Deleted records: their list, a page for each, restoring, deleting for good (specification section 2); and what somebody is told
who saves a record that was deleted meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webhookui.core.errors import Invalid
from webhookui.core.paging import Page
from webhookui.crm import deleted_records, history, records
from webhookui.crm.catalog import Catalog, FieldInfo, catalog
from webhookui.crm.deleted_records import DeletedQuery, NotDeleted
from webhookui.crm.field_types import FieldError
from webhookui.crm.records import RecordDeleted
from webhookui.crm.tables import DeletedRecord
from webhookui.current_installation import installation, read, row_id, write
from webhookui.delivery_log.retention import has_deliveries
from webhookui.people import audit, stored_settings
from webhookui.web.access import actor, admin_only, me
from webhookui.web.htmx import htmx, make_response
from webhookui.web.records.form import people, touched, values_of
from webhookui.web.records.record_view import activity, names_in
from webhookui.web.template_filters import user_format, zone

bp = Blueprint("deleted", __name__)

PER_PAGE = 50


def retention_days() -> int:
    """Days that a deleted record can be restored."""
    with read() as session:
        return stored_settings.retention_days(session, installation().settings, "deleted_retention_days")


@dataclass(frozen=True)
class DeletedView:
    """The list as its URL says it. `first`, `last`: the days that are meant, both included; `errors`: control → sentence."""

    q: str
    module: str
    by: str
    first: str
    last: str
    modules: list[tuple[str, str]]
    people: list[tuple[str, str]]
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def is_narrowed(self) -> bool:
        return any((self.q, self.module, self.by, self.first, self.last))

    def url(self, **place: Any) -> str:
        """Of another page of the list."""
        parts = {"q": self.q, "module": self.module, "by": self.by, "from": self.first, "to": self.last} | place
        return f"/records/deleted?{urlencode({name: value for name, value in parts.items() if value})}"


@bp.get("")
def index() -> ResponseReturnValue:
    """The newest first: `q`, `module`, `by` (a user), `from` and `to` (days in the user's time zone), `before` or `after`."""
    with read() as session:
        modules = catalog(session)
        view = _view(session, modules)
        query = _query(view)
        page: Page[DeletedRecord] = Page([])
        if not view.errors:
            before, after = (request.args.get(name, type=row_id) for name in ("before", "after"))
            page = deleted_records.page(session, query, PER_PAGE, before=before, after=after)
    return render_template(
        "records/deleted/index.html",
        view=view,
        page=page,
        modules_by_name=modules.modules,
        retention_days=retention_days(),
    )


def _view(session: Session, modules: Catalog) -> DeletedView:
    args = request.args
    by = args.get("by", "") if args.get("by", "").isdecimal() else ""
    return DeletedView(
        args.get("q", "").strip(), args.get("module", ""), by, args.get("from", ""), args.get("to", ""),
        [("", "All modules"), *((info.name, info.label) for info in modules.modules.values())],
        [("", "By anybody"), *people(session, [by] if by else [])],
    )  # fmt: skip


def _query(view: DeletedView) -> DeletedQuery:
    """Notes in the view what can't be read."""
    if view.module and view.module not in dict(view.modules):
        view.errors["module"] = f"There is no module “{view.module}”."
    since = _day(view, "from", view.first)
    until = _day(view, "to", view.last, 1)
    return DeletedQuery(view.module, view.q, row_id(view.by) if view.by else None, since, until)


def _day(view: DeletedView, name: str, text: str, ahead: int = 0) -> datetime | None:
    try:
        day = date.fromisoformat(text) + timedelta(days=ahead) if text else None
        return datetime.combine(day, time(), zone()) if day else None
    except (ValueError, OverflowError):
        view.errors[name] = f"“{text}” is not a date."
        return None


@bp.get("/<int:record_id>")
def show(record_id: int) -> ResponseReturnValue:
    """Its values as they were, its timeline, its deliveries. One that was restored meanwhile has its own page again."""
    with read() as session:
        record = deleted_records.get(session, record_id)
        info = catalog(session).module(record.module)
        return render_template(
            "records/deleted/show.html",
            info=info,
            record=record,
            names=names_in(session, info.fields.values(), [record.values]),
            activity=activity(session, info, record),
            until=record.deleted_at + timedelta(days=retention_days()),
        )


@bp.get("/<int:record_id>/remove")
@admin_only
def ask_remove(record_id: int) -> ResponseReturnValue:
    with read() as session:
        return render_template("records/deleted/remove.html", record=deleted_records.get(session, record_id))


@bp.post("/<int:record_id>/remove")
@admin_only
def remove(record_id: int) -> ResponseReturnValue:
    """Deletes it for good."""
    with write() as session:
        record = deleted_records.get(session, record_id, for_update=True)
        info = catalog(session).module(record.module)
        deleted_records.remove(session, [record_id], has_deliveries)
        audit.note(session, me(), "deleted for good", "record", str(record_id), f"{info.singular} #{record_id}")
    flash(f"{info.singular} #{record_id} was deleted for good.", "success")
    return redirect("/records/deleted", 303)


def restore(module: str, record_id: int) -> ResponseReturnValue:
    """Lands on the record, with what could not be set again. One that somebody has restored already is simply there."""
    with write() as session:
        info = catalog(session).module(module)
        _restore(session, module, record_id)
    return redirect(f"/records/{info.name}/{record_id}", 303)


def _restore(session: Session, module: str, record_id: int) -> records.Record:
    """Raises RecordNotFound."""
    try:
        record, notes = records.restore(session, module, record_id, actor())
    except NotDeleted:
        return records.get(session, module, record_id)
    singular = catalog(session).module(module).singular
    words = f"{singular} {record.name or f'#{record_id}'} was restored."
    _flash(words, "warning" if notes else "success", notes=notes)
    return record


def deleted_flash(record_id: int, module: str, singular: str, name: str) -> None:
    """After a deletion: what can be undone at once."""
    words = f"{singular} {name or f'#{record_id}'} was deleted."
    _flash(words, "success", action=f"/records/{module}/{record_id}/restore", label="Undo")


def _flash(words: str, category: str, **more: Any) -> None:
    """With what `_flashes.html` draws besides the words."""
    flash({"words": words, **more}, category)  # type: ignore[arg-type] # Flask keeps whatever its sessions can hold


# ---- saved after somebody deleted it ------------------------------------------------------------------------------------


def restored_first(module: str, record_id: int, version: int) -> int:
    """Where a form asks for it (`restore`), its record is restored before the save. Returns the version that the save is of: the
    restored one's, if the record came back as the form knew it."""
    if "restore" not in request.form:
        return version
    with write() as session:
        record = _restore(session, module, record_id)
        return record.version if history.values_at(session, record, version) == record.values else version


@dataclass(frozen=True)
class Entered:
    """What was typed into one field. Stored values; `yours` is a text as it was typed where it is not `readable`."""

    info: FieldInfo
    was: Any
    yours: Any
    is_readable: bool


def deleted_meanwhile(deleted: DeletedRecord) -> ResponseReturnValue:
    """Somebody deleted the record while its form was open: nothing that was typed is lost."""
    with read() as session:
        info = catalog(session).module(deleted.module)
        rows = list(_entered(session, deleted))
        sides = [{row.info.name: row.was for row in rows}, {row.info.name: row.yours for row in rows}]
        page = render_template(
            "records/deleted/meanwhile.html",
            deleted=deleted,
            action=request.path,
            rows=rows,
            names=names_in(session, info.fields.values(), sides),
            sent=[pair for pair in request.form.items(multi=True) if pair[0] not in ("csrf_token", "restore")],
        )
    return page, 409


def _entered(session: Session, deleted: DeletedRecord) -> Iterator[Entered]:
    info = catalog(session).module(deleted.module)
    try:
        values = values_of(session, info, request.form, zone(), user_format())
    except Invalid:
        values = touched(info, request.form)
    for name, typed in values.items():
        field_info, was = info.fields[name], deleted.values.get(name)
        try:
            yield Entered(field_info, was, field_info.kind.parse(typed, field_info), True)
        except FieldError:
            yield Entered(field_info, was, typed, False)


def to_deleted(error: RecordDeleted) -> ResponseReturnValue:
    """Pages of a record that was deleted lead to what is left of it."""
    address = f"/records/deleted/{error.deleted.id}"
    if htmx:
        answer: Response = make_response("", redirect=address)
        return answer
    return redirect(address, 303 if request.method == "POST" else 302)
