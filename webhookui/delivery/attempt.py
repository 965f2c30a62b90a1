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

from webhookui.core.database import now
from webhookui.core.secrets import SecretBox, SecretUnreadable
from webhookui.delivery.claim import Claimed
from webhookui.delivery.webhook_cache import ResolvedWebhook, WebhookCache, assemble
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


class NotSent(Exception):
    """The delivery's workflow was switched off, or its webhook taken away, before the request went out."""


class Sender:
    """Makes attempts. One for a process; its threads share it. `address`: of this application, whose inspector is reachable."""

    def __init__(self, webhooks: WebhookCache, box: SecretBox, transport: Transport, tokens: OAuthTokens, address: str):
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
        resolved: ResolvedWebhook | None = None
        redactor = redaction(())
        hops: list[Hop] = []

        def ended(cause: Diagnosis) -> Result:
            cause = replace(cause, error=redactor.text(cause.error), advice=redactor.text(cause.advice))
            took = round((time.perf_counter() - started) * 1000, 2)
            return Result(
                claimed, at, masked.url, masked.headers, None, cause, took, None, resolved, {"total": took},
                hops=_masked(hops, redactor),
            )  # fmt: skip

        try:
            resolved = self._resolve(claimed)
            redactor = resolved.redaction()
            end = time.monotonic() + resolved.webhook.timeout_s
            request, masked, redactor = self._ready(claimed, resolved, at, end)
            self._check_that_it_is_on(claimed)
            answer = _redacted(
                self._transport.exchange(self._outgoing(request, resolved, end, redactor), hops), redactor
            )
            if answer.status_code == 401 and self._forget_token(resolved, request) and not hops:
                hops.append(Hop(401, request.method, masked.url, "new_token"))
                again, masked, redactor = self._ready(claimed, resolved, at, end)
                if again.headers == request.headers:
                    hops.clear()  # the same token once more: the answer would be the same, too
                else:
                    self._check_that_it_is_on(claimed)
                    answer = _redacted(
                        self._transport.exchange(self._outgoing(again, resolved, end, redactor), hops), redactor
                    )
                    answer.timing_ms["total"] = round((time.perf_counter() - started) * 1000, 2)
                    if answer.status_code == 401:
                        self._forget_token(resolved, again)
        except (Interrupted, NotSent):
            raise
        except (_Misconfigured, RequestError, SecretElsewhere, SecretUnreadable) as error:
            return ended(diagnosis.configuration(str(error)))
        except TokenRefused as error:
            return ended(Diagnosis("token", str(error), error.advice, error.ends))
        except Exception as error:
            timeout_s = resolved.webhook.timeout_s if resolved else 0.0
            return ended(self._diagnose(claimed, _host(claimed, hops), error, timeout_s, redactor))
        host, timeout_s = _host(claimed, hops), resolved.webhook.timeout_s
        incomplete = diagnosis.of_body(answer, host=host, timeout_s=timeout_s, clean=redactor.text)
        unreadable = diagnosis.unreadable(answer, incomplete)
        body = b"" if unreadable else _readable(resolved, answer)
        try:
            judged = self._judge(host, resolved, answer, body, unreadable)
        except Exception as error:
            judged = self._diagnose(claimed, host, error, timeout_s, redactor)
        return Result(
            claimed, at, masked.url, masked.headers, answer, judged, answer.timing_ms["total"],
            retry_after(answer, now()) if judged is not None else None, resolved,
            taken=_taken(resolved, body, judged is None, unreadable), hops=_masked(hops, redactor), incomplete=incomplete,
        )  # fmt: skip

    def _forget_token(self, resolved: ResolvedWebhook, refused: Request) -> bool:
        """After a 401: whether the request had an access token, which may have been taken back and is not used again."""
        if resolved.webhook.authorization.type != "oauth2":
            return False
        token = dict(refused.headers).get("Authorization", "").removeprefix("Bearer ")
        self._tokens.forget(resolved.webhook.authorization, resolved.typed_for, token)
        return True

    def _check_that_it_is_on(self, claimed: Claimed) -> None:
        """The last look before a request goes out (docs/decisions/0028): what is handed to the transport after a switch was
        committed would be sent by a workflow that is off. A test carries its own definition and is not held."""
        if claimed.definition is None and self._webhooks.state(claimed.webhook_id) != "on":
            raise NotSent

    def _diagnose(
        self, claimed: Claimed, host: str, error: Exception, timeout_s: float, redactor: Redaction
    ) -> Diagnosis:
        cause = diagnosis.of_exception(error, host=host, timeout_s=timeout_s, clean=redactor.text)
        if cause.code == "unexpected":
            trace = redactor.text("".join(traceback.format_exception(error)))
            log.error("attempt_failed_unexpectedly", delivery=claimed.id, exception=trace)
        return cause

    def _outgoing(self, request: Request, resolved: ResolvedWebhook, end: float, redactor: Redaction) -> Outgoing:
        webhook = resolved.webhook
        return Outgoing(
            request.method,
            request.url,
            request.headers,
            request.body,
            max(0.0, end - time.monotonic()),
            webhook.follow_redirects,
            is_inspector(request.url, self._address),
            redactor,
        )

    def _resolve(self, claimed: Claimed) -> ResolvedWebhook:
        if claimed.definition is not None:
            return assemble(self._box, claimed.definition, claimed.secrets)
        resolved = self._webhooks.get(claimed.webhook_id) if claimed.webhook_id is not None else None
        if resolved is not None and not resolved.may_go_to(claimed.url):  # it was moved just now, perhaps
            resolved = self._webhooks.get(claimed.webhook_id or 0, at_once=True)
        if resolved is None:
            raise _Misconfigured("The webhook of this delivery no longer exists.")
        return resolved

    def _ready(
        self, claimed: Claimed, resolved: ResolvedWebhook, at: datetime, end: float
    ) -> tuple[Request, Request, Redaction]:
        """(the request to send, the same with its secrets masked, what masks them in the answer).

        `end`: when the attempt's time is up, monotonic.
        """
        authorization = resolved.webhook.authorization
        plain = Request(claimed.method, claimed.url, _pairs(claimed.headers), claimed.body)
        if resolved.has_secrets:
            check_goes_to(resolved.typed_for.url, claimed.url)
        token = self._tokens.get(authorization, resolved.typed_for, end) if authorization.type == "oauth2" else None
        marked = authorize(plain, authorization, token)
        request = _revealed(marked, by_marker(resolved.webhook))
        signature: Sequence[tuple[str, str]] = (("webhook-id", claimed.message_id),)
        if resolved.webhook.signing:
            signature = signature_headers(request.body, claimed.message_id, at, resolved.signing_secrets())
        masked = _veiled(mask(marked, authorization))
        return (
            Request(request.method, request.url, (*request.headers, *signature), request.body),
            Request(masked.method, masked.url, (*masked.headers, *signature), None),
            resolved.redaction(token),
        )

    def _judge(
        self, host: str, resolved: ResolvedWebhook, answer: Answer, body: bytes, unreadable: str
    ) -> Diagnosis | None:
        """By status and headers, and by the body when “Success is” asks for it: what can't be read does not hold."""
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


class _Misconfigured(Exception):
    pass


def _revealed(request: Request, secrets: Mapping[str, str]) -> Request:
    """The request with the secrets that its markers stand for. Raises RequestError."""
    if not may_be_marked(request.url, request.headers, request.body):
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
    if not may_be_marked(request.url, request.headers, request.body):
        return request
    return replace(
        request, url=veil(request.url), headers=tuple((name, veil(value)) for name, value in request.headers)
    )


def _redacted(answer: Answer, redactor: Redaction) -> Answer:
    """The answer as it is kept, searched and judged: a third party that says back what it was sent tells nobody."""
    if redactor.finds_nothing:
        return answer
    body = redactor.data(answer.body)
    headers = [(name, redactor.text(value)) for name, value in answer.headers]
    if body is answer.body and headers == answer.headers:
        return answer
    return replace(answer, headers=headers, body=body, received=len(answer.body))


def _masked(hops: Sequence[Hop], redactor: Redaction) -> list[Hop]:
    return [replace(hop, url=redactor.text(hop.url)) for hop in hops]


def _readable(resolved: ResolvedWebhook, answer: Answer) -> bytes:
    """The body as captures and “Success is” read it, where there are any."""
    if resolved.webhook.capture is None and resolved.webhook.success_if is None:
        return answer.body
    return as_utf8(answer.body, answer.header("content-type"), was_cut=answer.cut)


def _taken(resolved: ResolvedWebhook, body: bytes, succeeded: bool, unreadable: str) -> tuple[Taken, ...]:
    """Taken here, by the thread that has waited for this answer: no transaction waits for a slow path."""
    rules = resolved.webhook.capture
    rows = (rules.on_success if succeeded else rules.on_failure) if rules else ()
    if unreadable:
        return tuple(Taken(row, "unreadable", (), unreadable) for row in rows)
    return tuple(capture.read(rules.type, rows, body, rules.namespaces)) if rules and rows else ()


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
