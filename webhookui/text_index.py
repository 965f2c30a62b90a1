"""Finding rows by a part of their text. Beside `db`, the only module that knows which database it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session


class TextIndex:
    """Finds the ids whose text holds some part: trigrams, by SQLite's FTS5 or PostgreSQL's pg_trgm.

    On SQLite the text itself is not kept: what is found may hold the part or not, and `remove` must be given the same text
    as `add` was. Where the database has no trigrams (SQLite before 3.34) there is none, and nothing is found.
    """

    SHORTEST = 3
    """Characters that a part has at least."""
    _RAREST = 3
    """Trigrams of the part that SQLite looks for: few rare ones are quicker than all, and nearly as exact."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create(self, connection: Connection) -> None:
        """For a migration."""
        if connection.dialect.name == "sqlite":
            make = f"CREATE VIRTUAL TABLE {self.name} USING fts5(text, tokenize='trigram', detail=none, content='', columnsize=0)"
            with suppress(DBAPIError):
                connection.execute(text(make))
            return
        connection.execute(text(f"CREATE TABLE {self.name} (id bigint PRIMARY KEY, text text NOT NULL)"))
        with suppress(DBAPIError), connection.begin_nested():  # a user who may not add extensions searches more slowly
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
            connection.execute(text(f"CREATE INDEX ix_{self.name} ON {self.name} USING gin (text gin_trgm_ops)"))

    def add(self, session: Session, texts: Iterable[tuple[int, str]]) -> None:
        """Texts in lower case, by id."""
        if self.is_there(session):
            column = "rowid" if _is_sqlite(session) else "id"
            self._many(session, f"INSERT INTO {self.name} ({column}, text) VALUES (:id, :text)", texts)  # noqa: S608

    def remove(self, session: Session, texts: Iterable[tuple[int, str]]) -> None:
        if not self.is_there(session):
            return
        if _is_sqlite(session):
            delete = f"INSERT INTO {self.name} ({self.name}, rowid, text) VALUES ('delete', :id, :text)"  # noqa: S608
        else:
            delete = f"DELETE FROM {self.name} WHERE id = :id"  # noqa: S608
        self._many(session, delete, texts)

    @staticmethod
    def _many(session: Session, statement: str, texts: Iterable[tuple[int, str]]) -> None:
        rows = [{"id": number, "text": each} for number, each in texts]
        if rows:
            session.execute(text(statement), rows)

    def find(
        self,
        session: Session,
        part: str,
        sample: Sequence[str],
        *,
        above: int,
        below: int,
        limit: int,
        newest_first: bool,
    ) -> list[int]:
        """Ids between `above` and `below`, in order; `sample` is some of the texts, to tell what is rare in them."""
        sqlite = _is_sqlite(session)
        column, order = "rowid" if sqlite else "id", "DESC" if newest_first else "ASC"
        condition = f"{self.name} MATCH :part" if sqlite else "text LIKE :part"
        statement = text(
            f"SELECT {column} FROM {self.name} WHERE {condition} AND {column} > :above AND {column} < :below"  # noqa: S608
            f" ORDER BY {column} {order} LIMIT :limit"
        )
        wanted = self._rare_trigrams(part, sample) if sqlite else f"%{_literally(part)}%"
        found = session.scalars(statement, {"part": wanted, "above": above, "below": below, "limit": limit})
        return list(found.all())

    def _rare_trigrams(self, part: str, sample: Sequence[str]) -> str:
        trigrams = {part[at : at + 3] for at in range(len(part) - 2)}
        rare = sorted(trigrams, key=lambda each: (sum(each in known for known in sample), each))[: self._RAREST]
        return " AND ".join('"' + each.replace('"', '""') + '"' for each in rare)

    def is_there(self, session: Session) -> bool:
        """Whether the database has it."""
        known = "SELECT 1 FROM sqlite_master WHERE name = :name" if _is_sqlite(session) else "SELECT to_regclass(:name)"
        return session.scalar(text(known), {"name": self.name}) is not None


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _literally(part: str) -> str:
    """For LIKE, whose escape is a backslash."""
    return part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
