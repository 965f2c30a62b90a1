"""What becomes of the rows of a file: judged first, a batch at a time, then written (specification section 2). Looking writes
nothing; the job does what the look says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from webhookui.core.database import row_number
from webhookui.core.errors import Invalid
from webhookui.crm import records
from webhookui.crm.catalog import catalog
from webhookui.crm.create_many import create_many
from webhookui.crm.field_types import UNSTORABLE, FieldError
from webhookui.crm.imports.csv_files import CsvRow, restored
from webhookui.crm.imports.plan import ImportPlan, label
from webhookui.crm.imports.references import Matches, References
from webhookui.crm.imports.values import ID, read_cell
from webhookui.crm.records import Actor, RecordNotFound
from webhookui.crm.targets import Targets

LONGEST_REASON = 500
CREATE, UPDATE, SKIP, REJECT = "create", "update", "skip", "reject"


@dataclass
class Verdict:
    """What a row comes to. `values`: to be stored, all of a new record, or those of an update; `record_id`: of the one to be
    updated, None for the one that `of`, a row before, creates."""

    row: CsvRow
    act: str
    values: dict[str, Any] = field(default_factory=dict)
    record_id: int | None = None
    of: Verdict | None = None
    reason: str = ""


class RowJudge:
    """Judges rows by a plan, on one session."""

    def __init__(self, session: Session, module: str, plan: ImportPlan, actor: Actor, zone: str) -> None:
        self._session, self._plan, self._actor = session, plan, actor
        self.info = catalog(session).module(module)
        self._zone = ZoneInfo(zone)
        self._columns = [
            (number, self.info.fields[column.field], column.form)
            for number, column in enumerate(plan.columns)
            if column.field in self.info.fields
        ]
        self._id_column = next((number for number, column in enumerate(plan.columns) if column.field == ID), None)
        self._matches = Matches(session, module, self.info.fields.get(plan.match_on)) if plan.match_on else None
        self._references = References(session)
        self._new: dict[str, Verdict] = {}
        """Key of a match → the row that creates its record."""

    def judge(self, rows: Sequence[CsvRow]) -> list[Verdict]:
        """In their order."""
        targets = Targets(self._session)
        self._references.trim()
        self._expect(rows, targets)
        read = [self._read(row) for row in rows]
        keys = [self._key(row, values) for row, values in zip(rows, read, strict=True)]
        there = self._matches.find({key for key in keys if isinstance(key, str)}) if self._matches else {}
        return [
            self._judged(row, values, key, there, targets) for row, values, key in zip(rows, read, keys, strict=True)
        ]

    def forget_new(self) -> None:
        """The rows that were judged are written: their records can be found."""
        self._new.clear()

    def _expect(self, rows: Sequence[CsvRow], targets: Targets) -> None:
        for number, info, _ in self._columns:
            if info.kind.family == "reference":
                cells = {row.cells[number] for row in rows if len(row.cells) > number}
                self._references.expect(info, cells)
                targets.expect(self._references.ids(info, cells))

    def _read(self, row: CsvRow) -> dict[str, Any] | str:
        """Field → what its type reads; or why the row can't be read."""
        if row.problem:
            return row.problem
        width = len(self._plan.columns)
        if len(row.cells) > width and any(cell.strip() for cell in row.cells[width:]):
            return f"This row has {len(row.cells)} cells, but the header names {width} columns."
        values: dict[str, Any] = {}
        problems: list[str] = []
        for number, info, form in self._columns:
            cell = row.cells[number] if number < len(row.cells) else ""
            try:
                if UNSTORABLE.search(cell):
                    raise FieldError(_unstorable(cell, self._plan.format.encoding))
                is_link = info.kind.family in ("reference", "user")
                values[info.name] = (
                    self._references.read(info, cell) if is_link else read_cell(info, cell, form, self._zone)
                )
            except FieldError as error:
                problems.append(f"{info.label}: {error}")
        return " ".join(problems) or values

    def _key(self, row: CsvRow, values: dict[str, Any] | str) -> str | FieldError:
        """What its record is found by; empty for nothing."""
        if self._matches is None or isinstance(values, str):
            return ""
        try:
            if self._plan.match_on != ID:
                info = self.info.fields[self._plan.match_on]
                return self._matches.key(info.kind.parse(values[info.name], info))
            number = self._id_column or 0
            text = restored(row.cells[number]).strip().removeprefix("#") if number < len(row.cells) else ""
            if text and row_number(text) is None:
                shown = UNSTORABLE.sub("\ufffd", text[:40])
                raise FieldError(f"“{shown}” is not the number of a record.")
            return str(int(text)) if text else ""
        except FieldError as error:
            return error

    def _judged(
        self,
        row: CsvRow,
        values: dict[str, Any] | str,
        key: str | FieldError,
        there: dict[str, list[int]],
        targets: Targets,
    ) -> Verdict:
        if isinstance(values, str):
            return Verdict(row, REJECT, reason=values[:LONGEST_REASON])
        if isinstance(key, FieldError):
            return Verdict(row, REJECT, reason=f"{label(self.info, self._plan.match_on)}: {key}"[:LONGEST_REASON])
        matched, new = there.get(key, []), self._new.get(key)
        if (matched or new) and self._plan.on_match != CREATE:
            return self._duplicate(row, values, matched, new)
        try:
            verdict = Verdict(row, CREATE, records.complete(self.info, values, self._actor, targets))
        except Invalid as error:
            return Verdict(row, REJECT, reason=self.sentence(error))
        if key:
            self._new[key] = verdict
        return verdict

    def _duplicate(self, row: CsvRow, values: dict[str, Any], matched: list[int], new: Verdict | None) -> Verdict:
        if self._plan.on_match == SKIP:
            return Verdict(row, SKIP)
        if len(matched) > 1:
            what = label(self.info, self._plan.match_on)
            words = (
                f"{what}: several {self.info.label.lower()} have this value, so it does not say which one to update."
            )
            return Verdict(row, REJECT, reason=words)
        # An empty cell says nothing about a record that is there.
        values = {name: value for name, value in values.items() if value not in (None, "")}
        if new is not None:
            return Verdict(row, UPDATE, values, of=new)
        return Verdict(row, UPDATE, values, record_id=matched[0])

    def sentence(self, error: Exception) -> str:
        """Why a record can't be saved."""
        if not isinstance(error, Invalid):
            return str(error)
        parts = [
            words if words.startswith(label(self.info, name)) else f"{label(self.info, name)}: {words}"
            for name, words in error.errors.items()
        ]
        return " ".join(parts)[:LONGEST_REASON]


def _unstorable(cell: str, encoding: str) -> str:
    character = UNSTORABLE.search(cell)
    if character is not None and "\ud800" <= character.group() <= "\udfff":
        return f"It has bytes that are no text in {encoding}."
    return "This contains a character that can't be stored."


@dataclass
class Outcome:
    """What became, or would become, of some rows: their number, and those that are rejected with the reason."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    rejected: list[tuple[CsvRow, str]] = field(default_factory=list)


class RowWriter:
    """Does what a judge says, in the session's transaction."""

    def __init__(self, session: Session, judge: RowJudge, plan: ImportPlan, actor: Actor) -> None:
        self._session, self._judge, self._plan, self._actor = session, judge, plan, actor
        self._waiting: list[Verdict] = []
        """New records that are not written yet."""

    def write(self, rows: Sequence[CsvRow]) -> Outcome:
        outcome = Outcome()
        for verdict in self._judge.judge(rows):
            if verdict.act == CREATE:
                self._waiting.append(verdict)
            elif verdict.act == SKIP:
                outcome.skipped += 1
            elif verdict.act == REJECT:
                outcome.rejected.append((verdict.row, verdict.reason))
            else:
                self._update(verdict, outcome)
        self._create(outcome)
        self._judge.forget_new()
        return outcome

    def _create(self, outcome: Outcome) -> None:
        values = [verdict.values for verdict in self._waiting]
        info, actor = self._judge.info, self._actor
        ids = create_many(self._session, info, values, actor, run_workflows=self._plan.run_workflows)
        for verdict, record_id in zip(self._waiting, ids, strict=True):
            verdict.record_id = record_id
        outcome.created += len(ids)
        self._waiting.clear()

    def _update(self, verdict: Verdict, outcome: Outcome) -> None:
        if verdict.of is not None:
            self._create(outcome)
            verdict.record_id = verdict.of.record_id
        info, record_id = self._judge.info, verdict.record_id or 0
        try:
            record = records.get(self._session, info.name, record_id)
            version = record.version
            record = records.update(
                self._session, info.name, record_id, verdict.values, self._actor, run_workflows=self._plan.run_workflows
            )
        except (Invalid, RecordNotFound) as error:
            outcome.rejected.append((verdict.row, self._judge.sentence(error)))
            return
        if record.version == version:
            outcome.skipped += 1
        else:
            outcome.updated += 1
