"""Settings → Modules & fields: labels and options of all fields, and the custom ones among them (specification section 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webhookui.crm import fields
from webhookui.crm.catalog import FieldInfo, catalog
from webhookui.crm.field_types import FIELD_TYPES
from webhookui.crm.fields import FieldNotFound, FieldSpec, InvalidField
from webhookui.crm.options import WITH_OPTIONS
from webhookui.current_installation import read, write
from webhookui.web.access import AdminPages, me
from webhookui.web.choices import chosen
from webhookui.web.settings import option_rows
from webhookui.web.settings.option_rows import OptionRow
from webhookui.web.workflow_editor.error_locations import place_of
from webhookui.web.workflow_editor.workflow_draft import draft_of_document
from webhookui.workflows.field_use import FieldUse, mentioning, uses

bp = AdminPages("fields", __name__)


@bp.get("")
def index() -> ResponseReturnValue:
    with read() as session:
        return redirect(f"/settings/modules/{next(iter(catalog(session).modules))}")


@bp.get("/<module>")
def show(module: str) -> ResponseReturnValue:
    with read() as session:
        modules = catalog(session)
        info = modules.module(module)
    return render_template("settings/fields/index.html", modules_by_name=modules.modules, info=info, types=FIELD_TYPES)


@bp.get("/<module>/new")
def new(module: str) -> ResponseReturnValue:
    with read() as session:
        return _form(session, module, None, FieldSpec(""))


@bp.post("/<module>")
def create(module: str) -> ResponseReturnValue:
    spec = _spec(request.form)
    try:
        with write() as session:
            field = fields.add(session, module, spec, me())
    except InvalidField as error:
        with read() as session:
            return _form(session, module, None, spec, error.errors), 422
    flash(f"“{field.label}” was added; it is in forms, lists, workflows and the API from now on.", "success")
    return redirect(_place(module, field.name), 303)


@bp.get("/<module>/<name>")
def edit(module: str, name: str) -> ResponseReturnValue:
    with read() as session:
        field = _field(session, module, name)
        spec = FieldSpec(field.label, field.type, name, required=field.required, in_list=field.in_list)
        return _form(session, module, field, spec, rows=option_rows.rows_of(field))


@bp.post("/<module>/<name>")
def update(module: str, name: str) -> ResponseReturnValue:
    """Saves the field. With `do`, the options are drawn anew after a press of one of their buttons, and nothing is saved."""
    with read() as session:
        before = _field(session, module, name)
        rows = option_rows.typed_rows(request.form)
        spec = replace(_spec(request.form), type=before.type, name=name, target=before.target or "")
        if do := request.form.get("do"):
            return _form(session, module, before, spec, rows=option_rows.acted(rows, do))
        if (merged := option_rows.merged(rows, before)) is not None:
            errors = {
                "options": "Somebody else changed the options in the meantime. They are among yours now: check and save."
            }
            return _form(session, module, before, spec, errors, merged), 422
    renamed = option_rows.renamed(rows)
    spec = replace(spec, options=[row.name for row in rows if not row.is_retired], renamed=renamed)
    try:
        if problem := option_rows.problem(rows):
            raise InvalidField({"options": problem})
        with write() as session:
            field = fields.change(session, module, name, spec, me())
    except InvalidField as error:
        with read() as session:
            return _form(session, module, before, spec, error.errors, rows), 422
    flash(f"“{field.label}” was saved.", "success")
    _flash_mentions(renamed)
    return redirect(_place(module, name), 303)


def _flash_mentions(renamed: Mapping[str, str]) -> None:
    """Conditions follow a renamed option by themselves; a template that compares it with a text does not."""
    with read() as session:
        names = ", ".join(f"“{workflow.name}”" for workflow in mentioning(session, renamed)) if renamed else ""
    if names:
        formers = ", ".join(f"“{former}”" for former in renamed)
        words = f"Texts that these workflows send say {formers}: {names}. Check whether they should say the new name."
        flash(words, "warning")


@bp.post("/<module>/<name>/move")
def move(module: str, name: str) -> ResponseReturnValue:
    """One place up (`to=up`) or down (`to=down`) in the order of forms and lists."""
    up = chosen("to", ("up", "down"), "down") == "up"
    with write() as session:
        fields.move(session, module, name, me(), up=up)
    return redirect(_place(module, name), 303)


@bp.get("/<module>/<name>/remove")
def ask(module: str, name: str) -> ResponseReturnValue:
    """Asks before a field is removed, and tells what it takes along."""
    with read() as session:
        field = _custom(session, module, name)
        modules = catalog(session)
        labels = {other.name: other.label for other in modules.modules.values()}
        users = [(use.workflow, _places(use, labels)) for use in uses(session, module, name)]
        number = fields.in_use(session, module, name)
        return render_template(
            "settings/fields/remove.html", info=modules.module(module), field=field, users=users, number=number
        )


@bp.post("/<module>/<name>/remove")
def remove(module: str, name: str) -> ResponseReturnValue:
    with read() as session:
        field = _custom(session, module, name)
    with write() as session:
        number = fields.remove(session, module, name, me())
    stay = f" The values of {number} record{'s' if number != 1 else ''} remain in their timelines." if number else ""
    flash(f"“{field.label}” was removed.{stay}", "success")
    return redirect(f"/settings/modules/{module}", 303)


def _form(
    session: Session,
    module: str,
    field: FieldInfo | None,
    spec: FieldSpec,
    errors: Mapping[str, str] | None = None,
    rows: Sequence[OptionRow] = (),
) -> str:
    """`field`: the one that is edited; None for a new one. `rows`: its options."""
    modules = catalog(session)
    return render_template(
        "settings/fields/form.html",
        info=modules.module(module),
        field=field,
        form=spec,
        rows=rows,
        errors=errors or {},
        types=[(field_type.name, field_type.label) for field_type in FIELD_TYPES.values()],
        with_options=WITH_OPTIONS,
        targets=[(target.name, target.label) for target in modules.modules.values()],
    )


def _spec(form: MultiDict[str, str]) -> FieldSpec:
    return FieldSpec(
        label=form.get("label", ""),
        type=form.get("type", ""),
        name=form.get("name", ""),
        options=tuple(form.get("options", "").splitlines()),
        target=form.get("target", ""),
        required=bool(form.get("required")),
        in_list=bool(form.get("in_list")),
    )


def _field(session: Session, module: str, name: str) -> FieldInfo:
    info = catalog(session).module(module)
    if name not in info.fields:
        raise FieldNotFound(f"{info.label} has no field “{name}”.")
    return info.fields[name]


def _custom(session: Session, module: str, name: str) -> FieldInfo:
    field = _field(session, module, name)
    if not field.custom:
        raise FieldNotFound(f"“{field.label}” is a standard field and can't be removed.")
    return field


def _places(use: FieldUse, labels: dict[str, str]) -> list[str]:
    draft: dict[str, Any] = draft_of_document(use.document)
    return list(dict.fromkeys(place_of(path, draft, lambda name: labels.get(name, name)) for path in use.paths))


def _place(module: str, name: str) -> str:
    return f"/settings/modules/{module}#field-{name}"
