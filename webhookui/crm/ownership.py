"""Who owns records: counted for a hand-over, and offered as a filter after somebody has left (specification section 9)."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from webhookui.crm import listing, record_keys
from webhookui.crm.catalog import ModuleInfo, catalog
from webhookui.crm.filters import Filter
from webhookui.crm.listing import ListQuery

OWNER = "owner"
"""The field of every module that says whose a record is."""


@dataclass(frozen=True)
class Owned:
    """How many records of a module somebody owns; `has_more`: at least so many."""

    info: ModuleInfo
    number: int
    has_more: bool


def owned_by(session: Session, user_id: int) -> list[Owned]:
    """Of each module that the user owns records of, in the order of the sidebar."""
    asked = (Filter(OWNER, "is", (str(user_id),)),)
    counts = (
        Owned(info, *listing.count(session, ListQuery(info.name, filters=asked)))
        for info in catalog(session).modules.values()
        if OWNER in info.fields
    )
    return [owned for owned in counts if owned.number]


def owners(session: Session, info: ModuleInfo) -> list[int]:
    """The users who own a record of the module, active or not."""
    field = info.fields.get(OWNER)
    return [int(key) for key in record_keys.distinct(session, field.id)] if field is not None else []
