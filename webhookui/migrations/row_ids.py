"""The highest id that each table of SQLite has given out, over migrations (specification section 2: ids are never used again)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.engine import Connection


@contextmanager
def kept(connection: Connection) -> Iterator[None]:
    """Migrations inside: a table that is rebuilt goes on counting where it was, not at its highest row."""
    before = _given_out(connection)
    yield
    now = _given_out(connection)
    raise_to(connection, {table: number for table, number in before.items() if table in now})


def raise_to(connection: Connection, numbers: Mapping[str, int]) -> None:
    """The next row of each table comes after its number. Ids that are higher already stay."""
    now = _given_out(connection)
    for table, number in numbers.items():
        if number > now.get(table, 0):
            values = {"table": table, "number": number}
            connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), values)
            connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :number)"), values)


def _given_out(connection: Connection) -> dict[str, int]:
    if connection.dialect.name != "sqlite" or not connection.dialect.has_table(connection, "sqlite_sequence"):
        return {}
    rows = connection.execute(text("SELECT name, seq FROM sqlite_sequence JOIN sqlite_master USING (name)"))
    return {name: number or 0 for name, number in rows}
