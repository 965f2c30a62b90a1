"""The audit list: who changed which workflow, setting or user, when, and what it was before (specification section 9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.core.database import dumps
from webhookui.core.paging import Page, one_page
from webhookui.people.tables import AuditEntry, User
from webhookui.webhooks.definition import MASK

KINDS: dict[str, str] = {
    "workflow": "Workflows",
    "field": "Modules & fields",
    "setting": "Settings",
    "user": "Users",
    "token": "API tokens",
}
"""`subject_type` → the words of the filter. A token's `subject_id` is its user's."""
OUTSIDE = {"command line": "Command line", "login page": "Login page"}
"""Who is no user → in words."""
LONGEST = 500
"""Characters of a value that an entry keeps."""
SECRET = [MASK, MASK]
"""In an entry's details: a secret was changed."""

LONGEST_QUERY = 1000
"""Characters of a search; SQLite takes no pattern of any length."""
_A = AuditEntry.__table__.c  # type: ignore[attr-defined]


def note(
    session: Session,
    by: User | str | None,
    action: str,
    subject_type: str,
    subject_id: str = "",
    subject: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Writes an entry in the session's transaction. `details` hold no secrets: name → [before, after] of what was changed, or a
    plain value of what else is to be known."""
    name = by.name if isinstance(by, User) else by or "command line"
    kept = {key: _cut(value) for key, value in (details or {}).items()}
    words = " ".join((name, action, subject_type, subject_id, subject, dumps(kept)))
    session.add(
        AuditEntry(
            user_id=by.id if isinstance(by, User) else None,
            by=name,
            action=action,
            subject_type=subject_type,
            subject_id=subject_id,
            subject=subject,
            details=kept,
            search_text=words.casefold(),
        )
    )


def _cut(value: Any) -> Any:
    if isinstance(value, list):
        return [_cut(part) for part in value]
    return value if not isinstance(value, str) or len(value) <= LONGEST else value[: LONGEST - 1] + "…"


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What differs, for an entry's details: name → [before, after]."""
    names = dict.fromkeys((*before, *after))
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}


@dataclass(frozen=True)
class AuditFilter:
    """`who`: a user's id, or a word of OUTSIDE; `kind`: of KINDS; `since` and `until`: aware, `until` not included; `q`: words
    that an entry has, all of them. Empty: whatever it is."""

    who: int | str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    q: str = ""


def page(
    session: Session, asked: AuditFilter = AuditFilter(), *, limit: int = 50, before: int | None = None
) -> Page[AuditEntry]:
    """Newest first, those before the entry of that id."""
    conditions = [
        _A.search_text.contains(word, autoescape=True) for word in asked.q[:LONGEST_QUERY].casefold().split()[:20]
    ]
    if isinstance(asked.who, int):
        conditions.append(_A.user_id == asked.who)
    elif asked.who:
        conditions.append(_A.user_id.is_(None) & (_A.by == asked.who))
    if asked.kind:
        conditions.append(_A.subject_type == asked.kind)
    if asked.since is not None:
        conditions.append(_A.at >= asked.since)
    if asked.until is not None:
        conditions.append(_A.at < asked.until)
    if before is not None:
        conditions.append(_A.id < before)
    statement = select(AuditEntry).where(*conditions).order_by(_A.id.desc()).limit(limit + 1)
    return one_page(list(session.scalars(statement)), limit, lambda entry: entry.id)
