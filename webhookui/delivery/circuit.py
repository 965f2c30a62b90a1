"""The circuit: an endpoint that keeps failing is paused, probed now and then, and drained at a limited rate when it is back
(SPEC section 6). Paused deliveries stay Queued or Retry.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webhookui.db import Database, after_commit, now
from webhookui.delivery import states
from webhookui.delivery.sender import Result
from webhookui.delivery.tables import Delivery, Endpoint

OPENS_AFTER = 10
"""Failures in a row, with no success in between, that open the circuit."""
PROBE_EVERY = (timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=5), timedelta(minutes=10))
"""Time to the next probe after the first, second, … failed one; the last goes on."""
DRAIN_PER_S = 20.0
"""Deliveries a second to an endpoint that has just recovered, until its backlog is gone."""
OF_THE_REQUEST = frozenset({400, 405, 409, 411, 412, 413, 414, 415, 422})
"""Answers that speak of one request, not of the endpoint's health."""

FAILED_BY_HAND = "failed by hand while the endpoint was paused"

_D = Delivery.__table__.c  # type: ignore[attr-defined]
_E = Endpoint.__table__.c  # type: ignore[attr-defined]


def counts_against(result: Result) -> bool:
    """Whether a failure says something about the endpoint. Tests and redeliveries are not held against it."""
    if result.diagnosis is None or result.claimed.test or result.claimed.redelivery_of is not None:
        return False
    if result.answer is None:
        return not result.diagnosis.ends
    return result.answer.status_code not in OF_THE_REQUEST


class Circuits:
    """What a worker process knows of the endpoints that are not well. Healthy ones have no row and cost nothing."""

    REFRESH_S = 1.0

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}
        self._states: dict[str, str] = {}
        self._read_at = 0.0

    def permit(self, lane: str, size: int) -> int:
        """How many deliveries of the lane may be claimed now: all, one (a probe, or while it drains) or none."""
        state = self._state(lane)
        if state == "closed":
            return size
        if state == "draining":
            return 1
        return int(self._take_probe(lane))

    def is_draining(self, lane: str) -> bool:
        return self._states.get(lane) == "draining"

    def _state(self, lane: str) -> str:
        with self._lock:
            if time.monotonic() - self._read_at > self.REFRESH_S:
                with self._db.read() as session:
                    rows = session.execute(select(_E.lane, _E.state).where(_E.state != "closed")).all()
                before, self._states = self._states, {str(name): str(state) for name, state in rows}
                for name in before.keys() - self._states.keys():
                    self._failures.pop(name, None)
                self._read_at = time.monotonic()
            return self._states.get(lane, "closed")

    def _take_probe(self, lane: str) -> bool:
        """Whether this caller is the one to probe: of all senders and processes, one is."""
        with self._db.write() as session:
            taken: Any = session.execute(
                update(Endpoint)
                .where(_E.lane == lane, _E.state == "open", _E.next_probe_at <= now())
                .values(next_probe_at=now() + PROBE_EVERY[0])
                .execution_options(synchronize_session=False)
            )
            return bool(taken.rowcount)

    def observe(self, session: Session, results: Sequence[Result]) -> list[tuple[str, str]]:
        """Counts what came back, in the transaction that writes it down. Returns (lane, "paused" or "recovered") for those
        that it moved; of several processes, one returns it.
        """
        moved = []
        for result in results:
            lane = result.claimed.lane
            if result.succeeded:
                self._failures.pop(lane, None)
                if self._states.get(lane) == "open" and self._move(session, lane, "draining", before="open"):
                    moved.append((lane, "recovered"))
            elif counts_against(result):
                self._failures[lane] = self._failures.get(lane, 0) + 1
                is_paused = self._states.get(lane) in ("open", "draining")
                if not is_paused and self._failures[lane] < OPENS_AFTER:
                    continue
                if (self._put_off if is_paused else self._open)(session, lane, result):
                    moved.append((lane, "paused"))
        return moved

    def lane_is_empty(self, lane: str) -> None:
        """A lane that drains and has nothing left is well again."""
        if self.is_draining(lane):
            with self._db.write() as session:
                self._move(session, lane, "closed")

    def _open(self, session: Session, lane: str, result: Result) -> bool:
        """Pauses the lane. False when another process had paused it already."""
        row = session.get(Endpoint, lane, with_for_update=True, populate_existing=True) or Endpoint(lane=lane)
        self._states[lane] = "open"
        if row.state == "open":
            return False
        row.state, row.opened_at, row.failures_in_a_row = "open", now(), self._failures[lane]
        row.next_probe_at = now() + PROBE_EVERY[0]
        row.last_error = result.diagnosis.error if result.diagnosis else None
        session.add(row)
        return True

    def _put_off(self, session: Session, lane: str, result: Result) -> bool:
        """The next probe later. Whether that pauses a lane again that was thought well."""
        row = session.get(Endpoint, lane, with_for_update=True, populate_existing=True)
        if row is None:
            return False
        again = row.state != "open"
        probes = max(0, self._failures[lane] - OPENS_AFTER)
        row.state, row.failures_in_a_row = "open", self._failures[lane]
        row.next_probe_at = now() + PROBE_EVERY[min(probes, len(PROBE_EVERY) - 1)]
        row.last_error = result.diagnosis.error if result.diagnosis else None
        self._states[lane] = "open"
        return again

    def _move(self, session: Session, lane: str, state: str, before: str | None = None) -> bool:
        """Whether it was in the state `before`, if one is given, and is in the other now."""
        done: Any = session.execute(
            update(Endpoint)
            .where(_E.lane == lane, *([_E.state == before] if before else []))
            .values(state=state, failures_in_a_row=0, next_probe_at=None, last_success_at=now())
            .execution_options(synchronize_session=False)
        )
        self._states[lane] = state
        return bool(done.rowcount)


def paused(session: Session) -> list[Endpoint]:
    """Endpoints that are paused or draining, for the log's banner."""
    return list(session.scalars(select(Endpoint).where(_E.state != "closed").order_by(_E.opened_at)))


def resume(session: Session, lane: str) -> None:
    """Resume now: sends to the endpoint again at the limited rate, without waiting for a probe."""
    row = session.get(Endpoint, lane)
    if row is not None and row.state == "open":
        row.state, row.failures_in_a_row, row.next_probe_at = "draining", 0, None
        session.flush()
        for listener in session.info.get("endpoint_listeners", ()):
            listener(session, lane)
    wake_at = session.info.get("wake_at")
    if wake_at is not None:
        seen_by_then = now() + timedelta(seconds=Circuits.REFRESH_S)
        after_commit(session, lambda: wake_at(lane, seen_by_then))


def fail_all(session: Session, lane: str) -> int:
    """Fail all: ends what waits for the endpoint. Returns how many; nobody is mailed, for somebody chose it."""
    ended: Any = session.execute(
        update(Delivery)
        .where(_D.lane == lane, _D.status.in_(("queued", "retry")))
        .values(
            status=states.after("failed_by_hand", "queued"), error=FAILED_BY_HAND, next_attempt_at=None,
            finished_at=now(), version=_D.version + 1,
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    return int(ended.rowcount)
