"""Captures: values taken out of a response by JSONPath or XPath (specification section 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webhookui.webhooks.definition import CaptureRow, SuccessIf
from webhookui.webhooks.paths import jsonpath, path_worker, xpath
from webhookui.webhooks.paths.evaluation import MAX_VALUES, evaluate
from webhookui.webhooks.paths.path_error import PathError
from webhookui.webhooks.values import as_text

__all__ = ["PathError", "Taken", "check_path", "dialect", "find", "read", "success_holds"]


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
    return (evaluate if simple else path_worker.find)(capture_type, path, body, namespaces or {})


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
