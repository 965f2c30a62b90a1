"""What to show of the webhook log: the filter, read from a URL and written back (specification section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from webhookui.core.database import row_number
from webhookui.delivery.states import STATUSES


class InvalidFilter(Exception):
    """A filter's value can't be read. `field` is the filter's name; the text is for people."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class LogFilter:
    """What to show of the log; None stands for any. Times are aware UTC."""

    status: str | None = None
    workflow_id: int | None = None
    webhook_id: int | None = None
    module: str | None = None
    record_id: int | None = None
    host: str | None = None
    status_code: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None
    test: bool | None = None

    @classmethod
    def from_args(cls, args: Mapping[str, str]) -> LogFilter:
        """From a URL's query; empty values count as absent. Raises InvalidFilter."""
        values: dict[str, Any] = {}
        for field in fields(cls):
            text = (args.get(field.name) or "").replace("\0", "").strip()
            if text:
                values[field.name] = _READ[field.name](field.name, text) if field.name in _READ else text
        if values.get("status") and values["status"] not in STATUSES:
            raise InvalidFilter("status", f"“{values['status']}” is not a status: {', '.join(STATUSES)}.")
        return cls(**values)

    def to_args(self) -> dict[str, str]:
        """For a URL's query, only what is set."""
        return {name: _write(value) for name, value in vars(self).items() if value is not None}

    def without(self, *names: str) -> LogFilter:
        return replace(self, **dict.fromkeys(names))


def _number(name: str, text: str) -> int:
    number = row_number(text)
    if number is None:
        raise InvalidFilter(name, f"“{text[:40]}” is not a number.")
    return number


def _time(name: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidFilter(name, f"“{text[:40]}” is not a time such as 2026-12-31T14:30.") from None


def _truth(name: str, text: str) -> bool:
    if text.lower() not in ("1", "0", "true", "false"):
        raise InvalidFilter(name, f"“{text}” is not true or false.")
    return text.lower() in ("1", "true")


_READ: dict[str, Any] = {
    **dict.fromkeys(("workflow_id", "webhook_id", "record_id", "status_code"), _number),
    **dict.fromkeys(("since", "until"), _time),
    "test": _truth,
}


def _write(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)
