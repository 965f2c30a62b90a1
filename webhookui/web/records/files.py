"""Records in and out as CSV files, in the browser: a file is uploaded, looked at, and its import started; a list is exported
(specification section 2)."""

from dataclasses import dataclass, replace

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webhookui.crm.catalog import FieldInfo, ModuleInfo, catalog
from webhookui.crm.exports import exported
from webhookui.crm.field_types import UNSTORABLE, FieldError
from webhookui.crm.imports import jobs, uploads
from webhookui.crm.imports.csv_files import ENCODINGS, SEPARATORS, FileFormat, InvalidFile, restored
from webhookui.crm.imports.look import look
from webhookui.crm.imports.plan import ON_MATCH, Column, ImportPlan, InvalidImport, matchable
from webhookui.crm.imports.tables import ImportFile
from webhookui.crm.imports.values import ID, ID_LABEL, forms_of, read_cell
from webhookui.crm.sorting import InvalidListing
from webhookui.current_installation import db, installation, read, write
from webhookui.web.access import me, takes_file
from webhookui.web.records.query import asked_query
from webhookui.web.template_filters import zone

SAMPLES = 3
"""Different values of a column that are shown."""
GLANCE = 2000
"""Rows that are judged whenever something is chosen."""


def add_routes(bp: Blueprint) -> None:
    bp.get("/<module>/import")(import_page)
    bp.post("/<module>/import")(upload)
    bp.get("/<module>/import/<int:file_id>")(import_plan)
    bp.post("/<module>/import/<int:file_id>")(choose_plan)
    bp.get("/<module>/export.csv")(export)


def import_page(module: str) -> ResponseReturnValue:
    """Asks for a file."""
    with read() as session:
        info = catalog(session).module(module)
    return render_template("records/import.html", info=info, limit=installation().settings.import_limit, error="")


@takes_file
def upload(module: str) -> ResponseReturnValue:
    with read() as session:
        info = catalog(session).module(module)
    file, error = request.files.get("file"), "Choose a file."
    if file is not None and file.filename:
        try:
            file_id = uploads.store(db(), module, me(), file.filename, file.stream)
            return redirect(f"/records/{module}/import/{file_id}", 303)
        except InvalidFile as invalid:
            error = str(invalid)
    limit = installation().settings.import_limit
    return render_template("records/import.html", info=info, limit=limit, error=error), 422


def import_plan(module: str, file_id: int) -> ResponseReturnValue:
    """What the file is, what its columns mean, and what would become of its rows. `?look=all`: of more of them."""
    with read() as session:
        file = uploads.get(session, file_id, me())
        return _page(session, file, ImportPlan.of(file.plan), {})


def choose_plan(module: str, file_id: int) -> ResponseReturnValue:
    """Keeps what was chosen; `then=start` begins."""
    with write() as session:
        file = uploads.get(session, file_id, me())
        info = catalog(session).module(file.module)
        try:
            plan = _chosen(session, info, file)
        except InvalidFile as error:
            return _page(session, file, ImportPlan.of(file.plan), {"encoding": str(error)}), 422
        file.plan = plan.document()
    if request.form.get("then") == "start":
        try:
            job = jobs.start(db(), file, plan, me())
            return redirect(f"/jobs/{job.id}", 303)
        except (InvalidImport, InvalidFile) as error:
            errors = error.errors if isinstance(error, InvalidImport) else {"encoding": str(error)}
            with read() as session:
                return _page(session, file, plan, errors), 422
    more = "?look=all" if request.form.get("then") == "look" else ""
    return redirect(f"/records/{file.module}/import/{file_id}{more}", 303)


def _chosen(session: Session, info: ModuleInfo, file: ImportFile) -> ImportPlan:
    """What the form says. Another encoding or separator makes other columns: they are guessed anew. Raises InvalidFile."""
    plan, form = ImportPlan.of(file.plan), request.form
    encoding, separator = form.get("encoding", ""), form.get("separator", "")
    chosen_format = FileFormat(
        encoding if encoding in ENCODINGS else plan.format.encoding,
        separator if separator in SEPARATORS else plan.format.separator,
    )
    if chosen_format != plan.format:
        plan = uploads.offered_plan(session, file, chosen_format)
    else:
        numbers = range(len(plan.columns))
        fields = [form.get(f"field.{number}", plan.columns[number].field) for number in numbers]
        forms = [form.get(f"form.{number}", plan.columns[number].form) for number in numbers]
        _, rows = uploads.first_rows(session, file.id or 0, plan.format)
        plan = plan.choose(info, fields, forms, rows)
    return replace(
        plan,
        match_on=form.get("match_on", plan.match_on),
        on_match=form.get("on_match", plan.on_match),
        run_workflows=form.get("run_workflows") == "true",
    )


@dataclass(frozen=True)
class Sample:
    """A cell, and what it is read as; `error`: why it can't be."""

    cell: str
    text: str = ""
    error: str = ""


@dataclass(frozen=True)
class ColumnRow:
    """A column of the file, as the page shows it."""

    number: int
    column: Column
    samples: list[Sample]
    forms: dict[str, str]


def _page(session: Session, file: ImportFile, plan: ImportPlan, errors: dict[str, str]) -> str:
    info = catalog(session).module(file.module)
    _, rows = uploads.first_rows(session, file.id or 0, plan.format)
    looked, problems = None, dict(errors)
    try:
        plan.check(info)
        most = {"rows": GLANCE} if request.args.get("look") != "all" else {}
        looked = look(session, file, plan, me(), **most)
    except InvalidImport as error:
        problems = {**error.errors, **problems}
    return render_template(
        "records/import_plan.html",
        info=info,
        file=file,
        plan=plan,
        columns=[_column(info, number, column, rows) for number, column in enumerate(plan.columns)],
        fields=[("", "Don’t import"), (ID, ID_LABEL), *((field.name, field.label) for field in info.fields.values())],
        encodings=list(ENCODINGS.items()),
        separators=list(SEPARATORS.items()),
        matches=[("", "Don’t look for duplicates"), *matchable(info)],
        on_match=list(ON_MATCH.items()),
        look=looked,
        errors=problems,
    )


def _column(info: ModuleInfo, number: int, column: Column, rows: list[list[str]]) -> ColumnRow:
    field = info.fields.get(column.field)
    cells = dict.fromkeys(row[number].strip() for row in rows if len(row) > number and row[number].strip())
    samples = [_sample(field, cell, column.form) for _, cell in zip(range(SAMPLES), cells, strict=False)]
    return ColumnRow(number, column, samples, forms_of(field))


def _sample(field: FieldInfo | None, cell: str, form: str) -> Sample:
    if UNSTORABLE.search(cell):
        return Sample(UNSTORABLE.sub("\ufffd", cell), error="It has characters that can't be stored.")
    if field is None or field.kind.family in ("reference", "user"):
        return Sample(cell)
    try:
        stored = field.kind.parse(read_cell(field, cell, form, zone()), field)
    except FieldError as error:
        return Sample(cell, error=str(error))
    text = field.kind.text(stored, zone())
    return Sample(cell, "" if text in (cell, restored(cell)) else text)


def export(module: str) -> ResponseReturnValue:
    """What the list shows, as its URL says; in the columns that it shows, or in `all=1` fields."""
    with read() as session:
        query = asked_query(session, catalog(session).module(module))
    columns = [] if request.args.get("all") == "1" else [field.name for field in query.shown]
    listed = query.list_query(zone())
    try:
        _, parts = exported(db(), listed, columns, with_bom=request.args.get("bom") == "1")
    except InvalidListing:
        return redirect(query.url(), 303)  # which says what is wrong with it
    headers = {"Content-Disposition": f"attachment; filename={module}.csv"}
    return Response(parts, mimetype="text/csv", headers=headers)
