"""An import of 100,000 contacts with workflows off: its time beside a bare `executemany` of the same rows into the same tables,
what others notice of it, and its memory."""

from __future__ import annotations

import csv
import io
import random
import sqlite3
import threading
import time
from contextlib import closing
from itertools import cycle
from typing import Any

import requests

from benchmarks import percentile
from benchmarks.memory import Peak, rss
from benchmarks.server import Server

WITHIN, PAGES_WITHIN_MS, MEMORY_MIB = 5.0, 300.0, 300
ORGANIZATIONS = 500
PAGES = ("/records/contacts", "/records/deals", "/records/contacts?q=ann", "/records/organizations/1")
TABLES = ("record", "record_key", "link", "change")


def run(contacts: int = 100_000, idle: int = 200) -> dict[str, Any]:
    """Times in seconds or ms, sizes in MiB; `within`: all of what is promised. `idle`: pages that are asked for before."""
    with Server() as server:
        _import(server, "organizations", _organizations())
        browser = server.browser()
        idle_ms = [_page_ms(browser, server.address + path) for _, path in zip(range(idle), cycle(PAGES), strict=False)]
        before = rss(server.process.pid)
        with Peak(server.process.pid) as peak, _Visitor(server) as visitor:
            started = time.perf_counter()
            job = _import(server, "contacts", _contacts(contacts))
            import_s = time.perf_counter() - started
        bare_s = _bare(server)
    if job["created"] != contacts:
        raise RuntimeError(f"{job}")
    figures = {
        "contacts": contacts,
        "import_s": round(import_s, 1),
        "bare_s": round(bare_s, 1),
        "ratio": round(import_s / bare_s, 2),
        "idle_p95_ms": round(percentile(idle_ms, 0.95), 1),
        "meanwhile_p95_ms": round(percentile(visitor.times_ms, 0.95), 1),
        "meanwhile_pages": len(visitor.times_ms),
        "idle_mib": round(before, 1),
        "most_mib": round(peak.most, 1),
    }
    later = figures["meanwhile_p95_ms"] - figures["idle_p95_ms"]
    good = figures["ratio"] <= WITHIN and later <= PAGES_WITHIN_MS and figures["most_mib"] <= MEMORY_MIB
    return figures | {"within": good}


def _organizations() -> str:
    return _file(["Name", "City"], ([f"Organization {number}", "Rome"] for number in range(ORGANIZATIONS)))


def _contacts(number: int) -> str:
    chance = random.Random(7)  # noqa: S311
    head = ["First name", "Last name", "E-mail", "Phone", "Title", "Organization", "Birthday", "City", "Do not call"]
    return _file(head, (_contact(chance, row) for row in range(number)))


def _contact(chance: random.Random, number: int) -> list[str]:
    given, family = (chance.choice("ABCDEFGHKLM") + "".join(chance.choices("aeioulmnrst", k=6)) for _ in range(2))
    return [
        given, family, f"{given}.{family}.{number}@example.com".lower(), f"+49 30 {number:07}", "Buyer",
        f"Organization {chance.randrange(ORGANIZATIONS)}", f"{chance.randint(1, 28):02}.{chance.randint(1, 12):02}.1980", "Rome",
        chance.choice(["yes", "no"]),
    ]  # fmt: skip


def _file(head: list[str], rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([head, *rows])
    return text.getvalue()


def _import(server: Server, module: str, text: str) -> dict[str, Any]:
    """The job, once it has ended."""
    url = f"{server.address}/api/v1/records/{module}/import"
    answer = server.api.post(url, files={"file": ("list.csv", text.encode())}, timeout=120)
    if answer.status_code != 202:
        raise RuntimeError(answer.text)
    while True:
        job: dict[str, Any] = server.call("GET", f"/jobs/{answer.json()['id']}")
        if job["finished_at"]:
            return job
        time.sleep(0.2)


def _page_ms(browser: requests.Session, url: str) -> float:
    started = time.perf_counter()
    answer = browser.get(url, timeout=60)
    if not answer.ok:
        raise RuntimeError(f"{url}: {answer.status_code}")
    return (time.perf_counter() - started) * 1000


class _Visitor:
    """Somebody who opens pages, ten a second at the most."""

    def __init__(self, server: Server) -> None:
        self._address, self._browser = server.address, server.browser()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._visit)
        self.times_ms: list[float] = []

    def _visit(self) -> None:
        for path in cycle(PAGES):
            self.times_ms.append(_page_ms(self._browser, self._address + path))
            if self._ended.wait(0.1):
                return

    def __enter__(self) -> _Visitor:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join(60)


def _bare(server: Server) -> float:
    """Seconds that SQLite takes for the contacts' rows, with the tables' indexes and triggers: one `executemany` for each table,
    all in one transaction."""
    with Server("web") as other, closing(sqlite3.connect(server.folder / "webhookui.db")) as source:
        rows = {table: source.execute(_SELECT[table]).fetchall() for table in TABLES}
        with closing(sqlite3.connect(other.folder / "webhookui.db")) as target:
            target.execute("PRAGMA synchronous=FULL")
            target.create_function("lower", 1, str.lower, deterministic=True)
            started = time.perf_counter()
            with target:
                for table in TABLES:
                    places = ",".join("?" * len(rows[table][0]))
                    target.executemany(f"INSERT INTO {table} VALUES ({places})", rows[table])  # noqa: S608
            return time.perf_counter() - started


_CONTACTS = "SELECT id FROM record WHERE module = 'contacts'"
_SELECT = {
    "record": "SELECT * FROM record WHERE module = 'contacts' ORDER BY id",
    "record_key": f"SELECT * FROM record_key WHERE record_id IN ({_CONTACTS}) ORDER BY record_id",  # noqa: S608
    "link": f"SELECT * FROM link WHERE record_id IN ({_CONTACTS}) ORDER BY record_id",  # noqa: S608
    "change": "SELECT * FROM change WHERE module = 'contacts' ORDER BY id",
}
