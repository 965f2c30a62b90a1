"""What went wrong with an attempt, in plain words with what to do about it (SPEC section 7): one table for the log and mails."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import requests
from urllib3.exceptions import HTTPError

from webhookui.delivery.addresses import AddressBlocked, NameNotFound
from webhookui.delivery.transport import Answer, DeadlinePassed


@dataclass(frozen=True)
class Diagnosis:
    """`code` for programs, `error` and `advice` for people. `ends`: retrying can't help."""

    code: str
    error: str
    advice: str
    ends: bool = False


def of_exception(error: Exception, *, host: str, timeout_s: float) -> Diagnosis:
    """Why no answer came."""
    text = _deepest(error)
    for fits, code, sentence, advice, ends in _WITHOUT_ANSWER:
        if fits(error, text):
            values = {"host": host, "timeout": f"{timeout_s:g}", "detail": _short(text)}
            return Diagnosis(code, sentence.format(**values), advice.format(**values), ends)
    raise AssertionError("The last row of the table fits every error.")


def of_answer(answer: Answer, *, host: str, because: str = "") -> Diagnosis:
    """Why the answer was not a success; `because` when its status was 2xx and a condition on its body did not hold."""
    code = answer.status_code
    if 200 <= code < 300:
        return Diagnosis(
            "condition",
            f"{host} answered {code}, but {because}",
            "Look at the response, and at “Success is” of the webhook.",
        )
    name, sentence, advice = _ANSWERS.get(code) or _ANSWERS[code // 100]
    return Diagnosis(name, sentence.format(host=host, code=code), advice, ends=code == 410)


def configuration(sentence: str, advice: str = "Mend the webhook, then redeliver.") -> Diagnosis:
    """A mistake of our own that no retry can mend."""
    return Diagnosis("configuration", sentence, advice, ends=True)


def _is(*kinds: type[Exception]) -> Callable[[Exception, str], bool]:
    return lambda error, _text: isinstance(error, kinds)


def _says(pattern: str) -> Callable[[Exception, str], bool]:
    return lambda _error, text: re.search(pattern, text, re.IGNORECASE) is not None


_WITHOUT_ANSWER: tuple[tuple[Callable[[Exception, str], bool], str, str, str, bool], ...] = (
    (
        _is(AddressBlocked), "address_blocked", "The request was not sent: {detail}",
        "Only public addresses are reached. To allow this one, an admin adds its network to WEBHOOKUI_ALLOWED_NETWORKS "
        "or its name to WEBHOOKUI_ALLOWED_HOSTS and restarts (Settings → Network).", True,
    ),
    (
        _is(NameNotFound), "name_not_found", "The name {host} was not found.",
        "Check the spelling of the host in URL to Notify; it may also be a passing failure of DNS.", False,
    ),
    (
        _is(requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema),
        "invalid_url", "The address is not one that can be called: {detail}",
        "Look at URL to Notify and at what its placeholders stand for.", True,
    ),
    (
        _is(DeadlinePassed, requests.ReadTimeout), "timed_out", "{host} did not answer within {timeout} s.",
        "The service may be slow or overloaded and may still have acted on the request. A longer timeout can be set on the webhook.",
        False,
    ),
    (
        _is(requests.ConnectTimeout), "connect_timed_out", "No connection to {host} within {timeout} s.",
        "The service may be down, or a firewall drops the request.", False,
    ),
    (
        _says(r"certificate verify failed|hostname mismatch|doesn't match|self.signed"),
        "certificate", "The certificate of {host} is not trusted: {detail}",
        "The service must present a valid certificate for this name; verification can't be switched off.", False,
    ),
    (
        _says(r"SSL|TLS"), "tls", "No secure connection with {host}: {detail}",
        "Check whether the address should be http:// or another port.", False,
    ),
    (
        _says(r"refused"), "refused", "{host} refused the connection.",
        "Nothing listens at that address and port: check the URL, or whether the service is running.", False,
    ),
    (
        _says(r"unreachable|no route"), "unreachable", "{host} can't be reached from here.",
        "The network has no way to that address.", False,
    ),
    (
        _says(r"BadStatusLine|InvalidChunkLength|Invalid header|LineTooLong|got more than \d+ (bytes|headers)|Illegal header"),
        "not_http", "{host} did not answer in HTTP: {detail}", "Check the port in URL to Notify: another service may listen there.",
        False,
    ),
    (
        _says(r"decod|incorrect header check|gzip"), "undecodable", "The answer of {host} could not be unpacked: {detail}",
        "The service announces a compression that its answer doesn't have.", False,
    ),
    (
        _is(requests.RequestException, HTTPError, OSError), "broken_off", "The connection with {host} broke off: {detail}",
        "The service closed the connection before its answer was complete. It may have acted on the request.", False,
    ),
    (
        _is(Exception), "unsendable", "The request could not be sent to {host}: {detail}",
        "Look at the URL, the headers and the authorization of the webhook for characters that can't be sent.", False,
    ),
)  # fmt: skip

_ANSWERS: dict[int, tuple[str, str, str]] = {
    400: ("bad_request", "{host} answered 400: it did not understand the request.", "Compare the body with what its documentation asks for; its answer often names the field."),
    401: ("unauthorized", "{host} answered 401: the authorization is missing or wrong.", "Type the password or token of the webhook again, then redeliver."),
    403: ("forbidden", "{host} answered 403: the account may not do this.", "Check the rights of the account or token at the third party."),
    404: ("not_found", "{host} answered 404: there is nothing at this address.", "Check the path of URL to Notify, and whether the id in it exists at the third party."),
    405: ("method", "{host} answered 405: this method is not allowed here.", "Try another method (GET, POST, PUT) as its documentation says."),
    408: ("slow_request", "{host} answered 408: it waited too long for the request.", "Mostly passing; it is retried."),
    409: ("conflict", "{host} answered 409: it conflicts with what is stored there.", "The record may exist at the third party already."),
    410: ("gone", "{host} answered 410 Gone: this address is no longer served.", "Change URL to Notify or switch the webhook off; it is not retried."),
    413: ("too_large", "{host} answered 413: the request is too large.", "Send fewer parameters or related records."),
    415: ("media_type", "{host} answered 415: it does not take this content type.", "Choose another Content Type on the webhook."),
    422: ("unprocessable", "{host} answered 422: it refused the values.", "Its answer says which field and why."),
    429: ("too_many", "{host} answered 429: too many requests.", "It is retried later; a rate limit can be set on the webhook."),
    503: ("unavailable", "{host} answered 503: it is not available at the moment.", "It is retried later."),
    1: ("unexpected", "{host} answered {code}.", "That is no complete answer."),
    2: ("unexpected", "{host} answered {code}.", "Look at the response."),
    3: ("redirect", "{host} answered {code}: it sends the request elsewhere.", "Put the address in its Location header into URL to Notify, or let the webhook follow redirects."),
    4: ("refused_request", "{host} answered {code}: it refused the request.", "Its answer says why; compare with its documentation."),
    5: ("server_error", "{host} answered {code}: it failed on its side.", "It is retried; if it goes on, ask the third party with the time of the attempt."),
}  # fmt: skip


def _deepest(error: BaseException) -> str:
    """The words of the innermost cause, which are the most exact."""
    seen = set()
    current: BaseException = error
    while id(current) not in seen:
        seen.add(id(current))
        inner = getattr(current, "reason", None) or (current.args[0] if current.args else None)
        inner = inner if isinstance(inner, BaseException) else current.__cause__
        if not isinstance(inner, BaseException):
            break
        current = inner
    return (
        f"{type(current).__name__}: {current}" if not isinstance(current, requests.RequestException) else str(current)
    )


def _short(text: str) -> str:
    cleaned = re.sub(r"<[^<>]*object at 0x[0-9a-f]+>:?\s*", "", text)
    return cleaned if len(cleaned) <= 200 else cleaned[:199] + "…"
