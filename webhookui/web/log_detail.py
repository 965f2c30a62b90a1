"""What the detail of a delivery shows, made ready for its template: payloads, time bars, differences, the next step."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import responses
from typing import Any
from urllib.parse import urlsplit

from webhookui.delivery.log import Detail
from webhookui.delivery.states import STATUSES
from webhookui.delivery.tables import Attempt, CapturedValue
from webhookui.web.copy_as_curl import copy_as_curl
from webhookui.web.payload import KEPT, Payload, content_type_of, payload

PHASES = {
    "connect": "DNS and connect",
    "tls": "TLS",
    "first_byte": "Waiting for the first byte",
    "rest": "Rest of the body",
}
"""Phase of an attempt → its words, in the order they happen."""
OUTCOMES = {
    "written": ("Written", "success"),
    "no_match": ("No match", "warning"),
    "does_not_fit": ("Does not fit", "warning"),
    "no_record": ("No record", "warning"),
    "unreadable": ("Unreadable", "danger"),
}
"""What became of a capture row → (its word, its tone)."""
_BAR = 600
"""Units of an SVG's width that the longest attempt takes."""
_VARYING = {"date", "age", "expires", "x-request-id", "cf-ray", "etag", "set-cookie"}
"""Headers that differ from answer to answer without meaning anything."""


@dataclass(frozen=True)
class Bar:
    """One phase of an attempt. `x` and `width` in units of the drawing, `ms` in milliseconds."""

    phase: str
    label: str
    x: float
    width: float
    ms: float


@dataclass(frozen=True)
class AttemptView:
    """One attempt and what is drawn beside it."""

    attempt: Attempt
    request_line: str
    status_line: str
    response: Payload
    bars: tuple[Bar, ...]
    total_ms: float | None
    difference: tuple[tuple[str, str], ...]
    """(sign, line): "+", "-" or " ", against the attempt before; empty when nothing differs."""
    is_retry_of: int | None
    tone: str


@dataclass(frozen=True)
class Cause:
    """What a delivery came from: a save, a test, a redelivery."""

    words: str
    fields: tuple[tuple[str, Any, Any], ...] = ()
    """(field, before, after) of the save."""


@dataclass(frozen=True)
class DetailView:
    """The detail of one delivery, ready to be drawn."""

    detail: Detail
    request: Payload
    attempts: tuple[AttemptView, ...]
    curl: str
    cause: Cause
    latest: AttemptView | None
    captures: tuple[tuple[CapturedValue, str, str], ...]
    """(row, word of its outcome, tone)."""
    request_line: str


def detail_view(detail: Detail) -> DetailView:
    longest = max((_total(attempt) or 0 for attempt in detail.attempts), default=0) or 1
    views: list[AttemptView] = []
    for attempt in detail.attempts:
        views.append(_attempt(attempt, detail, views[-1] if views else None, longest))
    headers = detail.attempts[-1].request_headers if detail.attempts else detail.request.headers
    url = (detail.attempts[-1].request_url if detail.attempts else "") or detail.delivery.url
    return DetailView(
        detail=detail,
        request=payload(detail.request.body, content_type_of(detail.request.headers)),
        attempts=tuple(views),
        curl=copy_as_curl(detail.delivery.method, url, headers, (detail.request.body or b"")[:KEPT]),
        cause=_cause(detail),
        latest=views[-1] if views else None,
        captures=tuple((row, *OUTCOMES.get(row.outcome, (row.outcome, "neutral"))) for row in detail.captures),
        request_line=request_line(detail.delivery.method, detail.delivery.url),
    )


def request_line(method: str, url: str) -> str:
    """ "POST /invoices?x=1 HTTP/1.1", as it goes over the wire."""
    parts = urlsplit(url)
    return f"{method} {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.1"


def _attempt(attempt: Attempt, detail: Detail, before: AttemptView | None, longest: float) -> AttemptView:
    response = payload(attempt.response_body, content_type_of(attempt.response_headers), attempt.response_size)
    return AttemptView(
        attempt=attempt,
        request_line=request_line(detail.delivery.method, attempt.request_url or detail.delivery.url),
        status_line=f"HTTP {attempt.status_code} {responses.get(attempt.status_code or 0, '')}".rstrip(),
        response=response,
        bars=bars(attempt.timing_ms, longest),
        total_ms=_total(attempt),
        difference=_difference(before, attempt, response) if before else (),
        is_retry_of=before.attempt.number if before else None,
        tone={"success": "success", "failed": "danger"}.get(attempt.outcome, "warning"),
    )


def _total(attempt: Attempt) -> float | None:
    return float(attempt.timing_ms.get("total") or sum(attempt.timing_ms.values())) or None


def bars(timing_ms: dict[str, float], longest: float) -> tuple[Bar, ...]:
    """The phases one after another, to the scale of the longest attempt; each at least a hair wide, to be seen."""
    total = float(timing_ms.get("total") or sum(timing_ms.values()))  # the database gives decimals
    known = {phase: max(float(timing_ms.get(phase) or 0), 0.0) for phase in ("connect", "tls", "first_byte")}
    known["rest"] = max(total - sum(known.values()), 0.0)
    drawn, x = [], 0.0
    for phase, ms in known.items():
        if ms > 0.05:
            width = max(ms / longest * _BAR, 1.5)
            drawn.append(Bar(phase, PHASES[phase], round(x, 2), round(width, 2), ms))
            x += width
    return tuple(drawn)


def _difference(before: AttemptView, attempt: Attempt, response: Payload) -> tuple[tuple[str, str], ...]:
    old = _lines(before.attempt, before.response)
    new = _lines(attempt, response)
    if old == new:
        return ()
    lines = list(difflib.unified_diff(old, new, lineterm="", n=2))[2:402]
    return tuple((line[:1] if line[:1] in "+-" else " ", line[1:] if line[:1] in "+- " else "⋯") for line in lines)


def _lines(attempt: Attempt, response: Payload) -> list[str]:
    first = [f"HTTP {attempt.status_code}"] if attempt.status_code else [attempt.error or "No answer"]
    headers = [f"{name}: {value}" for name, value in attempt.response_headers if name.lower() not in _VARYING]
    return [*first, *headers, *response.text.splitlines()]


_KINDS = {"create": "created", "update": "changed", "delete": "deleted"}
_SOURCES = {"person": "", "api": " over the API", "import": " by an import", "capture": " by a capture", "system": ""}


def _cause(detail: Detail) -> Cause:
    delivery, change = detail.delivery, detail.change
    by = f" by {delivery.caused_by}" if delivery.caused_by else ""
    fields: tuple[tuple[str, Any, Any], ...] = ()
    saved = ""
    if change is not None:
        who = f" by {change.by}" if change.by else ""
        name = change.record_name or delivery.record_name
        saved = f"{name} was {_KINDS.get(change.kind, change.kind)}{who}{_SOURCES.get(change.source, '')}"
        fields = tuple((field, *pair) for field, pair in change.values.items())
    if delivery.redelivery_of:
        return Cause(f"Delivery {delivery.redelivery_of} was redelivered{by}" + (f"; {saved}" if saved else ""), fields)
    if delivery.test:
        return Cause(f"A test was sent{by}", fields)
    return Cause(saved or delivery.caused_by or "Not recorded", fields)


def spoken(statuses: Sequence[tuple[int, str]]) -> str:
    """What a screen reader is told of rows that moved: "Delivery 12: Success. …", three at most."""
    said = [f"Delivery {delivery_id}: {STATUSES[status].label}." for delivery_id, status in statuses[:3]]
    rest = len(statuses) - len(said)
    return " ".join(said) + (f" And {rest} more." if rest > 0 else "")
