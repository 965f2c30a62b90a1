"""Records: list, create, read, change, delete."""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from webhookui.api.auth import actor, me
from webhookui.api.blueprint import bp
from webhookui.api.bodies import cursor, ids_in, limit, list_filters, object_body, page_document
from webhookui.api.errors import invalid
from webhookui.api.jobs import accepted
from webhookui.crm import deleted_records, listing, record_jobs, records
from webhookui.crm.catalog import ModuleInfo, catalog
from webhookui.crm.deleted_records import DeletedQuery
from webhookui.crm.field_types import FIELD_TYPES, as_text, iso_time
from webhookui.crm.filters import Filter
from webhookui.crm.listing import ListQuery
from webhookui.crm.record_jobs import Chosen
from webhookui.crm.tables import DeletedRecord, Record
from webhookui.current_installation import read, write


@bp.get("/records/<module>")
def list_records(module: str) -> ResponseReturnValue:
    query = ListQuery(module, request.args.get("q", ""), request.args.get("sort", "id"), list_filters())
    with read() as session:
        info = catalog(session).module(module)
        listed = listing.page_after(session, query, request.args.get("cursor", ""), limit())
    return jsonify(page_document(listed, lambda record: record_document(info, record)))


@bp.post("/records/<module>")
def create_record(module: str) -> ResponseReturnValue:
    with read() as session:
        info = catalog(session).module(module)
    values = _values(object_body({"values"}, required={"values"}))
    with write() as session:
        record = records.create(session, module, values, actor())
    answer = jsonify(record_document(info, record))
    answer.headers["Location"] = f"/api/v1/records/{module}/{record.id}"
    return answer, 201


@bp.get("/records/<module>/<int:record_id>")
def get_record(module: str, record_id: int) -> ResponseReturnValue:
    with read() as session:
        info = catalog(session).module(module)
        record = records.get(session, module, record_id)
    return jsonify(record_document(info, record))


@bp.patch("/records/<module>/<int:record_id>")
def change_record(module: str, record_id: int) -> ResponseReturnValue:
    with read() as session:
        info = catalog(session).module(module)
        records.get(session, module, record_id)
    body = object_body({"values", "version"}, required={"values"})
    version = body.get("version")
    if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
        raise invalid("version", "A whole number.", "version must be a whole number.")
    with write() as session:
        record = records.update(session, module, record_id, _values(body), actor(), version=version)
    return jsonify(record_document(info, record))


@bp.delete("/records/<module>/<int:record_id>")
def delete_record(module: str, record_id: int) -> ResponseReturnValue:
    with write() as session:
        catalog(session).module(module)
        records.delete(session, module, record_id, actor())
    return "", 204


@bp.post("/records/<module>/bulk")
def change_records(module: str) -> ResponseReturnValue:
    """Sets `values` in the records `ids`, or in all that `filter` matches, or deletes them: a job."""
    with read() as session:
        catalog(session).module(module)
    body = object_body({"ids", "filter", "values", "delete"})
    chosen = _chosen(module, body)
    deletes = body.get("delete", False)
    if not isinstance(deletes, bool):
        raise invalid("delete", "true or false.", "delete must be true or false.")
    if deletes == ("values" in body):
        raise invalid("values", "Give either values, or delete: true.")
    with write() as session:
        if deletes:
            job = record_jobs.start_deletion(session, module, chosen, actor())
        else:
            job = record_jobs.start_change(session, module, chosen, _values(body), actor())
    return accepted(job)


def _chosen(module: str, body: dict[str, Any]) -> Chosen:
    """`ids`, or `filter`: {"q": words, field: value, field: {"operator", "value"}}; an empty one stands for all."""
    if ("ids" in body) == ("filter" in body):
        raise invalid("ids", "Give either ids or filter.")
    if "ids" in body:
        return Chosen(ids_in(body, "ids"))
    asked = body["filter"]
    if not isinstance(asked, dict):
        raise invalid("filter", "This must be an object: field → value.")
    q = asked.get("q", "")
    if not isinstance(q, str):
        raise invalid("filter.q", "This must be text.")
    filters = tuple(_filter(name, value) for name, value in asked.items() if name != "q")
    return Chosen(query=ListQuery(module, q, "id", filters, me().zone))


def _filter(name: str, value: Any) -> Filter:
    operator = ""
    if isinstance(value, dict):
        if not isinstance(value.get("operator"), str) or set(value) - {"operator", "value"}:
            raise invalid(f"filter.{name}", 'Write it as a value, or as {"operator", "value"}.')
        operator, value = value["operator"], value.get("value")
    operands = value if isinstance(value, list) else [] if value is None else [value]
    return Filter(name, operator, tuple(as_text(operand) for operand in operands))


@bp.post("/records/<module>/<int:record_id>/restore")
def restore_record(module: str, record_id: int) -> ResponseReturnValue:
    """The record, with what could not be set again (`notes`)."""
    with write() as session:
        info = catalog(session).module(module)
        record, notes = records.restore(session, module, record_id, actor())
    return jsonify(record_document(info, record) | {"notes": notes})


@bp.get("/deleted")
def list_deleted() -> ResponseReturnValue:
    """Deleted records, the newest first."""
    query = DeletedQuery(request.args.get("module", ""), request.args.get("q", ""))
    with read() as session:
        modules = catalog(session)
        if query.module:
            modules.module(query.module)
        listed = deleted_records.page(session, query, limit(), before=cursor())
    return jsonify(page_document(listed, lambda record: _deleted_document(modules.module(record.module), record)))


def _deleted_document(info: ModuleInfo, record: DeletedRecord) -> dict[str, Any]:
    return record_document(info, record) | {
        "deleted_at": iso_time(record.deleted_at),
        "deleted_by": record.deleted_by,
    }


def _values(body: dict[str, Any]) -> dict[str, Any]:
    values = body["values"]
    if not isinstance(values, dict):
        raise invalid("values", "This must be an object.", "values must be an object: field → value.")
    return values


def record_document(info: ModuleInfo, record: Record | DeletedRecord) -> dict[str, Any]:
    """A record as programs see it; every field of the module is there, null or its type's nothing when empty."""
    values = {name: record.values.get(name, FIELD_TYPES[field.type].empty) for name, field in info.fields.items()}
    return {
        "id": record.id,
        "module": record.module,
        "version": record.version,
        "name": record.name,
        "values": values,
        "created_at": iso_time(record.created_at),
        "updated_at": iso_time(record.updated_at),
    }
