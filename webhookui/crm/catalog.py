"""Modules and fields as the rest of the code sees them: read once, kept until a field changes (specification section 2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.core.database import bump_revision, revision
from webhookui.core.errors import NotFound
from webhookui.crm.field_types import FieldInfo as FieldInfo
from webhookui.crm.tables import Module, ModuleField


class UnknownModule(NotFound):
    """There is no module of that name."""

    hint = "It may have been deleted."


@dataclass(frozen=True)
class ModuleInfo:
    """One module; its fields in the order of the form."""

    name: str
    label: str
    singular: str
    icon: str
    name_fields: tuple[str, ...]
    fields: Mapping[str, FieldInfo]
    id: int = 0

    @cached_property
    def references(self) -> tuple[FieldInfo, ...]:
        return tuple(info for info in self.fields.values() if info.kind.family == "reference")

    @cached_property
    def list_fields(self) -> tuple[FieldInfo, ...]:
        """The columns of the list view beside the name."""
        return tuple(info for info in self.fields.values() if info.in_list)

    @cached_property
    def _renamed(self) -> tuple[FieldInfo, ...]:
        return tuple(info for info in self.fields.values() if info.former_options)

    def current(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Stored values by the names that options have now."""
        renamed = (info for info in self._renamed if info.name in values)
        return {**values, **{info.name: info.present(values[info.name]) for info in renamed}}


@dataclass(frozen=True)
class Relation:
    """A tie to another module, seen from one: `to_many` is the other module's reference field, else an own one."""

    module: str
    label: str
    field: str
    to_many: bool


@dataclass(frozen=True)
class Catalog:
    """All modules, in the order of the sidebar."""

    modules: Mapping[str, ModuleInfo]
    _relations: dict[str, tuple[Relation, ...]] = field(default_factory=dict, repr=False, compare=False)

    def module(self, name: str) -> ModuleInfo:
        """Raises UnknownModule."""
        try:
            return self.modules[name]
        except KeyError:
            raise UnknownModule(f"There is no module “{name}”.") from None

    def relations(self, name: str) -> tuple[Relation, ...]:
        """The ties of a module: its own references first, then the references of others to it."""
        if name not in self._relations:
            own = [
                Relation(reference.target, reference.label, reference.name, False)
                for reference in self.module(name).references
                if reference.target is not None and reference.target in self.modules
            ]
            others = [
                Relation(module.name, module.label, reference.name, True)
                for module in self.modules.values()
                for reference in module.references
                if reference.target == name
            ]
            self._relations[name] = tuple(own + others)
        return self._relations[name]

    def related_modules(self, name: str) -> tuple[str, ...]:
        """Names of the modules tied to this one, in the order of the sidebar."""
        tied = {relation.module for relation in self.relations(name)}
        return tuple(module for module in self.modules if module in tied)


_catalogs: WeakKeyDictionary[Any, tuple[int, Catalog]] = WeakKeyDictionary()
UNSAVED = "fields_unsaved"


def catalog(session: Session, *, hold: bool = False) -> Catalog:
    """The catalog of the session's database. `hold`: no field is added or removed before the transaction ends, for whoever writes
    records that have all of them."""
    if session.info.get(UNSAVED):
        return _read(session)
    key = session.get_bind().engine.pool
    value = revision(session, "fields", hold=hold)
    cached = _catalogs.get(key)
    if cached is None or cached[0] != value:
        cached = _catalogs[key] = (value, _read(session))
    return cached[1]


def changed(session: Session) -> None:
    """To be called by whoever changes modules or fields: every process reads them anew."""
    bump_revision(session, "fields")
    session.info[UNSAVED] = True


def _read(session: Session) -> Catalog:
    fields: dict[str, dict[str, FieldInfo]] = {}
    rows = select(ModuleField).where(ModuleField.removed_at.is_(None))  # type: ignore[union-attr]
    for row in session.scalars(rows.order_by(ModuleField.position, ModuleField.id)):  # type: ignore[arg-type]
        fields.setdefault(row.module, {})[row.name] = FieldInfo(
            row.name, row.label, row.type, row.required, row.custom, row.in_list, row.position, tuple(row.options),
            row.target, row.default, row.id or 0, tuple(row.retired_options), tuple(row.former_options.items()),
        )  # fmt: skip
    modules = session.scalars(select(Module).order_by(Module.position))  # type: ignore[arg-type]
    return Catalog(
        {
            row.name: ModuleInfo(
                row.name,
                row.label,
                row.singular,
                row.icon,
                tuple(row.name_fields),
                fields.get(row.name, {}),
                row.id or 0,
            )
            for row in modules
        }
    )
