"""Growth: what a log of a million deliveries costs the sending of further ones and the saving of records.

Two installations in this process, one with a long log and one with a short one, are measured in turn, several times.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import update

from benchmarks import many
from benchmarks.receiver import Receiver
from benchmarks.save_cost import Saver, workflow
from benchmarks.throughput import drained_per_s, open_for_bench
from webhookui.core.database import Database
from webhookui.delivery.tables import Delivery

_D = Delivery.__table__.c  # type: ignore[attr-defined]


def run(
    short: int = 1000, long: int = 1_000_000, deliveries: int = 3000, saves: int = 300, rounds: int = 3
) -> dict[str, Any]:
    """`throughput_ratio`: the short log's rate over the long one's; `save_ratio`: the long log's time over the short one's."""
    sizes = {"short": short, "long": long}
    rates: dict[str, list[float]] = {name: [] for name in sizes}
    times: dict[str, list[float]] = {name: [] for name in sizes}
    with tempfile.TemporaryDirectory(prefix="webhookui-bench-") as folder, Receiver() as receiver:
        for name, size in sizes.items():
            _prepare(Path(folder) / name, size)
        for _ in range(rounds):
            for name in sizes:
                installation = open_for_bench(Path(folder) / name)
                rates[name].append(drained_per_s(installation, receiver, deliveries))
                installation.close()
        savers = {name: Saver(Path(folder) / name) for name in sizes}
        for saver in savers.values():
            saver.add_workflow(workflow(0))
        for number in range(saves):
            for name, saver in savers.items():
                times[name].append(saver.save_ms(number))
        for saver in savers.values():
            saver.close()
    rate = {name: median(samples) for name, samples in rates.items()}
    save = {name: median(samples) for name, samples in times.items()}
    return {
        "deliveries_in_the_log": sizes,
        "sent_per_s": {name: round(value, 1) for name, value in rate.items()},
        "throughput_ratio": round(rate["short"] / rate["long"], 3),
        "save_ms": {name: round(value, 3) for name, value in save.items()},
        "save_ratio": round(save["long"] / save["short"], 3),
    }


def _prepare(folder: Path, size: int) -> None:
    """A log in which nothing waits: the made-up endpoints are not to be called."""
    installation = open_for_bench(folder)
    many.fill(installation.db, size)
    _finish(installation.db)
    installation.close()


def _finish(db: Database) -> None:
    with db.write() as session:
        waiting = update(Delivery).where(_D.status.in_(("queued", "retry")))
        session.execute(waiting.values(status="success", next_attempt_at=None, finished_at=_D.created_at))
