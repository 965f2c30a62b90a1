"""The queue: one task, which works for an endpoint key or does a turn of a job in the background.

The database is the truth, Huey wakes workers: it carries "key K has work" and no more, so that a task lost with a killed
process loses nothing. A job claims its rows, works in short steps and notes in them how far it is (`core.background_jobs`).
"""

import gc
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import structlog
from huey import crontab

from webhookui.core import background_jobs
from webhookui.core.background_jobs import JobKind
from webhookui.core.database import Database, now
from webhookui.core.secrets import SecretBox
from webhookui.core.task_queue import InnerConsumer, WakingSqliteStorage, make_huey
from webhookui.crm import deleted_records, deleted_references, options, record_jobs
from webhookui.crm.imports import jobs as import_jobs
from webhookui.crm.imports import uploads
from webhookui.delivery.worker import Engine
from webhookui.delivery_log import retention, statistics
from webhookui.delivery_log.indexing import LogIndexer
from webhookui.notifications.mail_sender import MailSender, forget_old
from webhookui.people import stored_settings
from webhookui.settings import Settings
from webhookui.workflows import redelivery_jobs, run_now

log = structlog.get_logger("webhookui.jobs")

JOIN_S = 3.0
MAIL, JOBS = "mail", "jobs"
"""Jobs that what happens wakes; every job is woken each minute besides."""


class Queue:
    """Wakes workers. Every process may; those that call `start` do the work."""

    def __init__(self, settings: Settings, db: Database, box: SecretBox) -> None:
        self._settings = settings
        self._db = db
        self._box = box
        self.huey = make_huey(db, settings.instance)
        self.kinds: dict[str, JobKind] = {
            redelivery_jobs.REDELIVERY: redelivery_jobs.kind(settings.address),
            **record_jobs.KINDS,
            run_now.RUN: run_now.kind(settings.address),
            deleted_references.REFERENCES: deleted_references.KIND,
            options.RENAME: options.KIND,
            import_jobs.IMPORT: import_jobs.Imports().kind(),
        }
        """Kinds of background jobs, by their name."""
        self.engine: Engine | None = None
        self._mail_sender: MailSender | None = None
        self._indexer: LogIndexer | None = None
        self._consumer: InnerConsumer | None = None
        self._lock = threading.Lock()
        self._woken: set[str] = set()
        self._woken_at: dict[tuple[str, int], None] = {}
        self._jobs: dict[str, Callable[[], bool | None]] = {}
        """While this process works: what each does in a turn; it says whether something is left to do."""
        self._ending = threading.Event()
        self._define_tasks()

    def _define_tasks(self) -> None:
        @self.huey.task(name="work")
        def work(name: str) -> None:
            with self._lock:
                self._woken.discard(name)
            job = self._jobs.get(name)
            if job is not None:
                if job():
                    self.wake(name)
            elif self.engine is not None:
                self.engine.work(name)

        @self.huey.periodic_task(crontab(minute="*"), name="every_minute")
        def every_minute() -> None:
            with self._lock:  # another process may have taken a wake-up, and be gone
                self._woken.clear()
            for name in self._jobs:
                work(name)

        @self.huey.periodic_task(crontab(minute="23"), name="forget_old_messages")
        def forget_old_messages() -> None:
            if self.engine is not None:
                forget_old(self._settings, self._db, now())

        self._work = work

    def wake(self, name: str) -> None:
        """Wakes a worker for a key, or for a job. One wake-up from here that is not answered yet is enough."""
        with self._lock:
            if self.engine is not None and self.engine.registry.is_only_worker:
                if name in self._woken:
                    return
                self._woken.add(name)
            else:  # another process may take it, and nothing is heard of that
                self._woken.discard(name)
        try:
            self._work(name)
        except Exception as error:  # the rows are written; the next minute will find them
            with self._lock:
                self._woken.discard(name)
            log.error("wake_failed", key=name, error=str(error))

    def wake_at(self, key: str, time: datetime) -> None:
        """Wakes a worker for a key at a time, or up to a second later: all that is due within a second shares one wake-up."""
        second = int(time.timestamp()) + 1
        if time <= now():
            self.wake(key)
            return
        with self._lock:
            if (key, second) in self._woken_at:
                return
            if len(self._woken_at) > 10_000:
                self._woken_at.clear()
            self._woken_at[(key, second)] = None
        try:
            self._work.schedule(args=(key,), eta=datetime.fromtimestamp(second, UTC))
        except Exception as error:
            log.error("wake_at_failed", key=key, error=str(error))

    def _sweep(self, engine: Engine) -> None:
        engine.note_wakeup()
        engine.sweep()

    def _purge(self) -> None:
        with self._db.read() as session:
            days = stored_settings.retention_days(session, self._settings)
            deleted_days = stored_settings.retention_days(session, self._settings, "deleted_retention_days")
        limit = retention.before(days, now())
        retention.purge(self._db, limit, self._ending.is_set)
        deleted_before = retention.before(deleted_days, now())
        deleted_records.purge(self._db, deleted_before, retention.has_deliveries, self._ending.is_set)
        background_jobs.forget(self._db, limit)
        uploads.forget(self._db)

    def start(self) -> None:
        """Starts answering: the engine, and Huey's consumer in threads of this process."""
        self._ending.clear()
        engine = self.engine = Engine(self._settings, self._db, self._box, self.wake, self.wake_at)
        mail_sender = self._mail_sender = MailSender(self._settings, self._db, self._box, engine.process.id)
        self._jobs = {
            "sweep": partial(self._sweep, engine),
            "count": partial(statistics.observe, self._db),
            "purge": self._purge,
            JOBS: partial(background_jobs.work, self._db, self.kinds),
            MAIL: mail_sender.work,
        }
        self._consumer = InnerConsumer(
            self.huey, workers=self._settings.workers, initial_delay=0.05, max_delay=0.5, check_worker_health=False
        )
        self._indexer = LogIndexer(self._db)
        self.engine.start()
        self._indexer.start()
        self._consumer.start()
        _settle_memory()
        self.wake(MAIL)
        self.wake(JOBS)

    def stop(self) -> None:
        """A graceful stop: what is in flight is finished within the settings' `stop_timeout`."""
        self._ending.set()
        self._jobs = {}
        if self._consumer is not None:
            self._consumer.stop(graceful=False)
            if isinstance(self.huey.storage, WakingSqliteStorage):
                self.huey.storage.close_down()
        if self._indexer is not None:
            self._indexer.stop()
        if self._mail_sender is not None:
            self._mail_sender.stop(JOIN_S)
        if self.engine is not None:
            self.engine.stop(self._settings.stop_timeout)
        if self._consumer is not None:
            self._consumer.join(JOIN_S)
        self._consumer = self.engine = self._mail_sender = self._indexer = None

    def close(self) -> None:
        self.stop()
        self.huey.storage.close()


def _settle_memory() -> None:
    """Spares the garbage collector the program itself, which it would walk through for every few thousand deliveries."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
