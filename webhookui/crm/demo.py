"""Sample data to look around in: made-up people and companies at example addresses."""

import unicodedata
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.crm.tables import Change, Record

ORGANIZATIONS = (
    ("Harbour & Finch", "Retail", "Bristol", "201041"), ("Lindqvist Timber", "Manufacturing", "Umeå", "201042"),
    ("Northwind Clinics", "Health", "Leeds", "201043"), ("Oliveira Foods", "Hospitality", "Porto", "201044"),
    ("Papermill Press", "Media", "Gent", "201045"), ("Quarry Software", "Software", "Brno", "201046"),
)  # fmt: skip
CONTACTS = (
    ("Amara", "Bello", "Head of purchasing"), ("Jonas", "Lindqvist", "Owner"), ("Priya", "Raman", "Practice manager"),
    ("Tiago", "Oliveira", "Managing director"), ("Lotte", "Claes", "Editor"), ("Marek", "Dvořák", "CTO"),
    ("Grace", "Whitcombe", "Accountant"), ("Sven", "Åkesson", "Foreman"), ("Helen", "Marsh", "Nurse"),
    ("Rita", "Moreira", "Chef"), ("Pieter", "De Smet", "Printer"), ("Eva", "Nováková", "Designer"),
    ("Samuel", "Osei", "Buyer"), ("Ingrid", "Holm", "Sales"), ("Farid", "Haddad", "Physician"), ("Clara", "Nunes", "Logistics"),
    ("Wout", "Janssens", "Photographer"), ("Petra", "Králová", "Support"), ("Owen", "Pritchard", "Store manager"),
    ("Maja", "Berg", "Finance"),
)  # fmt: skip
DEALS = (
    ("Till system for three shops", "18400.00", "Negotiation", 12), ("Spring catalogue", "6250.50", "Proposal", 20),
    ("Sawmill maintenance plan", "31200.00", "Qualifying", 45), ("Patient portal", "54000.00", "Proposal", 30),
    ("Kitchen refit, Porto", "22750.00", "New", 60), ("Print run, winter list", "9180.25", "Negotiation", 8),
    ("Support contract 2027", "12000.00", "Qualifying", 35), ("Loyalty cards", "3400.00", "New", 50),
    ("Warehouse scanners", "15875.00", "Proposal", 25), ("Clinic opening, York", "41500.00", "New", 90),
    ("Menu design", "1850.00", "Closed Won", -6), ("Office furniture", "7320.00", "Closed Won", -14),
    ("Delivery van lease", "28000.00", "Closed Lost", -20), ("Book fair stand", "4600.00", "Negotiation", 5),
    ("Data migration", "19990.00", "Qualifying", 40),
)  # fmt: skip
CASES = (
    ("Card reader drops the line", "Open", "High"), ("Invoice shows the old address", "In progress", "Normal"),
    ("Login for a new colleague", "Waiting", "Low"), ("Delivery arrived short", "Open", "Urgent"),
    ("Wrong paper weight", "Resolved", "Normal"),
)  # fmt: skip
TASKS = (
    ("Send the revised offer", 1), ("Call about the opening date", 2), ("Prepare the demo", 3), ("Check the references", 5),
    ("Book a room for the workshop", 7), ("Ask for the purchase order", 4),
)  # fmt: skip
LEADS = (
    ("Bruno", "Weiss", "Weiss Optik", "New", "Web"), ("Chiara", "Fontana", "Fontana Tiles", "Contacted", "Event"),
    ("Dmitri", "Petrov", "Petrov Cycles", "New", "Referral"), ("Noor", "Aziz", "Aziz & Co", "Qualified", "Campaign"),
    ("Hannah", "Stone", "Stonework", "New", "Web"),
)  # fmt: skip


BY = "Sample data"
"""Who made the sample records, by their timeline."""


def is_there(session: Session) -> bool:
    """Whether there are sample records, changed since or not."""
    demo_records = select(Change.record_id).where(Change.source == "system", Change.kind == "create", Change.by == BY)  # type: ignore[arg-type, call-overload]
    return session.scalar(select(Record.id).where(Record.id.in_(demo_records)).limit(1)) is not None  # type: ignore[union-attr, call-overload]


def demo(session: Session, owner_id: int | None) -> None:
    """Adds the sample records, as the owner's; workflows look at none of them."""
    actor = Actor("system", BY, owner_id)
    today = now().date()

    def make(module: str, **values: Any) -> int:
        return records.create(session, module, values, actor, run_workflows=False).id or 0

    organizations = [
        make("organizations", name=name, industry=industry, city=city, account_id=account,
             website=f"https://{_host(name)}.example.com", phone=f"+44 20 7946 0{100 + number}")
        for number, (name, industry, city, account) in enumerate(ORGANIZATIONS)
    ]  # fmt: skip
    contacts = []
    for number, (first, last, title) in enumerate(CONTACTS):
        organization = number % len(organizations)
        host = _host(ORGANIZATIONS[organization][0])
        email = f"{_host(first)}.{_host(last)}@{host}.example.com"
        contacts.append(
            make("contacts", first_name=first, last_name=last, title=title, email=email,
                 organization=organizations[organization], phone=f"+44 20 7946 0{200 + number}",
                 postal_code=f"00{420 + number}", interests=["Newsletter"] if number % 3 == 0 else [])
        )  # fmt: skip
    deals = [
        make("deals", name=name, amount=amount, stage=stage, close_date=(today + timedelta(days=days)).isoformat(),
             contact=contacts[number % len(contacts)], organization=organizations[number % len(organizations)])
        for number, (name, amount, stage, days) in enumerate(DEALS)
    ]  # fmt: skip
    for number, (title, status, priority) in enumerate(CASES):
        make("cases", title=title, status=status, priority=priority, contact=contacts[number * 2])
    for number, (subject, days) in enumerate(TASKS):
        make("tasks", subject=subject, due_date=(today + timedelta(days=days)).isoformat(), deal=deals[number],
             contact=contacts[number])  # fmt: skip
    for number in (10, 11):
        make("invoices", number=f"2026-{number:04d}", amount=DEALS[number][1], status="Sent", deal=deals[number],
             due_date=(today + timedelta(days=14)).isoformat(), contact=contacts[number],
             organization=organizations[number % len(organizations)])  # fmt: skip
    for first, last, company, status, source in LEADS:
        make("leads", first_name=first, last_name=last, company=company, status=status, source=source,
             email=f"{_host(first)}@{_host(company)}.example.com")  # fmt: skip


def _host(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in plain if letter.isalnum())
