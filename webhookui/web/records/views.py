"""Pages of records: list, new, edit, delete, search (specification section 2). One record's page stands in `record_page`."""

from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webhookui.core.errors import Invalid
from webhookui.core.paging import Page
from webhookui.crm import history, list_views, listing, ownership, records
from webhookui.crm.board import amounts, picklists
from webhookui.crm.catalog import ModuleInfo, catalog
from webhookui.crm.filters import filter_operators, usual_operator
from webhookui.crm.identification import identifying_columns, identifying_values
from webhookui.crm.records import RecordConflict, RecordDeleted
from webhookui.crm.sorting import InvalidListing
from webhookui.crm.tables import Record
from webhookui.current_installation import read, row_id, write
from webhookui.web.access import actor, me
from webhookui.web.htmx import htmx, make_response
from webhookui.web.records import board, deleted, detail, files, many
from webhookui.web.records.board import board_view, column_label
from webhookui.web.records.form import (
    RecordForm,
    controls,
    form_of,
    named,
    opened_form,
    sent_form,
    shown_number,
    values_of,
)
from webhookui.web.records.query import RecordQuery, read_query
from webhookui.web.records.record_view import differences, names_in, reading
from webhookui.web.template_filters import user_format, zone

bp = Blueprint("records", __name__)

PER_PAGE = 50
PICKED = 20
"""Records that a picker offers."""
FOUND, SEARCH_COLUMNS = 50, 4
"""Records that the search over all modules shows, and columns beside their names."""


@bp.get("/")
def home() -> ResponseReturnValue:
    return redirect("/records/deals")


@bp.get("/search")
def search() -> ResponseReturnValue:
    """Records of all modules: `?q=`."""
    q = request.args.get("q", "").strip()
    with read() as session:
        modules = catalog(session)
        records_found = listing.search(session, q, limit=FOUND) if q else []
        groups = [
            (info, columns, rows, names_in(session, columns, [record.values for record in rows]))
            for info in modules.modules.values()
            if (rows := [record for record in records_found if record.module == info.name])
            and (columns := identifying_columns(info, SEARCH_COLUMNS))
        ]
    return render_template("records/search.html", q=q, groups=groups, number=len(records_found), most=FOUND)


@bp.get("/pick/<module>")
def pick(module: str) -> ResponseReturnValue:
    """Records for a picker: `?q=`; of all modules when the module is "-". `create=1`: and one that is to be made of the words."""
    q = request.args.get("q", "").strip()
    with read() as session:
        modules = catalog(session).modules
        info = catalog(session).module(module) if module != "-" else None
        records_found = listing.search(session, q, limit=PICKED, module=info.name if info else None)
        offered = [
            (record, modules[record.module], identifying_values(modules[record.module], record.values))
            for record in records_found
        ]
        shown = [field for *_, fields in offered for field in fields]
        names = names_in(session, shown, [record.values for record in records_found])
    may_create = info is not None and "create" in request.args and q
    return render_template("records/_picked.html", offered=offered, info=info, names=names, q=q, may_create=may_create)


@bp.get("/<module>")
def index(module: str) -> ResponseReturnValue:
    """The list, or the board by a picklist (`?board=`). The URL says search, filters, sort, columns and page."""
    with read() as session:
        info = catalog(session).module(module)
        saved_views, own_columns = list_views.views(session, module, me())
        query = read_query(info, request.args, own_columns)
        shown = board_view(session, query) if query.board else None
        page, problem = (shown.page, shown.problem) if shown else _listed(session, query)
        style = user_format()
        readable = query.in_format(style)
        names = names_in(session, query.shown, [record.values for record in page.items])
        asked = {asked.field: (asked.operands or ("",))[0] for asked in readable.filters}
        return render_template(
            "records/index.html",
            info=info,
            query=query,
            page=page,
            names=names,
            problem=problem,
            board=shown,
            column_label=column_label,
            picklists=picklists(info),
            amounts=amounts(info),
            form=form_of(session, info, asked, also_users=ownership.owners(session, info)),
            readable=readable,
            format="" if style.is_plain else style.name,
            operators={field.name: filter_operators(field) for field in info.fields.values()},
            usual_operator=usual_operator,
            views=saved_views,
            view=next((view for view in saved_views if view.id == query.view), None),
            may_delete=list_views.may_delete,
            me=me(),
            acts=many.ACTS,
        )


@bp.post("/<module>/columns")
def choose_columns(module: str) -> ResponseReturnValue:
    """Keeps the columns that the user ticked (`columns`)."""
    with write() as session:
        list_views.choose_columns(session, module, me(), request.form.getlist("columns"))
    return "", 204


@bp.post("/<module>/views")
def save_view(module: str) -> ResponseReturnValue:
    """Names the list as it is: `query` of its URL, `name`, `shared`."""
    asked = request.form.get("query", "")
    try:
        with write() as session:
            query = read_query(catalog(session).module(module), MultiDict(parse_qsl(asked))).saved
            shared = request.form.get("shared") == "1"
            view = list_views.save(session, module, me(), request.form.get("name", ""), query, shared=shared)
    except Invalid as error:
        flash(" ".join(error.errors.values()), "danger")
        return redirect(f"/records/{module}?{asked}", 303)
    flash(f"The view “{view.name}” was saved.", "success")
    return redirect(f"/records/{module}?{view.query}&view={view.id}", 303)


@bp.post("/<module>/views/<int:view_id>/delete")
def delete_view(module: str, view_id: int) -> ResponseReturnValue:
    with write() as session:
        view = list_views.delete(session, module, view_id, me())
    flash(f"The view “{view.name}” was deleted.", "success")
    return redirect(f"/records/{module}", 303)


def _listed(session: Session, query: RecordQuery) -> tuple[Page[Record], InvalidListing | None]:
    """A filter that can't be read shows nothing, and its words; what is no cursor, the first page: an old link still opens."""
    try:
        return listing.page(session, query.list_query(zone()), query.after, PER_PAGE, before=query.before), None
    except InvalidListing as error:
        if error.part != "cursor":
            return Page([]), error
    return listing.page(session, query.list_query(zone()), per_page=PER_PAGE), None


@bp.get("/<module>/new")
def new(module: str) -> ResponseReturnValue:
    """The form of a new record; the URL may fill fields (`?contact=5`), or its name (`?q=Jan Novák`). To htmx the short one
    that is filled in beside another form."""
    with read() as session:
        info = catalog(session).module(module)
        values = {name: field.default for name, field in info.fields.items() if field.default is not None}
        style = user_format()
        shown = controls(info, values, zone(), style) | {"owner": str(me().id)}
        shown |= named(info, request.args.get("q", ""))
        given = {name: field for name, field in info.fields.items() if name in request.args}
        shown |= {name: shown_number(field, request.args[name], style) for name, field in given.items()}
        return _page(info, form_of(session, info, shown, style=style.name))


@bp.post("/<module>")
def create(module: str) -> ResponseReturnValue:
    try:
        with write() as session:
            info = catalog(session).module(module)
            record = records.create(
                session, module, values_of(session, info, request.form, zone(), user_format()), actor()
            )
            address, name = f"/records/{module}/{record.id}", record.name
    except Invalid as error:
        return _refused(module, error.errors)
    if htmx:
        created = {"record-created": {"id": record.id, "name": name or f"Record {record.id}"}}
        return make_response("", 204, trigger=created)  # type: ignore[no-any-return]
    flash(f"{info.singular} {name} was created.", "success")
    if request.form.get("then") == "new":
        return redirect(f"/records/{module}/new", 303)
    return redirect(address, 303)


@bp.get("/<module>/<int:record_id>/edit")
def edit(module: str, record_id: int) -> ResponseReturnValue:
    with reading(module, record_id) as (session, info, record):
        return _page(info, opened_form(session, info, record, zone(), user_format()), record, record.version)


@bp.post("/<module>/<int:record_id>")
def update(module: str, record_id: int) -> ResponseReturnValue:
    """Saves the whole form, unless somebody else saved since it was opened: then both versions are shown."""
    version = request.form.get("version", 0, type=row_id)
    try:
        version = deleted.restored_first(module, record_id, version)
        with write() as session:
            info = catalog(session).module(module)
            values = values_of(session, info, request.form, zone(), user_format())
            values = {name: value for name, value in values.items() if request.form.get(f"take.{name}") != "theirs"}
            if values:
                records.update(session, module, record_id, values, actor(), version=version)
            record = records.get(session, module, record_id)
            name, moved = record.name, bool(values) and record.version != version
    except Invalid as error:
        return _refused(module, error.errors, record_id, version)
    except RecordDeleted as error:
        return deleted.deleted_meanwhile(error.deleted)
    except RecordConflict as error:
        return _conflict(module, record_id, version, {name: pair[0] for name, pair in error.changed.items()})
    flash(f"{info.singular} {name} was saved." if moved else "Nothing was changed.", "success" if moved else "info")
    return redirect(f"/records/{module}/{record_id}", 303)


@bp.get("/<module>/<int:record_id>/delete")
def ask_delete(module: str, record_id: int) -> ResponseReturnValue:
    """Asks, and tells what refers to the record: what the dialog of the record's page does where there is JavaScript."""
    with reading(module, record_id) as (session, info, record):
        return render_template("records/delete.html", info=info, record=record, **detail.deletion(session, record))


@bp.post("/<module>/<int:record_id>/delete")
def delete(module: str, record_id: int) -> ResponseReturnValue:
    with write() as session:
        info = catalog(session).module(module)
        name = records.get(session, module, record_id).name
        records.delete(session, module, record_id, actor())
    deleted.deleted_flash(record_id, module, info.singular, name)
    return redirect(f"/records/{module}", 303)


def _refused(
    module: str, errors: dict[str, str], record_id: int | None = None, version: int = 0
) -> ResponseReturnValue:
    """The form as it was typed, with the messages at their fields."""
    with read() as session:
        info = catalog(session).module(module)
        record = records.get(session, module, record_id) if record_id is not None else None
        return _page(info, sent_form(session, info, request.form, errors), record, version), 422


def _page(info: ModuleInfo, form: RecordForm, record: Record | None = None, version: int = 0) -> str:
    if htmx and record is None:
        return render_template("records/_new.html", info=info, form=form)
    return render_template("records/form.html", info=info, form=form, record=record, version=version)


def _conflict(module: str, record_id: int, version: int, yours: dict[str, Any]) -> ResponseReturnValue:
    """What you typed beside what somebody else saved in the meantime; nothing is lost of either."""
    with reading(module, record_id) as (session, info, record):
        rows = differences(session, info, record, version, yours)
        sides = [{row.info.name: getattr(row, side) for row in rows} for side in ("was", "theirs", "yours")]
        page = render_template(
            "records/conflict.html",
            info=info,
            record=record,
            rows=rows,
            names=names_in(session, info.fields.values(), sides),
            saves=history.since(session, record_id, version),
            sent=[
                (name, text)
                for name, text in request.form.items(multi=True)
                if name not in ("csrf_token", "version", "then") and not name.startswith("take.")
            ],
        )
    return page, 409


bp.post("/<module>/<int:record_id>/restore", endpoint="restore")(deleted.restore)
bp.register_error_handler(RecordDeleted, deleted.to_deleted)
detail.add_routes(bp)
files.add_routes(bp)
many.add_routes(bp)
board.add_routes(bp)
