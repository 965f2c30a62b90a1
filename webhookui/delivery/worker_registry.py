"""The other worker processes on the same database, and which of them are stale (specification section 6, "never lost").

No clock of a machine is believed: a process on another machine is stale when its heartbeat has stood still for a while of our
own time, whatever the times in it say. Clocks may differ, jump and be set back without anything being sent twice for it.
"""

import os
import socket
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.delivery.tables import Delivery, WorkerProcess

STALE_AFTER = timedelta(seconds=30)
"""A heartbeat that stood still for so long is taken for the end of its process."""

_D = Delivery.__table__.c  # type: ignore[attr-defined]


def host_identity() -> str:
    """Within which process numbers are unique: the host's name, its boot, its PID namespace (a container's own)."""
    parts = [socket.gethostname()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().split("-")[0])
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    except OSError:
        pass  # not Linux: the name alone must do
    return "/".join(parts)


class WorkerRegistry:
    """What one worker process knows of the others. Threads share it."""

    def __init__(self, me: WorkerProcess) -> None:
        self._me = me
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[datetime, float]] = {}
        """Heartbeat → when it was first seen, in our own time."""
        self.is_only_worker = True
        """Whether there was no living other process when it was looked last."""

    def stale_workers(self, session: Session) -> list[str]:
        """Ids of processes that hold nothing rightfully any more."""
        others = list(session.scalars(select(WorkerProcess).where(WorkerProcess.id != self._me.id)))  # type: ignore[arg-type]
        with self._lock:
            gone = [process.id for process in others if self._is_stale(process)]
            self._seen = {process.id: self._seen[process.id] for process in others if process.id in self._seen}
            self.is_only_worker = len(gone) == len(others)
        registered = {process.id for process in others} | {self._me.id}
        holding = select(_D.claimed_by).where(_D.status == "dispatched", _D.claimed_by.is_not(None)).distinct()
        return gone + [holder for holder in session.scalars(holding) if holder not in registered]

    def _is_stale(self, process: WorkerProcess) -> bool:
        if process.host == self._me.host and (process.pid == self._me.pid or not is_alive(process.pid)):
            return True
        now = time.monotonic()
        beat, since = self._seen.get(process.id, (None, now))
        if beat != process.seen_at:
            self._seen[process.id] = (process.seen_at, now)
            return False
        return now - since > STALE_AFTER.total_seconds()


def is_alive(pid: int) -> bool:
    """Whether a process of this host runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
