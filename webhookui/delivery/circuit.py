"""The circuit: an endpoint that keeps failing is paused, probed now and then, and drained at a limited rate when it is back
(SPEC section 6). Paused deliveries stay Queued or Retry.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from webhookui.db import Database, after_commit, now
from webhookui.delivery import states
from webhookui.delivery.sender import Result
from webhookui.delivery.tables import Delivery, Endpoint

PAUSED_AGAIN_AFTER = 3
"""Failures in a row that pause an endpoint again while its backlog drains."""
OF_THE_REQUEST = frozenset({400, 405, 409, 411, 412, 413, 414, 415, 422})
"""Answers that speak of one request, not of the endpoint's health."""

FAILED_BY_HAND = "failed by hand while the endpoint was paused"

_D = Delivery.__table__.c  # type: ignore[attr-defined]
_E = Endpoint.__table__.c  # type: ignore[attr-defined]


OF_THE_ENDPOINT = frozenset({429, 503})
"""Answers that speak of the endpoint's health whatever the request was."""


def counts_against(result: Result) -> bool:
    """Whether a failure says something about the endpoint. Tests and redeliveries are not held against it.

    Nor is a retry that is answered by an error again, which says as much of its request: what fails is due again together,
    and some requests that a third party never takes would pause an endpoint that takes all others.
    """
    if result.diagnosis is None or result.claimed.test or result.claimed.redelivery_of is not None:
        return False
    if result.answer is None:
        return not result.diagnosis.ends
    if result.claimed.failure_count and result.answer.status_code not in OF_THE_ENDPOINT:
        return False
    return result.answer.status_code not in OF_THE_REQUEST


@dataclass(frozen=True)
class CircuitRules:
    """`pause_after`: failures in a row, with no success in between. `probe_delays`: seconds to the next probe after the first,
    second, … failed one; the last goes on."""

    pause_after: int = 10
    probe_delays: tuple[float, ...] = (60, 120, 300, 600)

    def next_probe(self, failed_probes: int) -> datetime:
        return now() + timedelta(seconds=self.probe_delays[min(failed_probes, len(self.probe_delays) - 1)])


@dataclass
class Observed:
    """What results did to endpoints: `moved` are (lane, "paused" or "recovered"), of several processes one has it;
    `due` are lanes with the time at which they should be looked after."""

    moved: list[tuple[str, str]] = field(default_factory=list)
    due: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class _Known:
    state: str
    next_probe_at: datetime | None = None


_CLOSED = _Known("closed")


class Circuits:
    """What a worker process knows of the endpoints that are not well. Healthy ones have no row and cost nothing."""

    REFRESH_S = 1.0

    def __init__(self, db: Database, rules: CircuitRules) -> None:
        self._db = db
        self._rules = rules
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}
        self._known: dict[str, _Known] = {}
        self._read_at = 0.0

    def permit(self, lane: str, size: int) -> int:
        """How many deliveries of the lane may be claimed now: all, one (a probe, or while it drains) or none."""
        known = self._now_known(lane)
        if known.state == "closed":
            return size
        if known.state == "draining":
            return 1
        return int(self._take_probe(lane, known))

    def is_paused(self, lane: str) -> bool:
        return self._known.get(lane, _CLOSED).state == "open"

    def is_draining(self, lane: str) -> bool:
        return self._known.get(lane, _CLOSED).state == "draining"

    def _now_known(self, lane: str) -> _Known:
        with self._lock:
            if time.monotonic() - self._read_at > self.REFRESH_S:
                with self._db.read() as session:
                    rows = session.execute(select(_E.lane, _E.state, _E.next_probe_at).where(_E.state != "closed"))
                    found = {row[0]: _Known(row[1], row[2]) for row in rows}
                for name, before in self._known.items():
                    if (
                        found.get(name, _CLOSED).state != before.state
                    ):  # somebody resumed it, or another process saw it well
                        self._failures.pop(name, None)
                self._known, self._read_at = found, time.monotonic()
            return self._known.get(lane, _CLOSED)

    def _take_probe(self, lane: str, known: _Known) -> bool:
        """Whether this caller is the one to probe: of all senders and processes, one is."""
        at, longest = now(), timedelta(seconds=max(self._rules.probe_delays))
        if known.next_probe_at is not None and at < known.next_probe_at <= at + longest:
            return False
        # A time further away than the longest pause comes of a clock that was set back: it is due.
        due = or_(_E.next_probe_at <= at, _E.next_probe_at > at + longest)
        with self._db.write() as session:
            taken: Any = session.execute(
                update(Endpoint)
                .where(_E.lane == lane, _E.state == "open", due)
                .values(next_probe_at=self._rules.next_probe(0))
                .execution_options(synchronize_session=False)
            )
            return bool(taken.rowcount)

    def observe(self, session: Session, results: Sequence[Result]) -> Observed:
        """Counts what came back, in the transaction that writes it down; nothing is counted when that is rolled back."""
        observed = Observed()
        failures: dict[str, int] = {}
        known: dict[str, _Known] = {}
        for result in results:
            lane = result.claimed.lane
            state = known.get(lane, self._known.get(lane, _CLOSED)).state
            if result.succeeded:
                failures[lane] = 0
                if state == "open":
                    known[lane] = self._recovered(session, lane, observed)
            elif counts_against(result):
                failures[lane] = failures.get(lane, self._failures.get(lane, 0)) + 1
                most = PAUSED_AGAIN_AFTER if state == "draining" else self._rules.pause_after
                if state == "open":
                    known[lane] = self._probe_failed(session, result, observed)
                elif failures[lane] >= most:
                    known[lane] = self._pause(session, result, observed)
        if failures or known:
            after_commit(session, lambda: self._learn(failures, known))
        return observed

    def _learn(self, failures: dict[str, int], known: dict[str, _Known]) -> None:
        with self._lock:
            self._failures = {lane: number for lane, number in {**self._failures, **failures}.items() if number}
            self._known = {**self._known, **known}

    def lane_is_empty(self, lane: str) -> None:
        """A lane that drains and has nothing left is well again."""
        if self.is_draining(lane):
            with self._db.write() as session:
                self._move(session, lane, "draining", "closed")
                after_commit(session, lambda: self._learn({lane: 0}, {lane: _CLOSED}))

    def _pause(self, session: Session, result: Result, observed: Observed) -> _Known:
        lane = result.claimed.lane
        row = self._row(session, lane) or Endpoint(lane=lane)
        if row.state != "open":  # another process may have paused it already
            row.state, row.opened_at, row.failures_in_a_row = "open", now(), self._rules.pause_after
            row.next_probe_at = self._rules.next_probe(0)
            row.last_error = result.diagnosis.error if result.diagnosis else None
            session.add(row)
            observed.moved.append((lane, "paused"))
        return self._probe_due(row, observed)

    def _probe_failed(self, session: Session, result: Result, observed: Observed) -> _Known:
        """The next probe later, unless the request was in the air already when the endpoint was paused."""
        row = self._row(session, result.claimed.lane)
        if row is None or row.state != "open":
            return self._pause(session, result, observed)
        if row.opened_at is None or result.at >= row.opened_at:
            row.failures_in_a_row += 1
            row.next_probe_at = self._rules.next_probe(row.failures_in_a_row - self._rules.pause_after)
            row.last_error = result.diagnosis.error if result.diagnosis else None
        return self._probe_due(row, observed)

    @staticmethod
    def _row(session: Session, lane: str) -> Endpoint | None:
        session.flush()
        return session.get(Endpoint, lane, with_for_update=True, populate_existing=True)

    @staticmethod
    def _probe_due(row: Endpoint, observed: Observed) -> _Known:
        if row.next_probe_at is not None:
            observed.due[row.lane] = row.next_probe_at
        return _Known("open", row.next_probe_at)

    def _recovered(self, session: Session, lane: str, observed: Observed) -> _Known:
        if self._move(session, lane, "open", "draining"):
            observed.moved.append((lane, "recovered"))
        observed.due[lane] = now()
        return _Known("draining")

    @staticmethod
    def _move(session: Session, lane: str, before: str, state: str) -> bool:
        """Whether it was in the state `before` and is in the other now."""
        session.flush()
        done: Any = session.execute(
            update(Endpoint)
            .where(_E.lane == lane, _E.state == before)
            .values(state=state, failures_in_a_row=0, next_probe_at=None, last_success_at=now())
            .execution_options(synchronize_session=False)
        )
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
