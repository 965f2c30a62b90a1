"""Scripted answers: "500 twice, then 200" (specification section 4.6). Pure: no database, no Flask."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from webhookui.core.errors import Invalid

LONGEST_DELAY_S = 60.0
LONGEST_BODY = 65536
MOST_STEPS = 10
MOST_TIMES = 1000
_CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+*-]+(\s*;\s*[\w-]+=[\w.\"-]+)*", re.ASCII)


class InvalidScript(Invalid):
    """What was typed makes no script; "steps.1.status" is the field of a step."""


@dataclass(frozen=True)
class Step:
    """One answer, given `times` times; the last step of a script goes on for ever. `delay_s` is in seconds."""

    times: int = 1
    status: int = 200
    content_type: str = "application/json"
    body: str = ""
    delay_s: float = 0.0

    @property
    def words(self) -> str:
        """ "500", "200 after 5 s", as the page says it."""
        return f"{self.status} after {self.delay_s:g} s" if self.delay_s else str(self.status)


@dataclass(frozen=True)
class Script:
    """The answers of one inspector, in order. No steps: the plain 200 of an inspector without a script."""

    steps: tuple[Step, ...] = ()

    def step_at(self, answered: int) -> tuple[int, Step] | None:
        """(index, step) for the request after `answered` ones; None without steps."""
        for index, step in enumerate(self.steps):
            answered -= step.times
            if answered < 0:
                return index, step
        return (len(self.steps) - 1, self.steps[-1]) if self.steps else None

    @property
    def words(self) -> str:
        """The script in one sentence: "500 twice, then 200"."""
        if not self.steps:
            return "200 at once"
        often = {1: "once", 2: "twice"}
        parts = [f"{step.words} {often.get(step.times, f'{step.times} times')}" for step in self.steps[:-1]]
        return ", then ".join([*parts, self.steps[-1].words])

    def stored(self) -> list[dict[str, Any]]:
        return [asdict(step) for step in self.steps]


PRESETS: dict[str, tuple[str, Script]] = {
    "ok": ("200 at once", Script()),
    "fails-twice": (
        "500 twice, then 200",
        Script(
            (
                Step(2, 500, body='{"error": {"message": "Try again later"}}'),
                Step(1, 200, body='{"ok": true}'),
            )
        ),
    ),
    "invoice": ("Created, with an invoice id", Script((Step(1, 201, body='{"invoice": {"id": "INV-1001"}}'),))),
    "invoice-xml": (
        "Created, in XML",
        Script((Step(1, 201, "application/xml", "<response><invoice><id>INV-1001</id></invoice></response>"),)),
    ),
    "invalid": (
        "422 with an error message",
        Script((Step(1, 422, body='{"error": {"message": "amount must be positive"}}'),)),
    ),
    "slow": ("200 after 15 s", Script((Step(1, 200, body='{"ok": true}', delay_s=15.0),))),
    "gone": ("410 Gone", Script((Step(1, 410, body='{"error": {"message": "This endpoint is gone"}}'),))),
}
"""Name → (label, script) that the form can be filled with."""


_STEPS = TypeAdapter(tuple[Step, ...])


def from_stored(steps: Sequence[Mapping[str, Any]]) -> Script:
    return Script(_STEPS.validate_python(steps))


def parse(rows: Sequence[Mapping[str, str]]) -> Script:
    """A script from the form's rows (texts). Raises InvalidScript with a sentence for every wrong field."""
    errors: dict[str, str] = {}
    if len(rows) > MOST_STEPS:
        raise InvalidScript({"steps": f"At most {MOST_STEPS} steps."})
    steps = [_step(row, f"steps.{index}", errors) for index, row in enumerate(rows)]
    if errors:
        raise InvalidScript(errors)
    return Script(tuple(steps))


def _step(row: Mapping[str, str], at: str, errors: dict[str, str]) -> Step:
    content_type = row.get("content_type", "").strip() or "application/json"
    if not _CONTENT_TYPE.fullmatch(content_type):
        errors[f"{at}.content_type"] = "A content type looks like application/json."
    body = row.get("body", "").replace("\r\n", "\n")
    if len(body.encode()) > LONGEST_BODY:
        errors[f"{at}.body"] = "The body must not be longer than 64 KiB."

    def number(name: str, least: float, most: float, default: float, kind: str = "whole number") -> float:
        text = row.get(name, "").strip().replace(",", ".")
        pattern = r"\d{1,6}" if kind == "whole number" else r"\d{1,6}(\.\d{0,3})?"
        if text and (not re.fullmatch(pattern, text, re.ASCII) or not least <= float(text) <= most):
            errors[f"{at}.{name}"] = f"Must be a {kind} from {least:g} to {most:g}."
            return default
        return float(text or default)

    times, status = int(number("times", 1, MOST_TIMES, 1)), int(number("status", 200, 599, 200))
    return Step(times, status, content_type, body, number("delay_s", 0, LONGEST_DELAY_S, 0, "number"))
