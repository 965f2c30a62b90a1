"""What a document's "trigger" may say (specification sections 3 and 10)."""

from __future__ import annotations

from typing import Any

import pytest

from webhookui.workflows.trigger import DOES_NOT_RUN, OFFERED, SCHEDULES, parse_trigger


def parsed(document: Any) -> tuple[dict[str, Any], dict[str, str]]:
    errors: dict[str, str] = {}
    return parse_trigger(document, "trigger", errors, "Europe/Prague"), errors


@pytest.mark.parametrize("on", list(OFFERED))
def test_a_trigger_on_a_save_is_taken_with_every_time_as_its_recurrence(on: str) -> None:
    assert parsed({"on": on}) == ({"on": on, "recurrence": "every_time"}, {})
    assert parsed({"on": on, "recurrence": "first_time", "schedule": None})[0]["recurrence"] == "first_time"


SCHEDULED = [
    ({"every": "hour"}, {"every": "hour"}),
    ({"every": "hour", "at": "00:15"}, {"every": "hour", "at": "00:15"}),
    ({"every": "day", "at": "2:30"}, {"every": "day", "at": "02:30"}),
    ({"every": "week", "at": "02:30", "weekdays": [5, 1, 1]}, {"every": "week", "at": "02:30", "weekdays": [1, 5]}),
    ({"every": "month", "at": "02:30", "day": 31}, {"every": "month", "at": "02:30", "day": 31}),
    ({"every": "year", "at": "02:30", "day": 29, "month": 2}, {"every": "year", "at": "02:30", "day": 29, "month": 2}),
    ({"every": "once", "at": "02:30", "date": "2026-12-31"}, {"every": "once", "at": "02:30", "date": "2026-12-31"}),
    ({"every": "day", "at": "02:30", "weekdays": [], "day": None}, {"every": "day", "at": "02:30"}),
]


@pytest.mark.parametrize(("document", "expected"), SCHEDULED)
def test_a_schedule_is_taken_with_the_keys_that_its_kind_needs(document: Any, expected: Any) -> None:
    trigger, errors = parsed({"on": "schedule", "schedule": document})
    assert errors == {"trigger.on": DOES_NOT_RUN}, "nothing else is wrong with it"
    assert trigger["schedule"] == {**expected, "time_zone": "Europe/Prague"}


def test_a_schedule_keeps_the_time_zone_that_it_names() -> None:
    trigger, _ = parsed({"on": "schedule", "schedule": {"every": "hour", "time_zone": "America/New_York"}})
    assert trigger["schedule"]["time_zone"] == "America/New_York"


REFUSED = [
    # document, path of the error, words in it
    (None, "trigger", "Choose"),
    ("update", "trigger", "object"),
    ({}, "trigger.on", "Choose"),
    ({"on": "sometimes"}, "trigger.on", "“sometimes” is not one of: create, update"),
    ({"on": ["update"]}, "trigger.on", "not one of"),
    ({"on": "update", "recurrence": "twice"}, "trigger.recurrence", "first_time"),
    ({"on": "update", "when": "now"}, "trigger.when", "Unknown key “when”"),
    ({"on": "update", "schedule": {"every": "hour"}}, "trigger.schedule", "Only a trigger on a schedule"),
    ({"on": "schedule"}, "trigger.schedule", "Choose when"),
    ({"on": "schedule", "schedule": {}}, "trigger.schedule.every", "how often"),
    ({"on": "schedule", "schedule": {"every": "minute"}}, "trigger.schedule.every", "not one of"),
    ({"on": "schedule", "schedule": {"every": "day"}}, "trigger.schedule.at", "time of day"),
    ({"on": "schedule", "schedule": {"every": "day", "at": "25:00"}}, "trigger.schedule.at", "02:30"),
    ({"on": "schedule", "schedule": {"every": "day", "at": "2:3"}}, "trigger.schedule.at", "02:30"),
    ({"on": "schedule", "schedule": {"every": "day", "at": "02:30", "day": 3}}, "trigger.schedule.day", "no “day”"),
    ({"on": "schedule", "schedule": {"every": "week", "at": "02:30"}}, "trigger.schedule.weekdays", "weekdays"),
    (
        {"on": "schedule", "schedule": {"every": "week", "at": "02:30", "weekdays": [0]}},
        "trigger.schedule.weekdays",
        "1 to 7",
    ),
    (
        {"on": "schedule", "schedule": {"every": "month", "at": "02:30", "day": 32}},
        "trigger.schedule.day",
        "from 1 to 31",
    ),
    (
        {"on": "schedule", "schedule": {"every": "month", "at": "02:30", "day": True}},
        "trigger.schedule.day",
        "from 1 to 31",
    ),
    (
        {"on": "schedule", "schedule": {"every": "year", "at": "02:30", "day": 30, "month": 2}},
        "trigger.schedule.day",
        "no day 30 in month 2",
    ),
    (
        {"on": "schedule", "schedule": {"every": "once", "at": "02:30", "date": "2026-02-30"}},
        "trigger.schedule.date",
        "not a date",
    ),
    (
        {"on": "schedule", "schedule": {"every": "hour", "time_zone": "Mars/Olympus"}},
        "trigger.schedule.time_zone",
        "not a time zone",
    ),
    (
        {"on": "schedule", "schedule": {"every": "hour", "time_zone": "/etc/passwd"}},
        "trigger.schedule.time_zone",
        "not a time zone",
    ),
    ({"on": "schedule", "schedule": {"every": "hour", "minutes": 5}}, "trigger.schedule.minutes", "Unknown key"),
]


@pytest.mark.parametrize(("document", "path", "words"), REFUSED)
def test_a_trigger_that_makes_no_sense_is_refused_at_its_path(document: Any, path: str, words: str) -> None:
    _, errors = parsed(document)
    refused = {"trigger.on"} if isinstance(document, dict) and document.get("on") == "schedule" else set()
    assert set(errors) == {path} | refused
    assert words in errors[path]


def test_a_schedule_is_refused_and_not_offered_as_long_as_nothing_runs_it() -> None:
    schedule = {"every": "day", "at": "02:30"}
    assert parsed({"on": "schedule", "schedule": schedule})[1] == {"trigger.on": DOES_NOT_RUN}
    assert "schedule" not in OFFERED
    assert "schedule" not in parsed({"on": "sometimes"})[1]["trigger.on"]


def test_every_kind_of_schedule_is_tested() -> None:
    assert {document["every"] for document, _ in SCHEDULED} == set(SCHEDULES)
