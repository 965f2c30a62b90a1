"""Engine, sessions, column types, and what differs between SQLite and PostgreSQL. No other module knows which one it is."""

import fcntl
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from psycopg.types.string import StrDumper
from sqlalchemy import DateTime, Engine, String, bindparam, create_engine, event, select, text
from sqlalchemy.dialects import postgresql as postgresql_dialect
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import JSON, TypeDecorator
from sqlmodel import Field, SQLModel

from webhookui.core import private_files
from webhookui.core.exact_json import dumps, loads

__all__ = [
    "BYTEWISE", "JSON", "Bytewise", "Database", "Revision", "SQLModel", "UtcDateTime", "after_commit", "bump_revision",
    "dumps", "insert_or_update", "loads", "now", "revision", "row_number",
]  # fmt: skip


LARGEST_ID = 1_999_999_999
"""A larger number is no row's, and would hardly fit PostgreSQL's integer. The pattern of a route can say it, too."""

START_LOCK = 4_820_711
"""PostgreSQL's advisory lock that a starting process holds; any number that nobody else uses."""


def now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


def row_number(text: str) -> int | None:
    """The number of a row, as digits say it; None for a text that no row can have as its number."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    return int(text) if int(text) <= LARGEST_ID else None


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time in Python; stored without a zone in both databases, so that text order is time order."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None else None


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


BYTEWISE = String().with_variant(String(collation="C"), "postgresql")
"""Type of a column whose text is compared character by character, as SQLite compares every text."""


class Bytewise(FunctionElement[str]):
    """A text that is compared as those of a BYTEWISE column are."""

    type = String()
    inherit_cache = True


@compiles(Bytewise)
def _as_it_is(element: Bytewise, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)})"


@compiles(Bytewise, "postgresql")
def _with_collation(element: Bytewise, compiler: Any, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)} COLLATE "C")'


class TextWithoutNul(StrDumper):
    """PostgreSQL's text has no null character. What holds one is stored, and looked for, with U+FFFD in its place."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


@compiles(CreateTable, "sqlite")
def _create_table(create: CreateTable, compiler: Any, **options: Any) -> str:
    """Ids are never used again, in any table that numbers its rows: SQLite needs AUTOINCREMENT for that
    (specification section 2).

    It holds for the tables that a migration makes or rebuilds, too.
    """
    create.element.dialect_options["sqlite"]["autoincrement"] = True
    text: str = compiler.visit_create_table(create, **options)
    return text


class Revision(SQLModel, table=True):
    """A counter that moves when something that processes cache has changed ("fields", "workflows", …)."""

    name: str = Field(primary_key=True, sa_type=String(40))
    value: int = 0


def _json_for_sqlite(value: Any) -> str | bytes:
    """A number goes in as a blob: of a text that looks like one, SQLite makes a number of its own in a column declared JSON,
    and 1250.00 comes back as 1250.0, a long id as something near it."""
    text = dumps(value)
    return text.encode() if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else text


class NotOnPostgreSQL(NotImplementedError):
    """PostgreSQL has a way of its own; the text names it."""


class Database:
    """Sessions on one database: `read()` and `write()`; a write session commits at its end or not at all.

    On SQLite the writers of this process queue up at a lock of their own, which is fair and wakes at once, before they
    meet other processes at SQLite's lock, which polls.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        """For `doctor`, `backup` and the queue's choice of storage alone."""
        self._one_writer = threading.RLock() if self.is_sqlite else nullcontext()
        self._watch: sqlite3.Connection | None = None
        self._watch_lock = threading.Lock()
        if self.is_sqlite:
            self._path = url.removeprefix("sqlite:///")
            private_files.make_folder(Path(self._path).parent)
            private_files.make_file(self._path)
            self.engine = self._sqlite_engine(url)
        else:
            self.engine = self._postgresql_engine(url)
        self._writer = self.engine.execution_options(webhookui_write=True)

    @staticmethod
    def _sqlite_engine(url: str) -> Engine:
        engine = create_engine(
            url,
            json_serializer=_json_for_sqlite,
            json_deserializer=loads,
            connect_args={"check_same_thread": False, "timeout": 30},
            pool_size=20,
            max_overflow=60,
            pool_use_lifo=True,  # each connection that is used fills a cache of its own
            hide_parameters=True,  # an error's text goes to the log; bodies and secrets do not
        )

        @event.listens_for(engine, "connect")
        def _configure(connection: sqlite3.Connection, _record: Any) -> None:
            connection.isolation_level = None  # SQLAlchemy's "begin" event decides which kind of BEGIN
            # It writes to the file even where nothing changes: a connection opened while somebody writes would wait for the
            # lock, and for ever where the writer is the one who opens it.
            if connection.execute("PRAGMA page_count").fetchone() == (0,):
                connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16000"):
                connection.execute(f"PRAGMA {pragma}")
            # SQLite's own lower() knows A to Z only.
            connection.create_function("lower", 1, _lower, deterministic=True)

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            write = connection.get_execution_options().get("webhookui_write")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

        return engine

    @staticmethod
    def _postgresql_engine(url: str) -> Engine:
        engine = create_engine(
            url, json_serializer=dumps, json_deserializer=loads, pool_size=20, max_overflow=30, pool_pre_ping=True,
            hide_parameters=True,
        )  # fmt: skip

        @event.listens_for(engine, "connect")
        def _configure(connection: Any, _record: Any) -> None:
            connection.adapters.register_dumper(str, TextWithoutNul)

        return engine

    @property
    def files(self) -> tuple[Path, ...]:
        """The database's files on this machine: none of PostgreSQL."""
        if not self.is_sqlite:
            return ()
        return tuple(Path(self._path + ending) for ending in ("", "-wal", "-shm", ".lock"))

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database and writes nothing."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction: commits at the end, rolls back on an exception, then runs what `after_commit` was given."""
        with self._one_writer, Session(self._writer, expire_on_commit=False, info={_DATABASE: self}) as session:
            yield session
            session.commit()
        for call in session.info.pop("after_commit", []):
            call()

    @contextmanager
    def starting(self) -> Iterator[None]:
        """One process at a time, for what a start does: migrations, the first rows, the key file."""
        if self.is_sqlite:
            private_files.make_file(self._path + ".lock")
            with Path(self._path + ".lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        else:
            with self.engine.connect() as connection, connection.begin():
                connection.execute(text(f"select pg_advisory_xact_lock({START_LOCK})"))
                yield

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A connection that changes tables, all of it in one transaction.

        SQLite rebuilds a table to change it, which its foreign keys would take for the loss of all rows: they are off
        meanwhile, and checked at the end.
        """
        with self._writer.connect() as connection:
            self._foreign_keys(connection, on=False)
            try:
                with connection.begin():
                    yield connection
                    if self.is_sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                        raise RuntimeError("The migration would leave rows that point to nothing; it was rolled back.")
            finally:
                self._foreign_keys(connection, on=True)

    def _foreign_keys(self, connection: Connection, *, on: bool) -> None:
        if self.is_sqlite:
            driver: Any = connection.connection.driver_connection
            driver.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")

    def skip_locked(self) -> dict[str, Any]:
        """Arguments for `with_for_update` when a batch is claimed; SQLite has one writer and needs none."""
        return {} if self.is_sqlite else {"skip_locked": True}

    def time(self, session: Session) -> datetime:
        """The time by the one clock that all processes on this database share."""
        if self.is_sqlite:
            return now()
        time: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return time.astimezone(UTC)

    def state(self) -> str:
        """A word that changes whenever anybody commits anything. It costs next to nothing."""
        if not self.is_sqlite:
            with self.engine.connect() as connection:
                return str(connection.execute(text("select pg_current_snapshot()::text")).scalar_one())
        with self._watch_lock:
            return str(self._watching().execute("PRAGMA data_version").fetchone()[0])

    def committed_revision(self, name: str, known_revision: int) -> int:
        """The revision `name` as it stands committed at this moment, whichever process moved it last. `known`: what it was.

        It is asked before each request goes out: some microseconds on SQLite, one round trip on PostgreSQL. A row is only there
        when it has moved: each row costs the thread its turn at the interpreter.
        """
        if not self.is_sqlite:
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                moved = connection.scalar(_MOVED_REVISION, {"name": name, "known": known_revision})
                return known_revision if moved is None else moved
        with self._watch_lock:
            cursor = self._watching().execute(_MOVED_REVISION.text, {"name": name, "known": known_revision})
            row = cursor.fetchone()
        return known_revision if row is None else row[0]

    def _watching(self) -> sqlite3.Connection:
        """A connection that is never in a transaction, so that each statement sees what is committed. Under `_watch_lock`."""
        if self._watch is None:
            self._watch = sqlite3.connect(self._path, timeout=30, check_same_thread=False, isolation_level=None)
        return self._watch

    def backup(self, target: Path) -> None:
        """A consistent copy while others write (SQLite's backup interface)."""
        if not self.is_sqlite:
            raise NotOnPostgreSQL("Use pg_dump to back up a PostgreSQL database.")
        private_files.make_file(target)
        with closing(sqlite3.connect(self._path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)

    STEP = 200
    """Pages that `give_back` moves at once."""
    SPARE, SPARE_PART = 1000, 0.1
    """Free pages that stay in the file for what comes next: so many, and so large a part of all."""

    def give_back(self) -> bool:
        """Makes the file smaller by a step, when much of it is free. Whether there is more to do.

        PostgreSQL's autovacuum does so by itself.
        """
        if not self.is_sqlite:
            return False
        with self._one_writer, self.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            free, pages, kind = (
                driver.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("freelist_count", "page_count", "auto_vacuum")
            )
            if kind != 2 or free <= self.SPARE + self.SPARE_PART * pages:
                return False
            driver.execute(f"PRAGMA incremental_vacuum({self.STEP})").fetchall()
        return True

    def compact(self) -> None:
        """Writes the file anew, without free space; what is purged later makes it smaller by itself. Saves wait meanwhile."""
        if not self.is_sqlite:
            raise NotOnPostgreSQL("PostgreSQL reclaims space by itself; VACUUM FULL does it at once.")
        with self._one_writer, self.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA auto_vacuum=INCREMENTAL")  # VACUUM turns it on in a file that was made without
            driver.execute("VACUUM")
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def size(self) -> int | None:
        """Bytes of the database's file, its log of writes included; None when it is not a file of ours."""
        if not self.is_sqlite:
            return None
        return sum(file.stat().st_size for file in self.files[:2] if file.exists())

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self.engine.dispose()


_DATABASE = "database"


def database_of(session: Session) -> Database | None:
    """The database that a write session is on; None for any other session."""
    db: Database | None = session.info.get(_DATABASE)
    return db


def after_commit(session: Session, call: Callable[[], None]) -> None:
    """Runs `call` once the session's transaction is durable; never when it was rolled back."""
    session.info.setdefault("after_commit", []).append(call)


def insert_or_update(session: Session, table: type[SQLModel]) -> Any:
    """An INSERT that can be told what to do with a row that is there already: `.on_conflict_do_update(…)`."""
    dialect = sqlite_dialect if session.get_bind().dialect.name == "sqlite" else postgresql_dialect
    return dialect.insert(table.__table__)  # type: ignore[attr-defined]


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Takes back what was written within it when it raises. SQLAlchemy's `begin_nested` costs every save that fires four times as
    much: it compiles its statements each time."""
    connection.exec_driver_sql("SAVEPOINT within")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT within")
        raise
    finally:
        connection.exec_driver_sql("RELEASE SAVEPOINT within")


def bump_revision(session: Session, name: str) -> None:
    """Moves the revision `name`, so that every process drops what it cached under it."""
    moved = insert_or_update(session, Revision).values(name=name, value=1)
    value = Revision.__table__.c.value + 1  # type: ignore[attr-defined] # by the database: two that move it at once both count
    session.execute(moved.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def revision(session: Session, name: str, *, hold: bool = False) -> int:
    """The revision that a change of this very session moved, or else the stored one. Asked at every save. `hold`: it does not
    move before the transaction ends; where somebody is moving it, the new one is waited for."""
    session.flush()
    return session.connection().scalar(_HELD_REVISION if hold else _REVISION, {"name": name}) or 0


_REVISION = select(Revision.__table__.c.value).where(Revision.__table__.c.name == bindparam("name"))  # type: ignore[attr-defined]
_HELD_REVISION = _REVISION.with_for_update(read=True)
"""SQLite, which has one writer, needs no such lock and gets none."""
_MOVED_REVISION = text("SELECT value FROM revision WHERE name = :name AND value <> :known")


def is_unavailable(error: Exception) -> bool:
    """Whether an error speaks of the database's state (full, locked, out of reach), not of what was to be written."""
    if isinstance(error, DBAPIError):
        beyond_its_limits = str(getattr(error.orig, "sqlstate", None) or "").startswith("54")
        of_its_state = isinstance(error, OperationalError | InterfaceError) and not beyond_its_limits
        return of_its_state or error.connection_invalidated
    return isinstance(error, OSError | PoolTimeout)


def unavailable_because(error: Exception) -> str:
    """The database's own words, on one line."""
    return str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()[0].rstrip(".")
