"""What an import is to do with a file, as it was chosen; the same in the browser, the API and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from webhookui.core.errors import Invalid
from webhookui.crm.catalog import FieldInfo, ModuleInfo
from webhookui.crm.imports.csv_files import ENCODINGS, SEPARATORS, FileFormat
from webhookui.crm.imports.values import ID, ID_LABEL, form_of, forms_of, guessed_fields

ON_MATCH = {
    "skip": "Skip the row",
    "update": "Update the record",
    "create": "Create another record",
}
"""What becomes of a row whose record is there already."""
TEXTS = ("text", "email", "phone", "url")


class InvalidImport(Invalid):
    """A file can't be imported like that."""


@dataclass(frozen=True)
class Column:
    """`title`: in the file's header. `field`: a field's name, ID, or empty for none. `form`: how its values are written, a key of
    `values.forms_of`. `is_sure`: the file's values say so."""

    title: str
    field: str = ""
    form: str = ""
    is_sure: bool = True


@dataclass(frozen=True)
class ImportPlan:
    """`match_on`: a field, ID or empty: no duplicates are looked for."""

    format: FileFormat
    columns: tuple[Column, ...]
    match_on: str = ""
    on_match: str = "skip"
    run_workflows: bool = False

    def document(self) -> dict[str, Any]:
        """For a JSON column."""
        return {
            "encoding": self.format.encoding, "separator": self.format.separator, "match_on": self.match_on,
            "on_match": self.on_match, "run_workflows": self.run_workflows,
            "columns": [[column.title, column.field, column.form, column.is_sure] for column in self.columns],
        }  # fmt: skip

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ImportPlan:
        return cls(
            FileFormat(document["encoding"], document["separator"]), tuple(Column(*parts) for parts in document["columns"]),
            document["match_on"], document["on_match"], document["run_workflows"],
        )  # fmt: skip

    def choose(
        self, info: ModuleInfo, fields: Sequence[str], forms: Sequence[str], rows: Sequence[Sequence[str]]
    ) -> ImportPlan:
        """Other fields for the columns; a form that is empty, or none of its field's, is recognised anew in `rows`."""
        columns = []
        for number, (column, field, form) in enumerate(zip(self.columns, fields, forms, strict=True)):
            chosen = replace(column, field=field, form=form)
            known_field = info.fields.get(field)
            if form not in forms_of(known_field) or field != column.field:
                cells = (row[number] for row in rows if len(row) > number)
                form, is_sure = form_of(known_field, cells, self.format.separator)
                chosen = replace(chosen, form=form, is_sure=is_sure)
            columns.append(chosen)
        return replace(self, columns=tuple(columns))

    def check(self, info: ModuleInfo) -> None:
        """Raises InvalidImport: with keys `mapping`, `match_on`, `on_match`, `encoding`, `separator`."""
        errors: dict[str, str] = {}
        fields = [column.field for column in self.columns if column.field]
        twice = next((field for field in fields if fields.count(field) > 1), None)
        unknown = next((field for field in fields if field != ID and field not in info.fields), None)
        if self.format.encoding not in ENCODINGS:
            errors["encoding"] = f"One of: {', '.join(ENCODINGS)}."
        if self.format.separator not in SEPARATORS:
            errors["separator"] = "A comma, a semicolon, a tab or a vertical bar."
        if twice is not None:
            errors["mapping"] = f"{label(info, twice)} is chosen for more than one column."
        elif unknown is not None:
            errors["mapping"] = f"{info.label} has no field “{unknown}”."
        elif not set(fields) - {ID}:
            errors["mapping"] = "Choose a field for at least one column."
        if self.on_match not in ON_MATCH:
            errors["on_match"] = f"One of: {', '.join(ON_MATCH)}."
        if self.match_on and self.match_on not in {name for name, _ in matchable(info)}:
            errors["match_on"] = f"Duplicates can't be found by “{self.match_on}”."
        elif self.match_on and self.match_on not in fields:
            errors["match_on"] = f"No column of the file is imported as {label(info, self.match_on)}."
        if errors:
            raise InvalidImport(errors)


def first_plan(
    info: ModuleInfo, file_format: FileFormat, header: Sequence[str], rows: Sequence[Sequence[str]]
) -> ImportPlan:
    """What is offered for a file of this header and these first rows."""
    columns = tuple(Column(title) for title in header)
    plan = ImportPlan(file_format, columns)
    fields = guessed_fields(info, header)
    return plan.choose(info, fields, [""] * len(fields), rows)


def matchable(info: ModuleInfo) -> list[tuple[str, str]]:
    """(name, label) of what duplicates can be found by."""
    fields = [field for field in info.fields.values() if field.type in TEXTS or field.kind.family == "number"]
    return [(field.name, field.label) for field in fields] + [(ID, ID_LABEL)]


def label(info: ModuleInfo, name: str) -> str:
    field: FieldInfo | None = info.fields.get(name)
    return field.label if field is not None else ID_LABEL if name == ID else name
