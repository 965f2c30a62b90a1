"""Reading what a call sends: JSON bodies with exact decimals, and the keys of a page."""

import re
from collections.abc import Callable, Collection
from typing import Any

from flask import request

from webhookui.api.errors import ApiError, invalid
from webhookui.core import exact_json
from webhookui.core.database import LARGEST_ID, row_number
from webhookui.core.paging import Item, Page
from webhookui.crm.filters import Filter
from webhookui.crm.operators import OPERATORS
from webhookui.webhooks.problems import UNSTORABLE

TWICE = "This is given twice; give one value."
MOST = 200
DEFAULT = 50


def json_body() -> Any:
    """The body as JSON. Raises ApiError 400 or 415."""
    if request.mimetype and request.mimetype != "application/json" and not request.mimetype.endswith("+json"):
        raise ApiError(415, "unsupported_media_type", "Send JSON: Content-Type: application/json.")
    if not request.data:
        raise ApiError(400, "bad_request", "The body is empty; send JSON.")
    try:
        document = exact_json.loads(request.data)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "bad_request", f"The body is not JSON: {error}.") from None
    if b"\\u" in request.data:
        _refuse_unstorable(document)
    return document


def _refuse_unstorable(document: Any) -> None:
    """JSON can say characters that are no text: half of a surrogate pair, and the null character. Raises ApiError 422."""
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict | list):
            inner = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += ((f"{path}.{key}" if path else str(key), child) for key, child in inner)
        if UNSTORABLE.search(path) or (isinstance(value, str) and UNSTORABLE.search(value)):
            raise invalid(UNSTORABLE.sub("\ufffd", path), "This contains a character that can't be stored.")


def object_body(allowed: Collection[str], *, required: Collection[str] = ()) -> dict[str, Any]:
    """The body as an object with known keys only. Raises ApiError."""
    body = json_body()
    if not isinstance(body, dict):
        raise invalid("", "This must be an object.", "The body must be a JSON object.")
    fields = {key: f"There is no key “{key}” here." for key in body if key not in allowed}
    fields |= {key: "This is required." for key in required if key not in body}
    if fields:
        raise ApiError(422, "invalid", "; ".join(f"{key}: {words}" for key, words in fields.items()), fields)
    return body


def ids_in(body: dict[str, Any], key: str) -> list[int]:
    """A list of ids of rows. Raises ApiError 422."""
    value = body[key]
    if not isinstance(value, list) or not all(_is_id(item) for item in value):
        raise invalid(key, "A list of ids.", f"{key} must be a list of ids.")
    return value


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_ID


def limit() -> int:
    """`?limit=`, 1 to 200. Raises ApiError 422."""
    text = request.args.get("limit", str(DEFAULT))
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= MOST:
        raise invalid("limit", f"A number from 1 to {MOST}.", f"limit must be a number from 1 to {MOST}.")
    return int(text)


def cursor() -> int | None:
    """`?cursor=`, as the page before gave it. Raises ApiError 422."""
    text = request.args.get("cursor", "")
    if not text:
        return None
    number = row_number(text)
    if number is None:
        raise invalid("cursor", "Use next_cursor of the previous page.", "This cursor is not valid.")
    return number


def page_document(page: Page[Item], document: Callable[[Item], Any]) -> dict[str, Any]:
    """`document`: what programs are told of an item."""
    following = str(page.next_page) if page.next_page is not None else None
    return {"items": [document(item) for item in page.items], "next_cursor": following}


def check_args(allowed: Collection[str]) -> None:
    """A query that is misspelled, or half of it unheard, must not look as if it had filtered. `known`: names; one that ends with
    "[]" stands for all that have something in its brackets. Raises ApiError 422."""
    fields = {}
    for name, values in request.args.lists():
        group = f"{name.partition('[')[0]}[]" if name.endswith("]") else name
        if group not in allowed:
            fields[name] = f"There is no parameter “{name}” here."
        elif len(values) > 1 and not _takes_many(name):
            fields[name] = TWICE
    if fields:
        raise ApiError(422, "invalid", " ".join(f"{name}: {words}" for name, words in fields.items()), fields)


def _takes_many(name: str) -> bool:
    """Whether a filter's operator takes several values: `op[stage]=is_any_of`."""
    operator = OPERATORS.get(request.args.get(name.replace("filter[", "op[", 1), ""))
    return name.startswith("filter[") and operator is not None and operator.value in ("two", "list")


def list_filters() -> list[Filter]:
    """`filter[field]=value`, and `op[field]=operator` for another than the field's usual one."""
    filters = []
    for name, texts in request.args.lists():
        match = re.fullmatch(r"(filter|op)\[(\w+)\]", name)
        if not match:
            if name.startswith(("filter", "op[")):
                raise invalid(name, "Write filter[field]=value.", f"“{name}” is not filter[field].")
            continue
        field = match[2]
        operator = request.args.get(f"op[{field}]", "")
        if match[1] == "filter" or f"filter[{field}]" not in request.args:
            operands = texts if match[1] == "filter" else []
            filters.append(Filter(field, operator, tuple(operands)))
    return filters
