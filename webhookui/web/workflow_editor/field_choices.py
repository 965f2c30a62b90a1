"""The fields that menus of the workflow form offer: for conditions, for placeholders, for captures."""

from dataclasses import dataclass

from webhookui.crm.catalog import Catalog, FieldInfo
from webhookui.crm.field_types import FIELD_TYPES
from webhookui.crm.operators import COMPARABLE_FAMILIES
from webhookui.workflows.context import DELIVERY_SCHEMA, RECORD_SCHEMA, WORKFLOW_SCHEMA
from webhookui.workflows.field_path import USER_FIELDS

Options = list[tuple[str, list[tuple[str, str]]]]
"""(group's words, [(value, label)]) as `ui.select` takes them."""

CONTEXT_LABELS = {
    "record.id": "Record ID",
    "record.url": "Address of the record",
    "record.name": "Name of the record",
    "record.module": "Module",
    "record.created_at": "Created at",
    "record.updated_at": "Updated at",
    "workflow.id": "Workflow ID",
    "workflow.name": "Workflow name",
    "delivery.id": "Delivery ID",
    "now": "Now",
}
CONTEXT_TYPES = {
    **{f"record.{name}": type_name for name, type_name in RECORD_SCHEMA.items()},
    **{f"workflow.{name}": type_name for name, type_name in WORKFLOW_SCHEMA.items()},
    **{f"delivery.{name}": type_name for name, type_name in DELIVERY_SCHEMA.items()},
    "now": "datetime",
}


@dataclass(frozen=True)
class Placeholder:
    """One line of the "+ field" picker."""

    path: str
    label: str
    type: str
    """The type's words."""

    @property
    def text(self) -> str:
        return f"{{{{ {self.path} }}}}"


@dataclass(frozen=True)
class PlaceholderGroup:
    label: str
    items: tuple[Placeholder, ...]


def _reached(modules: Catalog, info: FieldInfo) -> list[FieldInfo]:
    """The fields that can be spoken of through a reference or a user."""
    if info.type == "user":
        return [field for name, field in USER_FIELDS.items() if name != "id"]
    if info.type == "reference" and info.target:
        return list(modules.module(info.target).fields.values())
    return []


def condition_fields(modules: Catalog, module: str) -> Options:
    """The module's fields, and those of the records and users that it refers to."""
    own = modules.module(module)
    groups: Options = [(own.label, [(name, info.label) for name, info in own.fields.items()])]
    for name, info in own.fields.items():
        reached = [(f"{name}.{field.name}", f"{info.label} → {field.label}") for field in _reached(modules, info)]
        if reached:
            groups.append((f"Of the {info.label.lower()}", reached))
    return groups


def comparable_fields(modules: Catalog, module: str, family: str, *, days: bool = False) -> Options:
    """The fields that a field of `family` can be compared with; `days`: those that can say a number of days."""
    fits = frozenset({"number"}) if days else COMPARABLE_FAMILIES[family]
    types = {name for name, kind in FIELD_TYPES.items() if kind.family in fits}
    own = modules.module(module)
    by_path = {name: info.type for name, info in own.fields.items()}
    for name, info in own.fields.items():
        by_path.update({f"{name}.{field.name}": field.type for field in _reached(modules, info)})
    groups = []
    for label, items in condition_fields(modules, module):
        fitting = [(path, words) for path, words in items if by_path[path] in types]
        if fitting:
            groups.append((label, fitting))
    return groups


def placeholders(modules: Catalog, module: str, *, related: bool = False) -> tuple[PlaceholderGroup, ...]:
    """What "+ field" offers for records of `module`; `related`: in the rows of a related module, without "previous"."""
    own = modules.module(module)
    groups = [_group(own.singular, "", own.fields.values())]
    for name, info in own.fields.items():
        if reached := _reached(modules, info):
            groups.append(_group(info.label, f"{name}.", reached))
    if not related:
        plain = [info for info in own.fields.values() if not _reached(modules, info)]
        groups.append(_group("Before the save", "previous.", plain))
    context_placeholders = tuple(
        Placeholder(path, label, FIELD_TYPES[CONTEXT_TYPES[path]].label) for path, label in CONTEXT_LABELS.items()
    )
    return (*groups, PlaceholderGroup("Record, workflow and time", context_placeholders))


def _group(label: str, prefix: str, fields: object) -> PlaceholderGroup:
    infos: list[FieldInfo] = list(fields)  # type: ignore[call-overload]
    items = tuple(Placeholder(prefix + info.name, info.label, FIELD_TYPES[info.type].label) for info in infos)
    return PlaceholderGroup(label, items)
