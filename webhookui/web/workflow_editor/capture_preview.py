"""What the capture rows of a draft would have taken of a response: a test's, or a sample that was pasted
(specification section 4.6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webhookui.crm.catalog import FieldInfo, ModuleInfo
from webhookui.crm.field_types import FIELD_TYPES, FieldError, as_text
from webhookui.delivery.captures import fitting
from webhookui.web.workflow_editor.form_tree import Draft
from webhookui.webhooks import capture
from webhookui.webhooks.capture import Taken
from webhookui.webhooks.definition import CaptureRow

LISTS = {"on_success": "On Success", "on_failure": "On Failure"}


@dataclass(frozen=True)
class CapturePreview:
    """One capture row and what it would have done: a word with its tone, and a sentence when there is more to say."""

    at: str
    """Path of the row in the form."""
    list: str
    """"On Success" or "On Failure"."""
    path: str
    field: str
    """The field's label; empty when none is chosen yet."""
    value: str | None
    """What the path matched; None when nothing."""
    word: str
    tone: str
    words: str = ""


def capture_previews(
    module: ModuleInfo | None, captures: Draft, at: str, body: bytes, lists: Sequence[str] = tuple(LISTS)
) -> list[CapturePreview]:
    """`captures`: the draft of a webhook's captures, `at`: its path. Nothing when Capture Response is switched off."""
    if not captures["on"]:
        return []
    namespaces = {row["prefix"]: row["uri"] for row in captures["namespaces"] if row["prefix"]}
    previews = []
    for name in lists:
        for position, row in enumerate(captures[name]):
            if row["path"]:
                capture_row = CaptureRow(row["path"].strip(), row["field"], row["all"])
                taken = capture.read(captures["type"], [capture_row], body, namespaces)[0]
                info = module.fields.get(row["field"]) if module else None
                previews.append(_preview(taken, info, f"{at}.{name}.{position}", LISTS[name]))
    return previews


def _preview(taken: Taken, info: FieldInfo | None, at: str, name: str) -> CapturePreview:
    label = info.label if info else ""
    if taken.outcome != "found":
        word, tone = {"no_match": ("No match", "warning")}.get(taken.outcome, ("Unreadable", "danger"))
        return CapturePreview(at, name, taken.row.path, label, None, word, tone, taken.message)
    matched = ", ".join(as_text(value) for value in (taken.values if taken.row.all else taken.values[:1]))
    if info is None:
        return CapturePreview(
            at, name, taken.row.path, "", matched, "No field", "neutral", "Choose the field that takes it."
        )
    try:
        stored: Any = FIELD_TYPES[info.type].parse(fitting(taken, info.type), info)
    except FieldError as error:
        return CapturePreview(at, name, taken.row.path, label, matched, "Does not fit", "warning", str(error))
    shown = ", ".join(stored) if isinstance(stored, list) else as_text(stored)
    if taken.message:
        return CapturePreview(at, name, taken.row.path, label, shown, "Several match", "warning", taken.message)
    return CapturePreview(at, name, taken.row.path, label, shown, "Fits", "success")
