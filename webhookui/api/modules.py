"""Modules with their fields and relations."""

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from webhookui.api.blueprint import bp
from webhookui.api.bodies import cursor, limit, page_document
from webhookui.core.paging import one_page
from webhookui.crm.catalog import Catalog, FieldInfo, ModuleInfo, catalog
from webhookui.current_installation import read


@bp.get("/modules")
def list_modules() -> ResponseReturnValue:
    start, most = cursor() or 0, limit()
    with read() as session:
        modules = catalog(session)
    listed = one_page(list(modules.modules.values())[start : start + most + 1], most, lambda _: start + most)
    return jsonify(page_document(listed, lambda module: module_document(modules, module)))


@bp.get("/modules/<module>")
def get_module(module: str) -> ResponseReturnValue:
    with read() as session:
        modules = catalog(session)
    return jsonify(module_document(modules, modules.module(module)))


def module_document(modules: Catalog, module: ModuleInfo) -> dict[str, Any]:
    return {
        "name": module.name,
        "label": module.label,
        "singular": module.singular,
        "fields": [_field(field) for field in module.fields.values()],
        "relations": [
            {
                "module": relation.module,
                "label": relation.label,
                "field": relation.field,
                "kind": "to_many" if relation.to_many else "to_one",
            }
            for relation in modules.relations(module.name)
        ],
    }


def _field(field: FieldInfo) -> dict[str, Any]:
    names = ("name", "label", "type", "required", "custom", "options")
    return {name: getattr(field, name) for name in names} | {"module": field.target}
