"""The circuit: what keeps failing is paused, probed now and then, and drained at a limited rate when it is back (specification
section 6). Paused deliveries stay Queued or Retry.

There are two kinds of it, rows of one table. What answers with an error pauses its webhook alone: the row's name is that of a
key. What can't be reached at all pauses its endpoint for all webhooks: the row's name is scheme://host:port
(docs/decisions/0029).
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.core.database import Database, after_commit, now
from webhookui.definitions.tables import Workflow, WorkflowAction
from webhookui.delivery import claim, pending, states
from webhookui.delivery.attempt import Result
from webhookui.delivery.endpoint_key import EndpointKey
from webhookui.delivery.events import deliveries_due, endpoint_changed
from webhookui.delivery.rate_limiter import CLOCK_WAS_SET_BACK
from webhookui.delivery.tables import Delivery, Endpoint

PAUSED_AGAIN_AFTER = 3
"""Failures in a row that pause it again while its backlog drains."""
UNREACHABLE = frozenset(
    {"name_not_found", "name_slow", "refused", "connect_timed_out", "unreachable", "certificate", "tls", "timed_out"}
)
"""Codes of errors that speak of the endpoint as a whole: no request to it would get an answer."""
OF_THE_WEBHOOK = frozenset({429, 503})
"""Answers that speak of the webhook's health even when a retry gets them."""

_D = Delivery.__table__.c  # type: ignore[attr-defined]
_E = Endpoint.__table__.c  # type: ignore[attr-defined]


def blamed(result: Result) -> str | None:
    """What a failure is counted against: its key, its endpoint, or nothing. Tests and redeliveries count against nothing.

    Nor does a retry that is answered by an error again, which says as much of its request: what fails is due again together,
    and some requests that a third party never takes would pause a webhook whose others are taken.
    """
    key, diagnosis = result.claimed.endpoint_key, result.diagnosis
    if diagnosis is None or result.claimed.test or result.claimed.redelivery_of is not None:
        return None
    if result.answer is None:
        if diagnosis.ends:
            return None
        return EndpointKey(key).endpoint if diagnosis.code in UNREACHABLE and not result.hops else key
    is_retry = result.claimed.failure_count > 0
    return None if is_retry and result.answer.status_code not in OF_THE_WEBHOOK else key


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
    """What results did: `moved` are (name, "paused" or "recovered"), of several processes one has it; `due` are keys with the
    time at which they should be looked after."""

    moved: list[tuple[str, str]] = field(default_factory=list)
    due: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class _Circuit:
    state: str
    next_probe_at: datetime | None = None


_CLOSED = _Circuit("closed")


class Circuits:
    """What a worker process knows of the webhooks and endpoints that are not well. Healthy ones have no row and cost nothing.

    A name is that of a key, or of an endpoint. `wake` wakes a worker for a key.
    """

    REFRESH_S = 1.0

    def __init__(self, db: Database, rules: CircuitRules, wake: Callable[[str], None] = lambda _key: None) -> None:
        self._db = db
        self._rules = rules
        self._wake = wake
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}
        self._circuits: dict[str, _Circuit] = {}
        self._read_at = 0.0

    def permit(self, key: str, size: int) -> int:
        """How many deliveries of the key may be claimed now: all, one (a probe, or while it drains) or none."""
        self._refresh()
        own, endpoint = self._circuits.get(key, _CLOSED), self._circuits.get(EndpointKey(key).endpoint, _CLOSED)
        if own.state == endpoint.state == "closed":
            return size
        if endpoint.state == "open" and EndpointKey(key).endpoint != key:
            if not self._is_due(endpoint) or (own.state == "open" and not self._is_due(own)):
                return 0
            return int(self._is_its_turn(key) and self._take_probe(EndpointKey(key).endpoint, key))
        if own.state == "open":
            return int(self._is_due(own) and self._take_probe(key, key))
        return 1

    def is_paused(self, key: str) -> bool:
        return any(self._circuits.get(name, _CLOSED).state == "open" for name in (key, EndpointKey(key).endpoint))

    def draining(self, key: str) -> list[str]:
        """Which of the two is being drained: the key, its endpoint, or both."""
        names = dict.fromkeys((key, EndpointKey(key).endpoint))
        return [name for name in names if self._circuits.get(name, _CLOSED).state == "draining"]

    def _refresh(self) -> None:
        with self._lock:
            if time.monotonic() - self._read_at <= self.REFRESH_S:
                return
            with self._db.read() as session:
                rows = session.execute(select(_E.endpoint_key, _E.state, _E.next_probe_at).where(_E.state != "closed"))
                circuits = {row[0]: _Circuit(row[1], row[2]) for row in rows}
            for name, before in self._circuits.items():
                if circuits.get(name, _CLOSED).state != before.state:  # resumed, or another process saw it well
                    self._failures.pop(name, None)
            self._circuits, self._read_at = circuits, time.monotonic()

    def _is_due(self, circuit: _Circuit) -> bool:
        """A time further away than the longest pause comes of a clock that was set back: it is due."""
        at = now()
        return circuit.next_probe_at is None or not at < circuit.next_probe_at <= self._longest_from(at)

    def _longest_from(self, at: datetime) -> datetime:
        """With something over: another process may have given the next time after ours was taken."""
        return at + timedelta(seconds=max(self._rules.probe_delays)) + CLOCK_WAS_SET_BACK

    def _is_its_turn(self, key: str) -> bool:
        """Whether the key is the next one to probe its endpoint: probes go round the webhooks that wait, so that one whose
        requests never come through does not keep the others from showing that theirs would. Wakes a worker for it otherwise."""
        with self._db.read() as session:
            row = session.get(Endpoint, EndpointKey(key).endpoint)
            keys = waiting_keys(session, EndpointKey(key).endpoint)
        keys = [name for name in keys if self._circuits.get(name, _CLOSED).state != "open"]
        if row is None or not keys:
            return True
        last = EndpointKey(row.probed_by or "").webhook_id or 0
        after = [name for name in keys if (EndpointKey(name).webhook_id or 0) > last]
        turn = (after or keys)[0]
        if turn != key:
            self._wake(turn)
        return turn == key

    def _take_probe(self, name: str, key: str) -> bool:
        """Whether this caller is the one to probe: of all senders and processes, one is. A wake-up for a key with
        nothing to send takes none."""
        if not claim.is_due(self._db, key):
            return False
        with self._db.write() as session:
            session.connection()  # SQLite's lock is waited for here, before the time is taken
            at = now()
            due = or_(_E.next_probe_at.is_(None), _E.next_probe_at <= at, _E.next_probe_at > self._longest_from(at))
            taken: Any = session.execute(
                update(Endpoint)
                .where(_E.endpoint_key == name, _E.state == "open", due)
                .values(next_probe_at=self._rules.next_probe(0), probed_by=key)
                .execution_options(synchronize_session=False)
            )
            return bool(taken.rowcount)

    def observe(self, session: Session, results: Sequence[Result]) -> Observed:
        """Counts what came back, in the transaction that writes it down; nothing is counted when that is rolled back."""
        observed = Observed()
        failures: dict[str, int] = {}
        changed: dict[str, _Circuit] = {}
        for result in results:
            if result.claimed.test:
                continue
            key, bad = result.claimed.endpoint_key, blamed(result)
            endpoint = EndpointKey(key).endpoint
            answered = result.answer is not None or result.hops  # any answer shows that the endpoint can be reached
            good = {key, endpoint} if result.succeeded else {endpoint} if answered else set()
            for name in sorted(good - {bad}):
                failures[name] = 0
                if self._state(name, changed) == "open":
                    changed[name] = self._recovered(session, name, observed)
            if bad is not None:
                failures[bad] = failures.get(bad, self._failures.get(bad, 0)) + 1
                state = self._state(bad, changed)
                most = PAUSED_AGAIN_AFTER if state == "draining" else self._rules.pause_after
                if state == "open" or failures[bad] >= most:
                    changed[bad] = self._failed(session, bad, result, observed, probed=state == "open")
        if failures or changed:
            after_commit(session, lambda: self._learn(failures, changed))
        return observed

    def _state(self, name: str, changed: dict[str, _Circuit]) -> str:
        return changed.get(name, self._circuits.get(name, _CLOSED)).state

    def _learn(self, failures: dict[str, int], changed: dict[str, _Circuit]) -> None:
        with self._lock:
            self._failures = {name: number for name, number in {**self._failures, **failures}.items() if number}
            self._circuits = {**self._circuits, **changed}

    def has_emptied(self, key: str) -> None:
        """What drains and has nothing left is well again."""
        for name in self.draining(key):
            with self._db.write() as session:
                if name != key and waiting_keys(session, name):
                    continue
                self._move(session, name, "draining", "closed")
                after_commit(session, partial(self._learn, {name: 0}, {name: _CLOSED}))

    def _failed(self, session: Session, name: str, result: Result, observed: Observed, *, probed: bool) -> _Circuit:
        """Pauses it, unless another process has done so already; or puts the next probe off, unless the request that failed was
        in flight already when it was paused."""
        row = self._row(session, name) or Endpoint(endpoint_key=name)
        is_fresh = row.state != "open"
        if is_fresh:
            row.state, row.opened_at, row.failures_in_a_row = "open", now(), self._rules.pause_after
            session.add(row)
            observed.moved.append((name, "paused"))
        if is_fresh or (probed and (row.opened_at is None or result.at >= row.opened_at)):
            row.failures_in_a_row += not is_fresh
            row.next_probe_at = self._rules.next_probe(row.failures_in_a_row - self._rules.pause_after)
            row.last_error = result.diagnosis.error if result.diagnosis else None
        if row.next_probe_at is not None:
            observed.due[result.claimed.endpoint_key] = row.next_probe_at
        return _Circuit("open", row.next_probe_at)

    @staticmethod
    def _row(session: Session, key: str) -> Endpoint | None:
        session.flush()
        return session.get(Endpoint, key, with_for_update=True, populate_existing=True)

    def _recovered(self, session: Session, name: str, observed: Observed) -> _Circuit:
        if self._move(session, name, "open", "draining"):
            observed.moved.append((name, "recovered"))
        observed.due |= dict.fromkeys(keys_of(session, name), now())
        return _Circuit("draining")

    @staticmethod
    def _move(session: Session, key: str, before: str, state: str) -> bool:
        """Whether it was in the state `before` and is in the other now."""
        session.flush()
        done: Any = session.execute(
            update(Endpoint)
            .where(_E.endpoint_key == key, _E.state == before)
            .values(state=state, failures_in_a_row=0, next_probe_at=None, last_success_at=now())
            .execution_options(synchronize_session=False)
        )
        return bool(done.rowcount)


def keys_of(session: Session, name: str) -> list[str]:
    """The keys that a pause of that name holds up: itself, or those of an endpoint in which something is due."""
    return [name] if EndpointKey(name).webhook_id is not None else waiting_keys(session, name)


def waiting_keys(session: Session, endpoint: str) -> list[str]:
    """The endpoint's keys with something to send now, whose workflow is on, in the order of their webhooks' ids."""
    on = select(col(WorkflowAction.id)).join(Workflow, col(Workflow.id) == col(WorkflowAction.workflow_id))
    on = on.where(col(Workflow.active), col(WorkflowAction.deleted_at).is_(None))
    keys = [EndpointKey.of(endpoint, webhook_id) for webhook_id in session.scalars(on.order_by(col(WorkflowAction.id)))]
    due = or_(_D.status == "queued", and_(_D.status == "retry", _D.next_attempt_at <= now()))
    with_work = {
        key
        for begin in range(0, len(keys), 500)
        for key in session.scalars(
            select(_D.endpoint_key)
            .where(_D.endpoint_key.in_(keys[begin : begin + 500]), _D.status.in_(states.WAITING), due, ~pending.LOOPS)
            .distinct()
        )
    }
    return [key for key in keys if key in with_work]


def paused(session: Session) -> list[Endpoint]:
    """What is paused or draining, for the log's banner."""
    return list(session.scalars(select(Endpoint).where(_E.state != "closed").order_by(_E.opened_at, _E.endpoint_key)))


def names(session: Session, keys: Iterable[str]) -> dict[str, str]:
    """Key or endpoint → as people know it: “Create invoice” (Invoice closed deals) at api.example.com."""
    ids = {key: EndpointKey(key).webhook_id for key in keys}
    query = select(col(WorkflowAction.id), col(WorkflowAction.title), col(Workflow.name))
    query = query.join(Workflow, col(Workflow.id) == col(WorkflowAction.workflow_id))
    titles = {
        row[0]: f"“{row[1]}” ({row[2]}) at "
        for row in session.execute(query.where(col(WorkflowAction.id).in_(set(ids.values()))))
    }
    return {key: titles.get(webhook_id, "") + EndpointKey(key).label for key, webhook_id in ids.items()}


def resume(session: Session, name: str) -> None:
    """Resume now: sends to what is paused again at the limited rate, without waiting for a probe. Nothing else is touched."""
    row = session.get(Endpoint, name)
    if row is None or row.state != "open":
        return
    row.state, row.failures_in_a_row, row.next_probe_at = "draining", 0, None
    session.flush()
    endpoint_changed.send(session, name)
    seen_by_then = now() + timedelta(seconds=Circuits.REFRESH_S)
    for key in keys_of(session, name):
        deliveries_due.send_after_commit(session, key, seen_by_then)


def fail_all(session: Session, name: str, by: str = "") -> int:
    """Fail all: ends what waits for what is paused. Returns how many; nobody is mailed, for somebody chose it."""
    row = session.get(Endpoint, name)
    if row is None or row.state != "open":
        return 0
    what = "webhook" if EndpointKey(name).webhook_id is not None else "endpoint"
    words = f"Given up{f' by {by}' if by else ''} while the {what} was paused."
    return pending.end(session, pending.of_key(name), words, "failed_by_hand")
