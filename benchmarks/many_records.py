"""Contacts of any number, custom fields among them, such as a team of years leaves behind: for the benchmarks of records."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session

from benchmarks.server import PASSWORD
from webhookui.core.database import Database, now
from webhookui.crm import fields, record_keys
from webhookui.crm.catalog import ModuleInfo, catalog
from webhookui.crm.fields import FieldSpec
from webhookui.crm.records import lifted
from webhookui.crm.tables import Link, Record, RecordKey
from webhookui.people import accounts

_R = Record.__table__.c  # type: ignore[attr-defined]
CHUNK = 10_000
CUSTOM = (
    FieldSpec("Customer number", "text"),
    FieldSpec("Turnover", "currency"),
    FieldSpec("Segment", "picklist", options=("Small", "Middle", "Large", "Public")),
    FieldSpec("Last visit", "datetime"),
    FieldSpec("Never filled", "text"),
)
SYLLABLES = (
    "ma", "ri", "an", "to", "ka", "lu", "be", "so", "vi", "ne", "qui", "ist", "er", "ol", "da", "gre", "mon", "ta", "pa", "xo",
)  # fmt: skip
INTERESTS = ("Newsletter", "Events", "Training", "Support")


def fill(db: Database, contacts: int, seed: int = 1) -> None:
    """So many contacts, and an organization for every ten of them."""
    chance = random.Random(seed)  # noqa: S311 - made-up people
    with db.write() as session:
        admin = accounts.create_user(session, email="sam@example.com", name="Sam", password=PASSWORD, role="admin")
        for spec in CUSTOM:
            fields.add(session, "contacts", spec, admin)
    organizations = max(1, contacts // 10)
    first = _write(db, "organizations", ({"name": f"{_word(chance)} {_word(chance)}"} for _ in range(organizations)))
    _write(db, "contacts", (_contact(chance, number, first, organizations) for number in range(contacts)))
    with db.write() as session:
        for name in ("organizations", "contacts"):
            _write_keys(session, catalog(session).module(name))


def _write_keys(session: Session, info: ModuleInfo) -> None:
    """The index of all fields, field by field in its own order, out of the records' columns."""
    for name, number in record_keys.ids_of(info).items():
        record_keys.remove_field(session, number)
        key = record_keys.key_in(_R, name)
        rows = select(literal(number), key, _R.id).where(_R.module == info.name).order_by(key, _R.id)
        session.execute(insert(RecordKey).from_select(["field_id", "key", "record_id"], rows))


def _word(chance: random.Random) -> str:
    return "".join(chance.choice(SYLLABLES) for _ in range(chance.randint(2, 4))).title()


def _contact(chance: random.Random, number: int, first: int, organizations: int) -> dict[str, Any]:
    given, family = _word(chance), _word(chance)
    visit = now() - timedelta(minutes=chance.randint(0, 10**6))
    return {
        "first_name": given, "last_name": family, "email": f"{given}.{family}.{number}@{_word(chance)}.example".lower(),
        "phone": f"+49 {chance.randint(100, 999)} {chance.randint(10**6, 10**7 - 1)}", "title": _word(chance),
        "organization": first + chance.randrange(organizations),
        "birthday": (date(1940, 1, 1) + timedelta(days=chance.randint(0, 24_000))).isoformat(),
        "interests": [chance.choice(INTERESTS)], "do_not_call": chance.random() < 0.1, "city": _word(chance), "owner": 1,
        "customer_number": f"C-{number:07}", "turnover": chance.randint(0, 10**6), "segment": chance.choice(CUSTOM[2].options),
        "last_visit": f"{visit:%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip


def _write(db: Database, module: str, values: Iterator[dict[str, Any]]) -> int:
    """Writes records of these values. Returns the id of the first."""
    with db.read() as session:
        info = catalog(session).module(module)
        first = number = (session.scalar(select(func.max(_R.id))) or 0) + 1
    while True:
        rows, links = [], []
        for _, given in zip(range(CHUNK), values, strict=False):
            row = _row(info, number, given)
            rows.append(row)
            links += [
                {"record_id": number, "field": field.name, "target_id": row["values"][field.name]}
                for field in info.references
                if row["values"][field.name]
            ]
            number += 1
        if not rows:
            return first
        with db.write() as session:
            session.execute(insert(Record), rows)
            if links:
                session.execute(insert(Link), links)


def _row(info: ModuleInfo, number: int, given: dict[str, Any]) -> dict[str, Any]:
    values = {name: given.get(name, field.kind.nothing()) for name, field in info.fields.items()}
    name, search_text, sort_keys = lifted(info, values)
    time = now() - timedelta(seconds=10**8 - number)
    return {
        "id": number, "module": info.name, "name": name, "owner_id": values.get("owner"), "version": 1, "values": values,
        "search_text": search_text, "sort_keys": sort_keys, "created_at": time, "updated_at": time,
    }  # fmt: skip
