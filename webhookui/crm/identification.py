"""What tells records of one name apart: the one rule for pickers, the search of all modules and related lists (specification
section 2)."""

from collections.abc import Mapping
from typing import Any

from webhookui.crm.catalog import FieldInfo, ModuleInfo

TELLING = ("email", "phone", "url")
"""Types whose values belong to one record alone, the most telling first."""


def identifying_fields(info: ModuleInfo) -> list[FieldInfo]:
    """The most telling first: by type, then what the module's list shows. Neither the name nor references."""
    own = [
        field
        for field in info.fields.values()
        if field.name not in info.name_fields and field.kind.family not in ("reference", "user", "boolean")
    ]
    by_type = [field for name in TELLING for field in own if field.type == name]
    return by_type + [field for field in own if field.in_list and field.type not in TELLING]


def identifying_values(info: ModuleInfo, values: Mapping[str, Any]) -> list[FieldInfo]:
    """The fields whose values stand beside a record's name: the first of the identifying ones that has a value, and the first
    reference that has one. None, where neither has."""
    return [
        field
        for fields in (identifying_fields(info), info.references)
        if (field := next((field for field in fields if values.get(field.name) not in (None, [])), None)) is not None
    ]


def identifying_columns(info: ModuleInfo, most: int, but: str = "") -> list[FieldInfo]:
    """The columns of a table of records beside their names: the two most telling fields, the first reference, then the columns of
    the module's list. `but`: the field whose value all rows share."""
    references = [field for field in info.references if field.name != but]
    order = [*identifying_fields(info)[:2], *references[:1], *info.list_fields]
    columns = {field.name: field for field in order if field.name not in (but, "owner", *info.name_fields)}
    return list(columns.values())[:most]
