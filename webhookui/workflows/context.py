"""What the placeholders of a webhook may say (its Schema) and what they stand for (its Context), specification section 4.1.

Everything is lazy: a referenced record, a user or the related records are read when a template asks for them. What stands for
a record, a user or the like is a mapping but no dict: by itself it is its name (`webhooks.values.plain`).
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.crm.catalog import Catalog, FieldInfo, catalog
from webhookui.crm.history import RecordChange
from webhookui.crm.tables import Change, Record
from webhookui.webhooks.request import Context
from webhookui.webhooks.templating.template import Schema
from webhookui.workflows.field_path import USER_FIELDS
from webhookui.workflows.record_loader import RecordLoader

MAX_RELATED = 200
"""Records of a related module that go out in one request (specification section 4.3)."""

RECORD_SCHEMA = {
    "id": "number",
    "url": "url",
    "name": "text",
    "module": "text",
    "created_at": "datetime",
    "updated_at": "datetime",
}
WORKFLOW_SCHEMA = {"id": "number", "name": "text"}
DELIVERY_SCHEMA = {"id": "number"}
REFERENCE_SCHEMA = {"id": "number", "name": "text", "url": "url"}
"""What every referenced record has beside its fields; a field of the same name goes first."""


def schema_of(modules: Catalog, module: str) -> Schema:
    """The placeholders of a webhook on records of `module`."""
    return Schema({**_about_record(modules, module), "previous": lambda: Schema(_fields(modules, module))})


def related_schema_of(modules: Catalog, module: str, *, many: bool = True) -> Schema:
    """The placeholders of a related record. `many`: a webhook's record has a list of them."""
    return Schema(_about_record(modules, module), many)


def _about_record(modules: Catalog, module: str) -> dict[str, str | Callable[[], Schema]]:
    return {
        **_fields(modules, module),
        "record": lambda: Schema(RECORD_SCHEMA),
        "workflow": lambda: Schema(WORKFLOW_SCHEMA),
        "delivery": lambda: Schema(DELIVERY_SCHEMA),
        "now": "datetime",
    }


def _fields(modules: Catalog, module: str) -> dict[str, str | Callable[[], Schema]]:
    return {name: _field_schema(modules, field) for name, field in modules.module(module).fields.items()}


def _field_schema(modules: Catalog, field: FieldInfo) -> str | Callable[[], Schema]:
    if field.kind.family == "user":
        return lambda: Schema({name: info.type for name, info in USER_FIELDS.items()})
    target = field.target
    if field.kind.family == "reference" and target:
        return lambda: Schema({**REFERENCE_SCHEMA, **_fields(modules, target)})
    return field.kind.template_type


def context_of(
    session: Session,
    record: Record | None,
    *,
    address: str,
    workflow_id: int | None,
    workflow: str,
    delivery_id: int | None = None,
    change: Change | None = None,
) -> Context:
    """The context of a record as it is now, or as it was at a past `change` of it, for which the record may be gone."""
    if change is not None:
        saved = RecordChange.past(session, change)
    elif record is not None:
        saved = RecordChange.standing(session, record)
    else:
        raise ValueError("A record, or a change of one.")
    contexts = ChangeContexts(catalog(session), saved, RecordLoader(session), address)
    return contexts.context(workflow_id=workflow_id, workflow=workflow, delivery_id=delivery_id)


class ChangeContexts:
    """Makes the contexts of one save: what it read for one webhook, the next one finds read."""

    def __init__(self, modules: Catalog, saved: RecordChange, loader: RecordLoader, address: str) -> None:
        self.modules, self.saved, self.loader, self.address = modules, saved, loader, address
        self._related: dict[str, Any] = {}
        self._now = now()

    def context(self, *, workflow_id: int | None, workflow: str, delivery_id: int | None) -> Context:
        saved, notes = self.saved, list[str]()
        shared_values: dict[str, Any] = {
            "workflow": MappingProxyType({"id": workflow_id, "name": workflow}),
            "delivery": MappingProxyType({"id": delivery_id}),
            "now": self._now,
        }
        extras = {"record": self.about(saved), "previous": RecordValues(self, saved.module, saved.before)}
        values = RecordValues(self, saved.module, saved.values, extras=shared_values | extras)
        return Context(
            values=values, related=lambda module: self._related_values(module, shared_values, notes), notes=notes
        )

    def about(self, record: Record | RecordChange) -> Mapping[str, Any]:
        """What `record` says of a record, and what a reference to it says besides its fields."""
        record_id = record.record_id if isinstance(record, RecordChange) else record.id
        return MappingProxyType(
            {
                "id": record_id,
                "url": f"{self.address}/records/{record.module}/{record_id}",
                "name": record.name,
                "module": record.module,
                "created_at": record.created_at,
                "updated_at": record.updated_at,
            }
        )

    def _related_values(self, module: str, shared_values: Mapping[str, Any], notes: list[str]) -> Any:
        """The related record (an object or None) or the list of them, and a note when the list was cut."""
        if module not in self._related:
            self._related[module] = self._read_related(module)
        records, note = self._related[module]
        if note and note not in notes:
            notes.append(note)
        if isinstance(records, Record):
            return self._of_related([records], shared_values)[0]
        return self._of_related(records, shared_values) if records is not None else None

    def _read_related(self, module: str) -> tuple[Record | list[Record] | None, str]:
        fields = to_one_fields(self.modules, self.saved.module, module)
        if fields:
            targets = (self.saved.values.get(name) for name in fields)
            target = next((target for target in targets if target is not None), None)
            return (self.loader.record(target) if target is not None else None), ""
        pointing = to_one_fields(self.modules, module, self.saved.module)
        records = self.loader.referring(self.saved.record_id, module, pointing, MAX_RELATED + 1)
        if len(records) <= MAX_RELATED:
            return records, ""
        count = self.loader.count_referring(self.saved.record_id, module, pointing)
        label = self.modules.module(module).label
        return records[:MAX_RELATED], f"{label}: only the first {MAX_RELATED} of {count} related records were sent."

    def _of_related(self, records: list[Record], shared_values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        siblings = [record.values for record in records]
        return [
            RecordValues(
                self, record.module, record.values, siblings, extras={**shared_values, "record": self.about(record)}
            )
            for record in records
        ]


def to_one_fields(modules: Catalog, module: str, related: str) -> tuple[str, ...]:
    """Own reference fields of `module` that point to `related`, in the order of the form."""
    fields = modules.module(module).fields.values()
    return tuple(field.name for field in fields if field.type == "reference" and field.target == related)


class RecordValues(Mapping[str, Any]):
    """The typed values of one record, and what else its placeholders may say (`extras`, which go first).

    `siblings` are the stored values of the records that are rendered beside it: what one of them refers to is read
    for all of them at once.
    """

    def __init__(
        self,
        source: ChangeContexts,
        module: str,
        stored: Mapping[str, Any],
        siblings: list[dict[str, Any]] | None = None,
        extras: Mapping[str, Any] | None = None,
        fallbacks: Mapping[str, Any] | None = None,
    ) -> None:
        self._source, self._stored, self._siblings = source, stored, siblings or []
        self._fields = source.modules.module(module).fields
        self._extras, self._fallbacks = extras or {}, fallbacks or {}
        self._typed: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name in self._extras:
            return self._extras[name]
        if name not in self._fields:
            return self._fallbacks[name]
        if name not in self._typed:
            self._typed[name] = self._value(self._fields[name])
        return self._typed[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._extras, *self._fields, *self._fallbacks)))

    def __len__(self) -> int:
        return len({*self._extras, *self._fields, *self._fallbacks})

    def _value(self, field: FieldInfo) -> Any:
        stored = self._stored.get(field.name)
        if stored is None:
            return field.kind.nothing()
        if field.kind.family == "user":
            user = self._source.loader.user_values(stored)
            return MappingProxyType(user) if user is not None else None
        if field.kind.family == "reference":
            return self._reference(field, stored)
        return field.kind.typed(stored)

    def _reference(self, field: FieldInfo, target: int) -> Mapping[str, Any] | None:
        among = [values[field.name] for values in self._siblings if values.get(field.name) is not None]
        record = self._source.loader.record(target, among)
        if record is None:
            return None
        about = self._source.about(record)
        fallbacks = {name: about[name] for name in REFERENCE_SCHEMA}
        return RecordValues(self._source, record.module, record.values, fallbacks=fallbacks)
