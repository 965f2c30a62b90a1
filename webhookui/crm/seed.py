"""The modules and standard fields of the first start (specification sections 2 and 10), as data."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.crm.catalog import FieldInfo, ModuleInfo, changed
from webhookui.crm.tables import Module, ModuleField

F = FieldInfo
ON_EVERY_MODULE = (F("owner", "Owner", "user", in_list=True), F("description", "Description", "long_text"))
DEAL_STAGES = ("New", "Qualifying", "Proposal", "Negotiation", "Closed Won", "Closed Lost")


def M(
    name: str, label: str, singular: str, icon: str, name_fields: tuple[str, ...], fields: Sequence[FieldInfo]
) -> ModuleInfo:
    """One module; the owner and the description are added to each."""
    return ModuleInfo(
        name, label, singular, icon, name_fields, {field.name: field for field in (*fields, *ON_EVERY_MODULE)}
    )


MODULES: tuple[ModuleInfo, ...] = (
    M("organizations", "Organizations", "Organization", "building", ("name",), (
        F("name", "Name", required=True),
        F("website", "Website", "url", in_list=True),
        F("phone", "Phone", "phone", in_list=True),
        F("email", "E-mail", "email"),
        F("industry", "Industry", "picklist", in_list=True, options=(
            "Agriculture", "Construction", "Education", "Finance", "Government", "Health", "Hospitality", "Manufacturing",
            "Media", "Retail", "Software", "Transport", "Other")),
        F("employees", "Employees", "number"),
        F("account_id", "Account ID"),
        F("street", "Street"),
        F("postal_code", "Postal code"),
        F("city", "City", in_list=True),
        F("country", "Country"),
    )),
    M("contacts", "Contacts", "Contact", "person", ("first_name", "last_name"), (
        F("first_name", "First name"),
        F("last_name", "Last name", required=True),
        F("email", "E-mail", "email", in_list=True),
        F("phone", "Phone", "phone", in_list=True),
        F("mobile", "Mobile", "phone"),
        F("title", "Title", in_list=True),
        F("organization", "Organization", "reference", in_list=True, target="organizations"),
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
        F("company", "Company", in_list=True),
        F("email", "E-mail", "email", in_list=True),
        F("phone", "Phone", "phone"),
        F("status", "Status", "picklist", in_list=True, default="New",
          options=("New", "Contacted", "Qualified", "Unqualified", "Converted")),
        F("source", "Source", "picklist", in_list=True, options=("Web", "Referral", "Event", "Campaign", "Cold call", "Other")),
        F("contact", "Contact", "reference", target="contacts"),
    )),
    M("deals", "Deals", "Deal", "currency-dollar", ("name",), (
        F("name", "Name", required=True),
        F("amount", "Amount", "currency", in_list=True),
        F("stage", "Stage", "picklist", in_list=True, options=DEAL_STAGES, default="New"),
        F("probability", "Probability (%)", "number"),
        F("close_date", "Close date", "date", in_list=True),
        F("contact", "Contact", "reference", in_list=True, target="contacts"),
        F("organization", "Organization", "reference", in_list=True, target="organizations"),
        F("next_step", "Next step"),
        F("invoice_id", "Invoice ID"),
        F("invoice_error", "Invoice error"),
    )),
    M("cases", "Cases", "Case", "life-preserver", ("title",), (
        F("title", "Title", required=True),
        F("status", "Status", "picklist", in_list=True, default="Open",
          options=("Open", "In progress", "Waiting", "Resolved", "Closed")),
        F("priority", "Priority", "picklist", in_list=True, default="Normal", options=("Low", "Normal", "High", "Urgent")),
        F("contact", "Contact", "reference", in_list=True, target="contacts"),
        F("organization", "Organization", "reference", target="organizations"),
        F("due_at", "Due", "datetime", in_list=True),
    )),
    M("invoices", "Invoices", "Invoice", "receipt", ("number",), (
        F("number", "Number", required=True),
        F("amount", "Amount", "currency", in_list=True),
        F("status", "Status", "picklist", in_list=True, default="Draft",
          options=("Draft", "Sent", "Paid", "Overdue", "Cancelled")),
        F("due_date", "Due date", "date", in_list=True),
        F("contact", "Contact", "reference", in_list=True, target="contacts"),
        F("deal", "Deal", "reference", target="deals"),
        F("organization", "Organization", "reference", in_list=True, target="organizations"),
    )),
    M("tasks", "Tasks", "Task", "check2-square", ("subject",), (
        F("subject", "Subject", required=True),
        F("status", "Status", "picklist", in_list=True, default="Not started",
          options=("Not started", "In progress", "Waiting", "Done")),
        F("priority", "Priority", "picklist", default="Normal", options=("Low", "Normal", "High")),
        F("due_date", "Due date", "date", in_list=True),
        F("contact", "Contact", "reference", in_list=True, target="contacts"),
        F("deal", "Deal", "reference", in_list=True, target="deals"),
    )),
)  # fmt: skip


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
        for place, field in enumerate(module.fields.values()):
            columns: dict[str, Any] = {
                "id": None,
                "module": module.name,
                "options": list(field.options),
                "position": place,
                "retired_options": [],
                "former_options": {},
            }
            session.add(ModuleField(**{**vars(field), **columns}))
    changed(session)
