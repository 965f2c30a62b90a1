"""The Huey instance and every task; a task is a few lines that call one function.

The database is the truth, Huey the bell: it carries "lane N has work" and no more, so that a task lost with a killed
process loses nothing.
"""

from __future__ import annotations

import gc
import sqlite3
import threading
import time
from datetime import UTC, datetime
from typing import Any

import structlog
from huey import Huey, PostgresHuey, crontab
from huey.consumer import Consumer
from huey.storage import SqliteStorage

from webhookui import private_files
from webhookui.db import Database, now
from webhookui.delivery import retention, statistics
from webhookui.delivery.engine import Engine
from webhookui.notify.post import Post, forget_old
from webhookui.secrets import SecretBox
from webhookui.settings import Settings
from webhookui.workflows import redelivery_jobs

log = structlog.get_logger("webhookui.jobs")

JOIN_S = 3.0


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
        found: bytes | None = super().dequeue()
        if found is not None:
            return found
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


def make_huey(settings: Settings, db: Database) -> Huey:
    """Huey beside the data: in PostgreSQL with its LISTEN/NOTIFY, or in an SQLite file of its own."""
    if db.is_sqlite:
        file = settings.instance / "queue.db"
        private_files.make_file(file)
        return Huey(
            "webhookui",
            results=False,
            storage_class=WakingSqliteStorage,
            filename=str(file),
            fsync=False,
        )
    dsn = settings.database.replace("postgresql+psycopg://", "postgresql://", 1)
    return PostgresHuey("webhookui", results=False, dsn=dsn)


class Queue:
    """The bell. Every process rings it; those that call `start` answer it."""

    def __init__(self, settings: Settings, db: Database, box: SecretBox) -> None:
        self._settings = settings
        self._db = db
        self._box = box
        self.huey = make_huey(settings, db)
        self.engine: Engine | None = None
        self._post: Post | None = None
        self._consumer: InnerConsumer | None = None
        self._lock = threading.Lock()
        self._rung: set[str] = set()
        self._rung_for: dict[tuple[str, int], None] = {}
        self._rung_redeliveries = False
        self._ending = threading.Event()
        self._define_tasks()

    def _define_tasks(self) -> None:
        @self.huey.task(name="work")
        def work(lane: str) -> None:
            with self._lock:
                self._rung.discard(lane)
            if self.engine is not None:
                self.engine.work(lane)

        @self.huey.task(name="sweep")
        def sweep() -> None:
            if self.engine is not None:
                self.engine.hear()
                self.engine.sweep()

        @self.huey.periodic_task(crontab(minute="*"), name="sweep_every_minute")
        def sweep_every_minute() -> None:
            if self.engine is not None:
                self.engine.hear()
                self.engine.sweep()

        @self.huey.periodic_task(crontab(minute="*"), name="count_every_minute")
        def count_every_minute() -> None:
            if self.engine is not None:
                statistics.observe(self._db)

        @self.huey.task(name="redeliver")
        def redeliver() -> None:
            self._redeliver_for_a_turn()

        @self.huey.periodic_task(crontab(minute="*"), name="redeliver_every_minute")
        def redeliver_every_minute() -> None:
            self._redeliver_for_a_turn()

        @self.huey.task(name="mail")
        def mail() -> None:
            self._send_mail()

        @self.huey.periodic_task(crontab(minute="*"), name="mail_every_minute")
        def mail_every_minute() -> None:
            self._send_mail()

        @self.huey.periodic_task(crontab(minute="*"), name="purge_every_minute")
        def purge_every_minute() -> None:
            if self.engine is not None:
                limit = retention.before(self._settings.retention_days, now())
                retention.purge(self._db, limit, self._ending.is_set)
                redelivery_jobs.forget(self._db, limit)

        @self.huey.periodic_task(crontab(minute="23"), name="forget_old_messages")
        def forget_old_messages() -> None:
            if self.engine is not None:
                forget_old(self._settings, self._db, now())

        self._work = work
        self._sweep = sweep
        self._mail = mail
        self._redeliver = redeliver

    def wake(self, lane: str) -> None:
        """Rings for a lane. A bell that was rung here and is not answered yet does for all."""
        with self._lock:
            if lane in self._rung and self.engine is not None and self.engine.alone:
                return
            self._rung.add(lane)
        try:
            self._work(lane)
        except Exception as error:  # the row is written; the sweep will find it
            with self._lock:
                self._rung.discard(lane)
            log.error("bell_not_rung", lane=lane, error=str(error))

    def wake_at(self, lane: str, time: datetime) -> None:
        """Rings for a lane at a time, or up to a second later: all that is due within a second has one bell."""
        second = int(time.timestamp()) + 1
        if time <= now():
            self.wake(lane)
            return
        with self._lock:
            if (lane, second) in self._rung_for:
                return
            if len(self._rung_for) > 10_000:
                self._rung_for.clear()
            self._rung_for[(lane, second)] = None
        try:
            self._work.schedule(args=(lane,), eta=datetime.fromtimestamp(second, UTC))
        except Exception as error:
            log.error("bell_not_set", lane=lane, error=str(error))

    def ring_redeliveries(self) -> None:
        """Rings for the redelivery jobs. A bell that was rung here and is not answered yet does for all."""
        with self._lock:
            if self._rung_redeliveries and self.engine is not None and self.engine.alone:
                return
            self._rung_redeliveries = True
        try:
            self._redeliver()
        except Exception as error:  # the rows are written; the next minute will find them
            self._rung_redeliveries = False
            log.error("bell_not_rung", lane="redeliveries", error=str(error))

    def _redeliver_for_a_turn(self) -> None:
        with self._lock:
            self._rung_redeliveries = False
        if self.engine is not None and redelivery_jobs.work(self._db, self._settings.address):
            self.ring_redeliveries()

    def ring_mail(self) -> None:
        """Rings for the mail. Each ring goes out: another process may answer, and an answer costs little."""
        try:
            self._mail()
        except Exception as error:  # the rows are written; the next minute will find them
            log.error("bell_not_rung", lane="mail", error=str(error))

    def _send_mail(self) -> None:
        post = self._post
        if post is not None:
            post.work()

    def start(self) -> None:
        """Starts answering: the engine, and Huey's consumer in threads of this process."""
        self._ending.clear()
        self.engine = Engine(self._settings, self._db, self._box, self.wake, self.wake_at)
        self._post = Post(self._settings, self._db, self._box, self.engine.process.id)
        self._consumer = InnerConsumer(
            self.huey, workers=self._settings.workers, initial_delay=0.05, max_delay=0.5, check_worker_health=False
        )
        self.engine.start()
        self._consumer.start()
        _settle_memory()
        self.ring_mail()
        self.ring_redeliveries()

    def stop(self) -> None:
        """A graceful stop: what is in the air is finished within the settings' `stop_timeout`."""
        self._ending.set()
        if self._consumer is not None:
            self._consumer.stop(graceful=False)
            if isinstance(self.huey.storage, WakingSqliteStorage):
                self.huey.storage.close_down()
        if self._post is not None:
            self._post.stop(JOIN_S)
        if self.engine is not None:
            self.engine.stop(self._settings.stop_timeout)
        if self._consumer is not None:
            self._consumer.join(JOIN_S)
        self._consumer = self.engine = self._post = None

    def close(self) -> None:
        self.stop()
        self.huey.storage.close()


def _settle_memory() -> None:
    """Spares the garbage collector the program itself, which it would walk through for every few thousand deliveries."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
