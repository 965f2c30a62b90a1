"""Attempts counted for /metrics: by outcome and duration, since the installation began, over all worker processes.

A group of results adds to a few rows in its own transaction; each process has rows of its own, so that none waits for another.
"""

import zlib
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webhookui.core.database import insert_or_update
from webhookui.delivery.tables import AttemptMetrics

BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper ends of the classes in seconds; the last class, one more than these, has none."""
SHARDS = 64

_T = AttemptMetrics.__table__.c  # type: ignore[attr-defined]
_STATEMENTS: dict[str, Any] = {}


@dataclass
class OutcomeMetrics:
    """Attempts with one outcome. `classes`: how many in each class of BOUNDS_S and in the one beyond."""

    classes: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    seconds: float = 0.0

    @property
    def number(self) -> int:
        return sum(self.classes)


def count(session: Session, process: str, attempts: Iterable[tuple[str, float]]) -> None:
    """Adds attempts, each as (outcome, seconds), in the session's transaction."""
    added: dict[tuple[str, int], list[float]] = {}
    for outcome, seconds in attempts:
        sums = added.setdefault((outcome, bisect_left(BOUNDS_S, seconds)), [0, 0.0])
        sums[0] += 1
        sums[1] += seconds
    if not added:
        return
    shard = zlib.crc32(process.encode()) % SHARDS
    rows = [
        {"shard": shard, "outcome": outcome, "duration_class": place, "number": number, "seconds": seconds}
        for (outcome, place), (number, seconds) in sorted(added.items())
    ]
    session.connection().execute(_statement(session), rows)


def _statement(session: Session) -> Any:
    """Made once for each kind of database: every group of results uses it."""
    dialect = session.get_bind().dialect.name
    if dialect not in _STATEMENTS:
        statement = insert_or_update(session, AttemptMetrics)
        more = {name: _T[name] + statement.excluded[name] for name in ("number", "seconds")}
        _STATEMENTS[dialect] = statement.on_conflict_do_update(
            index_elements=[_T.shard, _T.outcome, _T.duration_class], set_=more
        )
    return _STATEMENTS[dialect]


def read(session: Session) -> dict[str, OutcomeMetrics]:
    """Outcome → its attempts."""
    statement = select(_T.outcome, _T.duration_class, func.sum(_T.number), func.sum(_T.seconds))
    metrics: dict[str, OutcomeMetrics] = {}
    for outcome, place, number, seconds in session.execute(statement.group_by(_T.outcome, _T.duration_class)):
        outcome_metrics = metrics.setdefault(outcome, OutcomeMetrics())
        outcome_metrics.classes[place] += int(number)
        outcome_metrics.seconds += float(seconds)
    return metrics
