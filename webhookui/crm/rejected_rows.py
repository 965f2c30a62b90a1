"""The rows that a job rejected, as a CSV file in the same columns with the reason behind them (specification section 2)."""

import csv
import io
from collections.abc import Iterator, Mapping

from webhookui.core import background_jobs
from webhookui.core.background_jobs import JobKind
from webhookui.core.database import Database

REASON = "Reason"


def rejected_csv(db: Database, kinds: Mapping[str, JobKind], job_id: int) -> Iterator[str]:
    """The file in parts, UTF-8 to be. Raises JobNotFound."""
    with db.read() as session:
        job = background_jobs.get(session, job_id)
    yield _line([*kinds[job.kind].columns(job), REASON])
    last = -1
    while True:
        with db.read() as session:
            rejections = background_jobs.rejections(session, job_id, last)
        if not rejections:
            return
        yield "".join(_line([*rejection.row, rejection.reason]) for rejection in rejections)
        last = rejections[-1].number


def _line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()
