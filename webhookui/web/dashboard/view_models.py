"""What the dashboard shows, made ready for its template: spans of time in the user's zone, charts, numbers
(specification section 7)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import ceil
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from markupsafe import Markup
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.delivery.histogram import percentile
from webhookui.delivery.states import FINAL, IN_HAND, STATUSES, WAITING
from webhookui.delivery_log import queries, queue_health, statistics
from webhookui.delivery_log.failing import failing
from webhookui.delivery_log.statistics import Counted
from webhookui.web.dashboard.charts import NARROW, WIDE, Label, Series, lines, stacked_bars

PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
_STEPS_S = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 7 * 86_400, 30 * 86_400)
"""Seconds from one ruled line to the next."""
_RULED_MS = (1, 10, 100, 1000, 10_000, 100_000)


@dataclass(frozen=True)
class Range:
    """A choice of the range switch. A bar of its charts covers `step` hours of the clock on the wall."""

    words: str
    step: int
    bars: int
    short: str
    """How a bar is written below the axis …"""
    long: str
    """… and where there is room."""
    every: int
    """So many bars have one label."""


RANGES = {
    "24h": Range("24 hours", 1, 24, "%H:%M", "%a %-d %b %H:%M", 4),
    "7d": Range("7 days", 6, 28, "%a %-d", "%a %-d %b %H:%M", 4),
    "30d": Range("30 days", 24, 30, "%-d %b", "%a %-d %b", 5),
}


@dataclass(frozen=True)
class Bar:
    """Deliveries made between two times, in the user's zone."""

    start: datetime
    end: datetime
    label: Label
    sum: Counted

    def percentile(self, name: str) -> float | None:
        """Milliseconds."""
        return percentile(self.sum.durations, PERCENTILES[name])

    def log(self, status: str | None = None) -> str:
        """The log of just these."""
        since, until = (f"{edge:%Y-%m-%dT%H:%M}" for edge in (self.start, self.end))
        return "/log?" + urlencode({**({"status": status} if status else {}), "since": since, "until": until})


def dashboard(session: Session, name: str, zone: ZoneInfo) -> dict[str, Any]:
    """Everything on the page. `statuses`: those that occur, as they are drawn, from the bottom up; `success_rate`: of the
    deliveries that are finished, in percent; `waiting`: status → deliveries that are not, of all times."""
    edges = edges_of(RANGES[name], now().astimezone(zone))
    counted = statistics.over_time(session, edges)
    bars = tuple(
        Bar(start, end, _label(start, RANGES[name]), counts)
        for start, end, counts in zip(edges, edges[1:], counted, strict=False)
    )
    total = statistics.added(counted)
    statuses = tuple(status for status in (*FINAL, *reversed(WAITING), *IN_HAND) if total.by_status[status])
    good, bad = total.by_status.get("success", 0), total.by_status.get("failed", 0)
    return {
        "name": name,
        "bars": bars,
        "total": total,
        "statuses": statuses,
        "success_rate": 100 * good / (good + bad) if good + bad else None,
        "percentiles": {short: percentile(total.durations, part) for short, part in PERCENTILES.items()},
        "failing": failing(session),
        "waiting": queries.counts(session, queries.LogFilter()).numbers,
        "oldest_queued_s": queue_health.oldest_queued_s(session),
        "deliveries_chart": _deliveries(bars, total, statuses, WIDE),
        "deliveries_chart_narrow": _deliveries(bars, total, statuses, NARROW),
        "times_chart": _times(bars, total),
        "queue_chart": _queue(bars) if any(bar.sum.oldest_queued_s is not None for bar in bars) else None,
    }


def edges_of(range_: Range, until: datetime) -> list[datetime]:
    """Where the bars begin, and at last where the present one ends; whole hours or days of the clock on the wall."""
    day = datetime.combine(until.date(), time.min)
    step = timedelta(hours=range_.step)
    present = day + (until.replace(tzinfo=None) - day) // step * step
    walls = [present + step * number for number in range(1 - range_.bars, 2)]
    edges = [wall.replace(tzinfo=until.tzinfo).astimezone(UTC) for wall in walls]
    return [edge.astimezone(until.tzinfo) for edge in sorted(set(edges))]  # an hour that the clock skips is none


def _label(start: datetime, range_: Range) -> Label:
    place = start.toordinal() if range_.step == 24 else start.hour // range_.step
    return Label(start.strftime(range_.short) if place % range_.every == 0 else "", start.strftime(range_.long))


def _deliveries(bars: Sequence[Bar], total: Counted, statuses: Sequence[str], size: tuple[int, int]) -> Markup:
    series = [Series(STATUSES[name].label, name, [bar.sum.by_status.get(name, 0) for bar in bars]) for name in statuses]
    parts = ", ".join(f"{total.by_status[name]:,} {STATUSES[name].label}" for name in statuses)
    words = (
        f"{total.total:,} deliveries: {parts}. {_most(bars, lambda bar: bar.sum.total, lambda value: f'{value:,.0f}')}"
    )
    labels = [bar.label for bar in bars]
    return stacked_bars("Deliveries over time", words, labels, series, lambda value: f"{value:,.0f}", size)


def _times(bars: Sequence[Bar], total: Counted) -> Markup:
    series = [Series(name, name, [bar.percentile(name) for bar in bars]) for name in PERCENTILES]
    values = [value for line in series for value in line.values if value]
    low = max([ms for ms in _RULED_MS if ms <= min(values, default=1)], default=1)
    high = min([ms for ms in _RULED_MS if ms >= max(values, default=10)], default=_RULED_MS[-1])
    scale = [ms for ms in _RULED_MS if low <= ms <= max(high, low * 10)]
    parts = ", ".join(f"{name} {in_ms(percentile(total.durations, part))}" for name, part in PERCENTILES.items())
    words = f"Of all finished deliveries: {parts}. {_most(bars, lambda bar: bar.percentile('p95') or 0, in_ms, 'p95')}"
    labels = [bar.label for bar in bars]
    return lines("Response times", words, labels, series, in_ms, scale, logarithmic=True)


def _queue(bars: Sequence[Bar]) -> Markup:
    ages = Series("oldest wait", "queued", [bar.sum.oldest_queued_s for bar in bars])
    words = _most(bars, lambda bar: bar.sum.oldest_queued_s or 0, in_s, "wait")
    highest = max(value for value in ages.values if value is not None)
    step = next((step for step in _STEPS_S if highest <= step * 4), _STEPS_S[-1])
    scale = [step * number for number in range(max(2, ceil(highest / step) + 1))]
    return lines("Queue age", words, [bar.label for bar in bars], [ages], in_s, scale, fill=True)


def _most(
    bars: Sequence[Bar], value: Callable[[Bar], float], show: Callable[[float], str], what: str = "number"
) -> str:
    """ "The highest number is 120, at 14:00." """
    highest = max(bars, key=value)
    return f"The highest {what} is {show(value(highest))}, at {highest.label.words}."


def in_ms(ms: float | None) -> str:
    """ "12 ms", "1.2 s"."""
    if ms is None:
        return "–"
    if ms < 1000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s".replace(".0 ", " ") if ms < 10_000 else f"{ms / 1000:.0f} s"


def in_s(seconds: float | None) -> str:
    """ "12 s", "3 min", "5 h", "2 d"; "90 min" rather than "2 h"."""
    if seconds is None:
        return "–"
    for unit, size, least in (("d", 86_400, 172_800), ("h", 3600, 7200), ("min", 60, 120)):
        if seconds >= least or seconds == size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
