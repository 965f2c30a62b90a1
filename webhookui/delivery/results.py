"""Writing down what attempts came to: one writer, one transaction for whatever has gathered (specification section 6).

A result that can't be written (disk full, database locked) is kept and tried again until it can; nothing is sent meanwhile
that would not be remembered.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from itertools import compress
from typing import Any

import structlog
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from webhookui.core.database import Database, is_unavailable, now, unavailable_because
from webhookui.delivery import attempt_metrics
from webhookui.delivery.attempt import Recorded, Result, record
from webhookui.delivery.circuit import Circuits
from webhookui.delivery.claim import has_waiting, waiting_elsewhere
from webhookui.delivery.events import endpoint_changed, tell_failed
from webhookui.delivery.pending import REMOVED
from webhookui.delivery.retries import RetrySchedule
from webhookui.delivery.tables import Attempt, Delivery

log = structlog.get_logger("webhookui.delivery")

_D = Delivery.__table__.c  # type: ignore[attr-defined]
# Statements are made once: building one costs more than running it.
_HELD = select(_D.id).where(
    _D.id.in_(bindparam("ids", expanding=True)), _D.claimed_by == bindparam("process"), _D.status == "dispatched"
)
_INSERT = insert(Attempt.__table__)  # type: ignore[attr-defined]
_UPDATE = (
    update(Delivery.__table__)  # type: ignore[attr-defined]
    .where(_D.id == bindparam("the_id"))
    .values(
        {name: bindparam(name) for name in (
            "status", "status_code", "attempt_count", "failure_count", "duration_ms", "error", "next_attempt_at", "finished_at",
        )}
        | {"version": _D.version + 1, "claimed_by": None}
    )
)  # fmt: skip

GROUP = 200
"""Results in one transaction at the most."""
NOT_KEPT = "The answer held something that can't be stored; neither it nor values from it were kept."
WAITING = 2000
"""Results that may wait to be written; senders stop until there is room."""


@dataclass(eq=False)
class ResultWriter:
    """The thread that writes results. `wake(key)` and `wake_at(key, time)` wake workers for what the results made due."""

    db: Database
    process: str
    schedule: RetrySchedule
    circuits: Circuits
    body_limit: int
    wake: Callable[[str], None]
    wake_at: Callable[[str, datetime], None]
    error_state: str | None = None
    """Why results can't be written at the moment, in words; None when they can."""

    def __post_init__(self) -> None:
        self._results: list[Result] = []
        self._handed_over = self._dealt_with = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="results", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, result: Result) -> None:
        """Hands a result over; waits while too many are waiting."""
        with self._changed:
            while len(self._results) >= WAITING and not self._stopping:
                self._changed.wait(1)
            self._results.append(result)
            self._handed_over += 1
            self._changed.notify_all()

    def wait(self) -> None:
        """Waits until all that was handed over so far is written down, or the writer is to stop."""
        with self._changed:
            so_far = self._handed_over
            while self._dealt_with < so_far and not self._stopping:
                self._changed.wait()

    def stop(self, timeout_s: float) -> bool:
        """Writes what is there; whether all of it could be written in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._results and not self._stopping:
                    self._changed.wait()
                if not self._results:
                    return
                group, self._results = self._results[:GROUP], self._results[GROUP:]
                self._changed.notify_all()
            self._write_until_done(group)
            with self._changed:
                self._dealt_with += len(group)
                self._changed.notify_all()

    def _write_until_done(self, group: Sequence[Result], *, stripped: bool = False) -> None:
        """Waits for the database as long as it takes. A result that it would never take keeps no other from being written."""
        pause = 0.1
        while True:
            try:
                self._write(group)
                self.error_state = None
                return
            except Exception as error:
                ids = [result.claimed.id for result in group]
                if is_unavailable(error):
                    self.error_state = f"Results of deliveries can't be written: {unavailable_because(error)}."
                    log.error("results_not_written", deliveries=ids, error=str(error))
                    time.sleep(pause)
                    pause = min(pause * 2, 5.0)
                    continue
                log.error("results_not_writable", deliveries=ids, exc_info=error)
            if len(group) > 1:
                for result in group:
                    self._write_until_done([result])
                return
            if stripped:
                return
            group, stripped = [_stripped(group[0])], True

    def _write(self, group: Sequence[Result]) -> None:
        wakeups: list[Callable[[], None]] = []
        with self.db.write() as session:
            mine = self._still_mine(session, group)
            if mine:
                recorded = [record(session, result, self.schedule) for result in mine]
                connection = session.connection()
                connection.execute(_INSERT, [_attempt_row(result, self.body_limit) for result in mine])
                connection.execute(_UPDATE, [_delivery_row(*pair) for pair in zip(mine, recorded, strict=True)])
                attempt_metrics.count(
                    session, self.process, [(result.outcome, result.duration_ms / 1000) for result in mine]
                )
                # All that the group ended as Failed at once: a storm costs the listeners one call for each group.
                ended = [row.status == "failed" and row.error != REMOVED for row in recorded]
                if any(ended):
                    tell_failed(session, [result.claimed.id for result in compress(mine, ended)])
                observed = self.circuits.observe(session, mine)
                for key, event in observed.moved:
                    log.warning(f"endpoint_{event}", key=key)
                    endpoint_changed.send(session, key)
                wakeups = self._wakeups(session, mine, recorded)
                wakeups += [partial(self.wake_at, key, due) for key, due in observed.due.items()]
        for wakeup in wakeups:
            wakeup()
        for result in group:
            _log(result)

    def _still_mine(self, session: Session, group: Sequence[Result]) -> list[Result]:
        """Without what another process took over because this one was taken for stale."""
        ids = [result.claimed.id for result in group]
        held = set(session.connection().scalars(_HELD, {"ids": ids, "process": self.process}))
        return [result for result in group if result.claimed.id in held]

    def _wakeups(
        self, session: Session, results: Sequence[Result], recorded: Sequence[Recorded]
    ) -> list[Callable[[], None]]:
        """A later delivery of the same record may go now; retries are due at their time."""
        first = [result.claimed for result in results if result.claimed.attempt_count == 0]
        keys = {claimed.endpoint_key for claimed in first}
        waiting = {key for key in keys if has_waiting(session, key)}
        waiting |= waiting_elsewhere(session, [claimed.record_id for claimed in first if claimed.record_id], keys)
        wakeups: list[Callable[[], None]] = [partial(self.wake, key) for key in waiting]
        for result, row in zip(results, recorded, strict=True):
            if row.due is not None:
                wakeups.append(partial(self.wake_at, result.claimed.endpoint_key, row.due))
        return wakeups


def _stripped(result: Result) -> Result:
    """What is known of the attempt without anything that the third party said."""
    answer = replace(result.answer, headers=[], body=b"", cut=False) if result.answer else None
    return replace(result, answer=answer, resolved=None, note=NOT_KEPT, taken=(), hops=())


def _attempt_row(result: Result, body_limit: int) -> dict[str, Any]:
    answer, diagnosis = result.answer, result.diagnosis
    body = answer.body if answer else None
    return {
        "delivery_id": result.claimed.id,
        "number": result.claimed.number,
        "at": result.at,
        "outcome": result.outcome,
        "request_url": result.request_url,
        "request_headers": result.request_headers,
        "status_code": answer.status_code if answer else None,
        "response_headers": answer.headers if answer else [],
        "response_body": body[:body_limit] if body is not None else None,
        "response_size": answer.size if answer else None,
        "timing_ms": answer.timing_ms if answer else result.error_timing_ms,
        "hops": [asdict(hop) for hop in result.hops],
        "incomplete": result.incomplete or None,
        "error_code": diagnosis.code if diagnosis else None,
        "error": diagnosis.error if diagnosis else None,
        "advice": diagnosis.advice if diagnosis else None,
    }


def _delivery_row(result: Result, recorded: Recorded) -> dict[str, Any]:
    return {
        "the_id": result.claimed.id,
        "status": recorded.status,
        "status_code": result.answer.status_code if result.answer else None,
        "attempt_count": result.claimed.number,
        "failure_count": recorded.failure_count,
        "duration_ms": round(result.duration_ms, 2),
        "error": recorded.error,
        "next_attempt_at": recorded.due,
        "finished_at": now() if recorded.due is None else None,
    }


def _log(result: Result) -> None:
    code = result.answer.status_code if result.answer else None
    log.info(
        "attempt",
        delivery=result.claimed.id,
        number=result.claimed.number,
        host=result.claimed.host,
        status_code=code,
        error=result.diagnosis.code if result.diagnosis else None,
        ms=round(result.duration_ms, 1),
    )
