"""Save cost: saving a deal with fifty active workflows of which one matches, beside a save with none.

Both installations are in this process, on SQLite files of their own, and saves go to them in turn; nobody works on the queue.
A save is the whole transaction, its commit included.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from benchmarks import percentile
from benchmarks.server import deal_workflow
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.delivery.tables import Delivery
from webhookui.installation import Installation, open_installation
from webhookui.settings import Settings
from webhookui.workflows import store

SYSTEM = Actor("system", "Benchmark")
WARMING_UP = 20


def run(workflows: int = 50, saves: int = 500) -> dict[str, Any]:
    """Figures in ms; `ratio` is of the medians, `mean_ratio` of the means."""
    with tempfile.TemporaryDirectory(prefix="webhookui-bench-") as folder:
        none, many = (Saver(Path(folder) / name) for name in ("none", "many"))
        for number in range(workflows):
            many.add_workflow(workflow(number))
        without: list[float] = []
        beside: list[float] = []
        for number in range(saves + WARMING_UP):
            pair = none.save_ms(number), many.save_ms(number)
            if number >= WARMING_UP:
                without.append(pair[0])
                beside.append(pair[1])
        queued = many.deliveries()
        none.close()
        many.close()
    if queued != saves + WARMING_UP:
        raise RuntimeError(
            f"One workflow of {workflows} should have fired at each save; there are {queued} deliveries."
        )
    return {
        "workflows": workflows,
        "saves": saves,
        "without_ms": _figures(without),
        "with_ms": _figures(beside),
        "ratio": round(percentile(beside, 0.5) / percentile(without, 0.5), 2),
        "mean_ratio": round(sum(beside) / sum(without), 2),
    }


def _figures(values: list[float]) -> dict[str, float]:
    return {
        "p50": round(percentile(values, 0.5), 3),
        "p99": round(percentile(values, 0.99), 3),
        "mean": round(sum(values) / len(values), 3),
    }


class Saver:
    """An installation with one deal, whose amount changes with every save."""

    def __init__(self, folder: Path) -> None:
        self.installation: Installation = open_installation(Settings(instance=folder))  # type: ignore[call-arg]
        with self.installation.db.write() as session:
            deal = records.create(session, "deals", {"name": "Kettle order", "amount": "1", "stage": "New"}, SYSTEM)
            self.deal = deal.id or 0

    def add_workflow(self, document: dict[str, Any]) -> None:
        with self.installation.db.write() as session:
            store.create(session, self.installation.box, document, None)

    def save_ms(self, number: int) -> float:
        started = time.perf_counter()
        with self.installation.db.write() as session:
            records.update(session, "deals", self.deal, {"amount": f"{number + 2}.50"}, SYSTEM)
        return (time.perf_counter() - started) * 1000

    def deliveries(self) -> int:
        with self.installation.db.read() as session:
            return session.scalar(select(func.count()).select_from(Delivery)) or 0

    def close(self) -> None:
        self.installation.close()


def workflow(number: int) -> dict[str, Any]:
    """The first one fires at every save of the deal; the others look at what never comes."""
    document = deal_workflow("http://127.0.0.1:9/hook", name=f"Workflow {number}")
    if number == 0:
        document["criteria"] = {"all": [{"field": "amount", "operator": "has_changed"}], "any": []}
    else:
        never = {"field": "amount", "operator": "greater_than", "value": str(1_000_000 + number)}
        document["criteria"]["any"] = [never, {"field": "contact.email", "operator": "is_not_empty"}]
    return document
