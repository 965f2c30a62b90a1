"""The rows that a job rejected, as a CSV file in the same columns with the reason behind them (specification section 2)."""

from collections.abc import Iterator, Mapping

from webhookui.core import background_jobs
from webhookui.core.background_jobs import JobKind
from webhookui.core.database import Database
from webhookui.crm.imports.csv_files import csv_lines, neutralised

REASON = "Reason"


def rejected_csv(db: Database, kinds: Mapping[str, JobKind], job_id: int) -> Iterator[bytes]:
    """The file in parts. Raises JobNotFound."""
    return csv_lines([neutralised(cell) for cell in row] for row in _rows(db, kinds, job_id))


def _rows(db: Database, kinds: Mapping[str, JobKind], job_id: int) -> Iterator[list[str]]:
    with db.read() as session:
        job = background_jobs.get(session, job_id)
    yield [*kinds[job.kind].columns(job), REASON]
    last = -1
    while True:
        with db.read() as session:
            rejections = background_jobs.rejections(session, job_id, last)
        if not rejections:
            return
        yield from ([*rejection.row, rejection.reason] for rejection in rejections)
        last = rejections[-1].number
