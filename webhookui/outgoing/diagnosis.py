"""What went wrong with an attempt, in plain words with what to do about it (specification section 7): one table for the log, the
mails and `docs/delivery.md` (`scripts/make_docs.py`).
"""

import re
import ssl
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from http.client import BadStatusLine, HTTPException, IncompleteRead, LineTooLong, RemoteDisconnected

import requests
from urllib3.exceptions import DecodeError, HTTPError

from webhookui.outgoing.address_policy import AddressBlocked
from webhookui.outgoing.content_encoding import EndsTooEarly, packed_as
from webhookui.outgoing.http_client import REDIRECTS, Answer, DeadlinePassed, Interrupted, Misframed, innermost
from webhookui.outgoing.resolver import NameNotFound, NameSlow
from webhookui.outgoing.response_head import HeadTooLarge


@dataclass(frozen=True)
class Diagnosis:
    """`code` for programs, `error` and `advice` for people. `ends`: retrying can't help."""

    code: str
    error: str
    advice: str
    ends: bool = False


def of_exception(error: Exception, *, host: str, timeout_s: float, clean: Callable[[str], str] = str) -> Diagnosis:
    """Why no answer came. `clean` takes secrets out of what the exception says, before it is cut."""
    inner = innermost(error)
    for kinds, code, sentence, advice, ends in WITHOUT_ANSWER:
        if isinstance(error, kinds) or isinstance(inner, kinds):
            values = {"host": host, "timeout": f"{timeout_s:g}", "detail": _detail(inner, clean)}
            if isinstance(inner, ssl.SSLCertVerificationError):
                advice = _CERTIFICATES.get(inner.verify_code, _OTHER_CERTIFICATE)
            elif isinstance(inner, ssl.SSLError):
                advice = _tls_words(inner)[1]
            return Diagnosis(code, sentence.format(**values), advice.format(**values), ends)
    raise AssertionError("The last line of the table takes every exception.")


def of_answer(answer: Answer, *, host: str, because: str = "") -> Diagnosis:
    """Why the answer was not a success; `because` when its status was 2xx and a condition on its body did not hold."""
    code = answer.status_code
    if 200 <= code < 300:
        return Diagnosis(
            "condition",
            f"{host} answered {code}, but {because}",
            "Look at the response, and at “Success is” of the webhook.",
        )
    if code in REDIRECTS and (answer.unfollowed or not answer.header("location")):
        where = answer.unfollowed or "without saying where to (it has no Location header)"
        return Diagnosis("redirect", NOWHERE[0].format(host=host, code=code, where=where.rstrip(".")), NOWHERE[1])
    name, sentence, advice = ANSWERS.get(code) or ANSWERS.get(code // 100) or ANSWERS[0]
    return Diagnosis(name, sentence.format(host=host, code=code), advice, ends=code == 410)


def of_body(answer: Answer, *, host: str, timeout_s: float, clean: Callable[[str], str] = str) -> str:
    """Why the body of an answer is not whole, a sentence; empty when it is. Its status and headers count all the same."""
    if answer.broken is None:
        return ""
    return of_exception(answer.broken, host=host, timeout_s=timeout_s, clean=clean).error


def unreadable(answer: Answer, incomplete: str) -> str:
    """Why nothing can be taken out of the body, a sentence; empty when something can. `incomplete`: what `of_body` says."""
    if incomplete:
        return f"The body is incomplete. {incomplete}"
    coding = packed_as(answer.headers)
    if coding and answer.body:
        return f"The body is compressed ({coding}), which was not requested and is not unpacked."
    return ""


def configuration(sentence: str) -> Diagnosis:
    """A mistake of our own that no retry can fix."""
    return Diagnosis("configuration", sentence, "Fix the webhook, then redeliver.", ends=True)


_Kinds = type[BaseException] | tuple[type[BaseException], ...]

WITHOUT_ANSWER: tuple[tuple[_Kinds, str, str, str, bool], ...] = (
    (
        AddressBlocked, "address_blocked", "{detail}",
        "Only public addresses are reached. To allow this one, an admin adds its network or its name under Settings → Network; "
        "then redeliver.", True,
    ),
    (
        NameNotFound, "name_not_found", "The name {host} was not found.",
        "Check the spelling of the host in URL to Notify; it may also be a temporary DNS failure.", False,
    ),
    (
        NameSlow, "name_slow", "The name {host} could not be looked up within {timeout} s.",
        "The name server did not answer; ask whoever runs the network if it persists.", False,
    ),
    (
        (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema),
        "invalid_url", "The address can't be called: {detail}",
        "Look at URL to Notify and at what its placeholders stand for.", True,
    ),
    (
        (DeadlinePassed, requests.ReadTimeout), "timed_out", "{host} did not answer in full within {timeout} s.",
        "The service may be slow or overloaded and may still have acted on the request. A longer timeout can be set on the webhook.",
        False,
    ),
    (
        requests.ConnectTimeout, "connect_timed_out", "No connection to {host} within {timeout} s.",
        "The service may be down, or a firewall drops the request.", False,
    ),
    (
        ssl.SSLCertVerificationError, "certificate", "The certificate of {host} is not trusted: {detail}.",
        "Depends on what is wrong with it: expired, issued for another name, from an unknown authority, sent without its chain. Verification "
        "can't be switched off; your own authority is trusted through WEBHOOKUI_CA_FILE.", False,
    ),
    (
        ssl.SSLError, "tls", "No secure connection to {host}: {detail}.",
        "Depends on why: no TLS there at all, only versions before 1.2, a client certificate required, a name that it does not know.", False,
    ),
    (
        ConnectionRefusedError, "refused", "{host} refused the connection.",
        "Nothing listens at that address and port: check the URL, or whether the service is running.", False,
    ),
    (
        Interrupted, "stopped", "This installation was stopped while {host} was answering.",
        "Nothing is wrong at the third party.", False,
    ),
    (
        (ConnectionError, IncompleteRead), "broken_off", "The connection to {host} was lost: {detail}.",
        "The service closed the connection before its answer was complete. It may have acted on the request.", False,
    ),
    (
        HeadTooLarge, "headers_too_large", "{host} answered with {detail}.",
        "No answer needs that many; ask the third party, or check whether it sets a cookie over and over.", False,
    ),
    (
        (BadStatusLine, LineTooLong), "not_http", "{host} did not answer in HTTP: {detail}.",
        "Check the port in URL to Notify: another service may listen there.", False,
    ),
    (
        Misframed, "misframed", "It is unclear where the answer of {host} ends: {detail}.",
        "The service, or a proxy in front of it, violates HTTP: ask whoever runs it.", False,
    ),
    (
        (zlib.error, EndsTooEarly, DecodeError), "undecodable", "The answer of {host} could not be unpacked: {detail}.",
        "The service announces a compression that its answer doesn't have.", False,
    ),
    (
        (HTTPException, HTTPError), "not_http", "{host} did not answer in HTTP: {detail}.",
        "Check the port in URL to Notify: another service may listen there.", False,
    ),
    (
        OSError, "unreachable", "{host} can't be reached from here: {detail}.",
        "There is no route to that address, or this machine is short of resources.", False,
    ),
    (
        Exception, "unexpected", "The request could not be made: {detail}.",
        "This should not happen: please report it, with the settings of the webhook.", False,
    ),
)  # fmt: skip

NOWHERE = (
    "{host} answered {code}: it sends the request elsewhere, {where}.",
    "Open the address of the last redirect to see where it leads, and put the right one into URL to Notify.",
)
"""A redirect that leads nowhere."""

ANSWERS: dict[int, tuple[str, str, str]] = {
    101: ("unexpected", "{host} answered 101: it switched to another protocol, which was not requested.", "Check the path of URL to Notify: it may be that of a WebSocket."),
    300: ("redirect", "{host} answered 300: it has several addresses to choose from.", "Its answer lists them: put the right one into URL to Notify."),
    304: ("not_modified", "{host} answered 304: nothing has changed since an earlier answer, but none is kept here.", "Look at the headers of the webhook: If-None-Match and If-Modified-Since ask for this answer."),
    400: ("bad_request", "{host} answered 400: it did not understand the request.", "Compare the body with its documentation; its answer often names the field."),
    401: ("unauthorized", "{host} answered 401: the authorization is missing or wrong.", "Enter the password or token of the webhook again, then redeliver."),
    403: ("forbidden", "{host} answered 403: the account may not do this.", "Check the rights of the account or token at the third party."),
    404: ("not_found", "{host} answered 404: there is nothing at this address.", "Check the path of URL to Notify, and whether the id in it exists at the third party."),
    405: ("method", "{host} answered 405: this method is not allowed here.", "Try another method (GET, POST, PUT) as its documentation says."),
    408: ("slow_request", "{host} answered 408: it waited too long for the request.", "Usually temporary; if it persists, ask the third party."),
    409: ("conflict", "{host} answered 409: it conflicts with what is stored there.", "The record may exist at the third party already."),
    410: ("gone", "{host} answered 410 Gone: this address is no longer served.", "Change URL to Notify or switch the webhook off; it is not retried."),
    413: ("too_large", "{host} answered 413: the request is too large.", "Send fewer parameters or related records."),
    415: ("media_type", "{host} answered 415: it does not accept this content type.", "Choose another Content Type on the webhook."),
    422: ("unprocessable", "{host} answered 422: it refused the values.", "Its answer says which field and why."),
    429: ("too_many", "{host} answered 429: too many requests.", "Usually temporary; a rate limit can be set on the webhook."),
    503: ("unavailable", "{host} answered 503: it is not available at the moment.", "Usually temporary; if it persists, ask the third party."),
    0: ("unexpected", "{host} answered {code}, which is not an HTTP status.", "Its answer may say why; ask the third party."),
    1: ("unexpected", "{host} answered {code}.", "That is not a final answer."),
    2: ("unexpected", "{host} answered {code}.", "Look at the response."),
    3: ("redirect", "{host} answered {code}: it sends the request elsewhere.", "Put the address in its Location header into URL to Notify, or let the webhook follow redirects."),
    4: ("refused_request", "{host} answered {code}: it refused the request.", "Its answer says why; compare with its documentation."),
    5: ("server_error", "{host} answered {code}: it failed on its side.", "If it persists, ask the third party and give the time of the attempt."),
}  # fmt: skip


def _tls_words(error: ssl.SSLError) -> tuple[str, str]:
    """(why, a part of a sentence; what to do), by what OpenSSL says."""
    reason = error.reason or str(error)
    plain = reason.replace("_", " ").lower()
    for parts, words, advice in _REASONS:
        if any(part in reason.upper().replace(" ", "_") for part in parts):
            return words or plain, advice
    return plain, "Ask whoever runs the service; its own log may say more."


def _detail(error: BaseException, clean: Callable[[str], str]) -> str:
    """What an exception says, for people, without names of classes where they say nothing, without control characters."""
    if isinstance(error, ssl.SSLCertVerificationError):
        text = error.verify_message.rstrip(".")
    elif isinstance(error, ssl.SSLError):
        text = _tls_words(error)[0]
    elif isinstance(error, RemoteDisconnected):
        text = "it was closed without an answer"
    elif isinstance(error, ConnectionResetError):
        text = "it was reset"
    elif isinstance(error, BrokenPipeError):
        text = "it was closed while the request was being sent"
    elif isinstance(error, IncompleteRead):
        text = "the answer ended too early"
    elif isinstance(error, LineTooLong):
        text = "a line without an end"
    elif isinstance(error, BadStatusLine):
        text = f"it began with “{clean(str(error)).strip()[:80]}”"
    elif isinstance(error, OSError) and error.strerror:
        text = error.strerror
    elif isinstance(error, requests.RequestException | HeadTooLarge | Misframed | zlib.error | EndsTooEarly):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return one_line(clean(text), 200)


def one_line(text: str, longest: int) -> str:
    """Without control characters and halves of characters."""
    line = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+", " ", text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


_NO_SWITCH = "verification can't be switched off."
_OTHER_CERTIFICATE = f"The service must present a valid certificate for this name; {_NO_SWITCH}"
_CERTIFICATES: dict[int, str] = {
    9: f"It is not valid yet: this machine's clock may be wrong, or the third party's; {_NO_SWITCH}",
    10: f"The third party has to renew it, unless this machine's clock is wrong; {_NO_SWITCH}",
    18: "The service has signed it itself. Trust it through WEBHOOKUI_CA_FILE if it is your own; otherwise the third party needs "
    f"one of a public authority; {_NO_SWITCH}",
    19: f"Its authority is not one of the public ones. Trust it through WEBHOOKUI_CA_FILE if it is your own; {_NO_SWITCH}",
    20: "The service may leave out the intermediate certificates, which browsers find by themselves: it has to send the whole "
    f"chain. If its authority is your own, trust it through WEBHOOKUI_CA_FILE; {_NO_SWITCH}",
    23: f"Its authority has revoked it: the third party needs a new one; {_NO_SWITCH}",
    62: f"It was issued for another name: check the host in URL to Notify; {_NO_SWITCH}",
    64: f"It was issued for another name: use the name that it is for in URL to Notify; {_NO_SWITCH}",
}
"""OpenSSL's codes of verification → what to do."""
_CERTIFICATES[21] = _CERTIFICATES[20]

_REASONS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"),
        "",
        "Something other than TLS answers there: check whether the address should be http:// or another port.",
    ),
    (
        ("UNSUPPORTED_PROTOCOL", "ALERT_PROTOCOL_VERSION", "VERSION_TOO_LOW", "ALERT_INSUFFICIENT_SECURITY"),
        "it offers no TLS version from 1.2 on",
        "The service has to offer TLS 1.2 or 1.3; older ones are not safe. Ask whoever runs it.",
    ),
    (
        ("CERTIFICATE_REQUIRED",),
        "it requires a client certificate",
        "A client certificate can't be presented from here: ask the third party for another address or authorization.",
    ),
    (
        ("ALERT_HANDSHAKE_FAILURE",),
        "",
        "It requires a client certificate, which can't be presented from here, or offers no cipher that is still safe. "
        "Ask whoever runs it.",
    ),
    (
        ("UNRECOGNIZED_NAME",),
        "it does not know this name",
        "Check the host in URL to Notify: the service answers under other names only.",
    ),
    (
        ("LEGACY_RENEGOTIATION", "DH_KEY_TOO_SMALL", "EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "NO_SHARED_CIPHER"),
        "",
        "Its encryption is too old to be safe: the third party has to renew it.",
    ),
    (
        ("UNEXPECTED_EOF", "CONNECTION_RESET"),
        "it was closed while it was being made",
        "A firewall or proxy on the way may not let it through, or the service is overloaded.",
    ),
)
"""Parts of OpenSSL's reasons → (what to say in its place, what to do)."""
