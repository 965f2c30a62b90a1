"""The log's pages and counts say exactly what looking at every delivery would say, filed or not (specification section 7)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.conftest import BOTH, database_url
from tests.support.log_rows import add_delivery
from webhookui.core.database import Database, now
from webhookui.delivery.states import STATUSES
from webhookui.delivery.tables import Delivery
from webhookui.delivery_log import indexing, queries, search, streams
from webhookui.delivery_log.filter import LogFilter
from webhookui.migrations import migrate

START = now() - timedelta(days=10)
TEXTS = (
    ("https://api.example.com/invoices/{n}", None),
    ("https://api.example.com/Orders/{n}?x=100%25_a", "The third party answered 422 Unprocessable Content."),
    ("https://hooks.example.net/T0/ümlaut", "Not\na \"quoted\" word"),
)  # fmt: skip


@pytest.fixture(scope="module", params=BOTH)
def db(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("log")
    yield from _migrated(database_url(request.param, request) or f"sqlite:///{folder / 'log.db'}", folder)


def _migrated(url: str, folder: Any) -> Iterator[Database]:
    database = Database(url)
    migrate(database, folder)
    yield database
    database.close()


@pytest.fixture(scope="module")
def rows(db: Database) -> list[Delivery]:
    """400 deliveries of all kinds, made while the clock was once set back an hour; two thirds of the finished ones are filed."""
    chance = random.Random(7)
    rows_added = []
    with db.write() as session:
        for number in range(1, 401):
            url, error = TEXTS[number % 3]
            status = chance.choices(list(STATUSES), (2, 1, 12, 3, 5))[0]
            clock = START + timedelta(minutes=10 * number) - timedelta(minutes=65 * (number > 200))
            rows_added.append(
                add_delivery(
                    session, status=status, workflow_id=chance.choice((None, 1, 2)), webhook_id=chance.choice((3, 4, 5)),
                    module=chance.choice(("deals", "contacts")), record_id=chance.randrange(1, 30),
                    host=chance.choice(("api.example.com", "hooks.example.net", f"shop-{number}.example.org")),
                    status_code=chance.choice((200, 201, 422, 503, None)), test=chance.random() < 0.1,
                    url=url.format(n=number), error=error if status in ("failed", "retry") else None, created_at=clock,
                )
            )  # fmt: skip
            if number == 260:
                session.commit()
                while indexing.index_some(db, 40):
                    pass
    return rows_added


def matches(row: Delivery, log_filter: LogFilter) -> bool:
    """The filter's meaning, spelled out."""
    same = ("status", "workflow_id", "webhook_id", "module", "record_id", "host", "status_code", "test")
    return (
        all(getattr(log_filter, name) in (None, getattr(row, name)) for name in same)
        and (log_filter.since is None or row.created_at >= log_filter.since)
        and (log_filter.until is None or row.created_at < log_filter.until)
        and (log_filter.q is None or log_filter.q.lower() in f"{row.url}\n{row.error or ''}".lower())
    )


def filters() -> list[LogFilter]:
    chance = random.Random(11)
    values: dict[str, tuple[Any, ...]] = {
        "status": tuple(STATUSES), "workflow_id": (1, 2, 9), "webhook_id": (3, 4), "module": ("deals",),
        "record_id": (1, 2, 99), "host": ("api.example.com", "shop-9.example.org", "nobody.example"),
        "status_code": (200, 422, 404), "test": (True, False),
        "since": tuple(START + timedelta(minutes=minutes) for minutes in (-1, 990, 1992, 2030, 9000)),
        "until": tuple(START + timedelta(minutes=minutes) for minutes in (0, 1010, 1985, 2030, 9000)),
        "q": ("INVOICES", "orders/11", "unprocessable", "100%25_", "x=100_", "ümlaut", '"quoted"', "no such", "e", "zz"),
    }  # fmt: skip
    single = [LogFilter(**{name: value}) for name, choices in values.items() for value in choices]
    several = [
        LogFilter(**{name: chance.choice(values[name]) for name in chance.sample(list(values), size)})
        for size in (2, 2, 3, 4)
        for _ in range(20)
    ]
    return [LogFilter(), *single, *several]


@pytest.mark.parametrize("limit", [7, 50])
def test_pages_in_both_directions_are_the_matches_in_order(db: Database, rows: list[Delivery], limit: int) -> None:
    for log_filter in filters():
        expected = [row.id for row in reversed(rows) if matches(row, log_filter)]
        with db.read() as session:
            ids, page = [], queries.page(session, log_filter, limit=limit)
            while True:
                ids += [row.id for row in page.items]
                if page.next_page is None:
                    break
                page = queries.page(session, log_filter, limit=limit, before=page.next_page)
            assert ids == expected, log_filter
            back, after = [], 0
            while after is not None:
                page = queries.page(session, log_filter, limit=limit, after=after)
                back = [row.id for row in page.items] + back
                after = page.previous_page
            assert back == expected, log_filter


def test_counts_are_those_of_the_matches_whatever_status_is_shown(
    db: Database, rows: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_COUNTED", 500)
    for log_filter in filters():
        expected = Counter(row.status for row in rows if matches(row, log_filter.without("status")))
        with db.read() as session:
            counts = queries.counts(session, log_filter)
        assert counts.numbers == {status: expected[status] for status in STATUSES}, log_filter
        assert not counts.at_least, log_filter


def test_hosts_are_those_of_all_deliveries(db: Database, rows: list[Delivery]) -> None:
    with db.read() as session:
        assert queries.hosts(session) == sorted({row.host for row in rows})[:200]


def test_counts_that_are_cut_say_so(db: Database, rows: list[Delivery], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_COUNTED", 10)
    monkeypatch.setattr(search, "MOST_COUNTED", 10)
    for log_filter in (LogFilter(since=START), LogFilter(q="example"), LogFilter(record_id=rows[0].record_id)):
        true = Counter(row.status for row in rows if matches(row, log_filter))
        with db.read() as session:
            counts = queries.counts(session, log_filter)
        assert "success" in counts.at_least
        assert counts.words("success").endswith("+")
        for status in STATUSES:
            shown = counts[status]
            assert shown <= true[status] if status in counts.at_least else shown == true[status]


def test_a_search_that_stops_early_says_where_and_goes_on_from_there(
    db: Database, rows: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_EXAMINED", 20)
    monkeypatch.setattr(search, "CHUNK", 10)
    monkeypatch.setattr(search, "SMALLEST_CHUNK", 10)
    log_filter = LogFilter(q="37")
    expected = [row.id for row in reversed(rows) if matches(row, log_filter)]
    ids: list[int | None] = []
    stops = 0
    with db.read() as session:
        page = queries.page(session, log_filter, limit=5)
        while True:
            ids += [row.id for row in page.items]
            stops += page.searched_to is not None
            if page.next_page is None:
                break
            page = queries.page(session, log_filter, limit=5, before=page.next_page)
    assert ids == expected
    assert stops


def test_what_is_taken_out_again_is_neither_counted_nor_found(db: Database, rows: list[Delivery]) -> None:
    log_filter = LogFilter(q="invoices", status="success")
    with db.read() as session:
        before, listed = queries.counts(session, LogFilter()), queries.page(session, log_filter, limit=400).items
    gone = [row for row in listed if row.log_bucket_id is not None][:5]
    assert gone
    with db.write() as session:
        indexing.remove_from_index(session, gone)
        for row in gone:
            session.execute(text("DELETE FROM delivery_request WHERE delivery_id = :id"), {"id": row.id})
            session.execute(text("DELETE FROM delivery WHERE id = :id"), {"id": row.id})
        assert queries.counts(session, LogFilter())["success"] == before["success"] - 5
        left = {row.id for row in queries.page(session, log_filter, limit=400).items}
        session.rollback()
    assert left == {row.id for row in listed} - {row.id for row in gone}
