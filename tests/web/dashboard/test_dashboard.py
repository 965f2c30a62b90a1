"""The dashboard over HTTP (specification section 7): charts as images with their numbers beside them, failing endpoints,
the range."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from tests.support.log_rows import add_delivery, add_waiting
from webhookui.core.database import Database, now
from webhookui.delivery.tables import Endpoint
from webhookui.delivery_log import statistics
from webhookui.web.dashboard.charts import Label, Series, lines, stacked_bars
from webhookui.web.dashboard.view_models import RANGES, edges_of, in_ms, in_s


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("dashboard")) as app:
        yield app


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, *pages.LOG)
    return database


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return pages.admin(app)


def fill(db: Database) -> None:
    with db.write() as session:
        for hours in (1, 2, 30, 24 * 20):
            for _ in range(hours % 7 + 1):
                add_delivery(session, created_at=now() - timedelta(hours=hours), duration_ms=80.0)
        add_delivery(session, created_at=now() - timedelta(hours=2), status="failed", duration_ms=4000.0, error="No.")
        add_waiting(session, created_at=now())  # in the hour of now, also when that has just begun
        session.add(
            Endpoint(endpoint_key="https://b.example:8443", state="open", opened_at=now(), last_error="It refused.")
        )


def numbers(page: str, head: str) -> list[list[str]]:
    """The rows of a chart's table, without those that are all nothing."""
    table = re.search(rf'aria-label="{head}, as numbers"><table.*?<tbody>(.*?)</tbody>', page, re.S)
    assert table is not None
    rows = [re.findall(r"<td[^>]*>(?:<a[^>]*>)?([^<]*)", row) for row in table[1].split("</tr>")]
    return [row for row in rows if set(row) - {"0", "–"}]


def test_the_numbers_stand_beside_each_chart(client: FlaskClient, db: Database) -> None:
    fill(db)
    statistics.observe(db)
    page = client.get("/dashboard").text
    assert numbers(page, "Deliveries over time") == [["0", "0", "1", "1"], ["2", "0", "0", "2"], ["3", "1", "0", "4"]]
    assert page.count('role="img"') == 4  # the deliveries are drawn wide and narrow
    assert "7 deliveries: 5 Success, 1 Failed, 1 Retry. The highest number is 4, at " in page
    assert [row[0] for row in numbers(page, "Response times")] != []
    assert ["0 s"] in numbers(page, "Queue age")


@pytest.mark.parametrize(("query", "total"), [("", 7), ("?range=24h", 7), ("?range=7d", 10), ("?range=30d", 15)])
def test_the_range_stands_in_the_url(client: FlaskClient, db: Database, query: str, total: int) -> None:
    fill(db)
    page = client.get(f"/dashboard{query}").text
    assert f'<span class="tile-label">Deliveries</span> <strong class="tile-value">{total}</strong>' in page
    assert re.search(r'<a href="([^"]*)" class="segment" aria-current="page">', page)


def test_a_range_that_is_none_leads_to_the_dashboard(client: FlaskClient, db: Database) -> None:
    assert client.get("/dashboard?range=century").headers["Location"] == "/dashboard"


def test_failing_endpoints_lead_to_what_failed(client: FlaskClient, db: Database) -> None:
    fill(db)
    page = client.get("/dashboard").text
    assert "b.example:8443" in page and "It refused." in page and "Paused" in page
    assert '<a href="/log?host=api.example.com">api.example.com</a>' in page
    assert "503 Service Unavailable" in page
    assert "None: every endpoint answered" not in page


def test_a_number_leads_to_the_log_of_just_these(client: FlaskClient, db: Database) -> None:
    fill(db)
    link = re.search(r'<a href="(/log\?status=failed&amp;since=[^"]*)">1</a>', client.get("/dashboard").text)
    assert link is not None
    assert client.get(link[1].replace("&amp;", "&")).text.count("data-live-row=") == 1


def test_nothing_yet_says_what_the_page_is_for(client: FlaskClient, db: Database) -> None:
    page = client.get("/dashboard").text
    assert "No deliveries in the last 24 hours" in page and "Look at 30 days" in page


def test_the_page_keeps_to_the_content_policy(client: FlaskClient, db: Database) -> None:
    fill(db)
    page = client.get("/dashboard?range=30d").text
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\bsrc=)|\son\w+=|xlink|<\?xml", page)


ZONES = ("UTC", "Europe/Prague", "Asia/Kathmandu", "America/St_Johns")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("name", list(RANGES))
@pytest.mark.parametrize("at", [datetime(2026, 3, 29, 12, 20), datetime(2026, 10, 25, 0, 59), datetime(2026, 6, 1)])
def test_bars_are_whole_hours_or_days_on_the_wall(zone: str, name: str, at: datetime) -> None:
    until = at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    edges = edges_of(RANGES[name], until)
    assert edges == sorted(set(edges))
    assert edges[-2] <= until < edges[-1]
    assert all(edge.hour % RANGES[name].step == 0 and edge.minute == 0 for edge in edges)
    assert len(edges) in (RANGES[name].bars, RANGES[name].bars + 1)  # an hour that the clock skips is none


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0, "0 s"),
        (60, "1 min"),
        (90, "90 s"),
        (300, "5 min"),
        (3600, "1 h"),
        (5400, "90 min"),
        (3 * 86_400, "3 d"),
    ],
)
def test_ages_are_said_in_the_largest_fitting_unit(seconds: float | None, words: str) -> None:
    assert in_s(seconds) == words


def test_durations_are_said_shortly() -> None:
    assert [in_ms(duration_ms) for duration_ms in (None, 3.4, 999.0, 1000, 1240, 12_400)] == [
        "–",
        "3 ms",
        "999 ms",
        "1 s",
        "1.2 s",
        "12 s",
    ]


def test_what_a_chart_says_is_escaped_and_nothing_of_it_runs() -> None:
    evil = "<script>alert(1)</script>"
    label = Label(evil, evil)
    for chart in (
        stacked_bars(evil, evil, [label], [Series(evil, "success", [3])], lambda value: f"{value}{evil}"),
        lines(evil, evil, [label, label], [Series(evil, "p50", [3, None])], lambda value: f"{value}{evil}", [1, 10]),
    ):
        assert "<script" not in chart and "<style" not in chart and " style=" not in chart
        assert chart.startswith("<svg") and 'role="img"' in chart and "<desc>" in chart
