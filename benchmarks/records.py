"""Lists of records with 1,000,000 contacts beside the same with 1,000: how long pages and the API take to answer, and a save.

Two installations, each `webhookui web` in a process of its own, are asked in turn, so that whatever else the machine does falls
on both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from benchmarks.asked import Asked, compare
from benchmarks.many_records import fill
from benchmarks.server import Server
from webhookui.core.sql_numbers import sort_key
from webhookui.crm import records
from webhookui.crm.catalog import catalog
from webhookui.crm.listing import ListQuery, page_after
from webhookui.crm.records import Actor
from webhookui.crm.sorting import sort_order
from webhookui.installation import open_installation
from webhookui.settings import Settings

WITHIN = 3.0
SYSTEM = Actor("system", "Benchmark")


class Contacts(Asked):
    """One of the two installations."""

    def __init__(self, server: Server, number: int) -> None:
        super().__init__(server)
        installation = open_installation(Settings(instance=server.folder))  # type: ignore[call-arg]
        fill(installation.db, number)
        with installation.db.read() as session:
            some = page_after(session, ListQuery("contacts", sort="id"), "", 10).items[-1]
            self.values, self.organization = dict(some.values), some.values["organization"]
            order = sort_order(session, catalog(session).module("contacts"), "turnover")
            self.cursor = order.cursor(0, (sort_key(500_000), 1))
        installation.close()

    def save_ms(self) -> float:
        started = time.perf_counter()
        with self.db.write() as session:
            values = {**self.values, "email": f"{started}@example.com", "organization": None}
            record = records.create(session, "contacts", values, SYSTEM)
        with self.db.write() as session:
            records.update(session, "contacts", record.id or 0, {"title": f"{started}"}, SYSTEM)
        return (time.perf_counter() - started) * 1000


SORTS = (
    "name", "email", "phone", "organization", "birthday", "interests", "do_not_call", "owner", "customer_number", "turnover",
    "segment", "last_visit", "never_filled", "created_at",
)  # fmt: skip


def questions(the: Contacts) -> dict[str, str]:
    """Name → path."""
    contacts, values = "/records/contacts", the.values
    part = {name: values[name] for name in ("last_name", "email", "phone", "customer_number")}
    filters = {
        "text contains": f"filter[email]={part['email'][1:-3]}",
        "text is": f"filter[customer_number]={part['customer_number']}&op[customer_number]=is",
        "text starts with": "filter[city]=Ma&op[city]=starts_with",
        "is empty": "op[never_filled]=is_empty",
        "is not empty": "op[phone]=is_not_empty",
        "number from": "filter[turnover]=999000&op[turnover]=at_least",
        "number between": "filter[turnover]=1000&filter[turnover]=2000&op[turnover]=between",
        "date before": "filter[birthday]=1950-01-01&op[birthday]=before",
        "last days": "filter[last_visit]=30&op[last_visit]=in_the_last_days",
        "picklist": "filter[segment]=Large",
        "any of": "filter[segment]=Large&filter[segment]=Public&op[segment]=is_any_of",
        "multi-select": "filter[interests]=Events",
        "checkbox": "filter[do_not_call]=true",
        "reference": f"filter[organization]={the.organization}",
        "owner": "filter[owner]=1",
    }
    paths = {"first page": contacts}
    for sort in SORTS:
        paths |= {f"sort: {sort}": f"{contacts}?sort={sort}", f"sort: -{sort}": f"{contacts}?sort=-{sort}"}
    paths |= {f"filter: {name}": f"{contacts}?{query}" for name, query in filters.items()}
    paths |= {
        "filter and sort": f"{contacts}?filter[segment]=Large&sort=turnover",
        "search: a name": f"{contacts}?q={part['last_name']}",
        "search: a part of an e-mail address": f"{contacts}?q={part['email'][2:-4]}",
        "search: a part of a phone number": f"{contacts}?q={part['phone'][-6:]}",
        "search: nothing": f"{contacts}?q=no such words",
        "search of all modules": f"/records/search?q={part['email'][2:-4]}",
        "picker": f"/records/pick/contacts?q={part['last_name'][:4]}",
        "page in the middle": f"{contacts}?sort=turnover&after={the.cursor}",
        "search: two letters": f"{contacts}?q=qz",
        "search of all modules: two letters": "/records/search?q=qz",
        "API: first page": f"/api/v1{contacts}?sort=turnover",
        "API: page in the middle": f"/api/v1{contacts}?sort=turnover&cursor={the.cursor}",
        "API: filter and sort": f"/api/v1{contacts}?filter[segment]=Large&sort=-birthday",
        "related list": f"/records/organizations/{the.organization}",
    }
    return paths


def run(small: int = 1000, large: int = 1_000_000, repetitions: int = 9) -> dict[str, Any]:
    """Median times in ms, and the ratio of the many's to the few's; `within` tells whether all pages are within 3."""
    with ExitStack() as stack:
        both = [Contacts(Server("web"), number) for number in (small, large)]
        for contacts in both:
            stack.enter_context(contacts.server)
            contacts.open()
        paths = [questions(contacts) for contacts in both]
        figures: dict[str, Any] = {}
        for name in paths[0]:
            asked: list[Callable[[], float]] = [
                partial(contacts.answer_ms, of[name]) for contacts, of in zip(both, paths, strict=True)
            ]
            figures[name] = compare(repetitions, *asked)
        save = compare(max(50, repetitions), *(contacts.save_ms for contacts in both))
    ratios = {name: figure["ratio"] for name, figure in figures.items()}
    return {
        "contacts": [small, large],
        "pages": figures,
        "worst": max(ratios, key=lambda name: ratios[name]),
        "worst_ratio": max(ratios.values()),
        "within": all(ratio <= WITHIN for ratio in ratios.values()),
        "save": save,
    }
