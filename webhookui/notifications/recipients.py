"""Who is told: the active admins, and the owner of the record (specification section 8). Nobody who is deactivated."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.crm.records import owners_of
from webhookui.people.tables import User

_U = User.__table__.c  # type: ignore[attr-defined]


def active_admins(session: Session) -> list[int]:
    return list(session.scalars(select(_U.id).where(_U.role == "admin", _U.active)))


def active_owners(session: Session, records: Collection[int]) -> dict[int, int]:
    """Record → its owner, of those whose owner is active."""
    owners = owners_of(session, records)
    if not owners:
        return {}
    active = set(session.scalars(select(_U.id).where(_U.id.in_(set(owners.values())), _U.active)))
    return {record: owner for record, owner in owners.items() if owner in active}
