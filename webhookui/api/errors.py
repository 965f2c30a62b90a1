"""Errors of the API: `{"error": {"code", "message", "fields"}}` with the right status, one place for each domain exception."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from webhookui.core.errors import Invalid, NotFound
from webhookui.crm.fields import InvalidField
from webhookui.crm.records import InvalidRecord, RecordConflict
from webhookui.crm.sorting import InvalidListing
from webhookui.delivery_log.manual_actions import NotWaiting
from webhookui.delivery_log.queries import InvalidFilter
from webhookui.workflows.document import InvalidDocument
from webhookui.workflows.loop_guard import NotHeld
from webhookui.workflows.redelivery import NotRedeliverable
from webhookui.workflows.store import WorkflowConflict


class ApiError(Exception):
    """An error that the door itself finds. `fields`: path → sentence."""

    def __init__(self, status: int, code: str, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.fields = dict(fields or {})


def invalid(field: str, words: str, message: str = "") -> ApiError:
    """One value that can't be used."""
    return ApiError(422, "invalid", message or words, {field: words})


def answer(status: int, code: str, message: str, fields: Mapping[str, str] | None = None) -> Response:
    response = jsonify({"error": {"code": code, "message": message, "fields": dict(fields or {})}})
    response.status_code = status
    return response


def of_api(error: ApiError) -> ResponseReturnValue:
    response = answer(error.status, error.code, str(error), error.fields)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _invalid(fields: Mapping[str, str]) -> ResponseReturnValue:
    """`fields`: path in the document that was sent → sentence."""
    message = "One value is not valid." if len(fields) == 1 else f"{len(fields)} values are not valid."
    return answer(422, "invalid", message, fields)


def _invalid_query(error: InvalidFilter | InvalidListing) -> ResponseReturnValue:
    path = error.field
    if isinstance(error, InvalidListing):
        in_query = f"filter[{error.field}]" if request.method == "GET" else f"filter.{error.field}"
        path = in_query if error.part == "filter" else error.part
    return answer(422, "invalid", str(error), {path: str(error)})


def _record_conflict(error: RecordConflict) -> ResponseReturnValue:
    words = {f"values.{field}": "This was changed in the meantime." for field in error.contested}
    message = f"The record was changed in the meantime; it is at version {error.current.version} now."
    return answer(409, "conflict", message, {"version": f"The version is {error.current.version} now.", **words})


def _workflow_conflict(error: WorkflowConflict) -> ResponseReturnValue:
    return answer(409, "conflict", str(error), {"version": f"The version is {error.current.version} now."})


def of_http(error: HTTPException) -> ResponseReturnValue:
    """What Flask itself refuses: no such address, a method that is not allowed, a body that is too large."""
    status = error.code or 500
    code = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 429: "too_many_requests"}.get(
        status, "bad_request"
    )
    response = answer(status, code if status < 500 else "internal", error.description or error.name)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def crashed() -> ResponseReturnValue:
    return answer(500, "internal", "Something went wrong on our side. It has been logged.")


def register(bp: Blueprint) -> None:
    bp.register_error_handler(ApiError, of_api)
    for kind, handler in HANDLERS.items():
        bp.register_error_handler(kind, handler)


HANDLERS: dict[type[Exception], Any] = {
    NotFound: lambda error: answer(404, "not_found", str(error)),
    InvalidRecord: lambda error: _invalid({f"values.{field}": words for field, words in error.errors.items()}),
    **dict.fromkeys((Invalid, InvalidDocument), lambda error: _invalid(error.errors)),
    InvalidField: lambda error: _invalid(
        {"module" if name == "target" else name: of for name, of in error.errors.items()}
    ),
    **dict.fromkeys((InvalidFilter, InvalidListing), _invalid_query),
    RecordConflict: _record_conflict,
    WorkflowConflict: _workflow_conflict,
    NotWaiting: lambda error: answer(409, "not_waiting", str(error)),
    NotHeld: lambda error: answer(409, "not_held", str(error)),
    NotRedeliverable: lambda error: answer(409, "not_redeliverable", str(error)),
}
"""What the domain raises → how it is answered."""
