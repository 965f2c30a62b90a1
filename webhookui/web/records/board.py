"""The board of a module: its columns, the page's refresh, and cards that are moved (specification section 2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from flask import Blueprint, abort, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webhookui.core.errors import Invalid
from webhookui.core.paging import Page
from webhookui.crm import board, history, records
from webhookui.crm.board import Column, Move
from webhookui.crm.catalog import FieldInfo, catalog
from webhookui.crm.records import RecordConflict, RecordNotFound
from webhookui.crm.sorting import InvalidListing
from webhookui.crm.tables import Change, Record
from webhookui.current_installation import read, row_id, write
from webhookui.web.access import actor, me
from webhookui.web.htmx import htmx
from webhookui.web.records.query import RecordQuery, asked_query
from webhookui.web.records.record_view import Names, names_in, reading
from webhookui.web.template_filters import zone

ON_A_CARD = 6
"""Fields of a record that its card shows beside the name."""


def add_routes(bp: Blueprint) -> None:
    bp.get("/<module>/board/live", endpoint="board_live")(live)
    place = "/<module>/board/<int:record_id>/move"
    bp.get(place, endpoint="choose_column")(choose_column)
    bp.post(place, endpoint="move_card")(move_card)


@dataclass(frozen=True)
class BoardView:
    """A board as its page shows it. `amount`: the field that is summed; `problem`: why its filters can't be read."""

    field: FieldInfo
    amount: FieldInfo | None
    columns: list[Column]
    fields: list[FieldInfo]
    names: Names
    token: str
    """Differs when a card may have moved."""
    problem: InvalidListing | None = None

    @property
    def page(self) -> Page[Record]:
        """How many records there are in all columns."""
        number = sum(column.number for column in self.columns)
        return Page([], total=number, has_more=any(column.has_more for column in self.columns))

    @property
    def shape(self) -> str:
        """Differs when the columns do: then they can't be refreshed card by card."""
        columns = [f"{column.value}\n{column.is_option}" for column in self.columns]
        words = [self.field.label, str(self.field.required), *columns]
        return blake2b("\0".join(words).encode(), digest_size=8).hexdigest()

    def shows(self, record_id: int) -> bool:
        return any(card.id == record_id for column in self.columns for card in column.cards)


def board_view(session: Session, query: RecordQuery) -> BoardView:
    """A filter that can't be read shows nothing, and its words."""
    token = board.state(session, query.info.name)
    by = query.info.fields[query.board]
    amount = query.info.fields[query.summed] if query.summed else next(iter(board.amounts(query.info)), None)
    fields = [field for field in query.shown if field.name not in (by.name, "name")][:ON_A_CARD]
    columns, problem = [], None
    try:
        columns = board.columns(session, query.list_query(zone()), by, amount)
    except InvalidListing as error:
        problem = error
    cards = [card.values for column in columns for card in column.cards]
    return BoardView(by, amount, columns, fields, names_in(session, fields, cards), token, problem)


@dataclass(frozen=True)
class Outcome:
    """What became of a move, in words; `tone` is empty when it went as expected. `status`: of the answer."""

    words: str
    tone: str = ""
    status: int = 200


def live(module: str) -> ResponseReturnValue:
    """The columns when some card may have moved since `?token=`, else 204. A board whose field is gone is loaded anew."""
    with read() as session:
        if request.args.get("token") == board.state(session, module):
            return "", 204
        query = _query(session, module)
        return _refresh(query, board_view(session, query)) if query.board else ("", 204, {"HX-Refresh": "true"})


def choose_column(module: str, record_id: int) -> ResponseReturnValue:
    """Where to move a card: a menu of the page, or a page of its own."""
    with reading(module, record_id) as (session, _, record):
        return _choice(_board_query(session, module), record)


def move_card(module: str, record_id: int) -> ResponseReturnValue:
    """Saves a card into the column `to`, if nobody else has moved it since `version`. The mover is told what others did."""
    to, version = request.form.get("to", ""), request.form.get("version", 0, type=row_id)
    with read() as session:
        query = _board_query(session, module)
    by = query.info.fields[query.board]
    try:
        if "to" not in request.form:
            raise Invalid({by.name: "Choose where to move it."})
        with write() as session:
            move = board.move(session, module, record_id, by.name, to, actor(), version=version)
            outcome = _moved(query, by, move)
    except Invalid as error:
        outcome = Outcome(f"It was not moved. {' '.join(error.errors.values())}", "danger", 422)
    except RecordConflict:
        with reading(module, record_id) as (session, _, record):
            outcome = _overtaken(by, record, history.since(session, record_id, version), to)
    except RecordNotFound:
        if not htmx:
            raise
        with read() as session:
            outcome = _deleted(session, query, record_id)
    with read() as session:
        if htmx:
            return _refresh(query, board_view(session, query), outcome, record_id), outcome.status
        if outcome.status != 200:
            return _choice(query, records.get(session, module, record_id), outcome), outcome.status
    flash(outcome.words, outcome.tone or "success")
    return redirect(f"/records/{module}?{query.state}", 303)


# ---- what became of a move, in words ----------------------------------------------------------------------------------


def column_label(by: FieldInfo, value: str | None) -> str:
    return value or f"No {by.label.lower()}"


def _moved(query: RecordQuery, by: FieldInfo, move: Move) -> Outcome:
    column = column_label(by, move.record.values.get(by.name))
    mover = next((change for change in move.meanwhile if by.name in change.values), None)
    if mover is not None:
        return Outcome(f"{_who(mover)} already moved “{move.record.name}” to {column}.", "info")
    words = f"“{move.record.name}” is now in {column}."
    if not move.meanwhile:
        return Outcome(words)
    names = dict.fromkeys(name for change in reversed(move.meanwhile) for name in change.values)
    labels = [query.info.fields[name].label if name in query.info.fields else name for name in names]
    people = ", ".join(dict.fromkeys(_who(change) for change in reversed(move.meanwhile)))
    return Outcome(f"{words} Meanwhile {people} changed {', '.join(labels)}.", "info")


def _overtaken(by: FieldInfo, current: Record, meanwhile: Sequence[Change], to: str) -> Outcome:
    mover = next((change for change in meanwhile if by.name in change.values), None)
    who, column = _who(mover) if mover else "Somebody else", column_label(by, by.present(current.values.get(by.name)))
    refused = f"It stays there and was not moved to {column_label(by, to)}."
    return Outcome(f"{who} moved “{current.name}” to {column} in the meantime. {refused}", "warning", 409)


def _deleted(session: Session, query: RecordQuery, record_id: int) -> Outcome:
    latest = history.latest_change(session, record_id)
    if latest is None or latest.kind != "delete":
        return Outcome(f"This {query.info.singular.lower()} is not there any more.", "warning", 409)
    return Outcome(f"{_who(latest)} deleted “{latest.record_name}” in the meantime.", "warning", 409)


def _who(change: Change) -> str:
    return "You" if change.user_id == me().id else change.by


# ---- answers ----------------------------------------------------------------------------------------------------------


def _query(session: Session, module: str) -> RecordQuery:
    return asked_query(session, catalog(session).module(module))


def _board_query(session: Session, module: str) -> RecordQuery:
    query = _query(session, module)
    if not query.board:
        abort(404, description=f"{query.info.label} has no such board.")
    return query


def _refresh(query: RecordQuery, view: BoardView, outcome: Outcome | None = None, record_id: int = 0) -> str:
    """The columns, to be put in place card by card where they are those of the page."""
    if outcome and outcome.status == 200 and not view.shows(record_id):
        outcome = replace(
            outcome, words=f"{outcome.words} It is not among the cards shown.", tone=outcome.tone or "info"
        )
    is_same = request.values.get("shape") == view.shape
    return render_template(
        "records/_board_refresh.html", info=query.info, query=query, board=view, is_same=is_same, outcome=outcome, page=view.page,
        column_label=column_label,
    )  # fmt: skip


def _choice(query: RecordQuery, record: Record, outcome: Outcome | None = None) -> str:
    page = "records/_move.html" if htmx else "records/move.html"
    by = query.info.fields[query.board]
    columns = [(option, option) for option in by.options] + ([] if by.required else [("", column_label(by, None))])
    return render_template(
        page,
        info=query.info,
        query=query,
        by=by,
        columns=columns,
        record=record,
        outcome=outcome,
        in_menu=bool(htmx),
    )
