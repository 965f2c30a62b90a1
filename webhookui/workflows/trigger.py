"""Triggers, recurrences and schedules as tables, and the check of a document's "trigger" (specification sections 3 and 10)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

Errors = dict[str, str]


@dataclass(frozen=True)
class Trigger:
    """One kind of trigger: the API's word, the interface's words, and the kinds of change that it looks at."""

    name: str
    label: str
    kinds: frozenset[str]
    sees_changes: bool = True
    """Whether its saves change values, so that a condition may speak of the change."""
    runs: bool = True
    """Whether anything acts on it yet. One that does not run is neither offered nor saved nor switched on."""


TRIGGERS: dict[str, Trigger] = {
    trigger.name: trigger
    for trigger in (
        Trigger("create", "On creation", frozenset({"create"})),
        Trigger("update", "On update", frozenset({"update"})),
        Trigger("create_or_update", "On creation or update", frozenset({"create", "update"})),
        Trigger("delete", "On deletion", frozenset({"delete"}), sees_changes=False),
        Trigger("schedule", "On a schedule", frozenset(), sees_changes=False, runs=False),
    )
}

OFFERED: dict[str, Trigger] = {name: trigger for name, trigger in TRIGGERS.items() if trigger.runs}
"""The triggers that can be chosen."""

DOES_NOT_RUN = "Schedules do not run yet. Choose a trigger on a save of the record."

RECURRENCES: dict[str, str] = {
    "every_time": "Every time the conditions are met",
    "first_time": "Only the first time the conditions are met for a record",
}
"""Recurrence → its words."""

SCHEDULES: dict[str, tuple[str, ...]] = {
    "hour": (),
    "day": ("at",),
    "week": ("at", "weekdays"),
    "month": ("at", "day"),
    "year": ("at", "month", "day"),
    "once": ("at", "date"),
}
"""Kind of schedule → the keys that it needs."""

SCHEDULE_OPTIONAL: dict[str, tuple[str, ...]] = {"hour": ("at",)}
"""Keys that a kind may have: the minutes of an hourly schedule's time say when in the hour it runs."""

SCHEDULE_LABELS: dict[str, str] = {
    "hour": "Hourly",
    "day": "Daily",
    "week": "Weekly",
    "month": "Monthly",
    "year": "Yearly",
    "once": "Once",
}

KEY_WORDS: dict[str, str] = {
    "at": "the time of day",
    "weekdays": "the weekdays",
    "day": "the day of the month",
    "month": "the month",
    "date": "the date",
}


def parse_trigger(document: Any, at: str, errors: Errors, time_zone: str) -> dict[str, Any]:
    """The checked trigger as it is stored; sentences go to `errors` by path. `time_zone`: of a schedule without one."""
    if document is None:
        errors[at] = "Choose what starts the workflow."
        return {}
    if not isinstance(document, Mapping):
        errors[at] = "The trigger must be an object with “on”."
        return {}
    refuse_unknown(document, {"on", "recurrence", "schedule"}, at, errors)
    on = _one_of(document.get("on"), TRIGGERS, f"{at}.on", errors, "Choose what starts the workflow.", offered=OFFERED)
    recurrence = _one_of(document.get("recurrence") or "every_time", RECURRENCES, f"{at}.recurrence", errors, "")
    trigger: dict[str, Any] = {"on": on, "recurrence": recurrence}
    schedule = document.get("schedule")
    if on == "schedule":
        trigger["schedule"] = _parse_schedule(schedule, f"{at}.schedule", errors, time_zone)
        if not TRIGGERS[on].runs:
            errors[f"{at}.on"] = DOES_NOT_RUN
    elif schedule is not None and on:
        errors[f"{at}.schedule"] = "Only a trigger on a schedule has one."
    return trigger


def refuse_unknown(document: Mapping[str, Any], allowed: set[str], at: str, errors: Errors) -> None:
    """Unknown keys are refused by name."""
    for key in document:
        if key not in allowed:
            path = f"{at}.{key}" if at else str(key)
            errors[path] = f"Unknown key “{key}”. Known keys: {', '.join(sorted(allowed))}."


def _one_of(
    value: Any,
    allowed: Mapping[str, Any],
    at: str,
    errors: Errors,
    missing: str,
    offered: Mapping[str, Any] | None = None,
) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    words = ", ".join(offered or allowed)
    errors[at] = missing if value in (None, "") else f"“{value}” is not one of: {words}."
    return ""


def _parse_schedule(document: Any, at: str, errors: Errors, time_zone: str) -> dict[str, Any]:
    if not isinstance(document, Mapping):
        errors[at] = "Choose when the schedule runs."
        return {}
    refuse_unknown(document, {"every", "time_zone", *SCHEDULE_PARSERS}, at, errors)
    every = _one_of(document.get("every"), SCHEDULES, f"{at}.every", errors, "Choose how often the schedule runs.")
    if not every:
        return {}
    schedule: dict[str, Any] = {"every": every}
    optional = SCHEDULE_OPTIONAL.get(every, ())
    for key, parse in SCHEDULE_PARSERS.items():
        value = document.get(key)
        if key in SCHEDULES[every] or (key in optional and value not in (None, "")):
            _take(schedule, key, value, parse, f"{at}.{key}", errors)
        elif value not in (None, "", []) and key not in optional:
            errors[f"{at}.{key}"] = f"A schedule that runs “{SCHEDULE_LABELS[every].lower()}” has no “{key}”."
    if every == "year" and "month" in schedule and "day" in schedule:
        _check_day_of_year(schedule["month"], schedule["day"], f"{at}.day", errors)
    _take(schedule, "time_zone", document.get("time_zone") or time_zone, _time_zone, f"{at}.time_zone", errors)
    return schedule


def _take(schedule: dict[str, Any], key: str, value: Any, parse: Callable[[Any], Any], at: str, errors: Errors) -> None:
    if value in (None, "", []):
        errors[at] = f"Enter {KEY_WORDS[key]}."
        return
    try:
        schedule[key] = parse(value)
    except ValueError as error:
        errors[at] = str(error)


def _check_day_of_year(month: int, day: int, at: str, errors: Errors) -> None:
    try:
        date(2024, month, day)  # a leap year: 29 February exists in some years
    except ValueError:
        errors[at] = f"There is no day {day} in month {month}."


def _time_of_day(value: Any) -> str:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{1,2}):(\d{2})", value.strip(), re.ASCII)):
        hour, minute = int(match[1]), int(match[2])
        if hour < 24 and minute < 60:
            return f"{hour:02}:{minute:02}"
    raise ValueError(f"“{value}” is not a time of day. Write it like 02:30.")


def _whole(value: Any, first: int, last: int, words: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"\d{1,4}", value.strip(), re.ASCII):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and first <= value <= last:
        return value
    raise ValueError(f"“{value}” is {words} from {first} to {last}.")


def _weekdays(value: Any) -> list[int]:
    items = value if isinstance(value, list) else [value]
    return sorted({_whole(item, 1, 7, "not a weekday: enter a number") for item in items})


def _date(value: Any) -> str:
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value.strip(), re.ASCII):
            return date.fromisoformat(value.strip()).isoformat()
    except ValueError:
        pass
    raise ValueError(f"“{value}” is not a date. Write it like 2026-12-31.")


def _time_zone(value: Any) -> str:
    try:
        if isinstance(value, str):
            ZoneInfo(value)
            return value
    except (KeyError, ValueError, OSError):  # an absolute path, a folder of zones, a name that is none
        pass
    raise ValueError(f"“{value}” is not a time zone. Write it like Europe/Prague.")


SCHEDULE_PARSERS: dict[str, Callable[[Any], Any]] = {
    "at": _time_of_day,
    "weekdays": _weekdays,
    "day": lambda value: _whole(value, 1, 31, "not a day of the month: enter a number"),
    "month": lambda value: _whole(value, 1, 12, "not a month: enter a number"),
    "date": _date,
}
"""Key of a schedule → what checks its value and gives its stored form; raises ValueError with a sentence."""
