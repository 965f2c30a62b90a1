"""Records in and out as CSV files."""

from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue

from webhookui.api.auth import me
from webhookui.api.blueprint import bp
from webhookui.api.bodies import list_filters
from webhookui.api.errors import ApiError, invalid
from webhookui.api.jobs import accepted
from webhookui.core import exact_json
from webhookui.core.errors import Invalid
from webhookui.crm.catalog import catalog
from webhookui.crm.exports import exported
from webhookui.crm.imports import jobs, uploads
from webhookui.crm.imports.csv_files import InvalidFile
from webhookui.crm.imports.requested import Request, plan_of
from webhookui.crm.listing import ListQuery
from webhookui.current_installation import db, installation, read

TEXTS = ("encoding", "separator", "match_on", "on_match", "date_order", "decimal_sign")
FLAGS = {"true": True, "1": True, "false": False, "0": False}


@bp.post("/records/<module>/import")
def import_records(module: str) -> ResponseReturnValue:
    """A form of parts (multipart): `file`, and what is to be done with it."""
    with read() as session:
        catalog(session).module(module)
    request.max_content_length = uploads.largest_body(installation().settings.import_limit)
    if request.mimetype != "multipart/form-data":
        raise ApiError(
            415, "unsupported_media_type", "Send a form with a part “file”: Content-Type: multipart/form-data."
        )
    asked = _asked()
    if "file" not in request.files:
        raise invalid("file", "Send the CSV file as a part with a file name.")
    try:
        file = request.files["file"]
        file_id = uploads.store(db(), module, me(), file.filename or "import.csv", file.stream)
        try:
            with read() as session:
                stored = uploads.get(session, file_id, me())
                plan = plan_of(session, stored, asked)
            job = jobs.start(db(), stored, plan, me())
        except (Invalid, InvalidFile):
            uploads.remove(db(), file_id)
            raise
    except InvalidFile as error:
        raise invalid("file", str(error)) from None
    return accepted(job)


def _asked() -> Request:
    """Raises ApiError 422."""
    fields = {
        name: f"There is no part “{name}” here."
        for name in (*request.form, *request.files)
        if name not in (*TEXTS, "file", "mapping", "run_workflows")
    }
    fields |= {name: "Give one value." for name, values in request.form.lists() if len(values) > 1}
    fields |= {name: "Send this as text." for name in request.files if name != "file"}
    run = request.form.get("run_workflows", "false")
    if run not in FLAGS:
        fields["run_workflows"] = "true or false."
    mapping: Any = None
    if "mapping" in request.form:
        try:
            mapping = exact_json.loads(request.form["mapping"])
        except (ValueError, RecursionError):
            mapping = []
        if not isinstance(mapping, dict):
            fields["mapping"] = "A JSON object: title of a column → name of a field, or null."
    if fields:
        raise ApiError(422, "invalid", " ".join(f"{name}: {words}" for name, words in fields.items()), fields)
    texts = {name: request.form[name] for name in TEXTS if request.form.get(name)}
    return Request(mapping=mapping, run_workflows=FLAGS[run], **texts)


@bp.get("/records/<module>/export.csv")
def export_records(module: str) -> ResponseReturnValue:
    """What `GET /records/{module}` lists, all of it, in all fields or in `columns`."""
    args = request.args
    query = ListQuery(module, args.get("q", ""), args.get("sort", "id"), list_filters(), me().zone)
    with read() as session:
        info = catalog(session).module(module)
    columns = [name for name in args.get("columns", "").split(",") if name]
    unknown = next((name for name in columns if name not in info.fields), None)
    if unknown is not None:
        raise invalid("columns", f"{info.label} has no field “{unknown}”.")
    if args.get("bom", "false") not in FLAGS:
        raise invalid("bom", "true or false.")
    _, parts = exported(db(), query, columns, with_bom=FLAGS[args.get("bom", "false")])
    headers = {"Content-Disposition": f"attachment; filename={module}.csv"}
    return Response(parts, mimetype="text/csv", headers=headers)
