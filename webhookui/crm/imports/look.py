"""What an import would do, before anything is written (specification section 2)."""

import time
from dataclasses import dataclass

from sqlalchemy.orm import Session

from webhookui.core.errors import Invalid
from webhookui.crm.imports import uploads
from webhookui.crm.imports.csv_files import CsvRow
from webhookui.crm.imports.plan import ImportPlan
from webhookui.crm.imports.rows import CREATE, REJECT, SKIP, Outcome, RowJudge
from webhookui.crm.imports.tables import ImportFile
from webhookui.crm.records import Actor, RecordNotFound, check
from webhookui.people.tables import User

LOOK_S, LOOK_ROWS = 3.0, 20_000
"""How far it looks."""
BATCH = 200


@dataclass
class Look:
    """What an import would do with the first `looked_at` rows, or with all of them."""

    outcome: Outcome
    looked_at: int
    is_all: bool


def look(session: Session, file: ImportFile, plan: ImportPlan, user: User, rows: int = LOOK_ROWS) -> Look:
    """Judges the first rows, `rows` at most, and writes nothing. Raises InvalidFile."""
    judge = RowJudge(session, file.module, plan, Actor("import", user.name, user.id), user.time_zone)
    read, outcome = uploads.reader(session, file.id or 0, plan.format), Outcome()
    end = time.monotonic() + LOOK_S
    while time.monotonic() < end and read.number < rows:
        batch = [row for _, row in zip(range(BATCH), read, strict=False)]
        if not batch:
            return Look(outcome, read.number, True)
        _judge(session, judge, batch, outcome)
        session.expunge_all()
    return Look(outcome, read.number, next(read, None) is None)


def _judge(session: Session, judge: RowJudge, batch: list[CsvRow], outcome: Outcome) -> None:
    for verdict in judge.judge(batch):
        try:
            if verdict.act == REJECT:
                outcome.rejected.append((verdict.row, verdict.reason))
            elif verdict.act == CREATE:
                outcome.created += 1
            elif verdict.act == SKIP or (
                verdict.record_id and not check(session, judge.info.name, verdict.record_id, verdict.values)
            ):
                outcome.skipped += 1
            else:
                outcome.updated += 1
        except (Invalid, RecordNotFound) as error:
            outcome.rejected.append((verdict.row, judge.sentence(error)))
