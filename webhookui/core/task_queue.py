"""Huey's storages and its consumer, as this product runs them: inside a process that does other things too."""

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from huey import Huey, PostgresHuey
from huey.consumer import Consumer
from huey.storage import SqliteStorage

from webhookui.core import private_files
from webhookui.core.database import Database


class WakingSqliteStorage(SqliteStorage):
    """Huey's SQLite storage, which polls, with a wake-up inside the process.

    A task of this process is taken at once. One of another process is seen within `LOOK_S`, by one thread that asks
    SQLite for its data version while the others sleep.
    """

    blocking = True
    LOOK_S = 0.05
    SLEEP_S = 2.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._changed = threading.Condition()
        self._tasks = 0
        self._closed = False
        self._lookout = threading.Lock()
        super().__init__(*args, **kwargs)

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        super().enqueue(data, priority)
        self.wake()

    def wake(self) -> None:
        with self._changed:
            self._tasks += 1
            self._changed.notify()

    def close_down(self) -> None:
        """Lets every sleeping thread go; nothing is taken any more."""
        with self._changed:
            self._closed = True
            self._tasks += 1
            self._changed.notify_all()

    def dequeue(self) -> bytes | None:
        with self._changed:
            seen = self._tasks
            if self._closed:
                return None
        task: bytes | None = super().dequeue()
        if task is not None:
            return task
        if self._lookout.acquire(blocking=False):
            try:
                self._watch(seen)
            finally:
                self._lookout.release()
        else:
            with self._changed:
                self._changed.wait_for(lambda: self._tasks != seen, self.SLEEP_S)
        return None

    def _watch(self, seen: int) -> None:
        """Waits for a task of this process, and looks for those of others in between."""
        version = self._data_version()
        end = time.monotonic() + self.SLEEP_S
        while time.monotonic() < end:
            with self._changed:
                if self._changed.wait_for(lambda: self._tasks != seen, self.LOOK_S):
                    return
            if self._data_version() != version:
                return

    def _data_version(self) -> int:
        with self.lock:
            connection: sqlite3.Connection = self.conn
            version: int = connection.execute("PRAGMA data_version").fetchone()[0]
        return version


class InnerConsumer(Consumer):
    """Huey's consumer as threads of a process that has signal handlers of its own."""

    def _set_signal_handlers(self) -> None:
        pass

    def join(self, timeout_s: float) -> None:
        """Waits for its threads, which end by themselves once stopped."""
        end = time.monotonic() + timeout_s
        for thread in (self.scheduler, *(thread for _, thread in self.worker_threads)):
            thread.join(max(0.0, end - time.monotonic()))


def make_huey(db: Database, folder: Path) -> Huey:
    """Huey beside the data: in PostgreSQL with its LISTEN/NOTIFY, or in an SQLite file of its own in the data folder."""
    if db.is_sqlite:
        file = folder / "queue.db"
        private_files.make_file(file)
        return Huey(
            "webhookui",
            results=False,
            storage_class=WakingSqliteStorage,
            filename=str(file),
            fsync=False,
        )
    dsn = db.url.replace("postgresql+psycopg://", "postgresql://", 1)
    return PostgresHuey("webhookui", results=False, dsn=dsn)
