"""A webhook's action from rows to bytes, with no record and no network: what the pure half of the product does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from webhookui.webhooks.definition import Webhook
from webhookui.webhooks.document import parse_webhook
from webhookui.webhooks.request import Context, Request, build_request
from webhookui.webhooks.templating.template import Schema

Rows = Sequence[tuple[Any, ...]]
"""(name, value) or (name, value, type)"""


class Refused(Exception):
    """The action can't be saved. `errors`: path → sentence."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(str(dict(errors)))
        self.errors = dict(errors)


def parameters(rows: Rows) -> list[dict[str, Any]]:
    return [{"name": row[0], "value": row[1], "type": row[2] if len(row) > 2 else "auto"} for row in rows]


FIELD_TYPES: Mapping[type, str] = {
    str: "text",
    bool: "checkbox",
    int: "number",
    Decimal: "number",
    date: "date",
    datetime: "datetime",
    list: "multi_picklist",
}


def schema_of(values: Mapping[str, Any]) -> Schema:
    """The placeholders that stand for these values."""
    return Schema({name: _schema_of(value) for name, value in values.items()})


def _schema_of(value: Any) -> str | Callable[[], Schema]:
    if isinstance(value, Mapping):
        return lambda: schema_of(value)
    return FIELD_TYPES.get(type(value), "")


def saved(rows: Rows = (), values: Sequence[str] | Mapping[str, Any] = (), **action: Any) -> Webhook:
    """The action as it is saved. `values`: names of text placeholders, or what they stand for. Raises Refused."""
    errors: dict[str, str] = {}
    schema = schema_of(values) if isinstance(values, Mapping) else Schema(dict.fromkeys(values, "text"))
    document = {"title": "A", "url": "https://example.com/", "parameters": parameters(rows), **action}
    webhook = parse_webhook(document, "", errors, schema, {"deals": Schema({}), "cases": Schema({})}, {"field": "text"})
    if webhook is None:
        raise Refused(errors)
    return webhook


def refusals(rows: Rows = (), **action: Any) -> dict[str, str]:
    """What is said against saving the action."""
    try:
        saved(rows, **action)
    except Refused as refused:
        return refused.errors
    return {}


def built(rows: Rows = (), values: Mapping[str, Any] | None = None, **action: Any) -> Request:
    """The request of an action that is saved with these rows, for these values."""
    record_values = values or {}
    return build_request(saved(rows, record_values, **action), Context(record_values))


def body(rows: Rows = (), values: Mapping[str, Any] | None = None, **action: Any) -> str:
    return (built(rows, values, **action).body or b"").decode()
