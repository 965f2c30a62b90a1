"""Open log pages while nothing happens: the share of one core that the server's process takes.

`webhookui run` in a process of its own, with 1,000 finished deliveries. The pages are simulated in this process: each loads the
log, keeps a connection of its own, and then polls as `static/poll.js` does on a page that waits, with the same parameters, the
same token and the same two paces: 0.8 s on a page that is fresh or was touched in the last five minutes, 2.5 s after that; and
asks for the bell as often as it does. Each pace is measured for a minute, by what `/proc` says of the server's process;
its heartbeats and sweeps are in the figure, and are measured alone before.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections import Counter
from html import unescape
from pathlib import Path
from typing import Any

import requests

from benchmarks.many import fill
from benchmarks.server import Server
from webhookui.installation import open_installation
from webhookui.settings import Settings

CALM_S, SLOW_S = 0.8, 2.5
"""Paces of a stream in poll.js: calm and slow."""
RECOUNT_S, LASTS_S, STATUS_S = 2.0, 30.0, 20.0
DELIVERIES = 1000
PART = 0.1
"""The pages may take less than this part of a core."""


class LogPage:
    """One open log page that nobody touches."""

    def __init__(self, address: str, cookies: Any) -> None:
        self._address = address
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.update(cookies)
        self.answers: Counter[str] = Counter()

    def load(self) -> None:
        page = self._session.get(f"{self._address}/log", timeout=60).text
        rows = re.findall(r'data-live-row="(\d+)" data-version="(\d+)"', page)
        self._question = {
            "rows": ",".join(f"{number}:{version}" for number, version in rows),
            "open": "", "first": "1", "flow": "1", "announced": "0",
            "counts": _attribute(page, r'data-counts="([^"]*)"'), "paused": _attribute(page, r'data-paused="([^"]*)"'),
        }  # fmt: skip
        self._status_url = _attribute(page, r'hx-get="(/notifications/live[^"]*)"')
        self._state, self._state_at, self._counted_at = "", 0.0, 0.0

    def poll(self) -> None:
        """What poll.js asks, and what it makes of the answer."""
        now = time.monotonic()
        sent = self._state if self._state and now - self._state_at < LASTS_S else ""
        recount = bool(sent) or now - self._counted_at > RECOUNT_S
        parameters = self._question | ({"seen": sent} if sent else {}) | ({"recount": "1"} if recount else {})
        if recount:
            self._counted_at = now
        answer = self._session.get(
            f"{self._address}/log/live", params=parameters, timeout=60, headers={"HX-Request": "true"}
        )
        self.answers[str(answer.status_code)] += 1
        if answer.status_code == 200:
            self.load()
            return
        state = answer.headers.get("X-Live-State", "")
        if sent and state == sent:
            self.answers["quiet"] += 1
        elif recount:
            self._state, self._state_at = state, now

    def ask_status(self) -> None:
        self._session.get(self._address + self._status_url, timeout=60, headers={"HX-Request": "true"})
        self.answers["status"] += 1


def run(pages: int = 50, seconds: float = 60.0) -> dict[str, Any]:
    """CPU of the server's process as a percentage of one core; `within` compares the busier pace."""
    server = Server("run")
    prepare(server)
    with server:
        cookies = server.browser().cookies
        alone = _cpu_percent(server, seconds / 2)
        opened = [LogPage(server.address, cookies) for _ in range(pages)]
        figures = {
            name: _paced(server, opened, pace, seconds)
            for name, pace in (("calm_0_8_s", CALM_S), ("slow_2_5_s", SLOW_S))
        }
    busiest = max(figure["cpu_percent"] for figure in figures.values())
    return {
        "pages": pages,
        "seconds": seconds,
        "deliveries": DELIVERIES,
        "server_alone_cpu_percent": alone,
        **figures,
        "within": busiest < 100 * PART,
    }


def prepare(server: Server) -> None:
    """Fills the server's folder before it is started."""
    installation = open_installation(Settings(instance=server.folder))  # type: ignore[call-arg]
    fill(installation.db, DELIVERIES, waiting=False)
    installation.close()


def _paced(server: Server, opened: list[LogPage], pace_s: float, seconds: float) -> dict[str, Any]:
    ended = threading.Event()
    threads = [threading.Thread(target=_live, args=(page, pace_s, ended), daemon=True) for page in opened]
    for thread in threads:
        thread.start()
    time.sleep(3 * pace_s + 2)  # every page has loaded and has had its first answers
    before = sum((page.answers for page in opened), Counter())
    percent = _cpu_percent(server, seconds)
    counted = sum((page.answers for page in opened), Counter()) - before
    ended.set()
    for thread in threads:
        thread.join(60)
    polls = counted["204"] + counted["200"]
    return {
        "cpu_percent": percent,
        "polls_per_s": round(polls / seconds, 1),
        "answered_from_memory": round(counted["quiet"] / max(1, polls), 3),
        "with_news": counted["200"],
    }


def _live(page: LogPage, pace_s: float, ended: threading.Event) -> None:
    ended.wait(random.random() * pace_s)  # noqa: S311 - people don't open their pages in step
    page.load()
    status_at = time.monotonic() + random.random() * STATUS_S  # noqa: S311
    while not ended.wait(pace_s):
        page.poll()
        if time.monotonic() > status_at:
            page.ask_status()
            status_at += STATUS_S


def _cpu_percent(server: Server, seconds: float) -> float:
    before, started = _cpu_s(server.process.pid), time.monotonic()
    time.sleep(seconds)
    return round(100 * (_cpu_s(server.process.pid) - before) / (time.monotonic() - started), 2)


def _cpu_s(pid: int) -> float:
    """Seconds that a process has computed, all threads and the system's part included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _attribute(page: str, pattern: str) -> str:
    match = re.search(pattern, page)
    return unescape(match[1]) if match else ""
