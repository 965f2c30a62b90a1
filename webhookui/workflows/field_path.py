"""Fields by the path that criteria name them with: `stage`, `contact.email`, `owner.name` (specification section 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from webhookui.crm.catalog import Catalog, FieldInfo
from webhookui.crm.field_types import FieldType

MAX_STEPS = 4
"""References that a path may follow."""


class UnknownField(Exception):
    """A path names no field. The text is a sentence for people."""


USER_FIELDS: Mapping[str, FieldInfo] = {
    "id": FieldInfo("id", "ID", "number"),
    "name": FieldInfo("name", "Name", "text"),
    "email": FieldInfo("email", "Email", "email"),
}
"""What can be said of a user that a field points to."""


@dataclass(frozen=True)
class FieldPath:
    """A field of the record, or one of a record or user that the references in `steps` lead to."""

    text: str
    steps: tuple[FieldInfo, ...]
    field: FieldInfo
    target: str | None = None
    """Module that a reference at the end points to."""

    @property
    def type(self) -> FieldType:
        return self.field.kind

    @property
    def family(self) -> str:
        return self.type.family

    @property
    def label(self) -> str:
        return " → ".join(step.label for step in (*self.steps, self.field))


def resolve(catalog: Catalog, module: str, path: str) -> FieldPath:
    """The field that `path` names, seen from a record of `module`. Raises UnknownField."""
    *way, last = path.split(".")
    if len(way) > MAX_STEPS:
        raise UnknownField(f"“{path}” goes through more than {MAX_STEPS} references.")
    info = catalog.module(module)
    place, fields = info.label, info.fields
    steps: list[FieldInfo] = []
    for name in way:
        step = _field(fields, name, place)
        if step.kind.family == "user":
            place, fields = f"the user in “{step.label}”", USER_FIELDS
        elif step.kind.family == "reference" and step.target:
            target = catalog.module(step.target)
            place, fields = target.label, target.fields
        else:
            raise UnknownField(f"“{name}” of {place} is not a reference, so nothing can follow it in “{path}”.")
        steps.append(step)
    field = _field(fields, last, place)
    return FieldPath(path, tuple(steps), field, field.target)


def _field(fields: Mapping[str, FieldInfo], name: str, place: str) -> FieldInfo:
    try:
        return fields[name]
    except KeyError:
        close = get_close_matches(name, fields, 1)
        hint = f" Did you mean “{close[0]}”?" if close else ""
        raise UnknownField(f"There is no field “{name}” in {place}.{hint}") from None
