"""Lists of records: search, filter, sort, pages (specification section 2). The same queries on SQLite and PostgreSQL.

A page costs the same with a thousand records as with a million. When some condition narrows the list to a few, an index gives
their ids, and they are put in order here. Otherwise the list is read in its order, from an index, until the page is full or
so many records have been looked at; the next page goes on there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from webhookui.core.paging import Page, one_page
from webhookui.crm.catalog import Relation, catalog
from webhookui.crm.field_types import text_key
from webhookui.crm.filters import Condition, Filter, condition, has_words
from webhookui.crm.record_keys import NAME, key_in
from webhookui.crm.sorting import ByColumn, ByKey, ByReference, Mark, SortOrder, in_order, newest_referring, sort_order
from webhookui.crm.tables import Record

_R = Record.__table__.c  # type: ignore[attr-defined]
FEW = 2000
"""So many records are put in order here rather than found in an index's order."""
LOOKED_AT = 5000
"""So many records at the most are looked at one by one for a page. Who turns it goes on behind them."""
MOST_WORDS = 100
"""Of a search; of more, the longest. SQLite takes a thousand."""
COUNTED, COUNTED_ONE_BY_ONE = 10_000, 1000
"""Further than this nobody counts: in an index, and where each record is looked at."""


@dataclass(frozen=True)
class ListQuery:
    """What to list. `sort`: a field's name, with "-" before it for descending. `zone`: of the user, whose days are meant."""

    module: str
    q: str = ""
    sort: str = "-updated_at"
    filters: Sequence[Filter] = ()
    zone: tzinfo = UTC


Place = tuple[int, Mark]
"""(stretch, mark) of a row: where it stands in the list."""


@dataclass(frozen=True)
class _Searched:
    """Conditions, and the ids of all records that they may hold for, if an index says that these are few."""

    conditions: Sequence[Condition]
    few: Sequence[int] | None

    @classmethod
    def of(cls, session: Session, conditions: Sequence[Condition]) -> _Searched:
        few: Sequence[int] | None = None
        for candidates in (asked.candidates for asked in conditions if asked.candidates is not None):
            ids = session.scalars(candidates.limit((FEW if few is None else len(few)) + 1)).all()
            if len(ids) <= FEW and (few is None or len(ids) < len(few)):
                few = ids
        return cls(conditions, few)


def search_words(q: str) -> list[str]:
    """The words that a search asks for."""
    return sorted(set(q.casefold().split()), key=len, reverse=True)[:MOST_WORDS]


def _words(session: Session, q: str) -> list[Condition]:
    words = search_words(q)
    return [has_words(session, words)] if words else []


class _List:
    """One list: its order and its conditions, and the ids of its records when they are few."""

    def __init__(
        self,
        session: Session,
        query: ListQuery,
        searched: _Searched | None = None,
        order: SortOrder | None = None,
    ) -> None:
        self.session = session
        self.info = catalog(session).module(query.module)
        self.order = order or sort_order(session, self.info, query.sort)
        filters = [condition(session, self.info, asked, query.zone) for asked in query.filters]
        searched = searched or _Searched.of(session, [*_words(session, query.q), *filters])
        self.conditions, self.few = searched.conditions, searched.few

    @property
    def where(self) -> list[ColumnElement[bool]]:
        return [condition.holds for condition in self.conditions]

    @property
    def is_looked_through(self) -> bool:
        """Whether its records are looked at one by one: a page may be empty and not the first."""
        return self.few is None and bool(self.conditions)

    def next_to(self, place: Place, *, backward: bool) -> Place:
        """The place from which the way back begins with the record at `place`: an empty page has no record to begin at."""
        number, (*values, record_id) = place
        return number, (*values, record_id + (1 if self.order.descending == backward else -1))

    def total(self, among: int | None = None) -> tuple[int, bool]:
        """How many there are, and whether there are more than were counted. `among`: so many records, where no index counts."""
        if self.few is not None:
            return len(self._places), False
        only = self.conditions[0] if len(self.conditions) == 1 else None
        if only is not None and only.exact and only.candidates is not None:
            ids, most = only.candidates, COUNTED
        else:
            ids = select(_R.id).where(_R.module == self.info.name, *self.where)
            most = COUNTED if not self.conditions else COUNTED_ONE_BY_ONE
            if self.conditions and among is not None:
                first = select(_R.id).where(_R.module == self.info.name).order_by(_R.id)
                behind = self.session.scalar(first.offset(among).limit(1))
                if behind is not None:
                    return min(counted(self.session, ids.where(_R.id < behind), most), most), True
        number = counted(self.session, ids, most + 1)
        return min(number, most), number > most

    def read(self, after: Place | None, limit: int, *, backward: bool = False) -> _Read:
        """The rows that follow a place, nearest first, among the next LOOKED_AT records where these are looked at one by one."""
        if self.few is not None:
            return _Read(self._read_few(after, limit, backward))
        rows: list[tuple[Place, Record]] = []
        left = LOOKED_AT
        for number, stretch in _from(self.order.stretches, after, backward):
            start = after[1] if after is not None and after[0] == number else None
            descending = self.order.descending != backward
            stop = None
            if self.is_looked_through:
                marks = in_order(stretch, descending=descending, after=start, columns=())
                stop = self.session.execute(marks.offset(left - 1).limit(1)).first()
                left -= left if stop is not None else counted(self.session, marks, left)
            until = tuple(stop) if stop is not None else None
            statement = in_order(stretch, descending=descending, after=start, columns=(Record,), until=until)
            for record, *mark in self.session.execute(statement.where(*self.where).limit(limit - len(rows))):
                rows.append(((number, tuple(mark)), record))
            if len(rows) >= limit:
                break
            if until is not None:
                return _Read(rows, (number, until))
        return _Read(rows)

    def _read_few(self, after: Place | None, limit: int, backward: bool) -> list[tuple[Place, Record]]:
        places = self._places
        if after is not None:
            at = bisect_left(places, self._sortable(after), key=self._sortable)
            behind = bisect_right(places, self._sortable(after), key=self._sortable)
            places = places[:at] if backward else places[behind:]
        shown = (places[::-1] if backward else places)[:limit]
        ids = [place[1][-1] for place in shown]
        records = {record.id: record for record in self.session.scalars(select(Record).where(_R.id.in_(ids)))}
        return [(place, records[place[1][-1]]) for place in shown if place[1][-1] in records]

    def _sortable(self, place: Place) -> Any:
        return place[0], _Descending(place[1]) if self.order.descending else place[1]

    @cached_property
    def _places(self) -> list[Place]:
        """Where each of a few records stands, in order."""
        field = self.order.field
        first = self.order.stretches[0]
        value = first.column if isinstance(first, ByColumn) else key_in(_R, field)
        statement = select(_R.id, value).where(_R.id.in_(self.few), _R.module == self.info.name, *self.where)
        rows = [(row_id, key) for row_id, key in self.session.execute(statement)]
        places: list[Place] = []
        if isinstance(first, ByColumn):
            places = [(0, (row_id,) if value is _R.id else (key, row_id)) for row_id, key in rows]
            return sorted(places, key=self._sortable)
        names = self._names({int(key) for _, key in rows if key}) if isinstance(first, ByReference) else {}
        exact = {
            stretch.only: number for number, stretch in enumerate(self.order.stretches) if isinstance(stretch, ByKey)
        }
        others = exact.pop(
            None, 0
        )  # the stretch of many keys: the only other kind is of a reference, which is the first
        for row_id, key in rows:
            if key in exact:
                places.append((exact[key], (row_id,)))
            elif names:
                places.append((others, (names.get(int(key), ""), int(key), row_id)))
            else:
                places.append((others, (key, row_id)))
        return sorted(places, key=self._sortable)

    def _names(self, ids: set[int]) -> dict[int, str]:
        key = key_in(_R, NAME).label("key")
        return {row.id: row.key for row in self.session.execute(select(_R.id, key).where(_R.id.in_(ids)))}


@dataclass(frozen=True)
class _Read:
    """Rows, and the place of the last record that was looked at, when there may be more of them behind it."""

    rows: list[tuple[Place, Record]]
    stopped_at: Place | None = None


def _from(stretches: Sequence[Any], after: Place | None, backward: bool) -> list[tuple[int, Any]]:
    numbered = list(enumerate(stretches))
    if backward:
        numbered.reverse()
        return [pair for pair in numbered if after is None or pair[0] <= after[0]]
    return [pair for pair in numbered if after is None or pair[0] >= after[0]]


class _Descending:
    """Turns the order of what it holds."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.value == other.value)

    __hash__ = None  # type: ignore[assignment]


def counted(session: Session, ids: Select[Any], most: int) -> int:
    """How many there are, as far as `most`."""
    return session.scalar(select(func.count()).select_from(ids.limit(most).subquery())) or 0


def count(session: Session, query: ListQuery) -> tuple[int, bool]:
    """How many records the list has, and whether there are more than were counted. Raises InvalidListing."""
    return _List(session, query).total()


def page(session: Session, query: ListQuery, cursor: str = "", per_page: int = 50, *, before: str = "") -> Page[Record]:
    """The first page, the one after a cursor, or the one before one, for people. Raises InvalidListing.

    A cursor says where a record stands: what is made, changed or deleted meanwhile shifts nothing.
    """
    return _page(_List(session, query), cursor, per_page, before)


def related(
    session: Session, relation: Relation, record_id: int, cursor: str = "", per_page: int = 50, *, before: str = ""
) -> Page[Record]:
    """The records that refer to one, the newest first: a page as of any list. However many there are, those of the page are read.

    Raises InvalidListing."""
    info = catalog(session).module(relation.module)
    field = info.fields[relation.field]
    refers = condition(session, info, Filter(field.name, "is", (str(record_id),)), UTC)
    order = newest_referring(info, field, record_id)
    listed = _List(session, ListQuery(info.name), _Searched((refers,), few=None), order)
    return _page(listed, cursor, per_page, before)


def _page(listed: _List, cursor: str, per_page: int, before: str) -> Page[Record]:
    backward = bool(before)
    place = listed.order.read(before or cursor) if before or cursor else None
    read = listed.read(place, per_page + 1, backward=backward)
    is_full = len(read.rows) > per_page
    is_end = not is_full and read.stopped_at is None
    if is_end and (backward or (cursor and not read.rows and not listed.is_looked_through)):
        # The first page is a whole one, also where less than one is left before the cursor.
        return _page(listed, "", per_page, "")
    rows = read.rows[:per_page]
    nearest = rows[0][0] if rows else listed.next_to(place, backward=backward) if place is not None else None
    farthest = listed.order.cursor(*rows[-1][0]) if is_full else None
    if read.stopped_at is not None:
        farthest = listed.order.cursor(*read.stopped_at)
    turning_back = listed.order.cursor(*nearest) if nearest is not None and (backward or cursor) else None
    following, preceding = (turning_back, farthest) if backward else (farthest, turning_back)
    records = [record for _, record in (rows[::-1] if backward else rows)]
    return Page(records, following, preceding, *listed.total(LOOKED_AT))


def page_after(session: Session, query: ListQuery, cursor: str, limit: int) -> Page[Record]:
    """One page by cursor, for programs: fewer than `limit` may be on it, and more behind it. Raises InvalidListing."""
    listed = _List(session, query)
    read = listed.read(listed.order.read(cursor) if cursor else None, limit + 1)
    following = one_page(read.rows, limit, lambda row: listed.order.cursor(*row[0]))
    stopped_at = listed.order.cursor(*read.stopped_at) if read.stopped_at is not None else None
    return Page([record for _, record in following.items], following.next_page or stopped_at)


def ids_after(session: Session, query: ListQuery, after: int, up_to: int, limit: int) -> Sequence[int]:
    """Ids of those that match, ascending, from `after` (not included) to `up_to`. Raises InvalidListing."""
    listed = _List(session, query)
    mine = (_R.module == listed.info.name, _R.id > after, _R.id <= up_to)
    statement = select(_R.id).where(*mine, *listed.where).order_by(_R.id).limit(limit)
    if listed.few is not None:
        statement = statement.where(_R.id.in_(listed.few))
    return session.scalars(statement).all()


def newest_id(session: Session, module: str) -> int:
    """The highest id of a module's records; 0 when there is none."""
    return session.scalar(select(func.max(_R.id)).where(_R.module == module)) or 0


def ordered_ids(session: Session, query: ListQuery, candidates: Callable[[], Sequence[int]]) -> tuple[list[int], bool]:
    """(ids in the list's order, whether they are all of the list). They are when an index says that these are few; otherwise
    those of the candidates that the list has. Raises InvalidListing."""
    listed = _List(session, query)
    is_whole = listed.few is not None
    if listed.few is None:
        listed.few = candidates()
    return [mark[-1] for _, mark in listed._places], is_whole


def search(session: Session, q: str, limit: int = 20, module: str | None = None) -> list[Record]:
    """Records of all modules, or of one, whose text has all the words: names that begin with it first, then the latest, as far as
    LOOKED_AT reaches."""
    modules = catalog(session).modules
    infos = [modules[module]] if module else list(modules.values())
    searched = _Searched.of(session, _words(session, q))
    records: dict[int | None, tuple[bool, Record]] = {}
    for info in infos:
        listed = _List(session, ListQuery(info.name, q), searched)
        named: Sequence[Record] = ()
        if q.strip():
            beginning = ByKey(-info.id).beginning(text_key(q.strip()))
            named = session.scalars(beginning.where(*listed.where).limit(limit)).all()
        records |= {record.id: (True, record) for record in named}
        if len(named) < limit:
            records = {record.id: (False, record) for _, record in listed.read(None, limit).rows} | records
    best = sorted(records.values(), key=lambda row: (row[0], row[1].updated_at, row[1].id), reverse=True)
    return [record for _, record in best[:limit]]
