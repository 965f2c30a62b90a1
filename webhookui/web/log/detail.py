"""What the detail of a delivery shows, made ready for its template: payloads, time bars, differences, the next step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import responses
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from webhookui.crm.catalog import ModuleInfo, catalog
from webhookui.crm.tables import Change
from webhookui.delivery.captures import shown
from webhookui.delivery.states import STATUSES
from webhookui.delivery.tables import Attempt, CapturedValue
from webhookui.delivery_log import queries
from webhookui.delivery_log.queries import Detail
from webhookui.outgoing.content_encoding import packed_as
from webhookui.web.log.attempt_difference import Difference, request_difference, response_difference
from webhookui.web.log.copy_as_curl import copy_as_curl, fits_command
from webhookui.web.log.next_steps import DeliveryContext, Step, delivery_context, next_steps
from webhookui.web.log.payload import Payload, payload
from webhookui.web.log.response_message import response_message
from webhookui.web.records.record_view import Names, names_in
from webhookui.webhooks.body_text import content_type_of

PHASES = {
    "connect": "DNS and connect",
    "tls": "TLS",
    "first_byte": "Waiting for the first byte",
    "rest": "Rest of the body",
    "unanswered": "Until it was given up",
}
"""Phase of an attempt → its words, in the order they happen."""
OUTCOMES = {
    "written": ("Written", "success"),
    "test": ("Test, not written", "info"),
    "no_match": ("No match", "warning"),
    "does_not_fit": ("Does not fit", "warning"),
    "no_record": ("No record", "warning"),
    "unreadable": ("Unreadable", "danger"),
}
"""What became of a capture row → (its word, its tone)."""
_BAR = 600
"""Units of the drawing's width."""
_SEEN_MS = 0.05
"""A phase shorter than this is not drawn."""


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
    kept_alive: bool
    """It went over a connection that was there already."""
    differences: tuple[Difference, ...]
    """Against the attempt before: of the request and of the response."""
    is_retry_of: int | None
    tone: str
    hops: tuple[str, ...] = ()
    """The answers before the last one, each a sentence."""


@dataclass(frozen=True)
class Cause:
    """What a delivery came from: a save, a test, a redelivery."""

    words: str
    change: Change | None = None


@dataclass(frozen=True)
class DetailView:
    """The detail of one delivery, ready to be drawn."""

    detail: Detail
    around: DeliveryContext
    module: ModuleInfo | None
    """None when it was removed since."""
    names: Names
    """Names behind the ids in the save that caused it."""
    request: Payload
    attempts: tuple[AttemptView, ...]
    curl: str
    curl_needs_file: bool
    cause: Cause
    latest: AttemptView | None
    response_message: str
    """What the third party says is wrong; empty when it said nothing or nothing is wrong."""
    steps: tuple[Step, ...]
    captures: tuple[tuple[CapturedValue, str, str, str], ...]
    """(row, its value in words, word of its outcome, tone)."""
    request_line: str


def read_detail(session: Session, delivery_id: int) -> DetailView:
    """Raises DeliveryNotFound."""
    detail = queries.detail(session, delivery_id)
    module = catalog(session).modules.get(detail.delivery.module)
    saved = detail.change.values if detail.change else {}
    sides = [{name: pair[side] for name, pair in saved.items()} for side in (0, 1)] if saved else []
    names = names_in(session, module.fields.values(), sides) if module and sides else Names({}, {})
    return detail_view(detail, delivery_context(session, detail.delivery), module, names)


def detail_view(
    detail: Detail,
    around: DeliveryContext | None = None,
    module: ModuleInfo | None = None,
    names: Names | None = None,
) -> DetailView:
    delivery, body, around = detail.delivery, detail.request.body, around or DeliveryContext()
    views: list[AttemptView] = []
    for attempt in detail.attempts:
        views.append(_attempt(attempt, detail, views[-1] if views else None))
    latest = views[-1] if views else None
    headers = latest.attempt.request_headers if latest else detail.request.headers
    url = (latest.attempt.request_url if latest else "") or delivery.url
    failed = latest is not None and latest.attempt.outcome == "failed"
    return DetailView(
        detail=detail,
        around=around,
        module=module,
        names=names or Names({}, {}),
        request=payload(body, content_type_of(detail.request.headers)),
        attempts=tuple(views),
        curl=copy_as_curl(delivery.method, url, headers, body, body_file(delivery.id)),
        curl_needs_file=not fits_command(body),
        cause=_cause(detail),
        latest=latest,
        response_message=response_message(latest.response) if latest and failed and latest.attempt.status_code else "",
        steps=next_steps(delivery, latest.attempt.error_code if latest else "configuration", around),
        captures=tuple(
            (row, shown(row), *OUTCOMES.get(row.outcome, (row.outcome, "neutral"))) for row in detail.captures
        ),
        request_line=request_line(delivery.method, delivery.url),
    )


def body_file(delivery_id: int | None, attempt: int | None = None) -> str:
    """Name under which a kept body is downloaded: the request's, or that of an attempt's response."""
    return f"delivery-{delivery_id}-{'request' if attempt is None else f'response-{attempt}'}.txt"


def request_line(method: str, url: str) -> str:
    """ "POST /invoices?x=1 HTTP/1.1", as it goes over the wire."""
    parts = urlsplit(url)
    return f"{method} {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.1"


def _attempt(attempt: Attempt, detail: Detail, before: AttemptView | None) -> AttemptView:
    response = payload(
        attempt.response_body, content_type_of(attempt.response_headers), attempt.response_size,
        packed_as=packed_as(attempt.response_headers), incomplete=attempt.incomplete or "",
    )  # fmt: skip
    first_line = request_line(detail.delivery.method, attempt.request_url or detail.delivery.url)
    differences: tuple[Difference, ...] = ()
    if before is not None:
        differences = (
            request_difference(before.attempt, attempt, (before.request_line, first_line)),
            response_difference((before.attempt, before.response), (attempt, response)),
        )
    answered = attempt.status_code is not None
    return AttemptView(
        attempt=attempt,
        request_line=first_line,
        status_line=f"HTTP {attempt.status_code} {responses.get(attempt.status_code or 0, '')}".rstrip(),
        response=response,
        bars=bars(attempt.timing_ms, answered=answered),
        total_ms=_total(attempt.timing_ms) or None,
        kept_alive=answered and "first_byte" in attempt.timing_ms and not attempt.timing_ms.get("connect"),
        differences=differences,
        is_retry_of=before.attempt.number if before else None,
        tone={"success": "success", "failed": "danger"}.get(attempt.outcome, "warning"),
        hops=tuple(_hop_words(hop) for hop in attempt.hops),
    )


def _hop_words(hop: Mapping[str, Any]) -> str:
    answered = f"HTTP {hop['status_code']} {responses.get(hop['status_code'], '')}".rstrip()
    if hop["because"] == "new_token":
        return f"{answered}: the access token was refused; sent again with a new one"
    return f"{answered} redirected to {hop['method']} {hop['url']}"


def _total(timing_ms: dict[str, float]) -> float:
    return float(timing_ms.get("total") or sum(timing_ms.values()))  # the database gives decimals


def bars(timing_ms: dict[str, float], *, answered: bool = True) -> tuple[Bar, ...]:
    """The phases one after another over the whole width; each at least a hair wide, to be seen."""
    total = _total(timing_ms)
    phases = {phase: max(float(timing_ms.get(phase) or 0), 0.0) for phase in ("connect", "tls", "first_byte")}
    phases["rest" if answered else "unanswered"] = max(total - sum(phases.values()), 0.0)
    drawn, x = [], 0.0
    for phase, ms in phases.items():
        if ms > _SEEN_MS:
            width = max(ms / total * _BAR, 1.5)
            drawn.append(Bar(phase, PHASES[phase], round(x, 2), round(width, 2), ms))
            x += width
    return tuple(drawn)


_KINDS = {"create": "created", "update": "changed", "delete": "deleted", "restore": "restored"}
_SOURCES = {"person": "", "api": " over the API", "import": " by an import", "capture": " by a capture", "system": ""}


def _cause(detail: Detail) -> Cause:
    delivery, change = detail.delivery, detail.change
    by = f" by {delivery.caused_by}" if delivery.caused_by else ""
    saved = ""
    if change is not None:
        who = f" by {change.by}" if change.by else ""
        name = change.record_name or delivery.record_name
        saved = f"{name} was {_KINDS.get(change.kind, change.kind)}{who}{_SOURCES.get(change.source, '')}"
    if delivery.redelivery_of:
        words = f"Delivery {delivery.redelivery_of} was redelivered{by}"
        return Cause(f"{words}; {saved}" if saved else words, change)
    if delivery.test:
        return Cause(f"A test was sent{by}", change)
    return Cause(saved or delivery.caused_by or "Not recorded", change)


def spoken(statuses: Sequence[tuple[int, str]]) -> str:
    """What a screen reader is told of rows that moved: "Delivery 12: Success. …", three at most."""
    sentences = [f"Delivery {delivery_id}: {STATUSES[status].label}." for delivery_id, status in statuses[:3]]
    rest = len(statuses) - len(sentences)
    return " ".join(sentences) + (f" And {rest} more." if rest > 0 else "")
