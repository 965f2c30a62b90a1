"""Where in the workflow form a document path is, in words: "Webhook 1 “Create invoice”, parameter 3"."""

from collections.abc import Callable
from itertools import pairwise

from webhookui.web.workflow_editor.action_forms import action_type
from webhookui.web.workflow_editor.form_tree import Draft, at
from webhookui.web.workflow_editor.workflow_draft import STEPS, step_of
from webhookui.workflows.actions import KINDS

ROW_WORDS = {
    "parameters": "parameter",
    "headers": "header",
    "secrets": "secret",
    "related": "related module",
    "on_success": "On Success row",
    "on_failure": "On Failure row",
    "namespaces": "namespace",
    "all": "condition of “all”",
    "any": "condition of “any”",
}
"""List of rows → one of its rows in words."""

PART_WORDS = {
    "title": "Action Title",
    "url": "URL to Notify",
    "method": "Method",
    "content_type": "Content Type",
    "xml_root": "XML root element",
    "media_type": "Media type",
    "body": "Body",
    "list_style": "Lists",
    "authorization": "Authorization",
    "authorization.username": "Username",
    "authorization.password": "Password",
    "authorization.token": "Token",
    "authorization.in": "Send it in",
    "authorization.name": "Name of the API key",
    "authorization.value": "API key",
    "authorization.token_url": "Token URL",
    "authorization.client_id": "Client ID",
    "authorization.client_secret": "Client secret",
    "related": "Related Modules",
    "capture": "Capture Response",
    "timeout_s": "Timeout",
    "rate_limit_per_s": "Rate limit",
    "signing": "Signature",
    "success_if": "Success",
}
"""A part of the webhook, by its key or the path within the webhook → its words in the form."""


def place_of(path: str, draft: Draft, label_of: Callable[[str], str]) -> str:
    """The place in the whole form. `label_of`: a module's name → its words."""
    parts = path.split(".")
    if parts[0] == "actions" and len(parts) > 1 and parts[1].isdigit():
        action = at(draft, f"actions.{parts[1]}") or {}
        title = action.get("title", "")
        inside = part_of(path, draft, label_of)
        place = f"{KINDS[action_type(action)].label} {int(parts[1]) + 1}" + (f" “{title}”" if title else "")
        return f"{place}, {inside}" if inside else place
    return ", ".join([STEPS[step_of(path)][0], *_rows(parts, path, draft, label_of)])


def part_of(path: str, draft: Draft, label_of: Callable[[str], str]) -> str:
    """The place within its webhook: "parameter 3", "Deals, parameter 2", "Token URL"; empty for the webhook as a whole."""
    inside = path.split(".")[2:] if path.startswith("actions.") else []
    if not inside:
        return ""
    words = PART_WORDS.get(".".join(inside[:2])) or PART_WORDS.get(inside[0], "")
    return ", ".join(_rows(path.split("."), path, draft, label_of)) or words


def _rows(parts: list[str], path: str, draft: Draft, label_of: Callable[[str], str]) -> list[str]:
    words = []
    for position, (key, number) in enumerate(pairwise(parts)):
        if key not in ROW_WORDS or not number.isdigit():
            continue
        row = at(draft, ".".join(parts[: position + 2]))
        module = row.get("module", "") if key == "related" and isinstance(row, dict) else ""
        words.append(label_of(module) if module else f"{ROW_WORDS[key]} {int(number) + 1}")
    return words
