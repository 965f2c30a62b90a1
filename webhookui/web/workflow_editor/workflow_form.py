"""What the templates of the workflow form ask for: the draft, its errors, and the choices that follow from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.core.database import row_number
from webhookui.crm.catalog import Catalog, ModuleInfo, catalog
from webhookui.crm.operators import OPERATORS, operators_for
from webhookui.crm.records import names_of
from webhookui.definitions.tables import Workflow
from webhookui.people.tables import User
from webhookui.web.workflow_editor.action_forms import ACTION_FORMS, ActionForm, form_of_action
from webhookui.web.workflow_editor.error_locations import part_of, place_of
from webhookui.web.workflow_editor.field_choices import Options, comparable_fields, condition_fields
from webhookui.web.workflow_editor.form_tree import Draft
from webhookui.web.workflow_editor.workflow_draft import STEPS, condition_draft, step_of
from webhookui.webhooks.definition import MAX_RELATED
from webhookui.workflows import store
from webhookui.workflows.actions import KINDS
from webhookui.workflows.actions.webhook import overlaps
from webhookui.workflows.document import MAX_ACTIONS
from webhookui.workflows.field_path import FieldPath, UnknownField, resolve

ROW = "__ROW__"
"""Stands for the path of a row in the <template> that new rows are cloned from."""


@dataclass(frozen=True)
class Problem:
    """One error for the summary above the form."""

    path: str
    words: str
    step: str
    place: str
    part: str
    """The place within its webhook, for what stands beside it."""


@dataclass(frozen=True)
class WorkflowForm:
    """The form of one draft. Knows the catalog and the people; keeps nothing."""

    draft: Draft
    modules: Catalog
    users: Sequence[tuple[str, str]]
    """(id, name) of active users, for conditions on an owner."""
    record_names: Mapping[int, str] = field(default_factory=dict)
    """Names of the records that conditions mention."""
    errors: Mapping[str, str] = field(default_factory=dict)
    workflow: Workflow | None = None
    overlaps: Mapping[int, datetime] = field(default_factory=dict)
    """Webhook id → until when two signing secrets sign."""

    @property
    def action(self) -> str:
        """Where the form is posted to."""
        return f"/settings/workflows/{self.workflow.id}" if self.workflow else "/settings/workflows"

    @property
    def module(self) -> ModuleInfo | None:
        return self.modules.modules.get(self.draft["module"])

    @cached_property
    def module_options(self) -> list[tuple[str, str]]:
        return [(name, info.label) for name, info in self.modules.modules.items()]

    @property
    def related_modules(self) -> list[ModuleInfo]:
        """The modules that step 1 offers."""
        if self.module is None:
            return []
        return [self.modules.module(name) for name in self.modules.related_modules(self.module.name)]

    def overlap_of(self, action_id: str) -> datetime | None:
        return self.overlaps.get(row_number(action_id) or 0)

    def label_of(self, module: str) -> str:
        info = self.modules.modules.get(module)
        return info.label if info else module

    # ---- conditions ----------------------------------------------------------------------------------------------

    @cached_property
    def condition_fields(self) -> Options:
        return condition_fields(self.modules, self.module.name) if self.module else []

    def fields_with(self, path: str) -> Options:
        """The fields of the menu; one that the module does not have stays, so that nothing typed is lost."""
        offered = {value for _, items in self.condition_fields for value, _ in items}
        if path and path not in offered:
            field = self.field(path)
            return [*self.condition_fields, ("Other", [(path, field.label if field else f"{path} (missing)")])]
        return self.condition_fields

    def field(self, path: str) -> FieldPath | None:
        if self.module is None or not path:
            return None
        try:
            return resolve(self.modules, self.module.name, path)
        except UnknownField:
            return None

    def operators(self, row: Draft) -> list[tuple[str, str]]:
        path = self.field(row["field"])
        offered = operators_for(path.family) if path else tuple(OPERATORS.values())
        if path is not None and path.steps:
            offered = tuple(operator for operator in offered if not operator.on_change)
        names = [(operator.name, operator.label) for operator in offered]
        if row["operator"] and row["operator"] not in dict(names):
            operator = OPERATORS.get(row["operator"])
            names.append((row["operator"], operator.label if operator else row["operator"]))
        return names

    def value_kind(self, row: Draft) -> str:
        """none, one, two, list or number: what the operator takes."""
        operator = OPERATORS.get(row["operator"])
        return operator.value if operator else "one"

    def value_input(self, row: Draft) -> str:
        """The kind of input that fits the field and the operator."""
        path, operator = self.field(row["field"]), OPERATORS.get(row["operator"])
        if path is None or (operator is not None and operator.free_text and path.family != "choices"):
            return "text"
        return path.field.type if path.field.type == "currency" else path.family

    def value_options(self, row: Draft, taken: Sequence[str]) -> list[tuple[str, str]]:
        """The choices of a picklist or the users; a value that is not among them stays."""
        path = self.field(row["field"])
        if path is None:
            return []
        options = [(option, path.field.option_label(option)) for option in path.field.all_options]
        if path.family == "user":
            options = list(self.users)
        offered = {value for value, _ in options}
        return options + [(value, value) for value in taken if value and value not in offered]

    def comparable_fields(self, row: Draft) -> Options:
        path = self.field(row["field"])
        if path is None or self.module is None:
            return self.condition_fields
        return comparable_fields(self.modules, self.module.name, path.family, days=self.value_kind(row) == "number")

    def record_name(self, value: str) -> str:
        return value if row_number(value) is None else self.record_names.get(int(value), f"#{value}")

    def error_below(self, path: str) -> str:
        """The first error at a path or below it (`value.1`), for an input that stands for all of it."""
        if path in self.errors:
            return self.errors[path]
        return next((words for place, words in self.errors.items() if place.startswith(f"{path}.")), "")

    # ---- captures, rows, limits ----------------------------------------------------------------------------------

    @cached_property
    def capture_fields(self) -> list[tuple[str, str]]:
        return [(name, info.label) for name, info in self.module.fields.items()] if self.module else []

    def capture_fields_with(self, name: str) -> list[tuple[str, str]]:
        fields = [("", "Choose a field"), *self.capture_fields]
        return fields if name in dict(fields) else [*fields, (name, f"{name} (missing)")]

    @staticmethod
    def blank_action(kind: str) -> Draft:
        return ACTION_FORMS[kind].draft({"type": kind, **ACTION_FORMS[kind].blank})

    @property
    def blank_parameter(self) -> Draft:
        parameter: Draft = self.blank_action("webhook")["parameters"][0]
        return parameter

    @staticmethod
    def template_of(action: Draft) -> str:
        return form_of_action(action).template

    @property
    def action_kinds(self) -> list[tuple[str, str, ActionForm]]:
        """(type, label, form) of what can be added."""
        return [(name, KINDS[name].label, form) for name, form in ACTION_FORMS.items()]

    @staticmethod
    def blank_condition() -> Draft:
        return condition_draft({})

    row = ROW
    max_actions = MAX_ACTIONS
    max_related = MAX_RELATED

    # ---- errors --------------------------------------------------------------------------------------------------

    @property
    def steps(self) -> dict[str, str]:
        return {step: words for step, (words, _) in STEPS.items()}

    @property
    def open_step(self) -> str:
        """The step with the first error, in the order of the form."""
        return next((step for step in STEPS if self.errors_of(step)), "basic")

    def errors_of(self, step: str) -> list[Problem]:
        return [problem for problem in self.problems if problem.step == step]

    @cached_property
    def problems(self) -> list[Problem]:
        """Every error, in the order of the form."""
        problems = [
            Problem(
                path,
                words,
                step_of(path),
                place_of(path, self.draft, self.label_of),
                part_of(path, self.draft, self.label_of),
            )
            for path, words in self.errors.items()
        ]
        order = list(STEPS)
        return sorted(problems, key=lambda problem: order.index(problem.step))

    def has_error(self, prefix: str) -> bool:
        return any(path == prefix or path.startswith(f"{prefix}.") for path in self.errors)


def form_of(
    session: Session, draft: Draft, *, errors: Mapping[str, str] | None = None, workflow: Workflow | None = None
) -> WorkflowForm:
    """The form of a draft, with what it must read for it."""
    modules = catalog(session)
    people = session.execute(
        select(User.id, User.name).where(User.active).order_by(User.name)  # type: ignore[call-overload]
    )
    return WorkflowForm(
        draft=draft,
        modules=modules,
        users=[(str(user_id), name) for user_id, name in people],
        record_names=names_of(session, _mentioned_records(draft)),
        errors=errors or {},
        workflow=workflow,
        overlaps=overlaps(store.actions_of(session, workflow.id)) if workflow and workflow.id else {},
    )


def _mentioned_records(draft: Draft) -> list[int]:
    """Numbers among the values of conditions: some of them are ids of records."""
    values: list[Any] = []
    for row in (*draft["criteria"]["all"], *draft["criteria"]["any"]):
        values.extend(row["value"] if isinstance(row["value"], list) else [row["value"]])
    return sorted({number for value in values if (number := row_number(value)) is not None})
