"""One attempt of one delivery: authorization and signature on, out, the answer judged. Touches no delivery's row."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import structlog

from webhookui.db import now
from webhookui.delivery import diagnosis
from webhookui.delivery.addresses import is_inspector
from webhookui.delivery.claim import Claimed
from webhookui.delivery.diagnosis import Diagnosis
from webhookui.delivery.oauth import OAuthTokens, TokenRefused
from webhookui.delivery.secret_guard import check_goes_to
from webhookui.delivery.transport import Answer, Hop, Interrupted, Outgoing, Transport
from webhookui.delivery.webhooks_at_hand import WebhookAtHand, WebhooksAtHand, assemble
from webhookui.secrets import SecretBox, SecretUnreadable
from webhookui.webhooks import capture
from webhookui.webhooks.authorization import authorize, mask
from webhookui.webhooks.body_text import as_utf8
from webhookui.webhooks.capture import Taken
from webhookui.webhooks.redaction import Redaction, redaction
from webhookui.webhooks.request import MAX_BODY, Request, RequestError
from webhookui.webhooks.secret_scope import SecretElsewhere
from webhookui.webhooks.secret_values import SecretGone, by_marker, may_be_marked, reveal, reveal_body, reveal_url, veil
from webhookui.webhooks.signature import signature_headers

log = structlog.get_logger("webhookui.delivery")

LONGEST_RETRY_AFTER = timedelta(days=7)


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
    at_hand: WebhookAtHand | None = None
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


class NotSent(Exception):
    """The delivery's workflow was switched off, or its webhook taken away, before the request went out."""


class Sender:
    """Makes attempts. One for a process; its threads share it. `address`: of this application, whose inspector is reachable."""

    def __init__(
        self, webhooks: WebhooksAtHand, box: SecretBox, transport: Transport, tokens: OAuthTokens, address: str
    ):
        self._webhooks = webhooks
        self._box = box
        self._transport = transport
        self._tokens = tokens
        self._address = address

    def send(self, claimed: Claimed) -> Result:
        """What goes wrong is the result; raises nothing but transport.Interrupted and NotSent."""
        at = now()
        started = time.perf_counter()
        masked = _veiled(Request(claimed.method, claimed.url, _pairs(claimed.headers), claimed.body))
        at_hand: WebhookAtHand | None = None
        known = redaction(())
        hops: list[Hop] = []

        def ended(found: Diagnosis) -> Result:
            found = replace(found, error=known.text(found.error), advice=known.text(found.advice))
            took = round((time.perf_counter() - started) * 1000, 2)
            return Result(
                claimed, at, masked.url, masked.headers, None, found, took, None, at_hand, {"total": took},
                hops=_masked(hops, known),
            )  # fmt: skip

        try:
            at_hand = self._at_hand(claimed)
            known = at_hand.redaction()
            end = time.monotonic() + at_hand.webhook.timeout_s
            request, masked, known = self._ready(claimed, at_hand, at, end)
            self._check_that_it_is_on(claimed)
            answer = _redacted(self._transport.exchange(self._outgoing(request, at_hand, end, known), hops), known)
            if answer.status_code == 401 and self._forget_token(at_hand, request) and not hops:
                hops.append(Hop(401, request.method, masked.url, "new_token"))
                again, masked, known = self._ready(claimed, at_hand, at, end)
                if again.headers == request.headers:
                    hops.clear()  # the same token once more: the answer would be the same, too
                else:
                    self._check_that_it_is_on(claimed)
                    answer = _redacted(
                        self._transport.exchange(self._outgoing(again, at_hand, end, known), hops), known
                    )
                    answer.timing_ms["total"] = round((time.perf_counter() - started) * 1000, 2)
                    if answer.status_code == 401:
                        self._forget_token(at_hand, again)
        except (Interrupted, NotSent):
            raise
        except (_Misconfigured, RequestError, SecretElsewhere, SecretUnreadable) as error:
            return ended(diagnosis.configuration(str(error)))
        except TokenRefused as error:
            return ended(Diagnosis("token", str(error), error.advice, error.ends))
        except Exception as error:
            timeout_s = at_hand.webhook.timeout_s if at_hand else 0.0
            return ended(self._diagnose(claimed, _host(claimed, hops), error, timeout_s, known))
        host, timeout_s = _host(claimed, hops), at_hand.webhook.timeout_s
        incomplete = diagnosis.of_body(answer, host=host, timeout_s=timeout_s, clean=known.text)
        unreadable = diagnosis.unreadable(answer, incomplete)
        body = b"" if unreadable else _readable(at_hand, answer)
        try:
            judged = self._judge(host, at_hand, answer, body, unreadable)
        except Exception as error:
            judged = self._diagnose(claimed, host, error, timeout_s, known)
        return Result(
            claimed, at, masked.url, masked.headers, answer, judged, answer.timing_ms["total"],
            retry_after(answer, now()) if judged is not None else None, at_hand,
            taken=_taken(at_hand, body, judged is None, unreadable), hops=_masked(hops, known), incomplete=incomplete,
        )  # fmt: skip

    def _forget_token(self, at_hand: WebhookAtHand, refused: Request) -> bool:
        """After a 401: whether the request had an access token, which may have been taken back and is not used again."""
        if at_hand.webhook.authorization.type != "oauth2":
            return False
        token = dict(refused.headers).get("Authorization", "").removeprefix("Bearer ")
        self._tokens.forget(at_hand.webhook.authorization, at_hand.typed_for, token)
        return True

    def _check_that_it_is_on(self, claimed: Claimed) -> None:
        """The last look before a request goes out (docs/decisions/0028): what is handed to the transport after a switch was
        committed would be sent by a workflow that is off. A test carries its own definition and is not held."""
        if claimed.definition is None and self._webhooks.state(claimed.webhook_id) != "on":
            raise NotSent

    def _diagnose(self, claimed: Claimed, host: str, error: Exception, timeout_s: float, known: Redaction) -> Diagnosis:
        found = diagnosis.of_exception(error, host=host, timeout_s=timeout_s, clean=known.text)
        if found.code == "unexpected":
            trace = known.text("".join(traceback.format_exception(error)))
            log.error("attempt_failed_unexpectedly", delivery=claimed.id, exception=trace)
        return found

    def _outgoing(self, request: Request, at_hand: WebhookAtHand, end: float, known: Redaction) -> Outgoing:
        webhook = at_hand.webhook
        return Outgoing(
            request.method,
            request.url,
            request.headers,
            request.body,
            max(0.0, end - time.monotonic()),
            webhook.follow_redirects,
            is_inspector(request.url, self._address),
            known,
        )

    def _at_hand(self, claimed: Claimed) -> WebhookAtHand:
        if claimed.definition is not None:
            return assemble(self._box, claimed.definition, claimed.secrets)
        found = self._webhooks.get(claimed.webhook_id) if claimed.webhook_id is not None else None
        if found is not None and not found.may_go_to(claimed.url):  # it was moved just now, perhaps
            found = self._webhooks.get(claimed.webhook_id or 0, at_once=True)
        if found is None:
            raise _Misconfigured("The webhook of this delivery does not exist any more.")
        return found

    def _ready(
        self, claimed: Claimed, at_hand: WebhookAtHand, at: datetime, end: float
    ) -> tuple[Request, Request, Redaction]:
        """(the request to send, the same with its secrets masked, what masks them in the answer).

        `end`: when the attempt's time is up, monotonic.
        """
        authorization = at_hand.webhook.authorization
        plain = Request(claimed.method, claimed.url, _pairs(claimed.headers), claimed.body)
        if at_hand.has_secrets:
            check_goes_to(at_hand.typed_for.url, claimed.url)
        token = self._tokens.get(authorization, at_hand.typed_for, end) if authorization.type == "oauth2" else None
        marked = authorize(plain, authorization, token)
        request = _revealed(marked, by_marker(at_hand.webhook))
        signature: Sequence[tuple[str, str]] = (("webhook-id", claimed.message_id),)
        if at_hand.webhook.signing:
            signature = signature_headers(request.body, claimed.message_id, at, at_hand.signing_secrets())
        masked = _veiled(mask(marked, authorization))
        return (
            Request(request.method, request.url, (*request.headers, *signature), request.body),
            Request(masked.method, masked.url, (*masked.headers, *signature), None),
            at_hand.redaction(token),
        )

    def _judge(
        self, host: str, at_hand: WebhookAtHand, answer: Answer, body: bytes, unreadable: str
    ) -> Diagnosis | None:
        """By status and headers, and by the body when “Success is” asks for it: what can't be read does not hold."""
        because = ""
        if 200 <= answer.status_code < 300:
            if at_hand.webhook.success_if is None:
                return None
            captures = at_hand.webhook.capture
            namespaces = captures.namespaces if captures else {}
            holds, because = False, f"{unreadable[:1].lower()}{unreadable[1:]}"
            if not unreadable:
                holds, because = capture.success_holds(at_hand.webhook.success_if, body, namespaces)
            if holds:
                return None
        return diagnosis.of_answer(answer, host=host, because=because)


class _Misconfigured(Exception):
    pass


def _revealed(request: Request, secrets: Mapping[str, str]) -> Request:
    """The request with the secrets that its markers stand for. Raises RequestError."""
    if not may_be_marked(request):
        return request
    try:
        body = reveal_body(request.body, secrets)
        headers = tuple((name, reveal(value, secrets)) for name, value in request.headers)
        revealed = replace(request, url=reveal_url(request.url, secrets), headers=headers, body=body)
    except (SecretGone, ValueError) as error:
        raise RequestError("", str(error)) from None
    if body is not None and len(body) > MAX_BODY:
        raise RequestError("parameters", f"The body is larger than {MAX_BODY // 2**20} MiB; nothing was sent.")
    return revealed


def _veiled(request: Request) -> Request:
    """The request as the log keeps it."""
    if not may_be_marked(request):
        return request
    return replace(
        request, url=veil(request.url), headers=tuple((name, veil(value)) for name, value in request.headers)
    )


def _redacted(answer: Answer, known: Redaction) -> Answer:
    """The answer as it is kept, searched and judged: a third party that says back what it was sent tells nobody."""
    if known.finds_nothing:
        return answer
    body = known.data(answer.body)
    headers = [(name, known.text(value)) for name, value in answer.headers]
    if body is answer.body and headers == answer.headers:
        return answer
    return replace(answer, headers=headers, body=body, received=len(answer.body))


def _masked(hops: Sequence[Hop], known: Redaction) -> list[Hop]:
    return [replace(hop, url=known.text(hop.url)) for hop in hops]


def _readable(at_hand: WebhookAtHand, answer: Answer) -> bytes:
    """The body as captures and “Success is” read it, where there are any."""
    if at_hand.webhook.capture is None and at_hand.webhook.success_if is None:
        return answer.body
    return as_utf8(answer.body, answer.header("content-type"), was_cut=answer.cut)


def _taken(at_hand: WebhookAtHand, body: bytes, succeeded: bool, unreadable: str) -> tuple[Taken, ...]:
    """Taken here, by the thread that has waited for this answer: no transaction waits for a slow path."""
    wanted = at_hand.webhook.capture
    rows = (wanted.on_success if succeeded else wanted.on_failure) if wanted else ()
    if unreadable:
        return tuple(Taken(row, "unreadable", (), unreadable) for row in rows)
    return tuple(capture.read(wanted.type, rows, body, wanted.namespaces)) if wanted and rows else ()


def _pairs(headers: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((header[0], header[1]) for header in headers)


def _host(claimed: Claimed, hops: Sequence[Hop]) -> str:
    """The host that is spoken of: where the last redirect led."""
    last = urlsplit(hops[-1].url).hostname if hops else None
    return last or claimed.host or claimed.url[:100]


def retry_after(answer: Answer, time: datetime) -> datetime | None:
    """When the third party wants to be asked again (RFC 9110 section 10.2.3): seconds or a date, with 429 and 503 only."""
    if answer.status_code not in (429, 503):
        return None
    text = next((value.strip() for name, value in answer.headers if name.lower() == "retry-after"), "")
    if text.isdecimal():
        seconds = int(text) if len(text) < 10 else 10**9  # Python refuses to read thousands of digits
        return time + min(timedelta(seconds=seconds), LONGEST_RETRY_AFTER)
    try:
        asked = parsedate_to_datetime(text)
        asked = asked.replace(tzinfo=UTC) if asked.tzinfo is None else asked.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(asked, time + LONGEST_RETRY_AFTER)


@dataclass(frozen=True)
class RetrySchedule:
    """Delays in seconds from one attempt to the next (specification section 6);
    `jitter` is the part of a delay drawn at random."""

    delays: tuple[int, ...]
    jitter: float = 0.0

    def next(self, failures: int, time: datetime, not_before: datetime | None) -> datetime | None:
        """When to try again after the given number of failures; None when it was the last attempt."""
        if failures > len(self.delays):
            return None
        delay = self.delays[failures - 1]
        due = time + timedelta(seconds=delay + delay * self.jitter * random.random())  # noqa: S311 - spreads load only
        return max(due, not_before) if not_before is not None else due
