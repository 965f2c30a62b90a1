"""Settings that admins change in the browser, in place of the environment's or beside them (specification section 9).

What is saved counts in every process from its next look on: whoever keeps a value asks for REVISION before it is used.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from webhookui.core.database import bump_revision
from webhookui.core.errors import Invalid
from webhookui.people import audit
from webhookui.people.tables import StoredSetting, User
from webhookui.settings import Settings

REVISION = "settings"
LONGEST_DAYS = 36_500


class InvalidSetting(Invalid):
    """A setting can't be saved like that."""


def value(session: Session, key: str) -> Any:
    """None where none is stored."""
    row = session.get(StoredSetting, key)
    return row.value if row is not None else None


def save(session: Session, key: str, new_value: Any, subject: str, details: Mapping[str, Any], by: User) -> None:
    """Stores it, None as none, and notes who did. Nothing happens when `details`, what has changed, is empty."""
    if not details:
        return
    row = session.get(StoredSetting, key)
    if row is not None:
        session.delete(row)
        session.flush()
    if new_value is not None:
        session.add(StoredSetting(key=key, value=new_value))
    bump_revision(session, REVISION)
    audit.note(session, by, "changed", "setting", key, subject, details)


RETENTIONS = {"retention_days": "Webhook log", "deleted_retention_days": "Deleted records"}
"""Name of a setting → what it keeps."""


def base_days(key: str, settings: Settings) -> int:
    """Days where nothing is stored: what the environment says."""
    days: int = getattr(settings, key)
    return days


def retention_days(session: Session, settings: Settings, key: str = "retention_days") -> int:
    """Days that deliveries stay in the webhook log after they were finished, or what else `key` of RETENTIONS keeps."""
    stored = value(session, key)
    return base_days(key, settings) if stored is None else int(stored)


def save_retentions(session: Session, settings: Settings, typed: Mapping[str, str], by: User) -> None:
    """`typed`: key → days; empty for what counts where nothing is stored. Raises InvalidSetting."""
    errors: dict[str, str] = {}
    days = {key: _days(key, typed.get(key, ""), errors) for key in RETENTIONS}
    if errors:
        raise InvalidSetting(errors)
    for key, number in days.items():
        before, after = retention_days(session, settings, key), number or base_days(key, settings)
        was_stored = value(session, key) is not None
        details = {"days": [before, after]} if (before, was_stored) != (after, number is not None) else {}
        save(session, key, number, f"Retention: {RETENTIONS[key]}", details, by)


def _days(key: str, text: str, errors: dict[str, str]) -> int | None:
    text = text.strip()
    if not text:
        return None
    if text.isascii() and text.isdecimal() and len(text) < 6 and 0 < int(text) <= LONGEST_DAYS:
        return int(text)
    errors[key] = f"Enter a whole number of days from 1 to {LONGEST_DAYS}, or nothing."
    return None
