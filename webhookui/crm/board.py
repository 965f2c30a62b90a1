"""A board: the records of a list as cards, in a column for each option of a picklist (specification section 2).

A board costs the same with a thousand records as with a million. Where an index says that the search and the filters leave a
few, these are all looked at. Otherwise each column looks at its newest records, and all at those of the module that were
changed last; what is beyond is counted in the index alone (docs/decisions/0059-a-board-looks-at-a-few.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from webhookui.core.database import revision
from webhookui.core.sql_numbers import number_of
from webhookui.crm import history, listing, record_keys, records
from webhookui.crm.catalog import FieldInfo, ModuleInfo
from webhookui.crm.field_types import text_key
from webhookui.crm.listing import COUNTED, FEW, ListQuery
from webhookui.crm.record_keys import key_in
from webhookui.crm.records import Actor, RecordConflict
from webhookui.crm.tables import Change, Record, RecordKey

CARDS = 50
"""Of a column, at the most."""
LOOKED_AT = 20_000
"""Records of all columns together; of each, FEW at the most."""

_C = Change.__table__.c  # type: ignore[attr-defined]
_R = Record.__table__.c  # type: ignore[attr-defined]
_K = RecordKey.__table__.c  # type: ignore[attr-defined]
_EXACT = Context(prec=100)
"""Digits of the sum of as many amounts as there may be."""


@dataclass(frozen=True)
class Column:
    """`value`: what its records have in the picklist; None for those that have nothing. `cards`: the first of them, in the
    list's order. `total`: the sum of their amounts, exact; of those that were looked at, when there is more."""

    value: str | None
    is_option: bool
    """Whether cards can be moved there: not to an option that was retired."""
    cards: list[Record]
    number: int
    has_more: bool
    """There are more than `number`."""
    total: Decimal
    total_has_more: bool


@dataclass(frozen=True)
class Move:
    """A card that was moved. `meanwhile`: what others saved of the record since the card was drawn, newest first."""

    record: Record
    meanwhile: Sequence[Change] = ()


def picklists(info: ModuleInfo) -> list[FieldInfo]:
    """The fields that a board of the module can be by."""
    return [field for field in info.fields.values() if field.kind.family == "choice"]


def amounts(info: ModuleInfo) -> list[FieldInfo]:
    """The fields that a board can sum."""
    return [field for field in info.fields.values() if field.type == "currency"]


def columns(session: Session, query: ListQuery, field: FieldInfo, amount: FieldInfo | None) -> list[Column]:
    """A column for each option, in their order; for retired options and for no value only where some record has them.

    Raises InvalidListing.
    """
    column_of = _columns(session, field)
    newest = _Newest(session, query, field, list(column_of))
    ids, is_whole = listing.ordered_ids(session, query, newest.ids)
    keys = _keys(session, ids, field, amount)
    in_column: dict[str | None, list[int]] = {value: [] for value in column_of.values()}
    for record_id in ids:
        if record_id in keys:
            in_column.setdefault(column_of.get(keys[record_id][0], keys[record_id][0]), []).append(record_id)
    shown = [record_id for own in in_column.values() for record_id in own[:CARDS]]
    cards = {record.id: record for record in session.scalars(select(Record).where(_R.id.in_(shown)))}
    board = []
    for value, own in in_column.items():
        its_keys = [key for key, column in column_of.items() if column == value]
        has_more = not is_whole and not newest.longer.isdisjoint(its_keys)
        if not (own or has_more or value in field.options):
            continue
        first = [cards[record_id] for record_id in own[:CARDS] if record_id in cards]
        number, uncounted = newest.counted(its_keys, len(own)) if has_more else (len(own), False)
        total = _sum([keys[record_id][1] for record_id in own])
        is_target = value in field.options or value is None
        name = value if is_target or value in field.retired_options or not first else first[0].values.get(field.name)
        board.append(Column(name, is_target, first, number, uncounted, total, has_more))
    return board


def state(session: Session, module: str) -> str:
    """A word that differs when a record of the module was saved or its fields were changed since."""
    newest = session.scalar(select(_C.id).where(_C.module == module).order_by(_C.id.desc()).limit(1))
    return f"{newest or 0}-{revision(session, 'fields')}"


def move(session: Session, module: str, record_id: int, field: str, value: str, actor: Actor, *, version: int) -> Move:
    """Saves a card into another column. `version`: the record's, when the card was drawn: what others saved meanwhile of other
    fields stays, and is told.

    Raises RecordNotFound, InvalidRecord, and RecordConflict when somebody else has moved the card.
    """
    try:
        return Move(records.update(session, module, record_id, {field: value}, actor, version=version))
    except RecordConflict as conflict:
        if field in conflict.contested:
            raise
    meanwhile = history.since(session, record_id, version)
    return Move(records.update(session, module, record_id, {field: value}, actor), meanwhile)


def _columns(session: Session, field: FieldInfo) -> dict[str, str | None]:
    """Key of a value → its column, in the order of the columns. An option has the keys of its former names, too."""
    named = {text_key(name): option for option in field.all_options for name in field.names_of(option)}
    others = {key: key for key in record_keys.distinct(session, field.id) if key not in named}
    return {**named, **others, "": None}


class _Newest:
    """The newest records of each key of a picklist, by its index."""

    def __init__(self, session: Session, query: ListQuery, field: FieldInfo, keys: Sequence[str]) -> None:
        self.session, self.query, self.field, self.keys = session, query, field, keys
        self.most = min(FEW, LOOKED_AT // len(keys))
        self.longer: set[str] = set()
        """Keys of more records than are looked at."""

    def ids(self) -> list[int]:
        ids: set[int] = set()
        for key in self.keys:
            newest = self._of(key).order_by(_K.record_id.desc()).limit(self.most + 1)
            column = self.session.scalars(newest).all()
            ids.update(column[: self.most])
            if len(column) > self.most:
                self.longer.add(key)
        if self.longer:
            changed_last = select(_R.id).where(_R.module == self.query.module)
            ids.update(self.session.scalars(changed_last.order_by(_R.updated_at.desc(), _R.id.desc()).limit(self.most)))
        return list(ids)

    def counted(self, keys: Sequence[str], looked_at: int) -> tuple[int, bool]:
        """How many records a longer column has, and whether there are more than were counted."""
        if self.query.q or self.query.filters:
            return looked_at, True
        number = sum(listing.counted(self.session, self._of(key), COUNTED + 1) for key in keys)
        return min(number, COUNTED), number > COUNTED

    def _of(self, key: str) -> Select[int]:
        return select(_K.record_id).where(_K.field_id == self.field.id, _K.key == key)


def _keys(
    session: Session, ids: Sequence[int], field: FieldInfo, amount: FieldInfo | None
) -> Mapping[int, tuple[str, str]]:
    """Record → (key of its column, key of its amount)"""
    keys = select(_R.id, key_in(_R, field.name), key_in(_R, (amount or field).name)).where(_R.id.in_(ids))
    return {record_id: (column, summed if amount else "") for record_id, column, summed in session.execute(keys)}


def _sum(keys: Sequence[str]) -> Decimal:
    total = Decimal(0)
    for key in keys:
        if key:
            total = _EXACT.add(total, number_of(key))
    places = max(2, -int(total.as_tuple().exponent))
    return total.quantize(Decimal(1).scaleb(-places), context=_EXACT)
