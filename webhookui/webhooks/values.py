"""The values that placeholders stand for, as JSON values and as text (SPEC section 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from webhookui import exact_json


def plain(value: Any) -> Any:
    """A JSON value: dates as ISO 8601, times in UTC with Z, a record or user as its name."""
    if value is None or isinstance(value, bool | int | str | Decimal):
        return value
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, Mapping):
        return plain(value.get("name"))
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return str(value)


def as_text(value: Any) -> str:
    """For running text, XML, FORM, query strings: decimal text, true or false, nothing for null, lists joined."""
    found = plain(value)
    if found is None:
        return ""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, Decimal):
        return format(found, "f")
    if isinstance(found, list) and not any(isinstance(each, list | dict) for each in found):
        return ", ".join(as_text(each) for each in found)
    return exact_json.dumps(found) if isinstance(found, list | dict) else str(found)


def is_empty(value: Any) -> bool:
    """What *required* and *left out when empty* mean by empty: null, text of nothing but blanks, no element."""
    return value is None or (isinstance(value, str) and not value.strip()) or value == [] or value == {}
