"""The modules and standard fields of the first start (specification sections 2 and 10), as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.crm.catalog import changed
from webhookui.crm.tables import Module, ModuleField

DEAL_STAGES = ("New", "Qualifying", "Proposal", "Negotiation", "Closed Won", "Closed Lost")


@dataclass(frozen=True)
class F:
    """One standard field."""

    name: str
    label: str
    type: str = "text"
    required: bool = False
    listed: bool = False
    options: Sequence[str] = ()
    target: str | None = None
    default: Any = None


@dataclass(frozen=True)
class M:
    """One module; `owner` and `description` are added to each."""

    name: str
    label: str
    singular: str
    icon: str
    name_fields: Sequence[str]
    fields: Sequence[F]


MODULES: tuple[M, ...] = (
    M("organizations", "Organizations", "Organization", "building", ("name",), (
        F("name", "Name", required=True),
        F("website", "Website", "url", listed=True),
        F("phone", "Phone", "phone", listed=True),
        F("email", "E-mail", "email"),
        F("industry", "Industry", "picklist", listed=True, options=(
            "Agriculture", "Construction", "Education", "Finance", "Government", "Health", "Hospitality", "Manufacturing",
            "Media", "Retail", "Software", "Transport", "Other")),
        F("employees", "Employees", "number"),
        F("account_id", "Account ID"),
        F("street", "Street"),
        F("postal_code", "Postal code"),
        F("city", "City", listed=True),
        F("country", "Country"),
    )),
    M("contacts", "Contacts", "Contact", "person", ("first_name", "last_name"), (
        F("first_name", "First name"),
        F("last_name", "Last name", required=True),
        F("email", "E-mail", "email", listed=True),
        F("phone", "Phone", "phone", listed=True),
        F("mobile", "Mobile", "phone"),
        F("title", "Title", listed=True),
        F("organization", "Organization", "reference", listed=True, target="organizations"),
        F("birthday", "Birthday", "date"),
        F("interests", "Interests", "multi_picklist", options=("Newsletter", "Events", "Training", "Support", "Beta tests")),
        F("do_not_call", "Do not call", "checkbox"),
        F("street", "Street"),
        F("postal_code", "Postal code"),
        F("city", "City"),
        F("country", "Country"),
    )),
    M("leads", "Leads", "Lead", "funnel", ("first_name", "last_name"), (
        F("first_name", "First name"),
        F("last_name", "Last name", required=True),
        F("company", "Company", listed=True),
        F("email", "E-mail", "email", listed=True),
        F("phone", "Phone", "phone"),
        F("status", "Status", "picklist", listed=True, default="New",
          options=("New", "Contacted", "Qualified", "Unqualified", "Converted")),
        F("source", "Source", "picklist", listed=True, options=("Web", "Referral", "Event", "Campaign", "Cold call", "Other")),
        F("contact", "Contact", "reference", target="contacts"),
    )),
    M("deals", "Deals", "Deal", "currency-dollar", ("name",), (
        F("name", "Name", required=True),
        F("amount", "Amount", "currency", listed=True),
        F("stage", "Stage", "picklist", listed=True, options=DEAL_STAGES, default="New"),
        F("probability", "Probability (%)", "number"),
        F("close_date", "Close date", "date", listed=True),
        F("contact", "Contact", "reference", listed=True, target="contacts"),
        F("organization", "Organization", "reference", listed=True, target="organizations"),
        F("next_step", "Next step"),
        F("invoice_id", "Invoice ID"),
        F("invoice_error", "Invoice error"),
    )),
    M("cases", "Cases", "Case", "life-preserver", ("title",), (
        F("title", "Title", required=True),
        F("status", "Status", "picklist", listed=True, default="Open",
          options=("Open", "In progress", "Waiting", "Resolved", "Closed")),
        F("priority", "Priority", "picklist", listed=True, default="Normal", options=("Low", "Normal", "High", "Urgent")),
        F("contact", "Contact", "reference", listed=True, target="contacts"),
        F("organization", "Organization", "reference", target="organizations"),
        F("due_at", "Due", "datetime", listed=True),
    )),
    M("invoices", "Invoices", "Invoice", "receipt", ("number",), (
        F("number", "Number", required=True),
        F("amount", "Amount", "currency", listed=True),
        F("status", "Status", "picklist", listed=True, default="Draft",
          options=("Draft", "Sent", "Paid", "Overdue", "Cancelled")),
        F("due_date", "Due date", "date", listed=True),
        F("contact", "Contact", "reference", listed=True, target="contacts"),
        F("deal", "Deal", "reference", target="deals"),
        F("organization", "Organization", "reference", listed=True, target="organizations"),
    )),
    M("tasks", "Tasks", "Task", "check2-square", ("subject",), (
        F("subject", "Subject", required=True),
        F("status", "Status", "picklist", listed=True, default="Not started",
          options=("Not started", "In progress", "Waiting", "Done")),
        F("priority", "Priority", "picklist", default="Normal", options=("Low", "Normal", "High")),
        F("due_date", "Due date", "date", listed=True),
        F("contact", "Contact", "reference", listed=True, target="contacts"),
        F("deal", "Deal", "reference", listed=True, target="deals"),
    )),
)  # fmt: skip

ON_EVERY_MODULE = (F("owner", "Owner", "user", listed=True), F("description", "Description", "long_text"))


def seed(session: Session) -> None:
    """Adds the modules and standard fields that are missing; leaves alone what is there."""
    present = set(session.scalars(select(Module.name)))  # type: ignore[call-overload]
    if present >= {module.name for module in MODULES}:
        return
    for position, module in enumerate(MODULES):
        if module.name in present:
            continue
        session.add(
            Module(
                name=module.name, label=module.label, singular=module.singular, icon=module.icon, position=position,
                name_fields=list(module.name_fields),
            )
        )  # fmt: skip
        session.flush()
        for place, field in enumerate((*module.fields, *ON_EVERY_MODULE)):
            session.add(
                ModuleField(
                    module=module.name, name=field.name, label=field.label, type=field.type, required=field.required,
                    in_list=field.listed, position=place, options=list(field.options), target=field.target,
                    default=field.default,
                )
            )  # fmt: skip
    changed(session)
