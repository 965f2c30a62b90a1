"""Indexing: what the log's counts and searches go by (docs/decisions/0013-a-log-of-a-million.md).

A delivery that is finished never changes again. A while later it is indexed: counted in its bucket, which is all deliveries
that no filter tells apart, and entered in the text index. What is not indexed yet is little, and looked through as it is.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webhookui.core.database import Database, insert_or_update
from webhookui.core.text_index import Entry, TextIndex
from webhookui.delivery import states
from webhookui.delivery.tables import Delivery, LogBucket

log = structlog.get_logger("webhookui.delivery")

_D = Delivery.__table__.c  # type: ignore[attr-defined]
_G = LogBucket.__table__.c  # type: ignore[attr-defined]

BATCH = 200
"""Deliveries indexed in one transaction: short enough that no save waits for long."""
LONGEST_TEXT = 8000
TEXTS = TextIndex("log_search")
DIMENSIONS = ("status", "status_code", "workflow_id", "webhook_id", "module", "host", "test")
"""Columns of a delivery that its bucket is made of."""

_DUE = select(_D.id, _D.url, _D.error, *(_D[name] for name in DIMENSIONS)).where(
    _D.log_bucket_id.is_(None), _D.status.in_(states.FINAL)
)
"""In no order: an order would read all that is due for each batch."""
_ASSIGN = update(Delivery.__table__).where(_D.id == bindparam("the_id")).values(log_bucket_id=bindparam("bucket"))  # type: ignore[attr-defined]
_COUNT = update(LogBucket.__table__).where(_G.id == bindparam("bucket")).values(number=_G.number + bindparam("more"))  # type: ignore[attr-defined]


def searchable(url: str, error: str | None) -> str:
    """What the log's text search looks into, in lower case."""
    return f"{url}\n{error or ''}"[:LONGEST_TEXT].lower()


def index_some(db: Database, limit: int = BATCH) -> int:
    """Indexes up to `limit` finished deliveries. Returns how many."""
    with db.write() as session:
        rows = sorted(session.execute(_DUE.limit(limit).with_for_update(**db.skip_locked())), key=lambda row: row.id)
        if not rows:
            return 0
        dimensions = {row.id: tuple(row[3:]) for row in rows}
        buckets = _buckets(session, set(dimensions.values()))
        numbers = Counter(buckets[values] for values in dimensions.values())
        connection = session.connection()
        connection.execute(_COUNT, [{"bucket": bucket, "more": numbers[bucket]} for bucket in sorted(numbers)])
        connection.execute(_ASSIGN, [{"the_id": row.id, "bucket": buckets[dimensions[row.id]]} for row in rows])
        TEXTS.add(session, (_entry(row, buckets[dimensions[row.id]]) for row in rows))
        return len(rows)


def remove_from_index(session: Session, rows: Iterable[Any]) -> None:
    """Takes deliveries that are about to be deleted out of their buckets and the text index.

    `rows`: with id, url, error and log_bucket_id; those that were not indexed are left out.
    """
    indexed = [row for row in rows if row.log_bucket_id is not None]
    if not indexed:
        return
    numbers = Counter(row.log_bucket_id for row in indexed)
    less = [{"bucket": bucket, "more": -numbers[bucket]} for bucket in sorted(numbers)]
    session.connection().execute(_COUNT, less)
    session.execute(delete(LogBucket).where(_G.id.in_(numbers), _G.number <= 0))
    TEXTS.remove(session, (_entry(row, row.log_bucket_id) for row in indexed))


def _entry(row: Any, bucket: int) -> Entry:
    return Entry(row.id, searchable(row.url, row.error), bucket)


def _buckets(session: Session, combinations: set[tuple[Any, ...]]) -> dict[tuple[Any, ...], int]:
    """The buckets' ids, made where they are missing. Locked, so that none is deleted meanwhile."""
    keys = {_key(values): values for values in combinations}
    statement = select(_G.key, _G.id).where(_G.key.in_(keys)).order_by(_G.id).with_for_update()
    ids: dict[str, int] = dict(session.execute(statement).all())
    missing = [keys[key] for key in keys.keys() - ids.keys()]
    if missing:
        rows = [{"key": _key(values), "number": 0, **dict(zip(DIMENSIONS, values, strict=True))} for values in missing]
        session.execute(insert_or_update(session, LogBucket).on_conflict_do_nothing(), rows)
        ids |= dict(session.execute(statement).all())
    return {values: ids[key] for key, values in keys.items()}


def _key(dimensions: Sequence[Any]) -> str:
    return "|".join("" if part is None else str(part) for part in dimensions)


class LogIndexer:
    """The thread of a worker process that indexes: soon, but not while there is something better to do."""

    LOOK_S = 1.0
    ENOUGH = 1000
    """So many are indexed at once, however busy it is."""
    LATEST_S = 5.0
    """Seconds that a finished delivery waits at the most to be indexed."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-indexer", daemon=True)
        self._waiting_since: float | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        while not self._stopping.wait(self.LOOK_S):
            try:
                if self._is_time():
                    self._index_all()
            except SQLAlchemyError as error:
                log.error("indexing_failed", error=str(error))

    def _is_time(self) -> bool:
        with self._db.read() as session:
            waiting = len(session.execute(_DUE.with_only_columns(_D.id).limit(self.ENOUGH)).all())
        if not waiting:
            self._waiting_since = None
            return False
        if self._waiting_since is None:
            self._waiting_since = time.monotonic()
        return waiting == self.ENOUGH or time.monotonic() - self._waiting_since >= self.LATEST_S

    def _index_all(self) -> None:
        """With a pause as long as the work after each batch, so that senders and saves get their turns."""
        while not self._stopping.is_set():
            started = time.monotonic()
            if index_some(self._db) < BATCH:
                self._waiting_since = None
                return
            self._stopping.wait(time.monotonic() - started)
