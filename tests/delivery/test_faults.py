"""What third parties can do wrong, and what the log then says: status, next attempt, words (specification sections 6 and 7)."""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import certifi
import pytest

from tests.support.certificates import Authority, tls_server
from tests.support.raw_server import Behaviour, answer, raw_server, read_request
from tests.support.sending import Sending, sending

HOUR = 3600.0
DAY = 24 * HOUR


# ---- what receivers do ------------------------------------------------------------------------------------------------


def says(body: bytes = b"", *, status: str = "200 OK", headers: str = "") -> Behaviour:
    def serve(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(answer(body, status=status, headers=headers))

    return serve


def raw(data: bytes) -> Behaviour:
    def serve(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(data)

    return serve


def then_resets(data: bytes) -> Behaviour:
    def serve(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(data)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return serve


def without_end(start: bytes, again: bytes, pause_s: float = 0.0) -> Behaviour:
    def serve(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(start)
        while True:
            connection.sendall(again)
            time.sleep(pause_s)  # the receiver's own slowness, not the test's

    return serve


def hangs(connection: socket.socket, _number: int) -> None:
    read_request(connection)
    connection.recv(1)


def not_before(seconds: float) -> Behaviour:
    """429 with the date that is so many seconds away."""

    def serve(connection: socket.socket, number: int) -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
        says(status="429 Slow Down", headers=f"Retry-After: {date}\r\n")(connection, number)

    return serve


def plain_http(connection: socket.socket, _number: int) -> None:
    connection.recv(10)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


# ---- the table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """A receiver, and what the first attempt at it comes to. `next_s`: from the attempt to the next; None: there is none."""

    name: str
    receiver: Behaviour | str
    """What it does, or a URL, or the name of a certificate."""
    status: str
    code: str | None
    error: str | None
    advice: str = ""
    next_s: float | None = HOUR
    action: dict[str, Any] = field(default_factory=dict)
    incomplete: str | None = None
    """Why the body is not whole. Its status and headers count all the same."""


def tls_1_0_only(context: ssl.SSLContext) -> None:
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1


def demands_a_certificate(context: ssl.SSLContext) -> None:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certifi.where())


def demands_a_certificate_in_tls_1_2(context: ssl.SSLContext) -> None:
    demands_a_certificate(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2


def knows_no_name(context: ssl.SSLContext) -> None:
    context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


TLS_SERVERS = {
    "TLS 1.0": tls_1_0_only,
    "client": demands_a_certificate,
    "client 1.2": demands_a_certificate_in_tls_1_2,
    "no name": knows_no_name,
}
"""Servers that are special in other ways than by their certificate."""
UNKNOWN_ISSUER = "The certificate of 127.0.0.1 is not trusted: unable to get local issuer certificate."
TOO_EARLY = "The connection to 127.0.0.1 was lost: the answer ended too early."
FAULTS = (
    Fault("refused", "closed port", "retry", "refused", "127.0.0.1 refused the connection.", "Nothing listens"),
    Fault(
        "name not found", "http://no-such-name.invalid/", "retry", "name_not_found",
        "The name no-such-name.invalid was not found.", "Check the spelling",
    ),
    Fault(
        "no answer", raw(b""), "retry", "broken_off",
        "The connection to 127.0.0.1 was lost: it was closed without an answer.", "It may have acted on the request",
    ),
    Fault(
        "reset before the answer", then_resets(b""), "retry", "broken_off",
        "The connection to 127.0.0.1 was lost: it was reset.", "It may have acted on the request",
    ),
    Fault(
        "reset in the body", then_resets(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), "success", None, None,
        next_s=None, incomplete="The connection to 127.0.0.1 was lost: it was reset.",
    ),
    Fault(
        "ends in the body", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), "success", None, None, next_s=None,
        incomplete=TOO_EARLY,
    ),
    Fault(
        "410 that ends in the body", raw(b"HTTP/1.1 410 Gone\r\nContent-Length: 100\r\n\r\nhalf"), "failed", "gone",
        "127.0.0.1 answered 410 Gone: this address is no longer served.", "switch the webhook off", next_s=None,
        incomplete=TOO_EARLY,
    ),
    Fault(
        "429 that ends in the body", raw(b"HTTP/1.1 429 Slow\r\nRetry-After: 7300\r\nContent-Length: 100\r\n\r\n"), "retry",
        "too_many", "127.0.0.1 answered 429: too many requests.", "a rate limit can be set", next_s=7300, incomplete=TOO_EARLY,
    ),
    Fault(
        "200 that ends in the body, where the body has to say something",
        raw(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ok":true}'), "retry", "condition",
        f"127.0.0.1 answered 200, but the body is incomplete. {TOO_EARLY}", "“Success is”",
        action={"success_if": {"type": "JSONPATH", "path": "$.ok", "equals": "true"}}, incomplete=TOO_EARLY,
    ),
    Fault(
        "200 that is compressed otherwise, where the body has to say something",
        says(b"\x0b\x05\x80{\"ok\":true}\x03", headers="Content-Encoding: br\r\n"), "retry", "condition",
        "127.0.0.1 answered 200, but the body is compressed (br), which was not requested and is not unpacked.", "“Success is”",
        action={"success_if": {"type": "JSONPATH", "path": "$.ok", "equals": "true"}},
    ),
    Fault("two lengths", says(b"ok", headers="Content-Length: 9\r\n"), "success", None, None, next_s=None,
        incomplete="It is unclear where the answer of 127.0.0.1 ends: its length is given as “2, 9”.",
    ),
    Fault(
        "ends in a chunk", raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal"), "success", None, None,
        next_s=None, incomplete=TOO_EARLY,
    ),
    Fault(
        "chunks of no size", raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), "success", None, None,
        next_s=None, incomplete=TOO_EARLY,
    ),
    Fault(
        "interim answers before the final one",
        raw(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), "success",
        None, None, next_s=None,
    ),
    Fault(
        "an interim answer alone", raw(b"HTTP/1.1 102 Processing\r\n\r\n"), "retry", "broken_off", TOO_EARLY,
        "It may have acted on the request",
    ),
    Fault(
        "another protocol, by HTTP", raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x00"), "retry",
        "unexpected", "127.0.0.1 answered 101: it switched to another protocol, which was not requested.", "WebSocket",
    ),
    Fault("a good certificate", "127.0.0.1", "success", None, None, next_s=None),
    Fault(
        "a certificate for another name", "other.example", "retry", "certificate",
        "The certificate of 127.0.0.1 is not trusted: IP address mismatch, certificate is not valid for '127.0.0.1'.",
        "verification can't be switched off",
    ),
    Fault(
        "a self-signed certificate", "127.0.0.1 self-signed", "retry", "certificate",
        "The certificate of 127.0.0.1 is not trusted: self-signed certificate.", "WEBHOOKUI_CA_FILE",
    ),
    Fault(
        "an expired certificate", "127.0.0.1 expired", "retry", "certificate",
        "The certificate of 127.0.0.1 is not trusted: certificate has expired.", "verification can't be switched off",
    ),
    Fault(
        "a certificate of tomorrow", "127.0.0.1 not yet", "retry", "certificate",
        "The certificate of 127.0.0.1 is not trusted: certificate is not yet valid.", "clock may be wrong",
    ),
    Fault("an incomplete chain", "127.0.0.1 incomplete", "retry", "certificate", UNKNOWN_ISSUER, "send the whole chain"),
    Fault(
        "an authority that nobody knows", "127.0.0.1 stranger", "retry", "certificate",
        "The certificate of 127.0.0.1 is not trusted: self-signed certificate in certificate chain.", "one of the public ones",
    ),
    Fault(
        "TLS 1.0 alone", "127.0.0.1 TLS 1.0", "retry", "tls",
        "No secure connection to 127.0.0.1: it offers no TLS version from 1.2 on.", "has to offer TLS 1.2 or 1.3",
    ),
    Fault(
        "a client certificate demanded", "127.0.0.1 client", "retry", "tls",
        "No secure connection to 127.0.0.1: it requires a client certificate.", "can't be presented from here",
    ),
    Fault(
        "a client certificate demanded in TLS 1.2", "127.0.0.1 client 1.2", "retry", "tls",
        "No secure connection to 127.0.0.1: sslv3 alert handshake failure.", "It requires a client certificate",
    ),
    Fault(
        "a name that the server does not know", "https://localhost/ no name", "retry", "tls",
        "No secure connection to localhost: it does not know this name.", "answers under other names only",
    ),
    Fault(
        "closed within the handshake", "https closed", "retry", "tls",
        "No secure connection to 127.0.0.1: it was closed while it was being made.", "A firewall or proxy",
    ),
    Fault(
        "https to a server that speaks http", "https to http", "retry", "tls",
        "No secure connection to 127.0.0.1: wrong version number.", "whether the address should be http://",
    ),
    Fault(
        "another protocol", raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "retry", "not_http",
        "127.0.0.1 did not answer in HTTP: it began with “SSH-2.0-OpenSSH_9.2”.", "Check the port",
    ),
    Fault(
        "words of a refusal in another protocol", raw(b"554 refused, SSL certificate verify failed\r\n"), "retry", "not_http",
        "127.0.0.1 did not answer in HTTP: it began with “554 refused, SSL certificate verify failed”.", "Check the port",
    ),
    Fault(
        "a long header", says(headers=f"X-Long: {'x' * 70_000}\r\n"), "retry", "headers_too_large",
        "127.0.0.1 answered with more than 64 KiB of headers.", "ask the third party",
    ),
    Fault(
        "headers that are long together", says(headers=f"X-Long: {'x' * 3_000}\r\n" * 30), "retry", "headers_too_large",
        "127.0.0.1 answered with more than 64 KiB of headers.", "ask the third party",
    ),
    Fault(
        "endless headers", without_end(b"HTTP/1.1 200 OK\r\n", b"X-More: yes\r\n" * 50), "retry", "headers_too_large",
        "127.0.0.1 answered with more than a hundred headers.", "ask the third party",
    ),
    Fault(
        "an endless header", without_end(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 65536), "retry", "headers_too_large",
        "127.0.0.1 answered with more than 64 KiB of headers.", "ask the third party",
    ),
    Fault(
        "endless interim answers", without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), "retry", "headers_too_large",
        "127.0.0.1 answered with more than 64 KiB of headers.", "ask the third party",
    ),
    Fault(
        "an endless body", without_end(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536), "success", None, None, next_s=None,
    ),
    Fault(
        "a compression that is none", says(b"this is not gzip", headers="Content-Encoding: gzip\r\n"), "success", None, None,
        next_s=None,
        incomplete="The answer of 127.0.0.1 could not be unpacked: Error -3 while decompressing data: incorrect header check.",
    ),
    Fault(
        "compressed twice", says(gzip.compress(gzip.compress(b"{}")), headers="Content-Encoding: gzip, gzip\r\n"), "success",
        None, None, next_s=None,
    ),
    Fault(
        "hangs", hangs, "retry", "timed_out", "127.0.0.1 did not answer in full within 1 s.",
        "may still have acted", action={"timeout_s": 1},
    ),
    Fault(
        "headers a byte a second", without_end(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", 1), "retry", "timed_out",
        "127.0.0.1 did not answer in full within 2 s.", "may still have acted", action={"timeout_s": 2},
    ),
    Fault(
        "a body a byte a second", without_end(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x", 1), "success", None,
        None, next_s=None, action={"timeout_s": 2}, incomplete="127.0.0.1 did not answer in full within 2 s.",
    ),
    Fault(
        "a body without length a byte a second", without_end(b"HTTP/1.1 200 OK\r\n\r\n", b"x", 1), "success", None,
        None, next_s=None, action={"timeout_s": 2}, incomplete="127.0.0.1 did not answer in full within 2 s.",
    ),
    Fault(
        "a redirect that is not followed", says(status="301 Moved", headers="Location: http://10.0.0.1/\r\n"), "retry",
        "redirect", "127.0.0.1 answered 301: it sends the request elsewhere.", "let the webhook follow redirects",
    ),
    Fault(
        "a redirect to a private address", says(status="301 Moved", headers="Location: http://10.0.0.1/\r\n"), "failed",
        "address_blocked", "The redirect was not followed: 10.0.0.1 is not a public address.", "Settings → Network",
        next_s=None, action={"follow_redirects": True},
    ),
    Fault(
        "a redirect to itself", says(status="302 Found", headers="Location: /\r\n"), "retry", "redirect",
        "127.0.0.1 answered 302: it sends the request elsewhere, after 5 redirects already.", "the last redirect",
        action={"follow_redirects": True},
    ),
    Fault(
        "a redirect without a place", says(status="303 See Other"), "retry", "redirect",
        "127.0.0.1 answered 303: it sends the request elsewhere, without saying where to (it has no Location header).",
        "the last redirect", action={"follow_redirects": True},
    ),
    Fault(
        "304", says(status="304 Not Modified", headers="Location: /elsewhere\r\n"), "retry", "not_modified",
        "127.0.0.1 answered 304: nothing has changed since an earlier answer, but none is kept here.", "If-None-Match",
        action={"follow_redirects": True},
    ),
    Fault(
        "300", says(status="300 Multiple Choices", headers="Location: /elsewhere\r\n"), "retry", "redirect",
        "127.0.0.1 answered 300: it has several addresses to choose from.", "Its answer lists them",
        action={"follow_redirects": True},
    ),
    Fault(
        "a redirect to nowhere", says(status="302 Found", headers="Location: ftp://127.0.0.1/\r\n"), "retry", "redirect",
        "127.0.0.1 answered 302: it sends the request elsewhere, with a Location that can't be called: It does not start with "
        "http:// or https://.", "the last redirect", action={"follow_redirects": True},
    ),
    Fault(
        "a redirect to a name that is not found", says(status="302 Found", headers="Location: http://no-such.invalid/\r\n"),
        "retry", "name_not_found", "The name no-such.invalid was not found.", "Check the spelling",
        action={"follow_redirects": True},
    ),
    Fault(
        "429 with Retry-After later than the schedule", says(status="429 Slow Down", headers="Retry-After: 7300\r\n"), "retry",
        "too_many", "127.0.0.1 answered 429: too many requests.", "a rate limit can be set", next_s=7300,
    ),
    Fault(
        "429 with Retry-After earlier than the schedule", says(status="429 Slow Down", headers="Retry-After: 5\r\n"), "retry",
        "too_many", "127.0.0.1 answered 429: too many requests.", "a rate limit can be set",
    ),
    Fault(
        "429 with a date", not_before(2 * HOUR), "retry", "too_many",
        "127.0.0.1 answered 429: too many requests.", "a rate limit can be set", next_s=2 * HOUR,
    ),
    Fault(
        "429 with a date in the past", not_before(-HOUR), "retry",
        "too_many", "127.0.0.1 answered 429: too many requests.", "a rate limit can be set",
    ),
    Fault(
        "429 with nonsense", says(status="429 Slow Down", headers="Retry-After: soon\r\n"), "retry", "too_many",
        "127.0.0.1 answered 429: too many requests.", "a rate limit can be set",
    ),
    Fault(
        "429 for a century", says(status="429 Slow Down", headers="Retry-After: 3155760000\r\n"), "retry", "too_many",
        "127.0.0.1 answered 429: too many requests.", "a rate limit can be set", next_s=7 * DAY,
    ),
    Fault(
        "503 with Retry-After", says(status="503 Busy", headers="Retry-After: 5400\r\n"), "retry", "unavailable",
        "127.0.0.1 answered 503: it is not available at the moment.", "Usually temporary", next_s=5400,
    ),
    Fault(
        "500 with Retry-After, which means nothing there", says(status="500 Oops", headers="Retry-After: 7300\r\n"), "retry",
        "server_error", "127.0.0.1 answered 500: it failed on its side.", "ask the third party",
    ),
    Fault(
        "401", says(status="401 Unauthorized"), "retry", "unauthorized",
        "127.0.0.1 answered 401: the authorization is missing or wrong.", "Enter the password or token",
    ),
    Fault(
        "404", says(status="404 Not Found"), "retry", "not_found", "127.0.0.1 answered 404: there is nothing at this address.",
        "Check the path",
    ),
    Fault(
        "410", says(status="410 Gone"), "failed", "gone", "127.0.0.1 answered 410 Gone: this address is no longer served.",
        "switch the webhook off", next_s=None,
    ),
    Fault(
        "422", says(b'{"error":"amount"}', status="422 No"), "retry", "unprocessable",
        "127.0.0.1 answered 422: it refused the values.", "says which field",
    ),
    Fault(
        "a status that is none", says(status="999 Go Away"), "retry", "unexpected",
        "127.0.0.1 answered 999, which is not an HTTP status.", "ask the third party",
    ),
    Fault(
        "200 with an error inside", says(b'{"ok":false}'), "retry", "condition",
        "127.0.0.1 answered 200, but $.ok is “false”, not “true”.", "“Success is”",
        action={"success_if": {"type": "JSONPATH", "path": "$.ok", "equals": "true"}},
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Sending]:
    with sending(tmp_path_factory.mktemp("faults"), ca_file=authority.ca_file) as new_room:
        yield new_room


def url_of(fault: Fault, authority: Authority, stack: ExitStack) -> str:
    if not isinstance(fault.receiver, str):
        return stack.enter_context(raw_server(fault.receiver))
    if fault.receiver == "closed port":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return f"http://127.0.0.1:{free.getsockname()[1]}/"
    if fault.receiver == "https closed":
        return stack.enter_context(
            raw_server(lambda connection, _number: bool(connection.recv(65536)) and None)
        ).replace("http:", "https:")
    if fault.receiver == "https://localhost/ no name":
        certificate = authority.issue("localhost")
        server = tls_server(certificate, says(b"{}"), knows_no_name)
        return stack.enter_context(server).replace("127.0.0.1", "localhost")
    if fault.receiver == "https to http":
        return stack.enter_context(raw_server(plain_http)).replace("http:", "https:")
    if fault.receiver.startswith("http"):
        return fault.receiver
    name, _, kind = fault.receiver.partition(" ")
    certificate = authority.issue(name, kind if kind not in TLS_SERVERS else "")
    return stack.enter_context(tls_server(certificate, says(b"{}"), TLS_SERVERS.get(kind, lambda _context: None)))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_comes_to_what_the_table_says(fault: Fault, room: Sending, authority: Authority) -> None:
    with ExitStack() as stack:
        logged = room.send(url_of(fault, authority, stack), fault.name, **fault.action)
    delivery, attempt = logged.delivery, logged.last
    assert len(logged.attempts) == 1
    assert (delivery.status, attempt.error_code, attempt.error) == (fault.status, fault.code, fault.error)
    assert delivery.error == fault.error
    assert fault.advice in (attempt.advice or "")
    assert attempt.incomplete == fault.incomplete
    assert (attempt.outcome == "success") == (fault.status == "success")
    if fault.next_s is None:
        assert delivery.next_attempt_at is None
        assert delivery.finished_at is not None
    else:
        assert delivery.next_attempt_at is not None
        assert delivery.finished_at is None
        took = float(attempt.timing_ms["total"])
        ended = attempt.at + timedelta(milliseconds=took)
        assert abs((delivery.next_attempt_at - ended).total_seconds() - fault.next_s) < 5
    assert float(attempt.timing_ms["total"]) <= (fault.action.get("timeout_s", 10) + 0.5) * 1000
    assert delivery.claimed_by is None
