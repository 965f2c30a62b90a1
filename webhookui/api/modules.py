"""Modules with their fields and relations; fields are added, changed and removed (specification section 10)."""

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from webhookui.api.auth import admin_only, me
from webhookui.api.blueprint import bp
from webhookui.api.bodies import cursor, limit, object_body, page_document
from webhookui.api.errors import ApiError
from webhookui.core.paging import one_page
from webhookui.crm import fields
from webhookui.crm.catalog import Catalog, FieldInfo, ModuleInfo, catalog
from webhookui.crm.fields import FieldNotFound, FieldSpec, InvalidField
from webhookui.current_installation import read, write

TEXTS, FLAGS = ("label", "type", "name", "module"), ("required", "in_list")
NEW = (*TEXTS, *FLAGS, "options")
CHANGED = ("label", *FLAGS, "options", "rename_options")


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


@bp.post("/modules/<module>/fields")
@admin_only
def create_field(module: str) -> ResponseReturnValue:
    """A new custom field; `module` in the body is what a reference points to."""
    with read() as session:
        catalog(session).module(module)
    body = _checked(object_body(NEW, required=("label", "type")))
    target = {"target": body.pop("module")} if "module" in body else {}
    with write() as session:
        field = fields.add(session, module, FieldSpec(**body, **target), me())
    return jsonify(_field(field)), 201


@bp.patch("/modules/<module>/fields/<name>")
@admin_only
def change_field(module: str, name: str) -> ResponseReturnValue:
    """`options` are those that are offered from now on, by their new names; `rename_options`: name now → new name."""
    with read() as session:
        field = _existing(catalog(session).module(module), name)
    body = _checked(object_body(CHANGED))
    if not field.custom and (refused := {key: "A standard field keeps this." for key in FLAGS if key in body}):
        raise ApiError(422, "invalid", "Of a standard field, label and options can be changed.", refused)
    renamed = body.pop("rename_options", {})
    with write() as session:
        field = _existing(catalog(session).module(module), name)
        offered = [renamed.get(option, option) for option in field.options]
        kept = {"label": field.label, "required": field.required, "in_list": field.in_list, "options": offered}
        field = fields.change(session, module, name, FieldSpec(**{**kept, **body}, renamed=renamed), me())
    return jsonify(_field(field))


@bp.delete("/modules/<module>/fields/<name>")
@admin_only
def delete_field(module: str, name: str) -> ResponseReturnValue:
    """A custom field, with its values."""
    with write() as session:
        fields.remove(session, module, name, me())
    return "", 204


def _existing(module: ModuleInfo, name: str) -> FieldInfo:
    if name not in module.fields:
        raise FieldNotFound(f"{module.label} has no field “{name}”.")
    return module.fields[name]


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """The body, every part of it of the right type. Raises InvalidField."""
    errors = {name: "This must be text." for name in TEXTS if not isinstance(body.get(name, ""), str)}
    errors |= {name: "This must be true or false." for name in FLAGS if not isinstance(body.get(name, False), bool)}
    options, renamed = body.get("options", []), body.get("rename_options", {})
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        errors["options"] = "This must be a list of texts."
    if not isinstance(renamed, dict) or not all(isinstance(new, str) and new.strip() for new in renamed.values()):
        errors["rename_options"] = "This must be an object: the name of an option → its new name."
    if errors:
        raise InvalidField(errors)
    return body


def _field(field: FieldInfo) -> dict[str, Any]:
    names = ("name", "label", "type", "required", "custom", "in_list", "options", "retired_options")
    return {name: getattr(field, name) for name in names} | {"module": field.target}
