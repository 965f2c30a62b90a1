"""Numbers in conditions: typed and shown in the user's format, stored as programs write them (specification section 2)."""

from collections.abc import Iterator, Mapping
from typing import Any

from webhookui.crm.catalog import Catalog
from webhookui.crm.operators import OPERATORS
from webhookui.people.formats import FORMATS, Format, NotANumber
from webhookui.web.workflow_editor.form_tree import Draft
from webhookui.workflows.field_path import UnknownField, resolve

UNREADABLE = "?"
"""In place of what is no number, for the document's check to refuse."""


def in_format(draft: Draft, modules: Catalog, style: Format) -> Draft:
    """The draft of a document as the user reads it. One that was typed names its format, and stays as it is."""
    if draft["format"]:
        return draft
    for _, row in _numeric(draft, modules):
        value = row["value"]
        row["value"] = [*map(style.control_text, value)] if isinstance(value, list) else style.control_text(value)
    return {**draft, "format": style.name}


def read_numbers(document: Mapping[str, Any], draft: Draft, modules: Catalog, style: Format) -> dict[str, str]:
    """Puts the numbers of a draft's document the way programs write them. Path → sentence for what is no number."""
    style = FORMATS.get(draft["format"], style)
    problems: dict[str, str] = {}
    for path, row in _numeric(document, modules):
        several = isinstance(row["value"], list)
        values = []
        for place, text in enumerate(row["value"] if several else [row["value"]]):
            try:
                values.append(style.read_number(text) if str(text).strip() else text)
            except NotANumber as error:
                problems[f"{path}.value.{place}" if several else f"{path}.value"] = str(error)
                values.append(UNREADABLE)
        row["value"] = values if several else values[0]
    return problems


def _numeric(document: Mapping[str, Any], modules: Catalog) -> Iterator[tuple[str, dict[str, Any]]]:
    """The conditions that compare a number with a constant, and their paths."""
    if document["module"] not in modules.modules:
        return
    for group, rows in document["criteria"].items():
        for place, row in enumerate(rows):
            operator = OPERATORS.get(row["operator"])
            if operator is None or operator.value in ("none", "number") or "value" not in row:
                continue
            try:
                path = resolve(modules, document["module"], row["field"])
            except UnknownField:
                continue
            if path.family == "number" and not operator.takes_text(path.family):
                yield f"criteria.{group}.{place}", row
