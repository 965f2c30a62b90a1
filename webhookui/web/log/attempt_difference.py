"""What changed from one attempt to the next, in its request and in its answer, line by line (specification section 7)."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from webhookui.delivery.tables import Attempt
from webhookui.web.log.payload import Payload

_VARYING = {
    "date", "age", "expires", "etag", "set-cookie", "x-request-id", "cf-ray", "webhook-timestamp", "webhook-signature",
}  # fmt: skip
"""Headers that differ from one exchange to the next without meaning anything."""
_MOST = 1500
"""Lines of a side that are compared: the comparison's work grows with their square."""
_SHOWN = 400


@dataclass(frozen=True)
class Difference:
    """`lines` are (sign, line): "-" was, "+" is, " " both, "⋯" something left out; none when nothing differs."""

    what: str
    """"request" or "response"."""
    lines: tuple[tuple[str, str], ...] = ()
    note: str = ""

    @property
    def words(self) -> str:
        """ "the response differs in 3 lines"."""
        number = sum(sign in "+-" for sign, _ in self.lines)
        if not number:
            return f"the {self.what} is {'not known' if self.note else 'the same'}"
        return f"the {self.what} differs in {number} line{'s' if number != 1 else ''}"


def request_difference(before: Attempt, after: Attempt, first_lines: tuple[str, str]) -> Difference:
    """Of first line and headers; the body's bytes are the same in every attempt of a delivery."""
    if not before.request_headers or not after.request_headers:
        return Difference("request", note="The request of an interrupted attempt is not known.")
    old = [first_lines[0], *_headers(before.request_headers)]
    new = [first_lines[1], *_headers(after.request_headers)]
    return Difference("request", _unified(old, new))


def response_difference(before: tuple[Attempt, Payload], after: tuple[Attempt, Payload]) -> Difference:
    """Of status, headers and body, the body as it is shown."""
    old, new = _answer(*before), _answer(*after)
    note = f"Only the first {_MOST:,} lines are compared." if max(len(old), len(new)) > _MOST else ""
    return Difference("response", _unified(old[:_MOST], new[:_MOST]), note)


def _answer(attempt: Attempt, body: Payload) -> list[str]:
    first = f"HTTP {attempt.status_code}" if attempt.status_code else attempt.error or "No answer"
    return [first, *_headers(attempt.response_headers), *([""] if body.text else []), *body.text.splitlines()]


def _headers(headers: Sequence[Sequence[str]]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers if name.lower() not in _VARYING]


def _unified(old: list[str], new: list[str]) -> tuple[tuple[str, str], ...]:
    lines: list[tuple[str, str]] = []
    for line in list(difflib.unified_diff(old, new, lineterm="", n=3))[2:]:
        if line.startswith("@@"):
            if lines:
                lines.append(("⋯", ""))
        else:
            lines.append((line[:1], line[1:]))
    return tuple(lines[:_SHOWN])
