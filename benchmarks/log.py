"""The webhook log with 1,000,000 deliveries beside the same with 1,000: how long its pages take to answer.

Two installations, each `webhookui web` in a process of its own, are asked in turn for the same page by a logged-in session, so
that whatever else the machine does falls on both. Beside the median time of the answer stands that of the queries alone, asked
in this process: what is left of the difference when the page around them is taken away.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from benchmarks.asked import Asked, compare
from benchmarks.many import Action, fill
from benchmarks.server import Server
from webhookui.core.database import now
from webhookui.delivery.tables import Delivery
from webhookui.delivery_log import queries
from webhookui.delivery_log.filter import LogFilter
from webhookui.installation import open_installation
from webhookui.settings import Settings

WITHIN = 3.0


class Log(Asked):
    """One of the two installations."""

    def __init__(self, server: Server, deliveries: int) -> None:
        super().__init__(server)
        self.deliveries = deliveries
        installation = open_installation(Settings(instance=server.folder))  # type: ignore[call-arg]
        self.actions: list[Action] = fill(installation.db, deliveries)
        installation.close()

    def query_ms(self, path: str) -> float:
        args = {name: values[0] for name, values in parse_qs(path.partition("?")[2]).items()}
        before = int(args.pop("before", 0)) or None
        log_filter = LogFilter.from_args(args)
        started = time.perf_counter()
        with self.db.read() as session:
            queries.page(session, log_filter, before=before)
            queries.counts(session, log_filter)
        return (time.perf_counter() - started) * 1000

    def move_newest(self) -> None:
        with self.db.write() as session:
            newest = session.get(Delivery, self.deliveries)
            assert newest is not None
            newest.version += 1

    def live(self) -> str:
        """What a page that shows the newest deliveries asks."""
        with self.db.read() as session:
            rows = queries.page(session, LogFilter()).items
        return "/log/live?first=1&flow=1&announced=0&paused=&rows=" + ",".join(
            f"{row.id}:{row.version}" for row in rows
        )


def questions(the: Log) -> dict[str, str]:
    """Name → path. The same in both installations, but for the number of the delivery in the middle."""
    often, seldom = the.actions[0], the.actions[-1]
    elsewhere = next(
        action.host for action in the.actions if action.workflow_id != often.workflow_id and action.host != often.host
    )
    middle = the.deliveries // 2
    week_ago, month_ago = (f"{now() - timedelta(days=days):%Y-%m-%dT%H:%M}" for days in (7, 30))
    return {
        "first page": "/log",
        "status: success": "/log?status=success",
        "status: failed": "/log?status=failed",
        "status: queued": "/log?status=queued",
        "workflow": f"/log?workflow_id={often.workflow_id}",
        "action": f"/log?webhook_id={seldom.webhook_id}",
        "record": "/log?record_id=77",
        "host": f"/log?host={often.host}",
        "HTTP code": "/log?status_code=422",
        "time: since a week": f"/log?since={week_ago}",
        "time: a week, a month ago": f"/log?since={month_ago}&until={week_ago}",
        "test": "/log?test=true",
        "two: workflow and status": f"/log?workflow_id={often.workflow_id}&status=failed",
        "two: host and HTTP code": f"/log?host={often.host}&status_code=503",
        "two: status and time": f"/log?status=failed&until={month_ago}",
        "two that never meet": f"/log?webhook_id={often.webhook_id}&host={elsewhere}",
        "two that never meet: HTTP code and status": "/log?status_code=200&status=failed",
        "search: a common word": "/log?q=invoices",
        "search: a number": f"/log?q=orders/{middle}",
        "search: in errors": "/log?q=not its content",
        "search: nothing": "/log?q=no such words",
        "search and status": "/log?q=records&status=failed",
        "search and workflow": f"/log?q=not its content&workflow_id={seldom.workflow_id}",
        "next page": f"/log?before={the.deliveries - 49}",
        "page in the middle": f"/log?before={middle}",
        "page in the middle of a filter": f"/log?before={middle}&status=failed",
    }


def run(small: int = 1000, large: int = 1_000_000, repetitions: int = 15) -> dict[str, Any]:
    """Median times in ms, and the ratio of the large log's to the small one's; `within` tells whether all are within 3."""
    with ExitStack() as stack:
        logs = [Log(Server("web"), deliveries) for deliveries in (small, large)]
        for bench_log in logs:
            stack.enter_context(bench_log.server)
            bench_log.open()
        pages = [questions(bench_log) for bench_log in logs]
        figures: dict[str, Any] = {}
        for name in pages[0]:
            both = [(bench_log, paths[name]) for bench_log, paths in zip(logs, pages, strict=True)]
            answers = [partial(bench_log.answer_ms, path) for bench_log, path in both]
            queries = [partial(bench_log.query_ms, path) for bench_log, path in both]
            figures[name] = compare(repetitions, *answers) | {"queries": compare(repetitions, *queries)}
        figures |= _live(logs, repetitions)
    ratios = [figure["ratio"] for figure in figures.values()]
    return {
        "deliveries": [small, large],
        "pages": figures,
        "worst_ratio": max(ratios),
        "within": all(ratio <= WITHIN for ratio in ratios),
    }


def _live(logs: list[Log], repetitions: int) -> dict[str, Any]:
    def still(bench_log: Log) -> Callable[[], float]:
        path = bench_log.live()
        return lambda: bench_log.answer_ms(path)

    def moved(bench_log: Log) -> Callable[[], float]:
        def ask() -> float:
            path = bench_log.live()
            bench_log.move_newest()
            return bench_log.answer_ms(path)

        return ask

    return {
        "live: nothing moved": compare(repetitions, *(still(bench_log) for bench_log in logs)),
        "live: one moved": compare(repetitions, *(moved(bench_log) for bench_log in logs)),
    }
