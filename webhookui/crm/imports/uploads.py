"""Files that are to be imported: kept in the database in pieces until their rows are in (specification section 2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import IO

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.core.background_jobs import Job
from webhookui.core.database import Database, now
from webhookui.core.errors import NotFound
from webhookui.crm.catalog import catalog
from webhookui.crm.field_types import UNSTORABLE
from webhookui.crm.imports.csv_files import (
    SAMPLE,
    CsvReader,
    EncodingDetector,
    FileFormat,
    InvalidFile,
    Pieces,
    decoded,
    separator_of,
)
from webhookui.crm.imports.plan import ImportPlan, first_plan
from webhookui.crm.imports.tables import ImportChunk, ImportFile
from webhookui.people.tables import User

CHUNK = 256 * 1024
"""Bytes of one row of the table."""
AT_ONCE = 16
"""Chunks that are written or deleted in one transaction."""
KEPT = timedelta(days=1)
"""So long a file stays whose import is not started."""
TOLD_BY = 1000
"""Rows that the forms of a file's columns are recognised by."""
SHOWN = 8
"""Rows that are shown before anything is written."""


def largest_body(limit: int) -> int:
    """Bytes of a request that brings a file of `limit` bytes."""
    return limit + 64 * 1024


class FileNotFound(NotFound):
    """There is no such file."""

    hint = "It was imported already, or it was uploaded more than a day ago. Upload it again."


def store(db: Database, module: str, user: User, name: str, file: IO[bytes]) -> int:
    """Takes a file in, recognises its format and offers a plan. Its id. Raises InvalidFile, UnknownModule."""
    with db.write() as session:
        catalog(session).module(module)
        row = ImportFile(module=module, user_id=user.id or 0, name=UNSTORABLE.sub("\ufffd", name)[-200:])
        session.add(row)
        session.flush()
        file_id = row.id or 0
    detector, size, number, start = EncodingDetector(), 0, 0, b""
    chunks: list[ImportChunk] = []
    while data := file.read(CHUNK):
        detector.feed(data)
        start += data if len(start) < SAMPLE else b""
        chunks.append(ImportChunk(file_id=file_id, number=number, data=data))
        size, number = size + len(data), number + 1
        if len(chunks) == AT_ONCE:
            _write(db, chunks)
    _write(db, chunks)
    encoding = detector.encoding()
    separator = separator_of(decoded(start[:SAMPLE], encoding))
    try:
        _prepare(db, file_id, FileFormat(encoding, separator), size)
    except InvalidFile:
        remove(db, file_id)
        raise
    return file_id


def _write(db: Database, chunks: list[ImportChunk]) -> None:
    if chunks:
        with db.write() as session:
            session.add_all(chunks)
        chunks.clear()


def _prepare(db: Database, file_id: int, file_format: FileFormat, size: int) -> None:
    """Notes what was recognised."""
    with db.write() as session:
        file = session.get_one(ImportFile, file_id)
        plan = offered_plan(session, file, file_format)
        file.size, file.plan = size, plan.document()
        file.encoding, file.separator = file_format.encoding, file_format.separator


def offered_plan(session: Session, file: ImportFile, file_format: FileFormat) -> ImportPlan:
    """What is offered for a file, read in this format. Raises InvalidFile."""
    header, rows = first_rows(session, file.id or 0, file_format)
    return first_plan(catalog(session).module(file.module), file_format, header, rows)


def get(session: Session, file_id: int, user: User, *, for_update: bool = False) -> ImportFile:
    """A file of the user's that waits to be imported. Raises FileNotFound."""
    file = session.get(ImportFile, file_id, with_for_update=for_update or None)
    if file is None or file.user_id != user.id or file.job_id is not None or not file.size:
        raise FileNotFound("There is no such file.")
    return file


def pieces(session: Callable[[], Session], file_id: int) -> Pieces:
    """The file's bytes, read by whatever session there is then."""
    number = -1

    def following() -> bytes:
        nonlocal number
        number += 1
        statement = select(col(ImportChunk.data)).where(
            col(ImportChunk.file_id) == file_id, col(ImportChunk.number) == number
        )
        return session().scalar(statement) or b""

    return Pieces(following)


def reader(session: Session, file_id: int, file_format: FileFormat) -> CsvReader:
    """Raises InvalidFile."""
    return CsvReader(pieces(lambda: session, file_id), file_format)


def first_rows(
    session: Session, file_id: int, file_format: FileFormat, limit: int = TOLD_BY
) -> tuple[list[str], list[list[str]]]:
    """(header, rows). Raises InvalidFile."""
    rows = reader(session, file_id, file_format)
    return rows.header, [row.cells for _, row in zip(range(limit), rows, strict=False)]


def count_rows(db: Database, file_id: int, file_format: FileFormat) -> int:
    """Reads the whole file. Raises InvalidFile."""
    with db.read() as session:
        return sum(1 for _ in reader(session, file_id, file_format))


# ---- removing ---------------------------------------------------------------------------------------------------------


def remove(db: Database, file_id: int) -> None:
    """Takes the file out of the database, a few pieces at a time."""
    number = 0
    while True:
        with db.write() as session:
            of_file = col(ImportChunk.file_id) == file_id
            session.execute(delete(ImportChunk).where(of_file, col(ImportChunk.number) < number + AT_ONCE))
            left = session.scalar(select(col(ImportChunk.number)).where(of_file).limit(1))
            if left is None:
                session.execute(delete(ImportFile).where(col(ImportFile.id) == file_id))
                return
        number += AT_ONCE


def forget(db: Database) -> None:
    """Removes files whose import has ended, and those that were not imported within a day."""
    ended = select(col(Job.id)).where(col(Job.id) == col(ImportFile.job_id), col(Job.finished_at).is_not(None))
    is_old = col(ImportFile.job_id).is_(None) & (col(ImportFile.created_at) < now() - KEPT)
    gone = (
        col(ImportFile.job_id).is_not(None) & ~select(col(Job.id)).where(col(Job.id) == col(ImportFile.job_id)).exists()
    )
    with db.read() as session:
        ids = list(session.scalars(select(col(ImportFile.id)).where(or_(ended.exists(), is_old, gone))))
    for file_id in ids:
        remove(db, file_id or 0)
