"""What of an action can never work, whatever record it is for: found by building its request when it is saved
(specification section 4.1).

The function that builds every request judges, for records of sample values: what it refuses for each of them, at the same place,
it would refuse at each delivery.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from webhookui.webhooks.definition import Parameter, Webhook
from webhookui.webhooks.problems import Problems
from webhookui.webhooks.request import Context, RequestError, build_request
from webhookui.webhooks.secret_values import with_markers
from webhookui.webhooks.templating.budget import shared
from webhookui.webhooks.templating.template import Schema, speaks_of

TEXTS = ("x1", "1", "https://x1.example/")
"""A word, what a number, a truth value and JSON may be, and an address."""
SAMPLES: Mapping[str, Sequence[Any]] = {
    **dict.fromkeys(("text", "long_text", "email", "phone", "url", "picklist"), TEXTS),
    **dict.fromkeys(("number", "currency"), (7, 1, Decimal("2.5"))),
    "checkbox": (True, False, True),
    "date": (date(2026, 5, 31), date(2024, 2, 29), date(2026, 1, 1)),
    "datetime": tuple(datetime(2026, month, 1, 12, 30, tzinfo=UTC) for month in (1, 5, 12)),
    "multi_picklist": (["x1"], ["1"], ["x1", "1"]),
}
"""Type of a field → the values that it has in one sample record after the other."""
MOST = 20
"""Mistakes that are looked for in one action."""


class _Record(Mapping[str, Any]):
    """A sample record of a schema."""

    def __init__(self, schema: Schema, number: int) -> None:
        self._schema, self._number = schema, number

    def __getitem__(self, name: str) -> Any:
        kind = self._schema.fields[name]
        if not isinstance(kind, str):
            return _Record(kind(), self._number)
        return SAMPLES[kind][self._number] if kind in SAMPLES else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._schema.fields)

    def __len__(self) -> int:
        return len(self._schema.fields)


def check_buildable(problems: Problems, webhook: Webhook, schema: Schema, related: Mapping[str, Schema]) -> None:
    """Says at its place what can never work. Nothing else may be wrong with the action."""
    rehearsed = replace(
        with_markers(webhook),
        parameters=_rows(webhook.parameters),
        related=tuple(replace(group, parameters=_rows(group.parameters)) for group in webhook.related),
    )
    refused = [_refused(rehearsed, _context(schema, related, number)) for number in range(len(TEXTS))]
    for place, words in refused[0].items():
        if all(place in errors for errors in refused):
            problems.say(place, words)


def _rows(rows: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """The rows; those that speak of a record may come to nothing."""
    return tuple(replace(row, required=False) if row.required and speaks_of(row.value) else row for row in rows)


def _context(schema: Schema, related: Mapping[str, Schema], number: int) -> Context:
    records = {module: _Record(related_schema, number) for module, related_schema in related.items()}
    return Context(
        _Record(schema, number),
        lambda module: [records[module]] if related[module].many else records[module],
    )


def _refused(webhook: Webhook, context: Context) -> dict[str, str]:
    """Place → why it can't be built, one after the other, as if the ones before were fixed."""
    refused: dict[str, str] = {}
    with shared():
        while len(refused) < MOST and (problem := _problem(webhook, context)):
            place, fixed = _blamed(webhook, context, problem)
            refused[place] = str(problem)
            if fixed is None:
                break
            webhook = fixed
    return refused


def _problem(webhook: Webhook, context: Context) -> RequestError | None:
    try:
        build_request(webhook, context)
    except RequestError as problem:
        return problem
    return None


def _blamed(webhook: Webhook, context: Context, problem: RequestError) -> tuple[str, Webhook | None]:
    """The place, and the action with something harmless there. A body that can't be written is blamed on the first row without
    which it can."""
    for place, fixed in _fixed(webhook):
        if place == problem.at:
            return place, fixed
        if problem.at in ("", "parameters") and str(_problem(fixed, context)) != str(problem):
            return place, fixed
    return problem.at or "parameters", None


def _fixed(webhook: Webhook) -> Iterator[tuple[str, Webhook]]:
    """Each place of the action, and the action with something harmless there."""
    yield "url", replace(webhook, url="https://x1.example/")
    for at, header in enumerate(webhook.headers):
        headers = (*webhook.headers[:at], replace(header, value="x1"), *webhook.headers[at + 1 :])
        yield f"headers.{at}.value", replace(webhook, headers=headers)
    for path, rows in _each_without(webhook.parameters):
        yield path, replace(webhook, parameters=rows)
    for at, group in enumerate(webhook.related):
        for path, rows in _each_without(group.parameters):
            changed = (*webhook.related[:at], replace(group, parameters=rows), *webhook.related[at + 1 :])
            yield f"related.{at}.{path}", replace(webhook, related=changed)


def _each_without(rows: tuple[Parameter, ...]) -> Iterator[tuple[str, tuple[Parameter, ...]]]:
    for at, row in enumerate(rows):
        harmless = replace(row, value="x1", type="auto", required=False, omit_empty=False)
        yield f"parameters.{at}.value", (*rows[:at], harmless, *rows[at + 1 :])
