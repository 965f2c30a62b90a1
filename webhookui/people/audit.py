"""The audit list: who changed which workflow, setting or user, and when (specification section 9)."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.core.paging import Page, one_page
from webhookui.people.tables import AuditEntry, User


def note(
    session: Session,
    by: User | str | None,
    action: str,
    subject_type: str,
    subject_id: str = "",
    subject: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Writes an entry in the session's transaction. `details` must hold no secrets."""
    session.add(
        AuditEntry(
            user_id=by.id if isinstance(by, User) else None,
            by=by.name if isinstance(by, User) else by or "command line",
            action=action,
            subject_type=subject_type,
            subject_id=subject_id,
            subject=subject,
            details=dict(details or {}),
        )
    )


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What differs, for an entry's details: name → [before, after]."""
    names = dict.fromkeys((*before, *after))
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}


def page(session: Session, *, limit: int = 50, before: int | None = None) -> Page[AuditEntry]:
    """Newest first."""
    statement = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit + 1)  # type: ignore[union-attr]
    if before is not None:
        statement = statement.where(AuditEntry.id < before)  # type: ignore[operator, arg-type]
    return one_page(list(session.scalars(statement)), limit, lambda entry: entry.id)
