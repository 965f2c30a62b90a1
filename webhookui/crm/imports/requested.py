"""The plan of an import as a program asks for it: by names, with what the file says for what it leaves out (specification
sections 10 and 11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from webhookui.crm.catalog import ModuleInfo, catalog
from webhookui.crm.imports import uploads
from webhookui.crm.imports.csv_files import ENCODINGS, SEPARATORS, FileFormat
from webhookui.crm.imports.plan import ImportPlan, InvalidImport
from webhookui.crm.imports.tables import ImportFile
from webhookui.crm.imports.values import DATE_ORDERS, DECIMAL_SIGNS, forms_of


@dataclass(frozen=True)
class Request:
    """Empty: what the file says. `mapping`: title of a column → name of a field, none for those that are not imported; other
    columns are not imported. `date_order` and `decimal_sign`: of all columns."""

    encoding: str = ""
    separator: str = ""
    mapping: Mapping[str, Any] | None = None
    match_on: str = ""
    on_match: str = "skip"
    run_workflows: bool = False
    date_order: str = ""
    decimal_sign: str = ""


def plan_of(session: Session, file: ImportFile, asked: Request) -> ImportPlan:
    """Raises InvalidImport, InvalidFile."""
    choices = (
        ("encoding", ENCODINGS), ("separator", SEPARATORS), ("date_order", DATE_ORDERS), ("decimal_sign", DECIMAL_SIGNS)
    )  # fmt: skip
    errors = {
        name: f"One of: {', '.join(map(repr, allowed))}."
        for name, allowed in choices
        if (value := getattr(asked, name)) and value not in allowed
    }
    if errors:
        raise InvalidImport(errors)
    info = catalog(session).module(file.module)
    file_format = FileFormat(asked.encoding or file.encoding, asked.separator or file.separator)
    plan = uploads.offered_plan(session, file, file_format)
    if asked.mapping is not None:
        _, rows = uploads.first_rows(session, file.id or 0, file_format)
        fields = _fields(plan, asked.mapping)
        plan = plan.choose(info, fields, [""] * len(fields), rows)
    plan = replace(plan, columns=tuple(replace(column, form=_form(info, column, asked)) for column in plan.columns))
    plan = replace(plan, match_on=asked.match_on, on_match=asked.on_match, run_workflows=asked.run_workflows)
    plan.check(info)
    return plan


def _fields(plan: ImportPlan, mapping: Mapping[str, Any]) -> list[str]:
    titles = [column.title for column in plan.columns]
    unknown = next((title for title in mapping if title not in titles), None)
    wrong = next((title for title, field in mapping.items() if not isinstance(field, str | None)), None)
    if unknown is not None:
        raise InvalidImport({"mapping": f"The file has no column “{unknown[:60]}”."})
    if wrong is not None:
        raise InvalidImport({"mapping": f"{wrong[:60]}: the name of a field, or null."})
    # Of columns with the same title the first one is meant.
    return [mapping.get(title) or "" if titles.index(title) == number else "" for number, title in enumerate(titles)]


def _form(info: ModuleInfo, column: Any, asked: Request) -> str:
    forms = forms_of(info.fields.get(column.field))
    override = asked.date_order if forms is DATE_ORDERS else asked.decimal_sign if forms is DECIMAL_SIGNS else ""
    return override or str(column.form)
