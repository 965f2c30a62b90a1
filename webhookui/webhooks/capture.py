"""Captures: values taken out of a response by JSONPath or XPath (specification section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webhookui import exact_json
from webhookui.webhooks import apart, jsonpath, xpath
from webhookui.webhooks.definition import CaptureRow, SuccessIf
from webhookui.webhooks.path_error import PathError
from webhookui.webhooks.values import as_text

__all__ = ["CAPTURE_TYPES", "PathError", "Taken", "check_path", "dialect", "find", "read", "success_holds"]

CAPTURE_TYPES = ("JSONPATH", "XPATH")
MAX_VALUES = 1000
"""Matches of one path that are looked at."""
MAX_SIZE = 4 << 20
"""Bytes of all of them."""


@dataclass(frozen=True)
class Taken:
    """What one row took: its outcome, the matches in order, and a message for the log.

    `outcome`: "found", "no_match" or "unreadable".
    """

    row: CaptureRow
    outcome: str
    values: tuple[Any, ...] = ()
    message: str = ""


def check_path(capture_type: str, path: str, namespaces: Mapping[str, str] | None = None) -> None:
    """Raises PathError."""
    if capture_type == "XPATH":
        xpath.check(path, namespaces or {})
    else:
        jsonpath.compiled(path)


def dialect(capture_type: str, path: str) -> str:
    """ "RFC 9535", "extended" or "XPath 1.0". Raises PathError."""
    return "XPath 1.0" if capture_type == "XPATH" else jsonpath.compiled(path)[0]


def find(capture_type: str, path: str, body: bytes, namespaces: Mapping[str, str] | None = None) -> list[Any]:
    """The values at a path, MAX_VALUES at the most. Raises PathError, and ValueError when the body is not of the kind."""
    simple = xpath.is_simple(path) if capture_type == "XPATH" else jsonpath.is_simple(path)
    return (find_here if simple else apart.find)(capture_type, path, body, namespaces or {})


def find_here(capture_type: str, path: str, body: bytes, namespaces: Mapping[str, str]) -> list[Any]:
    """As `find`, in this process, however long it takes."""
    try:
        values = xpath.find(path, body, namespaces) if capture_type == "XPATH" else jsonpath.find(path, body)
    except ValueError as error:
        kind = "XML" if capture_type == "XPATH" else "JSON"
        raise ValueError(f"The response is no {kind} that can be read: {error}") from None
    left = MAX_SIZE
    for value in values[:MAX_VALUES]:
        try:
            left -= len(exact_json.dumps(value).encode())
        except ValueError:
            raise PathError("What is there can't be stored: half a character, or a number without end.") from None
        if left < 0:
            raise PathError(f"What is there is larger than {MAX_SIZE >> 20} MiB.")
    return values[:MAX_VALUES]


def read(
    capture_type: str,
    rows: Sequence[CaptureRow],
    body: bytes,
    namespaces: Mapping[str, str] | None = None,
) -> list[Taken]:
    """What each row takes out of a body. Never raises."""
    return [_take(capture_type, row, body, namespaces or {}) for row in rows]


def _take(capture_type: str, row: CaptureRow, body: bytes, namespaces: Mapping[str, str]) -> Taken:
    if not body.strip():
        return Taken(row, "unreadable", (), "The response is empty.")
    try:
        values = find(capture_type, row.path, body, namespaces)
    except (PathError, ValueError) as error:
        return Taken(row, "unreadable", (), str(error))
    if not values:
        why = xpath.hint(row.path, namespaces, body) if capture_type == "XPATH" else ""
        return Taken(row, "no_match", (), f"Nothing in the response matches this path.{why}")
    number = f"{len(values)} values" if len(values) < MAX_VALUES else f"{MAX_VALUES} values or more"
    several = f"{number} match; the first was taken." if len(values) > 1 and not row.all else ""
    return Taken(row, "found", tuple(values), several)


def success_holds(condition: SuccessIf, body: bytes, namespaces: Mapping[str, str] | None = None) -> tuple[bool, str]:
    """Whether “Success is” holds, and if not, why (a part of a sentence). `namespaces`: those of the captures."""
    try:
        values = find(condition.type, condition.path, body, namespaces) if body.strip() else []
    except (PathError, ValueError) as error:
        return False, f"its body could not be read: {error}"
    if not values:
        return False, f"there is nothing at {condition.path}."
    if condition.equals is None:
        return True, ""
    if any(as_text(value) == condition.equals for value in values):
        return True, ""
    return False, f"{condition.path} is “{as_text(values[0])[:80]}”, not “{condition.equals}”."
