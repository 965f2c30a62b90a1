"""One attempt of one delivery, from top to bottom: prepare → send → judge → record.

| step | from | to |
|---|---|---|
| prepare | Claimed, a delivery in hand | Prepared: authorization and signature on, or why it can't be sent |
| send | Prepared | Exchange: what came back, or what went wrong |
| judge | Exchange | Result: success or a diagnosis, and the values for captures |
| record | Result | Recorded: captures written, the delivery's next status |

The first three run in a sender's thread and write no row; `record` runs in the transaction that writes results (`results.py`).
"""

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlsplit

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.core.database import now
from webhookui.core.secrets import SecretBox, SecretUnreadable
from webhookui.definitions.switches import state_of
from webhookui.delivery import states
from webhookui.delivery.captures import write_captures
from webhookui.delivery.claim import Claimed
from webhookui.delivery.pending import REMOVED
from webhookui.delivery.retries import RetrySchedule, newer_sibling, retry_after, superseded_by
from webhookui.delivery.tables import Delivery
from webhookui.delivery.webhook_cache import ResolvedWebhook, WebhookCache, assemble, veiled
from webhookui.outgoing import diagnosis
from webhookui.outgoing.address_policy import is_inspector
from webhookui.outgoing.diagnosis import Diagnosis
from webhookui.outgoing.http_client import Answer, Hop, Interrupted, Outgoing, Transport
from webhookui.outgoing.oauth import OAuthTokens, TokenRefused
from webhookui.outgoing.secret_guard import check_goes_to
from webhookui.webhooks import capture
from webhookui.webhooks.authorization import authorize, mask
from webhookui.webhooks.body_text import as_utf8
from webhookui.webhooks.capture import Taken
from webhookui.webhooks.redaction import Redaction, redaction
from webhookui.webhooks.request import Request, RequestError
from webhookui.webhooks.secret_scope import SecretElsewhere
from webhookui.webhooks.signature import signature_headers

log = structlog.get_logger("webhookui.delivery")


@dataclass(frozen=True)
class Prepared:
    """A request that is ready to go out; without one, `error` says why. `masked`: as the log keeps it."""

    claimed: Claimed
    at: datetime
    started: float
    """On the clock of perf_counter."""
    masked: Request
    redactor: Redaction
    """Masks in what comes back whatever is secret about the webhook."""
    resolved: ResolvedWebhook | None = None
    request: Request | None = None
    error: Exception | None = None
    end: float = 0.0
    """When the attempt's time is up, monotonic."""


@dataclass(frozen=True)
class Exchange:
    """What came of sending: an answer, or the error in its place. `hops`: the answers before it, of redirects and of an access
    token that was refused."""

    prepared: Prepared
    hops: Sequence[Hop] = ()
    answer: Answer | None = None
    error: Exception | None = None


@dataclass(frozen=True)
class Result:
    """What an attempt came to. `diagnosis` is None on success; `retry_after`: not before then, when the answer said so."""

    claimed: Claimed
    at: datetime
    request_url: str
    request_headers: Sequence[Sequence[str]]
    answer: Answer | None
    diagnosis: Diagnosis | None
    duration_ms: float
    retry_after: datetime | None = None
    resolved: ResolvedWebhook | None = None
    error_timing_ms: dict[str, float] = field(default_factory=dict)
    note: str | None = None
    taken: tuple[Taken, ...] = ()
    """What the capture rows took out of the answer: success rows of a success, failure rows of a failure."""
    hops: Sequence[Hop] = ()
    incomplete: str = ""
    """Why the answer's body is not whole, a sentence."""

    @property
    def succeeded(self) -> bool:
        return self.diagnosis is None

    @property
    def outcome(self) -> str:
        return "success" if self.succeeded else "failed"


@dataclass(frozen=True)
class Recorded:
    """A delivery as its attempt has left it. `due`: when the next one is."""

    status: str
    failure_count: int
    error: str | None
    due: datetime | None


class NotSent(Exception):
    """The delivery's workflow was switched off, or its webhook taken away, before the request went out."""


class _Misconfigured(Exception):
    pass


@dataclass(frozen=True)
class Sender:
    """Makes attempts. One for a process; its threads share it. `address`: of this application, whose inspector is reachable."""

    webhooks: WebhookCache
    box: SecretBox
    transport: Transport
    tokens: OAuthTokens
    address: str

    def attempt(self, claimed: Claimed) -> Result:
        """What goes wrong is the result; raises nothing but http_client.Interrupted and NotSent."""
        prepared = self._prepare(claimed)
        exchange = self._send(prepared)
        return _judge(exchange)

    # ---- prepare ----

    def _prepare(self, claimed: Claimed) -> Prepared:
        at, started, resolved = now(), time.perf_counter(), None
        try:
            resolved = self._resolve(claimed)
            return self._authorized(claimed, resolved, at, started, time.monotonic() + resolved.webhook.timeout_s)
        except Interrupted:
            raise
        except Exception as error:
            redactor = resolved.redaction() if resolved else redaction(())
            return Prepared(claimed, at, started, veiled(_plain(claimed)), redactor, resolved, error=error)

    def _resolve(self, claimed: Claimed) -> ResolvedWebhook:
        if claimed.definition is not None:
            return assemble(self.box, claimed.definition, claimed.secrets)
        resolved = self.webhooks.get(claimed.webhook_id) if claimed.webhook_id is not None else None
        if resolved is not None and not resolved.may_go_to(claimed.url):  # it was moved just now, perhaps
            resolved = self.webhooks.get(claimed.webhook_id or 0, at_once=True)
        if resolved is None:
            raise _Misconfigured("The webhook of this delivery no longer exists.")
        return resolved

    def _authorized(
        self, claimed: Claimed, resolved: ResolvedWebhook, at: datetime, started: float, end: float
    ) -> Prepared:
        """With secrets in their places, authorization and signature."""
        authorization, message_id = resolved.webhook.authorization, claimed.message_id
        if resolved.has_secrets:
            check_goes_to(resolved.typed_for.url, claimed.url)
        token = self.tokens.get(authorization, resolved.typed_for, end) if authorization.type == "oauth2" else None
        marked = authorize(_plain(claimed), authorization, token)
        request = resolved.revealed(marked)
        signature: Sequence[tuple[str, str]] = (("webhook-id", message_id),)
        if resolved.webhook.signing:
            signature = signature_headers(request.body, message_id, at, resolved.signing_secrets())
        masked = veiled(mask(marked, authorization))
        return Prepared(
            claimed, at, started, Request(masked.method, masked.url, (*masked.headers, *signature), None),
            resolved.redaction(token), resolved,
            Request(request.method, request.url, (*request.headers, *signature), request.body), end=end,
        )  # fmt: skip

    # ---- send ----

    def _send(self, prepared: Prepared) -> Exchange:
        """Sends the request; sends it once more with a new access token when the old one is refused."""
        resolved, request, hops = prepared.resolved, prepared.request, list[Hop]()
        if resolved is None or request is None:
            return Exchange(prepared, error=prepared.error)
        try:
            answer = self._answer(prepared, resolved, request, hops)
            if answer.status_code == 401 and self._forget_token(resolved, request) and not hops:
                hops.append(Hop(401, request.method, prepared.masked.url, "new_token"))
                again = self._authorized(prepared.claimed, resolved, prepared.at, prepared.started, prepared.end)
                if again.request is None or again.request.headers == request.headers:
                    hops.clear()  # the same token once more: the answer would be the same, too
                else:
                    prepared, request = again, again.request
                    answer = self._answer(prepared, resolved, request, hops)
                    answer.timing_ms["total"] = _ms_since(prepared.started)
                    if answer.status_code == 401:
                        self._forget_token(resolved, request)
        except (Interrupted, NotSent):
            raise
        except Exception as error:
            return Exchange(prepared, hops, error=error)
        return Exchange(prepared, hops, answer)

    def _answer(self, prepared: Prepared, resolved: ResolvedWebhook, request: Request, hops: list[Hop]) -> Answer:
        """Looks at the switch a last time and sends the request (docs/decisions/0028). Whoever looked earlier could still send
        for a workflow that has been switched off meanwhile. A test carries its own definition, and is not held."""
        claimed = prepared.claimed
        if claimed.definition is None and self.webhooks.state(claimed.webhook_id) != "on":
            raise NotSent
        outgoing = Outgoing(
            request.method,
            request.url,
            request.headers,
            request.body,
            max(0.0, prepared.end - time.monotonic()),
            resolved.webhook.follow_redirects,
            is_inspector(request.url, self.address),
            prepared.redactor,
        )
        return _redacted(self.transport.exchange(outgoing, hops), prepared.redactor)

    def _forget_token(self, resolved: ResolvedWebhook, refused: Request) -> bool:
        """After a 401: makes sure that the access token of the request is not used again, since it may have been revoked. Returns
        whether there can be a new one, which is for OAuth 2 only."""
        if resolved.webhook.authorization.type != "oauth2":
            return False
        token = dict(refused.headers).get("Authorization", "").removeprefix("Bearer ")
        self.tokens.forget(resolved.webhook.authorization, resolved.typed_for, token)
        return True


# ---- judge ----


def _judge(exchange: Exchange) -> Result:
    """Judges by status and headers, and by the body when “Success is” asks for it. Captures are evaluated here too, in the
    sender's thread, so that no transaction waits for a slow JSONPath or XPath."""
    prepared, answer = exchange.prepared, exchange.answer
    resolved, redactor = prepared.resolved, prepared.redactor
    timeout_s = resolved.webhook.timeout_s if resolved else 0.0
    host = _host(prepared.claimed, exchange.hops)
    hops = [replace(hop, url=redactor.text(hop.url)) for hop in exchange.hops]
    if answer is None or resolved is None:
        cause = _cause(exchange, host, timeout_s)
        cause = replace(cause, error=redactor.text(cause.error), advice=redactor.text(cause.advice))
        took = _ms_since(prepared.started)
        return Result(
            prepared.claimed, prepared.at, prepared.masked.url, prepared.masked.headers, None, cause, took,
            resolved=resolved, error_timing_ms={"total": took}, hops=hops,
        )  # fmt: skip
    incomplete = diagnosis.of_body(answer, host=host, timeout_s=timeout_s, clean=redactor.text)
    unreadable = diagnosis.unreadable(answer, incomplete)
    body = b"" if unreadable else _readable(resolved, answer)
    try:
        verdict = _verdict(host, resolved, answer, body, unreadable)
    except Exception as error:
        verdict = _cause(replace(exchange, error=error), host, timeout_s)
    return Result(
        prepared.claimed, prepared.at, prepared.masked.url, prepared.masked.headers, answer, verdict,
        answer.timing_ms["total"], retry_after(answer, now()) if verdict is not None else None, resolved,
        taken=_taken(resolved, body, verdict is None, unreadable), hops=hops, incomplete=incomplete,
    )  # fmt: skip


def _cause(exchange: Exchange, host: str, timeout_s: float) -> Diagnosis:
    """What an error means, in words for people."""
    error, clean = exchange.error, exchange.prepared.redactor.text
    assert error is not None
    match error:
        case _Misconfigured() | RequestError() | SecretElsewhere() | SecretUnreadable():
            return diagnosis.configuration(str(error))
        case TokenRefused():
            return Diagnosis("token", str(error), error.advice, error.ends)
    cause = diagnosis.of_exception(error, host=host, timeout_s=timeout_s, clean=clean)
    if cause.code == "unexpected":
        trace = clean("".join(traceback.format_exception(error)))
        log.error("attempt_failed_unexpectedly", delivery=exchange.prepared.claimed.id, exception=trace)
    return cause


def _verdict(host: str, resolved: ResolvedWebhook, answer: Answer, body: bytes, unreadable: str) -> Diagnosis | None:
    """None for a success. “Success is” does not hold for a body that can't be read."""
    because = ""
    if 200 <= answer.status_code < 300:
        if resolved.webhook.success_if is None:
            return None
        captures = resolved.webhook.capture
        namespaces = captures.namespaces if captures else {}
        holds, because = False, f"{unreadable[:1].lower()}{unreadable[1:]}"
        if not unreadable:
            holds, because = capture.success_holds(resolved.webhook.success_if, body, namespaces)
        if holds:
            return None
    return diagnosis.of_answer(answer, host=host, because=because)


def _readable(resolved: ResolvedWebhook, answer: Answer) -> bytes:
    """The body as captures and “Success is” read it, where there are any."""
    if resolved.webhook.capture is None and resolved.webhook.success_if is None:
        return answer.body
    return as_utf8(answer.body, answer.header("content-type"), was_cut=answer.cut)


def _taken(resolved: ResolvedWebhook, body: bytes, succeeded: bool, unreadable: str) -> tuple[Taken, ...]:
    """Success rows of a success, failure rows of a failure."""
    rules = resolved.webhook.capture
    rows = (rules.on_success if succeeded else rules.on_failure) if rules else ()
    if unreadable:
        return tuple(Taken(row, "unreadable", (), unreadable) for row in rows)
    return tuple(capture.read(rules.type, rows, body, rules.namespaces)) if rules and rows else ()


def _plain(claimed: Claimed) -> Request:
    """The request as it was built at the save."""
    headers = tuple((header[0], header[1]) for header in claimed.headers)
    return Request(claimed.method, claimed.url, headers, claimed.body)


def _host(claimed: Claimed, hops: Sequence[Hop]) -> str:
    """The host that sentences about this attempt name: the one that the last redirect led to."""
    last = urlsplit(hops[-1].url).hostname if hops else None
    return last or claimed.host or claimed.url[:100]


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)


def _redacted(answer: Answer, redactor: Redaction) -> Answer:
    """The answer as it is kept, searched and judged, without the secrets that a third party may echo."""
    if redactor.finds_nothing:
        return answer
    body = redactor.data(answer.body)
    headers = [(name, redactor.text(value)) for name, value in answer.headers]
    if body is answer.body and headers == answer.headers:
        return answer
    return replace(answer, headers=headers, body=body, received=len(answer.body))


# ---- record ----


def record(session: Session, result: Result, schedule: RetrySchedule) -> Recorded:
    """Writes what was captured into the record, in the transaction that writes the attempt down; the delivery's next status."""
    claimed, cause = result.claimed, result.diagnosis
    failures = claimed.failure_count + (cause is not None)
    due = schedule.next(failures, now(), result.retry_after) if cause is not None and not cause.ends else None
    taken = result.taken if due is None else ()  # a failure's, after the last attempt
    was_cut = result.answer is not None and result.answer.cut
    captured = write_captures(session, claimed, taken, was_cut=was_cut)
    _add_note(session, claimed.id, result.note or captured)
    event, error = "accepted", None
    if cause is not None:
        event, error = "gone" if cause.code == "gone" else "misconfigured" if cause.ends else "exhausted", cause.error
    if due is not None:
        event = "postponed"
        if newer := _superseding(session, result):
            event, error, due = "superseded", superseded_by(newer), None
        elif _is_removed(session, claimed):
            event, error, due = "removed", REMOVED, None
    return Recorded(states.after(event, "dispatched"), failures, error, due)


def _is_removed(session: Session, claimed: Claimed) -> bool:
    """Whether nobody would send the next attempt. Looked up in this transaction: deleting a workflow ends what waits, and this
    delivery is not among that yet."""
    return claimed.webhook_id is not None and not claimed.test and state_of(session, claimed.webhook_id) == "removed"


def _superseding(session: Session, result: Result) -> int | None:
    if result.resolved is None or not result.resolved.webhook.drop_stale_retries or result.claimed.test:
        return None
    return newer_sibling(session, result.claimed.id, result.claimed.webhook_id, result.claimed.record_id)


def _add_note(session: Session, delivery_id: int, more: str | None) -> None:
    if not more:
        return
    note = session.scalar(select(col(Delivery.note)).where(col(Delivery.id) == delivery_id))
    session.execute(
        update(Delivery).where(col(Delivery.id) == delivery_id).values(note=f"{note} {more}" if note else more)
    )
