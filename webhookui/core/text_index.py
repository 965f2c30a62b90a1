"""Finding rows by a part of their text. Beside `db`, the only module that knows which database it is."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, Select, String, column, select, table, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Entry:
    """One text, in lower case, and the group that it belongs to."""

    id: int
    text: str
    group: int


class TextIndex:
    """Finds the ids whose text holds some part: trigrams, by SQLite's FTS5 or PostgreSQL's pg_trgm.

    On SQLite the text itself is not kept: what is found may hold the part or not, and `remove` must be given what `add` was.
    Where the database has no trigrams (SQLite before 3.34) there is none, and nothing is found.
    """

    SHORTEST = 3
    """Characters that a part has at least."""
    MOST_GROUPS = 1000
    """More of them cost more than they save."""
    _RAREST = 3
    """Trigrams of the part that SQLite looks for: few rare ones are quicker than all, and nearly as exact."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create(self, connection: Connection) -> None:
        """For a migration."""
        if connection.dialect.name == "sqlite":
            how = "tokenize='trigram', detail=none, content='', columnsize=0"
            with suppress(DBAPIError):
                connection.execute(text(f"CREATE VIRTUAL TABLE {self.name} USING fts5(text, grp, {how})"))
            return
        columns = "id bigint PRIMARY KEY, text text NOT NULL, grp integer NOT NULL"
        connection.execute(text(f"CREATE TABLE {self.name} ({columns})"))
        with suppress(DBAPIError), connection.begin_nested():  # a user who may not add extensions searches more slowly
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
            connection.execute(text(f"CREATE INDEX ix_{self.name} ON {self.name} USING gin (text gin_trgm_ops)"))

    def add(self, session: Session, entries: Iterable[Entry]) -> None:
        if self.is_there(session):
            column = "rowid" if _is_sqlite(session) else "id"
            self._many(session, f"INSERT INTO {self.name} ({column}, text, grp) VALUES (:id, :text, :grp)", entries)  # noqa: S608

    def remove(self, session: Session, entries: Iterable[Entry]) -> None:
        if not self.is_there(session):
            return
        if _is_sqlite(session):
            columns = f"({self.name}, rowid, text, grp) VALUES ('delete', :id, :text, :grp)"
            delete = f"INSERT INTO {self.name} {columns}"
        else:
            delete = f"DELETE FROM {self.name} WHERE id = :id"  # noqa: S608
        self._many(session, delete, entries)

    @staticmethod
    def _many(session: Session, statement: str, entries: Iterable[Entry]) -> None:
        written = _as_trigram if _is_sqlite(session) else int
        rows = [{"id": entry.id, "text": entry.text, "grp": written(entry.group)} for entry in entries]
        if rows:
            session.execute(text(statement), rows)

    def find(
        self, session: Session, part: str, groups: Collection[int] | None, sample: Sequence[str],
        *, above: int, below: int, limit: int, newest_first: bool,
    ) -> list[int]:  # fmt: skip
        """Ids between `above` and `below`, in order, of these groups or of any.

        `sample` is some of the texts, to tell what is rare in them.
        """
        sqlite = _is_sqlite(session)
        column, order = "rowid" if sqlite else "id", "DESC" if newest_first else "ASC"
        values: dict[str, Any] = {"above": above, "below": below, "limit": limit}
        if sqlite:
            condition = f"{self.name} MATCH :part"
            values["part"] = self._rare_trigrams(part, sample)
            if groups is not None:
                values["part"] += f" AND ({' OR '.join(_quoted(_as_trigram(group)) for group in groups)})"
        else:
            condition = "text LIKE :part" + ("" if groups is None else " AND grp = ANY(:groups)")
            values |= {"part": f"%{_literally(part)}%"} | ({} if groups is None else {"groups": list(groups)})
        within = f"{condition} AND {column} > :above AND {column} < :below"
        sql = f"SELECT {column} FROM {self.name} WHERE {within} ORDER BY {column} {order} LIMIT :limit"  # noqa: S608
        return list(session.scalars(text(sql), values).all())

    def _rare_trigrams(self, part: str, sample: Sequence[str]) -> str:
        trigrams = {part[at : at + 3] for at in range(len(part) - 2)}
        rare = sorted(trigrams, key=lambda trigram: (sum(trigram in sampled for sampled in sample), trigram))[
            : self._RAREST
        ]
        return " AND ".join(map(_quoted, rare))

    def is_there(self, session: Session) -> bool:
        """Whether the database has it."""
        statement = (
            "SELECT 1 FROM sqlite_master WHERE name = :name" if _is_sqlite(session) else "SELECT to_regclass(:name)"
        )
        return session.scalar(text(statement), {"name": self.name}) is not None


class ColumnIndex:
    """Finds the rows of a table by a part of three characters or more of one of its columns. The database keeps it: SQLite in an
    FTS5 table beside it, by triggers; PostgreSQL by an index of pg_trgm. Where it has no trigrams, there is none.

    A migration that rebuilds the table must `create` it again.
    """

    def __init__(self, table: str, column: str) -> None:
        self.table, self.column, self.name = table, column, f"{table}_text"

    def create(self, connection: Connection) -> None:
        """For a migration."""
        statements = self._postgresql() if connection.dialect.name != "sqlite" else self._sqlite()
        with suppress(DBAPIError), connection.begin_nested():
            for statement in statements:
                connection.exec_driver_sql(statement)

    def _postgresql(self) -> list[str]:
        on = f"{self.table} USING gin ({self.column} gin_trgm_ops)"
        return ["CREATE EXTENSION IF NOT EXISTS pg_trgm", f"CREATE INDEX ix_{self.name} ON {on}"]

    def _sqlite(self) -> list[str]:
        how = f"content='{self.table}', content_rowid='id', tokenize='trigram', detail=none, columnsize=0"
        add = f"INSERT INTO {self.name} (rowid, {self.column}) VALUES (new.id, new.{self.column});"  # noqa: S608
        columns = f"({self.name}, rowid, {self.column})"
        drop = f"INSERT INTO {self.name} {columns} VALUES ('delete', old.id, old.{self.column});"  # noqa: S608
        moved = f"UPDATE OF {self.column} ON {self.table} WHEN old.{self.column} <> new.{self.column}"
        return [
            f"CREATE VIRTUAL TABLE {self.name} USING fts5({self.column}, {how})",
            f"CREATE TRIGGER {self.name}_insert AFTER INSERT ON {self.table} BEGIN {add} END",
            f"CREATE TRIGGER {self.name}_update AFTER {moved} BEGIN {drop} {add} END",
            f"CREATE TRIGGER {self.name}_delete AFTER DELETE ON {self.table} BEGIN {drop} END",
        ]

    def candidates(self, session: Session, *parts: str) -> Select[Any] | None:
        """A query for the ids of rows that may hold all of the parts; None when the index does not help."""
        parts = tuple(part for part in parts if len(part) >= TextIndex.SHORTEST and "\0" not in part)
        if not parts or not self.is_there(session):
            return None
        if not _is_sqlite(session):
            rows = table(self.table, column("id", Integer), column(self.column, String)).c
            return select(rows.id).where(*(rows[self.column].like(f"%{_literally(part)}%") for part in parts))
        # Side by side they say nearly as much as all of them, and each one more is a longer list to go through.
        trigrams = {part[at : at + 3] for part in parts for at in (*range(0, len(part) - 2, 3), len(part) - 3)}
        match = " AND ".join(map(_quoted, sorted(trigrams)[: self._MOST]))
        texts = table(self.name, column("rowid", Integer), column(self.name, String)).c
        return select(texts.rowid).where(texts[self.name].op("MATCH")(match))

    _MOST = 20
    """Trigrams that are looked for."""

    def is_there(self, session: Session) -> bool:
        statement = (
            "SELECT 1 FROM sqlite_master WHERE name = :name" if _is_sqlite(session) else "SELECT to_regclass(:name)"
        )
        name = self.name if _is_sqlite(session) else f"ix_{self.name}"
        return session.scalar(text(statement), {"name": name}) is not None


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _quoted(trigram: str) -> str:
    return '"' + trigram.replace('"', '""') + '"'


def _as_trigram(group: int) -> str:
    """A number as three characters that no text has: of the 6400 that Unicode leaves to everybody's own use."""
    return "".join(chr(0xE000 + group // 6400**place % 6400) for place in (2, 1, 0))


def _literally(part: str) -> str:
    """For LIKE, whose escape is a backslash."""
    return part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
