"""The workflow form as a browser posts it, and what its answers say."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from lxml.html import fromstring

FORM: dict[str, Any] = {
    "name": "Invoice closed deals",
    "module": "deals",
    "active": "1",
    "related_modules[]": ["contacts"],
    "trigger.on": "create_or_update",
    "trigger.recurrence": "every_time",
    "criteria.all.0.field": "stage",
    "criteria.all.0.operator": "has_changed_to",
    "criteria.all.0.source": "value",
    "criteria.all.0.value": "Closed Won",
    "actions.0.title": "Create invoice",
    "actions.0.url": "https://api.example.com/invoices",
    "actions.0.method": "POST",
    "actions.0.content_type": "JSON",
    "actions.0.authorization.type": "basic",
    "actions.0.authorization.username": "u",
    "actions.0.authorization.password": "s3cret-word",
    "actions.0.parameters.0.name": "amount",
    "actions.0.parameters.0.value": "{{ amount }}",
    "actions.0.parameters.0.type": "auto",
    "actions.0.timeout_s": "10",
    "actions.0.xml_root": "root",
}


def errors(html: str) -> dict[str, str]:
    """Path → message, as they stand at the fields."""
    matches = re.findall(r'id="([^"]+)-error"[^>]*>(.*?)</div>', html, re.S)
    return {path: re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", words))).strip() for path, words in matches}


def value_of(html: str, name: str) -> str | None:
    name = re.escape(name)
    if match := re.search(rf'<textarea[^>]*name="{name}"[^>]*>\n?(.*?)</textarea>', html, re.S):
        return unescape(match[1])
    if match := re.search(rf'<select[^>]*name="{name}".*?</select>', html, re.S):
        chosen = re.search(r'<option[^>]*value="([^"]*)"[^>]*selected', match[0])
        return unescape(chosen[1]) if chosen else ""
    match = re.search(rf'<input[^>]*name="{name}"[^>]*>', html)
    value = re.search(r'value="([^"]*)"', match[0]) if match else None
    return unescape(value[1]) if value else None


def inputs_of(html: str) -> dict[str, str]:
    """What a browser would post of a piece of the form."""
    form = fromstring(f"<form>{html}</form>")
    return {name: value.removeprefix("\n") for name, value in form.form_values()}  # type: ignore[attr-defined]
