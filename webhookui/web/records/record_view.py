"""What pages show of records: names behind ids, the difference between two people's saves, a record's latest events."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from webhookui.core.paging import Page, one_page
from webhookui.crm import history, listing, records
from webhookui.crm.catalog import Catalog, FieldInfo, ModuleInfo, Relation, catalog
from webhookui.crm.identification import identifying_columns
from webhookui.crm.records import RecordDeleted
from webhookui.crm.sorting import InvalidListing
from webhookui.crm.tables import Change, DeletedRecord, Record
from webhookui.current_installation import read
from webhookui.delivery.tables import Delivery
from webhookui.delivery_log import queries
from webhookui.people import accounts

RELATED_SHOWN, RELATED_COLUMNS = 5, 3
"""Records of a page of a related list, and its columns beside the name."""
EVENTS_SHOWN = 20
DELIVERIES_SHOWN = 10


@dataclass(frozen=True)
class Names:
    """Names behind the ids that values hold."""

    records: Mapping[int, str]
    users: Mapping[int, str]


def names_in(session: Session, infos: Iterable[FieldInfo], values: Iterable[Mapping[str, Any]]) -> Names:
    """The names of all records and users that these fields of these values point to."""
    infos, values = list(infos), list(values)
    pointing = [info.name for info in infos if info.kind.family == "reference"]
    ids = {row[name] for row in values for name in pointing if isinstance(row.get(name), int)}
    users = {}
    if any(info.kind.family == "user" for info in infos):
        users = {user.id: user.name for user in accounts.all_users(session) if user.id is not None}
    return Names(records.names_of(session, ids), users)


@contextmanager
def reading(module: str, record_id: int) -> Iterator[tuple[Session, ModuleInfo, Record]]:
    """A record and its module, to draw them. Raises UnknownModule and RecordNotFound."""
    with read() as session:
        yield session, catalog(session).module(module), records.get(session, module, record_id)


@contextmanager
def reading_timeline(module: str, record_id: int) -> Iterator[tuple[Session, ModuleInfo, Record | DeletedRecord]]:
    """The same for what a deleted record has, too."""
    with read() as session:
        record: Record | DeletedRecord
        try:
            record = records.get(session, module, record_id)
        except RecordDeleted as error:
            record = error.deleted
        yield session, catalog(session).module(module), record


@dataclass(frozen=True)
class RelatedList:
    """One related list: a page of the records tied by a relation, and how many there are. `first`: the place of its first one."""

    relation: Relation
    info: ModuleInfo
    page: Page[Record]
    names: Names
    columns: Sequence[FieldInfo]
    record: Record
    first: int = 1

    @property
    def key(self) -> str:
        """What names it on the record's page and in its URL."""
        return f"{self.info.name}.{self.relation.field}"

    @property
    def last(self) -> int:
        return self.first + len(self.page.items) - 1

    @property
    def all_url(self) -> str:
        """The module's list, filtered by this reference."""
        return f"/records/{self.info.name}?{urlencode({f'filter[{self.relation.field}]': self.record.id})}"

    def url(self, **place: object) -> str:
        """The record's page with another page of this list."""
        return f"/records/{self.record.module}/{self.record.id}?{urlencode({'related': self.key, **place})}"

    @property
    def previous_url(self) -> str | None:
        first = max(self.first - RELATED_SHOWN, 1)
        return self.url(before=self.page.previous_page, first=first) if self.page.previous_page else None

    @property
    def next_url(self) -> str | None:
        return self.url(after=self.page.next_page, first=self.last + 1) if self.page.next_page else None


@dataclass(frozen=True)
class RelatedPlace:
    """Where one of a record's related lists stands, as the URL says it: its key, a cursor, and the place of its first row."""

    key: str = ""
    after: str = ""
    before: str = ""
    first: int = 1


def related_lists(session: Session, modules: Catalog, record: Record, asked: RelatedPlace) -> list[RelatedList]:
    """The lists of records that refer to this one, from their beginnings; the one that `asked` names where that says, unless its
    cursor is none."""
    lists = []
    for relation in modules.relations(record.module):
        if not relation.to_many:
            continue
        info = modules.module(relation.module)
        place = asked if asked.key == f"{info.name}.{relation.field}" else RelatedPlace()
        try:
            page = listing.related(session, relation, record.id or 0, place.after, RELATED_SHOWN, before=place.before)
        except InvalidListing:
            page = listing.related(session, relation, record.id or 0, per_page=RELATED_SHOWN)
        columns = identifying_columns(info, RELATED_COLUMNS, but=relation.field)
        names = names_in(session, columns, [row.values for row in page.items])
        first = place.first if page.previous_page else 1
        lists.append(RelatedList(relation, info, page, names, columns, record, first))
    return lists


@dataclass(frozen=True)
class Activity:
    """What happened to a record lately. `token` moves when something of it does."""

    changes: Page[Change]
    deliveries: list[Delivery]
    names: Names
    version: int

    @property
    def token(self) -> str:
        newest = self.changes.items[0].id if self.changes.items else 0
        moved = sum(delivery.version for delivery in self.deliveries)
        return f"{self.version}-{newest}-{self.deliveries[0].id if self.deliveries else 0}-{moved}"

    @property
    def is_under_way(self) -> bool:
        return any(delivery.status in ("queued", "dispatched") for delivery in self.deliveries)


def activity(session: Session, info: ModuleInfo, record: Record | DeletedRecord, before: int | None = None) -> Activity:
    """The record's timeline from the newest change, or from `before` on, and its newest deliveries."""
    newest = history.timeline(session, record.id or 0, EVENTS_SHOWN + 1, before)
    changes = one_page(newest, EVENTS_SHOWN, lambda change: change.id)
    deliveries = queries.page(session, queries.LogFilter(record_id=record.id), limit=DELIVERIES_SHOWN).items
    sides = [{name: pair[side] for name, pair in change.values.items()} for change in changes.items for side in (0, 1)]
    return Activity(changes, deliveries, names_in(session, info.fields.values(), sides), record.version)


@dataclass(frozen=True)
class Difference:
    """One field that two people left in different states. Stored values."""

    info: FieldInfo
    was: Any
    theirs: Any
    yours: Any

    @property
    def both(self) -> bool:
        """Both changed it: one of the two has to give way."""
        return self.theirs != self.was and self.yours != self.was

    @property
    def suggested(self) -> str:
        return "theirs" if self.yours == self.was else "yours"


def differences(
    session: Session, info: ModuleInfo, current: Record, version: int, yours: Mapping[str, Any]
) -> list[Difference]:
    """Where the record as it is now and what you want to save differ. `yours`: stored values."""
    was = history.values_at(session, current, version)
    return [
        Difference(info.fields[name], was.get(name), current.values.get(name), value)
        for name, value in yours.items()
        if name in info.fields and value != current.values.get(name)
    ]
