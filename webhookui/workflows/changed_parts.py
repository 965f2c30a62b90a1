"""What a save of a workflow changed, part by part of its document, for the audit list (specification section 9)."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from webhookui.core.database import dumps
from webhookui.webhooks.definition import MASK
from webhookui.workflows.actions.kind import StoredAction

MOST = 50
"""Parts of one save that are kept."""


def changed_parts(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Path in the document (as in the API's errors) → [before, after]. A row that was added or removed is one part."""
    parts = list(_differences(before, after, ""))
    details = dict(parts[:MOST])
    if len(parts) > MOST:
        details["more"] = [None, f"{len(parts) - MOST} more"]
    return details


def changed_secrets(before: Sequence[StoredAction], after: Sequence[StoredAction]) -> dict[str, list[Any]]:
    """Path → dots in place of each secret that is another now, of the actions that are there before and after."""
    old = {action.id: action.secrets for action in before}
    return {
        f"actions.{position}.{key}": [_dots(old[action.id].get(key)), _dots(action.secrets.get(key))]
        for position, action in enumerate(after)
        for key in dict.fromkeys((*old.get(action.id, {}), *action.secrets))
        if action.id in old and old[action.id].get(key) != action.secrets.get(key)
    }


def _dots(secret: Any) -> str | None:
    return MASK if secret else None


def _differences(before: Any, after: Any, path: str) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            yield from _differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif _has_rows(before) and _has_rows(after):
        yield from _of_rows(before, after, path)
    elif before != after:
        yield path, [_words(before), _words(after)]


def _has_rows(value: Any) -> bool:
    return (isinstance(value, list) and any(isinstance(row, Mapping) for row in value)) or value == []


def _of_rows(before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[tuple[str, list[Any]]]:
    """A row that only moved because another came or went is no change: rows are matched first."""
    matcher = SequenceMatcher(None, [dumps(row) for row in before], [dumps(row) for row in after], autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        both = min(end - start, new_end - new_start)
        for offset in range(both):
            yield from _differences(before[start + offset], after[new_start + offset], f"{path}.{new_start + offset}")
        for row in range(start + both, end):
            yield f"{path}.{row} (removed)", [_words(before[row]), None]
        for row in range(new_start + both, new_end):
            yield f"{path}.{row} (added)", [None, _words(after[row])]


def _words(value: Any) -> Any:
    """A row as JSON, a list of words as they are; what is a plain value stays one."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    return dumps(value) if isinstance(value, Mapping | list) else value
