"""The log's URL: what the filter form and the live view say in their query, read into values and written back."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from werkzeug.datastructures import MultiDict

from webhookui.core.database import now, row_number
from webhookui.delivery_log.queries import InvalidFilter, LogFilter

RANGES: dict[str, tuple[str, timedelta]] = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}
"""Value of `range` in the URL → (its words, how far back it reaches)."""
TWICE = "This is given twice; give one value."
PLACE = ("before", "after", "open")
"""What the URL says beside the filter: the page, and the details that are open."""
MOST_OPEN = 20
_MOST_ROWS = 500


@dataclass(frozen=True)
class LogQuery:
    """The whole state of the log page. `errors` maps a filter's name to the sentence at its field."""

    log_filter: LogFilter
    args: dict[str, str]
    """What the URL says of the filter, as typed; `range` and local times are kept as such."""
    errors: dict[str, str]
    before: int | None = None
    after: int | None = None
    open: tuple[int, ...] = ()

    def url(self, path: str = "/log", **changes: str | int | None) -> str:
        """The same page with some values changed; None takes one out. Pages start anew and details are closed."""
        args = {name: str(value) for name, value in {**self.args, **changes}.items() if value is not None}
        return f"{path}?{urlencode(args)}" if args else path

    @property
    def is_first(self) -> bool:
        """Whether it is the first page, where new deliveries come in."""
        return self.before is None and self.after is None

    @property
    def is_filtered(self) -> bool:
        return any(name != "status" for name in self.args)


_NAMES = (*(field.name for field in fields(LogFilter)), "range")


def read_query(args: Mapping[str, str], time_zone: str, *, also: Collection[str] = ()) -> LogQuery:
    """From a URL. A value that can't be read is left out of the filter and named in `errors`, and so is a name that is no
    filter's and none of `also`."""
    typed = {name: args[name].strip() for name in _NAMES if args.get(name, "").strip()}
    errors = {name: TWICE for name in typed if isinstance(args, MultiDict) and len(args.getlist(name)) > 1}
    unknown = [name for name in args if name not in (*_NAMES, *PLACE, *also)]
    errors |= {name: f"There is no filter “{name[:40]}”." for name in unknown}
    typed |= {name: args[name] for name in unknown}
    usable = {name: text for name, text in typed.items() if name not in errors}
    for name in ("since", "until"):
        if name in usable:
            usable[name] = _to_utc(usable[name], time_zone)
    reach = usable.pop("range", "")
    span = RANGES.get(reach)
    if reach and span is None:
        errors["range"] = f"“{reach[:40]}” is not one of: {', '.join(RANGES)}."
    log_filter = LogFilter()
    while True:
        try:
            log_filter = LogFilter.from_args(usable)
            break
        except InvalidFilter as error:
            errors[error.field] = str(error)
            if usable.pop(error.field, None) is None:
                break
    if span and log_filter.since is None:
        log_filter = replace(log_filter, since=now() - span[1])
    opened = tuple(pairs(args.get("open", "")))[:MOST_OPEN]
    return LogQuery(
        log_filter, typed, errors, row_number(args.get("before", "")), row_number(args.get("after", "")), opened
    )


def _to_utc(text: str, time_zone: str) -> str:
    """A time without a zone is meant in the user's zone."""
    try:
        time = datetime.fromisoformat(text)
        zone = ZoneInfo(time_zone)
    except (ValueError, ZoneInfoNotFoundError):
        return text
    return time.replace(tzinfo=zone).astimezone(UTC).isoformat() if time.tzinfo is None else text


def pairs(text: str) -> dict[int, int]:
    """ "12:3,11:2" as {12: 3, 11: 2}; an id without a version has version 0. What can't be read is left out."""
    versions: dict[int, int] = {}
    for part in text.split(",")[:_MOST_ROWS]:
        key, _, version = part.partition(":")
        delivery_id = row_number(key)
        if delivery_id is not None:
            versions[delivery_id] = row_number(version) or 0
    return versions
