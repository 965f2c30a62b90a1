"""Two installations, a small one and a large one, that are asked for the same pages in turn."""

import time
from collections.abc import Callable
from typing import Any

import requests

from benchmarks import percentile
from benchmarks.server import Server
from webhookui.core.database import Database


class Asked:
    """One of them: `webhookui web` in a process of its own."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def open(self) -> None:
        """Once the server runs: a session, and the database for the queries alone."""
        self.browser: requests.Session = self.server.browser()
        self.db = Database(f"sqlite:///{self.server.folder / 'webhookui.db'}")

    def answer_ms(self, path: str) -> float:
        started = time.perf_counter()
        session = self.server.api if path.startswith("/api/") else self.browser
        answer = session.get(self.server.address + path, timeout=300)
        taken = time.perf_counter() - started
        if answer.status_code not in (200, 204):
            raise RuntimeError(f"{path}: {answer.status_code}")
        return taken * 1000


def compare(repetitions: int, small: Callable[[], float], large: Callable[[], float]) -> dict[str, Any]:
    """In turn; the first rounds warm caches up and are not counted."""
    times = [(small(), large()) for _ in range(repetitions + 3)][3:]
    medians = [percentile([pair[side] for pair in times], 0.5) for side in (0, 1)]
    return {
        "small_ms": round(medians[0], 2),
        "large_ms": round(medians[1], 2),
        "ratio": round(medians[1] / medians[0], 2),
    }
