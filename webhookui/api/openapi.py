"""The OpenAPI 3.1 document, made from one table of operations; a test holds it against the routes that there are."""

import re
from dataclasses import dataclass, field
from typing import Any

from flask import current_app, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.routing import Rule

from webhookui import __version__
from webhookui.api.blueprint import bp
from webhookui.api.bodies import check_args
from webhookui.api.openapi_examples import EXAMPLES
from webhookui.api.openapi_files import EXPORT, FORM, IMPORT
from webhookui.core.database import LARGEST_ID
from webhookui.crm.field_types import FIELD_TYPES
from webhookui.crm.operators import OPERATORS
from webhookui.delivery.pending import HOLDS
from webhookui.delivery.states import STATUSES
from webhookui.workflows.actions import KINDS
from webhookui.workflows.redelivery import PAYLOADS
from webhookui.workflows.trigger import DOES_NOT_RUN, OFFERED, RECURRENCES

Schema = dict[str, Any]


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Schema], required: list[str] | None = None, **more: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": required or [], **more}


def _nullable(kind: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], **more}


def _list(of: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": of, **more}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
ROW: Schema = {"type": "integer", "minimum": 0, "maximum": LARGEST_ID}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
NO_MORE: dict[str, Any] = {"additionalProperties": False}

CONDITION = _object(
    {"field": TEXT, "operator": {"enum": list(OPERATORS)}, "value": {}, "value_field": TEXT},
    ["field", "operator"],
    **NO_MORE,
)
ACTIONS = [kind.json_schema() for kind in KINDS.values()]
"""The document of each kind of action, as its one schema says it."""
ACTION_PARTS: dict[str, Schema] = {name: part for action in ACTIONS for name, part in action.pop("$defs", {}).items()}
WORKFLOW = _object(
    {
        "id": NUMBER,
        "version": NUMBER,
        "created_at": TIME,
        "updated_at": TIME,
        "name": {"type": "string", "minLength": 1},
        "description": TEXT,
        "module": TEXT,
        "active": FLAG,
        "related_modules": _list(TEXT),
        "trigger": _object(
            {
                "on": {"enum": list(OFFERED), "description": f"`schedule` is refused: {DOES_NOT_RUN}"},
                "recurrence": {"enum": list(RECURRENCES), "default": "every_time"},
            },
            ["on"],
        ),
        "criteria": _object({"all": _list(_ref("Condition")), "any": _list(_ref("Condition"))}),
        "actions": _list(_ref("Action"), maxItems=3),
    },
    ["name", "module", "trigger"],
    **NO_MORE,
)
RECORD = _object(
    {
        "id": NUMBER, "module": TEXT, "version": NUMBER, "name": TEXT, "values": {"type": "object"},
        "created_at": TIME, "updated_at": TIME,
    },
    ["id", "module", "version", "values"],
)  # fmt: skip
RESTORED = RECORD | {"properties": RECORD["properties"] | {"notes": _list(TEXT)}}
DELETED = RECORD | {"properties": RECORD["properties"] | {"deleted_at": TIME, "deleted_by": TEXT}}
DELIVERY_PROPERTIES: dict[str, Schema] = {
    "id": NUMBER, "status": {"enum": list(STATUSES)}, "workflow_id": _nullable("integer"), "workflow": TEXT, "action": TEXT,
    "module": TEXT, "record_id": _nullable("integer"), "method": TEXT, "url": TEXT, "status_code": _nullable("integer"),
    "attempt_count": NUMBER, "created_at": TIME, "next_attempt_at": _nullable("string", format="date-time"), "test": FLAG,
    "redelivery_of": _nullable("integer"), "webhook_id": _nullable("integer"), "record_name": TEXT,
    "error": _nullable("string"), "note": _nullable("string"),
    "held": _nullable("string") | {"description": f"What holds it: {', '.join(HOLDS)}."},
}  # fmt: skip
HOLD = _object(
    {"record_id": NUMBER, "module": TEXT, "record_name": TEXT, "at": TIME, "fired": NUMBER, "deliveries": NUMBER},
    ["record_id", "at", "fired", "deliveries"],
    description="`fired`: how often within the minute before `at`; `deliveries`: how many wait.",
)
MESSAGE = _object(
    {"method": TEXT, "url": TEXT, "headers": _list(_list(TEXT)), "body": _nullable("string"), "body_base64": TEXT}
)
RESPONSE = _object(
    {
        "status_code": NUMBER, "headers": _list(_list(TEXT)), "body": _nullable("string"), "body_base64": TEXT,
        "size": _nullable("integer"), "incomplete": _nullable("string"),
    }
)  # fmt: skip
HOP = _object(
    {"status_code": NUMBER, "method": TEXT, "url": TEXT, "because": {"enum": ["redirect", "new_token"]}},
    ["status_code", "method", "url", "because"],
)
ATTEMPT = _object(
    {
        "number": NUMBER, "at": TIME, "outcome": {"enum": ["success", "failed", "interrupted"]}, "request": MESSAGE,
        "response": {"oneOf": [{"type": "null"}, RESPONSE]}, "hops": _list(HOP), "timing_ms": {"type": "object"},
        "error": _nullable("string"), "error_code": _nullable("string"), "advice": _nullable("string"),
    }
)  # fmt: skip
JOB = _object(
    {
        "id": NUMBER, "kind": TEXT, "state": {"enum": ["waiting", "running", "finished", "cancelled", "failed"]},
        "done": NUMBER, "total": _nullable("integer"), "created": NUMBER, "updated": NUMBER, "skipped": NUMBER,
        "rejected": NUMBER, "error": _nullable("string"), "created_at": TIME,
        "finished_at": _nullable("string", format="date-time"),
    },
    ["id", "kind", "state", "done", "total", "created", "updated", "rejected"],
)  # fmt: skip
FIELD = _object(
    {
        "name": TEXT, "label": TEXT, "type": {"enum": list(FIELD_TYPES)}, "required": FLAG, "custom": FLAG, "in_list": FLAG,
        "options": _list(TEXT), "retired_options": _list(TEXT),
        "module": _nullable("string") | {"description": "What a reference points to."},
    },
    ["name", "label", "type"],
)  # fmt: skip
OPTIONS: Schema = _list(TEXT) | {
    "description": "Of picklists, in their order. One that is left out stays in records, retired."
}
NEW_FIELD = _object(
    {
        "label": TEXT, "type": {"enum": list(FIELD_TYPES)}, "name": TEXT, "options": OPTIONS, "module": TEXT, "required": FLAG,
        "in_list": FLAG,
    },
    ["label", "type"],
    **NO_MORE,
)  # fmt: skip
CHANGED_FIELD = _object(
    {
        "label": TEXT, "options": OPTIONS, "required": FLAG, "in_list": FLAG,
        "rename_options": {
            "type": "object", "additionalProperties": {"type": "string", "minLength": 1},
            "description": "Name of an option → its new name, which all records that have it get. `options` says the new names.",
        },
    },
    **NO_MORE,
)  # fmt: skip
MODULE = _object(
    {
        "name": TEXT, "label": TEXT, "singular": TEXT,
        "fields": _list(_ref("Field")),
        "relations": _list(_object({"module": TEXT, "label": TEXT, "field": TEXT, "kind": {"enum": ["to_one", "to_many"]}})),
    }
)  # fmt: skip
ERROR = _object(
    {"error": _object({"code": TEXT, "message": TEXT, "fields": {"type": "object", "additionalProperties": TEXT}},
                      ["code", "message", "fields"])},
    ["error"],
)  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One call of the API."""

    method: str
    path: str
    summary: str
    answer: Schema | None
    status: int = 200
    body: Schema | None = None
    query: dict[str, Schema] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    body_type: str = "application/json"
    media_type: str = "application/json"
    """Of the answer."""


def _page(of: str) -> Schema:
    return _object({"items": _list(_ref(of)), "next_cursor": _nullable("string")}, ["items", "next_cursor"])


PAGE: dict[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
    "cursor": {
        "type": "string",
        "description": "`next_cursor` of the previous page, with the same sort and filters. "
        "Whether more follows, it alone says: a page may hold fewer than `limit`, or none.",
    },
}
LOG: dict[str, Schema] = {
    "status": {"enum": list(STATUSES)}, "workflow_id": ROW, "webhook_id": ROW, "module": TEXT, "record_id": ROW,
    "host": TEXT, "status_code": ROW, "since": TIME, "until": TIME, "q": TEXT, "test": FLAG,
}  # fmt: skip
VALUES = _object({"values": {"type": "object"}}, ["values"], **NO_MORE)
BULK = _object(
    {
        "ids": _list(ROW), "values": {"type": "object"}, "delete": FLAG,
        "filter": {
            "type": "object",
            "description": 'Field → value, or → {"operator", "value"}; `q`: words. An empty one matches all of the module.',
        },
    },
    **NO_MORE, description="Either ids or filter; either values or delete.",
)  # fmt: skip
CHANGE = _object({"values": {"type": "object"}, "version": _nullable("integer")}, ["values"], **NO_MORE)
SORT: Schema = {
    "type": "string",
    "description": "A field, or id, name, created_at, updated_at; `-` before it: descending.",
}
FILTER: Schema = {"type": "object", "additionalProperties": TEXT, "description": "Field → value: `filter[stage]=New`."}
OPERATOR: Schema = {
    "type": "object", "additionalProperties": {"enum": [name for name, of in OPERATORS.items() if not of.on_change]},
    "description": "Field → operator of its filter: `op[amount]=at_least`. Without one, a text contains and everything else is.",
}  # fmt: skip
LIST = {"q": TEXT, "sort": SORT, "filter[]": FILTER, "op[]": OPERATOR}
F, R, J, W, D = "/modules/{module}/fields", "/records/{module}", "/jobs/{id}", "/workflows", "/deliveries"

OPERATIONS: tuple[Operation, ...] = (
    Operation("get", "/modules", "All modules with their fields and relations", _page("Module"), query=PAGE, errors=(422,)),
    Operation("get", "/modules/{module}", "One module", _ref("Module"), errors=(404,)),
    Operation(
        "post", F, "Add a custom field", _ref("Field"), 201, NEW_FIELD, errors=(400, 403, 404, 415, 422),
    ),
    Operation(
        "patch", F + "/{name}", "Change label or options of a field; of a custom one also whether it is required or in lists",
        _ref("Field"), 200, CHANGED_FIELD, errors=(400, 403, 404, 415, 422),
    ),
    Operation("delete", F + "/{name}", "Remove a custom field with its values", None, 204, errors=(403, 404)),
    Operation(
        "get", R, "Records of a module; filter[field]=value filters", _page("Record"),
        query=LIST | PAGE, errors=(404, 422),
    ),
    Operation("post", R, "Create a record", _ref("Record"), 201, VALUES, errors=(400, 404, 415, 422)),
    Operation("get", R + "/{id}", "One record", _ref("Record"), errors=(404,)),
    Operation(
        "patch", R + "/{id}", "Change fields of a record; 409 when version has moved", _ref("Record"), 200, CHANGE,
        errors=(400, 404, 409, 415, 422),
    ),
    Operation(
        "post", R + "/bulk", "Set fields of many records, or delete them: the ids, or all that a filter matches",
        _ref("Job"), 202, BULK, errors=(400, 404, 415, 422),
    ),
    Operation("delete", R + "/{id}", "Delete a record; it can be restored", None, 204, errors=(404,)),
    Operation(
        "post", R + "/{id}/restore", "Restore a deleted record under its id, references included; `notes`: what could not be set "
        "again", _ref("RestoredRecord"), errors=(404,),
    ),
    Operation(
        "get", "/deleted", "Deleted records, the newest first", _page("DeletedRecord"), query={"module": TEXT, "q": TEXT, **PAGE},
        errors=(404, 422),
    ),
    Operation("post", R + "/import", "Import a CSV file", _ref("Job"), 202, IMPORT, {}, (400, 404, 413, 415, 422), FORM),
    Operation("get", R + "/export.csv", "The list as a CSV file that an import takes in", TEXT, query=LIST | EXPORT,
              errors=(404, 422), media_type="text/csv"),
    Operation("get", J, "How far a job in the background is", _ref("Job"), errors=(403, 404)),
    Operation("post", J + "/cancel", "End a job where it is; what it has done stays", _ref("Job"), errors=(403, 404)),
    Operation(
        "get", J + "/rejected.csv", "The rejected rows, each with its reason", TEXT, errors=(403, 404), media_type="text/csv"
    ),
    Operation("get", W, "All workflows", _page("Workflow"), query=PAGE, errors=(403, 422)),
    Operation("post", W, "Create a workflow", _ref("Workflow"), 201, _ref("Workflow"), errors=(400, 403, 415, 422)),
    Operation("get", W + "/{id}", "One workflow", _ref("Workflow"), errors=(403, 404)),
    Operation(
        "put", W + "/{id}", "Replace a workflow; a secret that is null stays", _ref("Workflow"), 200, _ref("Workflow"),
        errors=(400, 403, 404, 409, 415, 422),
    ),
    Operation("delete", W + "/{id}", "Delete a workflow; its deliveries stay in the log", None, 204, errors=(403, 404)),
    Operation(
        "post", W + "/{id}/explain", "Why it fired, or not, at a record's latest save or at one change, by its version then",
        {"type": "object"}, 200,
        _object({"record_id": ROW, "change_id": ROW}, ["record_id"], **NO_MORE), errors=(400, 403, 404, 415, 422),
    ),
    Operation(
        "post", W + "/{id}/run", "Run it for these records now, whatever its trigger", _ref("Job"), 202,
        _object({"record_ids": _list(ROW), "anyway": FLAG}, ["record_ids"], **NO_MORE), errors=(400, 403, 404, 415, 422),
    ),
    Operation(
        "get", W + "/{id}/holds", "Records for which it is held, because saves through the API make it fire in a loop",
        _page("Hold"), query=PAGE, errors=(403, 404, 422),
    ),
    Operation(
        "post", W + "/{id}/release", "Send what is waiting, for one record or for all; 409 when it is not held",
        _object({"deliveries": NUMBER}, ["deliveries"]), 200, _object({"record_id": ROW}, **NO_MORE),
        errors=(400, 403, 404, 409, 415, 422),
    ),
    Operation("get", D, "The webhook log", _page("Delivery"), query=LOG | PAGE, errors=(403, 422)),
    Operation("get", D + "/{id}", "One delivery with its attempts and captures", _ref("DeliveryDetail"), errors=(403, 404)),
    Operation(
        "post", D + "/{id}/redeliver", "Send it again, as a new delivery", _ref("Delivery"), 202,
        _object({"payload": {"enum": list(PAYLOADS)}}, **NO_MORE), errors=(400, 403, 404, 409, 415, 422),
    ),
    Operation(
        "post", D + "/{id}/try-now", "Attempt one that is waiting now; 409 when it has ended, is in flight or held",
        _ref("Delivery"), errors=(403, 404, 409),
    ),
    Operation(
        "post", D + "/{id}/give-up", "End one that is waiting as Failed; 409 when it has ended or is in flight", _ref("Delivery"),
        errors=(403, 404, 409),
    ),
)  # fmt: skip

SCHEMAS: dict[str, Schema] = {
    "Module": MODULE, "Field": FIELD, "Record": RECORD, "RestoredRecord": RESTORED, "DeletedRecord": DELETED, "Job": JOB,
    "Condition": CONDITION,
    "Action": {"oneOf": [_ref(action["title"]) for action in ACTIONS]},
    **{action["title"]: {**action, "properties": {"id": NUMBER, **action["properties"]}} for action in ACTIONS}, **ACTION_PARTS,
    "Workflow": WORKFLOW, "Delivery": _object(DELIVERY_PROPERTIES, ["id", "status"]),
    "Hold": HOLD,
    "DeliveryDetail": _object(
        DELIVERY_PROPERTIES | {"message_id": TEXT}
        | {"request": MESSAGE, "attempts": _list(ATTEMPT), "captures": _list({"type": "object"})},
        ["id", "status", "request", "attempts", "captures"],
    ),
    "Error": ERROR, "Health": _object({"status": {"enum": ["ok", "unavailable"]}, "queue": TEXT, "reason": TEXT}, ["status"]),
}  # fmt: skip

HEALTH: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "/healthz": ("The process is alive", {"application/json": {"schema": _ref("Health")}}, (200,)),
    "/readyz": (
        "The database is reachable and migrated, and the queue is worked on where it should be",
        {"application/json": {"schema": _ref("Health")}}, (200, 503),
    ),
    "/metrics": ("Prometheus text; needs an admin's token", {"text/plain": {"schema": TEXT}}, (200, 401, 403)),
}  # fmt: skip
"""Pages for whoever watches: path → what, its answer, its codes."""

PATH_PARAMETERS: dict[str, Schema] = {"module": TEXT, "id": ROW, "name": TEXT}


def _with_example(name: str) -> Schema:
    return SCHEMAS[name] | ({"examples": EXAMPLES[name]} if name in EXAMPLES else {})


def document() -> dict[str, Any]:
    """The OpenAPI document. Operations are named after the views that answer them."""
    ids = {
        (method.lower(), _path(rule)): _camel(rule.endpoint.partition(".")[2])
        for rule in current_app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        path = f"/api/v1{operation.path}"
        paths.setdefault(path, {})[operation.method] = {
            "operationId": ids[operation.method, path],
            **_operation(operation),
        }
    paths |= {path: {"get": _health(path, *words)} for path, words in HEALTH.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "webhookui", "version": __version__, "description": "Records, workflows and deliveries."},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {name: _with_example(name) for name in SCHEMAS},
            "responses": {
                "Refused": {"description": "Refused", "content": {"application/json": {"schema": _ref("Error")}}}
            },
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in PATH_PARAMETERS.items()
        if f"{{{name}}}" in operation.path
    ] + [_query_parameter(name, schema) for name, schema in operation.query.items()]
    answer: dict[str, Any] = {"description": operation.summary}
    if operation.answer is not None:
        answer["content"] = {operation.media_type: {"schema": operation.answer}}
    refused = {"$ref": "#/components/responses/Refused"}
    operation_document: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": parameters,
        "responses": {
            str(operation.status): answer,
            **{str(code): refused for code in sorted({401, 422, *operation.errors})},
        },
    }
    if operation.body is not None:
        needed = bool(operation.body.get("required")) or "$ref" in operation.body
        operation_document["requestBody"] = {
            "required": needed,
            "content": {operation.body_type: {"schema": operation.body}},
        }
    return operation_document


def _query_parameter(name: str, schema: Schema) -> dict[str, Any]:
    if name.endswith("[]"):
        return {"name": name[:-2], "in": "query", "style": "deepObject", "explode": True, "schema": schema}
    return {"name": name, "in": "query", "schema": schema}


def _health(path: str, words: str, content: dict[str, Any], codes: tuple[int, ...]) -> dict[str, Any]:
    answers: dict[str, Any] = {
        str(code): {"description": words, "content": content} for code in codes if code in (200, 503)
    }
    answers |= {str(code): {"$ref": "#/components/responses/Refused"} for code in codes if code in (401, 403)}
    operation_document: dict[str, Any] = {"operationId": path[1:], "summary": words, "responses": answers}
    return operation_document if 401 in codes else {**operation_document, "security": []}


def _path(rule: Rule) -> str:
    """A route as the document writes it: `/api/v1/workflows/<int:workflow_id>` is `/api/v1/workflows/{id}`."""
    return re.sub(r"<(?:int:)?(\w+)>", lambda match: "{" + match[1].split("_")[-1] + "}", rule.rule)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


KNOWN_QUERY: dict[tuple[str, str], frozenset[str]] = {
    (operation.method, f"/api/v1{operation.path}"): frozenset(operation.query) for operation in OPERATIONS
}


def check_query() -> None:
    """Before every call: it reads the parameters that the document names, each once, and no others. Raises ApiError 422."""
    if request.url_rule is not None:
        method = "get" if request.method == "HEAD" else request.method.lower()
        check_args(KNOWN_QUERY.get((method, _path(request.url_rule)), frozenset()))


@bp.get("/openapi.json")
def openapi_document() -> ResponseReturnValue:
    return jsonify(document())
