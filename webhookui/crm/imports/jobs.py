"""An import as a job in the background: a batch of rows in each transaction, which also says how far it is (specification
section 2)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.orm import Session

from webhookui.core import background_jobs
from webhookui.core.background_jobs import OUR_FAULT, Job, JobKind
from webhookui.core.database import Database, is_unavailable
from webhookui.crm.catalog import catalog
from webhookui.crm.field_types import UNSTORABLE
from webhookui.crm.imports import uploads
from webhookui.crm.imports.csv_files import CsvReader, CsvRow, InvalidFile, restored
from webhookui.crm.imports.plan import ON_MATCH, ImportPlan, label
from webhookui.crm.imports.rows import Outcome, RowJudge, RowWriter
from webhookui.crm.imports.tables import ImportFile
from webhookui.crm.records import Actor
from webhookui.people.tables import User

log = structlog.get_logger("webhookui.imports")

IMPORT = "import"
TARGET_S = 0.06
"""So long a batch is to take: others wait for the database meanwhile."""
FIRST_ROWS, MOST_ROWS, MOST_CHARACTERS = 20, 1000, 2_000_000
"""Of a batch."""
MOST_READERS = 8


def start(db: Database, file: ImportFile, plan: ImportPlan, user: User) -> Job:
    """Raises InvalidFile, InvalidImport, FileNotFound."""
    file_id = file.id or 0
    with db.read() as session:
        plan.check(catalog(session).module(file.module))
    total = uploads.count_rows(db, file_id, plan.format)
    with db.write() as session:
        stored = uploads.get(session, file_id, user, for_update=True)
        info = catalog(session).module(file.module)
        plan.check(info)
        arguments = {
            "module": file.module, "file": file_id, "plan": plan.document(), "zone": user.time_zone,
            "words": _words(file, plan, label(info, plan.match_on)),
        }  # fmt: skip
        job = background_jobs.start(
            session, IMPORT, by=user.name, user_id=user.id, arguments=arguments, total=total, up_to=total
        )
        stored.job_id = job.id
    return job


def _words(file: ImportFile, plan: ImportPlan, matched: str) -> list[list[str]]:
    """What the job's page says of it."""
    words = [["File", file.name]]
    if plan.match_on:
        words.append(["Duplicates", f"by {matched}: {ON_MATCH[plan.on_match].lower()}"])
    return [*words, ["Workflows", "run" if plan.run_workflows else "do not run"]]


@dataclass
class _Open:
    """A file that is being read in this process."""

    rows: CsvReader
    session: Session
    number: int
    """Rows of the next batch."""
    is_behind: bool = False


class Imports:
    """The steps of all imports of this process. Keeps files open between the steps."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}

    def kind(self) -> JobKind:
        return JobKind("Import", self.step, "Rows", _columns, self._ended)

    def step(self, session: Session, job: Job) -> bool:
        """The next rows."""
        plan = ImportPlan.of(job.arguments["plan"])
        began = time.monotonic()
        try:
            file = self._file(session, job, plan)
            if not _catch_up(file.rows, job.position, began):
                return False
            batch = _next_rows(file)
        except InvalidFile as error:
            self._open.pop(job.id or 0, None)
            background_jobs.reject(session, job, job.position + 1, str(error), row=[])
            return True
        if not batch:
            return True
        for row, reason in _write(session, job, plan, batch):
            cells = [UNSTORABLE.sub("\ufffd", restored(cell)) for cell in row.cells]
            cells += [""] * (len(plan.columns) - len(cells))
            background_jobs.reject(session, job, row.number, reason, row=cells[: len(plan.columns)])
        job.position = file.rows.number
        taken = time.monotonic() - began
        file.number = max(1, min(MOST_ROWS, int(file.number * min(1.5, TARGET_S / max(taken, 0.001)))))
        return False

    def _file(self, session: Session, job: Job, plan: ImportPlan) -> _Open:
        """The file, read as far as the job is, or less far."""
        file = self._open.get(job.id or 0)
        if file is not None and file.rows.number <= job.position:
            file.session = session
            return file
        while len(self._open) >= MOST_READERS:
            self._open.pop(next(iter(self._open)))
        holder: list[_Open] = []
        pieces = uploads.pieces(lambda: holder[0].session if holder else session, job.arguments["file"])
        file = _Open(CsvReader(pieces, plan.format), session, FIRST_ROWS)
        holder.append(file)
        self._open[job.id or 0] = file
        return file

    def _ended(self, _session: Session, job: Job) -> None:
        self._open.pop(job.id or 0, None)


def _next_rows(file: _Open) -> list[CsvRow]:
    batch: list[CsvRow] = []
    size = 0
    while len(batch) < file.number and size < MOST_CHARACTERS and (row := next(file.rows, None)) is not None:
        batch.append(row)
        size += sum(map(len, row.cells))
    return batch


def _columns(job: Job) -> list[str]:
    return [title for title, *_ in job.arguments["plan"]["columns"]]


def _catch_up(rows: CsvReader, position: int, began: float) -> bool:
    """Reads on to where the job is; not longer than a batch may take. Whether it is there."""
    while rows.number < position:
        if rows.number % 100 == 0 and time.monotonic() - began > TARGET_S:
            return False
        if next(rows, None) is None:
            return True
    return True


def _write(session: Session, job: Job, plan: ImportPlan, batch: list[CsvRow]) -> list[tuple[CsvRow, str]]:
    """Takes the rows in; those that were rejected. One that breaks the program does not hold up the others; when all of a batch
    do, the job ends."""
    try:
        with session.begin_nested():
            return _counted(job, _writer(session, job, plan).write(batch))
    except Exception as error:
        if is_unavailable(error):
            raise
        if len(batch) == 1:
            log.error("row_failed", job=job.id, row=batch[0].number, error=str(error))
            return [(batch[0], OUR_FAULT)]
        rejected = [row for single in batch for row in _write(session, job, plan, [single])]
        if all(reason == OUR_FAULT for _, reason in rejected) and len(rejected) == len(batch):
            raise
        return rejected


def _writer(session: Session, job: Job, plan: ImportPlan) -> RowWriter:
    actor = Actor("import", job.by, job.user_id)
    catalog(session, hold=True)  # no field is added before the rows are written
    judge = RowJudge(session, job.arguments["module"], plan, actor, job.arguments["zone"])
    return RowWriter(session, judge, plan, actor)


def _counted(job: Job, outcome: Outcome) -> list[tuple[CsvRow, str]]:
    job.created += outcome.created
    job.updated += outcome.updated
    job.skipped += outcome.skipped
    return outcome.rejected


def result(job: Job) -> dict[str, Any]:
    """Its counts."""
    return {name: getattr(job, name) for name in ("created", "updated", "skipped", "rejected")}
