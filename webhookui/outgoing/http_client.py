"""One HTTP exchange through requests: address filter, one deadline for the whole, limits, timings (specification section 9).

Does not care what is sent or why, nor whether an answer counts as a success.
"""

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from http.client import HTTPException, RemoteDisconnected
from pathlib import Path
from urllib.parse import quote, urljoin

import requests
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError

from webhookui import __version__
from webhookui.core.urls import DEFAULT_PORTS
from webhookui.outgoing.address_policy import AddressBlocked, AddressPolicy, RedirectBlocked
from webhookui.outgoing.connections import Exchange, GuardedAdapter, Watch, this_thread, trusting
from webhookui.outgoing.content_encoding import ASKED_FOR, UNPACKED, EndsTooEarly, Unpacker, coding_of
from webhookui.outgoing.resolver import Address
from webhookui.outgoing.response_head import FinalResponse
from webhookui.outgoing.target import Target, same_origin, target_of
from webhookui.webhooks.redaction import NOTHING_SECRET, Redaction
from webhookui.webhooks.secret_scope import SecretElsewhere

MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
CHUNK = 65536
USER_AGENT = f"webhookui/{__version__}"


class DeadlinePassed(requests.Timeout):
    """The attempt as a whole took longer than its timeout."""


class Interrupted(Exception):
    """The transport was told to end what is in flight: nobody knows whether the request arrived."""


class Misframed(HTTPException):
    """Nobody can tell where the body of the answer ends."""


@dataclass(frozen=True)
class Outgoing:
    """What to send. `own`: the request may reach this application's own inspector."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes | None
    timeout_s: float
    follow_redirects: bool = False
    own: bool = False
    secrets: Redaction = NOTHING_SECRET
    """What no redirect may take along to another scheme, host or port, in its URL, its headers or its body."""

    @property
    def says_a_secret(self) -> bool:
        secrets = self.secrets
        return (
            secrets.text(self.url) != self.url
            or any(secrets.text(value) != value for _, value in self.headers)
            or (self.body is not None and secrets.data(self.body) is not self.body)
        )


@dataclass(frozen=True)
class Hop:
    """An answer that was not the last one of its attempt, and the request that followed it."""

    status_code: int
    method: str
    url: str
    because: str = "redirect"
    """"redirect" or "new_token"."""


@dataclass
class Answer:
    """What came back. `body` holds at most the reading limit, decoded; `cut` tells that there was more. Times in ms.

    `received`: bytes of the body as it came, when something was masked in it since. `broken`: what kept the body from being read
    whole; `body` is then what came before that. `unfollowed`: why a redirect was not followed though redirects are.
    """

    status_code: int
    headers: list[tuple[str, str]]
    body: bytes
    cut: bool
    timing_ms: dict[str, float] = field(default_factory=dict)
    url: str = ""
    received: int | None = None
    broken: Exception | None = None
    unfollowed: str = ""

    def header(self, name: str) -> str:
        """The values of a header, joined by commas; empty when there is none."""
        return ", ".join(value for key, value in self.headers if key.lower() == name)

    @property
    def size(self) -> int:
        """Bytes of the body; one more than was read when there was more."""
        return (len(self.body) if self.received is None else self.received) + self.cut


class Transport:
    """Sends requests on kept-alive connections. One for a process; its threads share it.

    `ca_file`: certificates of authorities that are trusted besides the public ones.
    """

    def __init__(
        self, policy: AddressPolicy, *, read_limit: int, connections: int, ca_file: Path | None = None
    ) -> None:
        self.policy = policy
        self._read_limit = read_limit
        context = trusting(ca_file)
        self._adapters = {scheme: GuardedAdapter(context, connections) for scheme in DEFAULT_PORTS}
        self._watch = Watch()

    def exchange(self, outgoing: Outgoing, hops: list[Hop] | None = None) -> Answer:
        """Sends and reads the answer. `hops` grows by each redirect that is followed, also when the exchange then fails.

        Raises, when no status line came back, requests' exceptions, AddressBlocked, NameNotFound, DeadlinePassed, Interrupted.
        SecretElsewhere for a redirect that would take a secret to another origin.
        """
        deadline = time.monotonic() + outgoing.timeout_s
        started = time.perf_counter()
        hops = [] if hops is None else hops
        answer = self._once(outgoing, deadline)
        for redirects in range(MAX_REDIRECTS + 1):
            location = next((value for name, value in answer.headers if name.lower() == "location"), "")
            if not (outgoing.follow_redirects and location and answer.status_code in REDIRECTS):
                break
            if redirects == MAX_REDIRECTS:
                answer.unfollowed = f"after {MAX_REDIRECTS} redirects already"
                break
            before = outgoing
            try:
                outgoing = redirected(outgoing, answer.status_code, location)
            except requests.exceptions.InvalidURL as error:
                answer.unfollowed = f"with a Location that can't be called: {error}"
                break
            there = target_of(outgoing.url)
            if outgoing.says_a_secret and not same_origin(there, target_of(before.url)):
                raise SecretElsewhere(
                    f"{target_of(before.url).host} answered {answer.status_code} and leads to {there.host}, which a secret of "
                    "this request was not entered for; nothing was sent there. Set that address on the webhook, and enter the "
                    "secret for it."
                )
            hops.append(Hop(answer.status_code, outgoing.method, outgoing.url))
            try:
                answer = self._once(outgoing, deadline)
            except AddressBlocked as blocked:
                raise RedirectBlocked(blocked.host, blocked.address) from None
        answer.timing_ms["total"] = _ms(time.perf_counter() - started)
        return answer

    def interrupt(self) -> None:
        """Ends what is in flight, and whatever is begun from now on, with Interrupted."""
        self._watch.end_all()

    def close(self) -> None:
        for adapter in self._adapters.values():
            adapter.close()

    def _once(self, outgoing: Outgoing, deadline: float) -> Answer:
        try:
            return self._to_any_address(outgoing, deadline)
        except requests.ConnectionError as error:
            # A kept-alive connection that the server closed just as it was used: nothing was answered, try a fresh one.
            closed = isinstance(innermost(error), RemoteDisconnected | ConnectionResetError | BrokenPipeError)
            if this_thread.exchange.fresh or not closed:
                raise
            return self._to_any_address(outgoing, deadline)

    def _to_any_address(self, outgoing: Outgoing, deadline: float) -> Answer:
        """To the first address of the host that takes a connection."""
        target = target_of(outgoing.url)
        before = time.monotonic()
        left = deadline - before
        if left <= 0:
            raise DeadlinePassed("The time was up.")
        addresses = self.policy.pin(target.host, target.port, within_s=left, own=outgoing.own)
        looked_up_s = time.monotonic() - before
        for address in addresses[:-1]:
            try:
                # Only a part of the time: an address that swallows packets must not cost the others their turn.
                connect_s = max(0.0, deadline - time.monotonic()) / 2
                return self._send(outgoing, target, address, deadline, looked_up_s, connect_s)
            except requests.ConnectionError as error:
                if not _not_connected(error):
                    raise
        return self._send(outgoing, target, addresses[-1], deadline, looked_up_s)

    def _send(
        self,
        outgoing: Outgoing,
        target: Target,
        address: Address,
        deadline: float,
        looked_up_s: float,
        connect_s: float | None = None,
    ) -> Answer:
        left = deadline - time.monotonic()
        if left <= 0:
            raise DeadlinePassed("The time was up.")
        exchange = this_thread.exchange = Exchange(deadline)
        started = time.perf_counter()
        self._watch.add(exchange)
        try:
            if exchange.ended:
                raise Interrupted
            request = _prepared(outgoing, target, address)
            response = self._adapters[target.scheme].send(request, stream=True, timeout=(connect_s or left, left))
            first = time.perf_counter()
            head: FinalResponse = response.head  # type: ignore[attr-defined]
            if exchange.ended and head.misframed:  # what cut it off within its headers was us
                raise DeadlinePassed("The time was up.")
            body, cut, broken = self._read(response, deadline)
        except (requests.RequestException, HTTPError, OSError) as error:
            if exchange.ended == "interrupted":
                raise Interrupted from error
            if exchange.ended and not isinstance(error, DeadlinePassed):
                raise DeadlinePassed("The time was up.") from error
            raise
        finally:
            self._watch.remove(exchange)
        if exchange.ended and not cut:  # the end that was read may be our own cutting the connection
            broken = Interrupted() if exchange.ended == "interrupted" else DeadlinePassed("The time was up.")
        timing = {
            "connect": _ms(exchange.connect_s + looked_up_s),
            "tls": _ms(exchange.tls_s),
            "first_byte": _ms(first - started - exchange.connect_s - exchange.tls_s),
            "total": _ms(time.perf_counter() - started + looked_up_s),
        }
        return Answer(response.status_code, head.fields, body, cut, timing, outgoing.url, None, broken)

    def _read(self, response: requests.Response, deadline: float) -> tuple[bytes, bool, Exception | None]:
        """(the unpacked body up to the limit, whether there was more, what kept it from being read whole).

        Only the connection of a body that was read to its end is kept.
        """
        parts: list[bytes] = []
        size = 0
        raw, head = response.raw, response.head  # type: ignore[attr-defined]
        coding = coding_of(head.fields)
        unpacker = Unpacker(coding) if coding in UNPACKED else None
        part = b""
        try:
            if head.misframed:
                raise Misframed(head.misframed)
            while part := raw.read1(CHUNK, decode_content=False):
                unpacked = unpacker.unpack(part, self._read_limit + 1 - size) if unpacker else part
                parts.append(unpacked)
                size += len(unpacked)
                if size > self._read_limit:
                    response.close()
                    return b"".join(parts)[: self._read_limit], True, None
                if time.monotonic() >= deadline:
                    raise DeadlinePassed("The time was up.")
            if unpacker and parts:
                unpacker.finish()
        except (requests.RequestException, HTTPException, HTTPError, OSError, zlib.error, EndsTooEarly) as error:
            response.close()
            if isinstance(error, zlib.error) and not size:  # it was no such thing: as it came, it says the most
                parts = [part[: self._read_limit]]
            late = isinstance(error, ReadTimeoutError | TimeoutError)
            return b"".join(parts), False, DeadlinePassed("The time was up.") if late else error
        raw.release_conn()
        return b"".join(parts), False, None


_ADDED = (("User-Agent", USER_AGENT), ("Accept", "*/*"), ("Accept-Encoding", ASKED_FOR))


def headers_on_the_wire(outgoing: Outgoing, target: Target) -> dict[str, str]:
    """The headers as they go out, in their order: those of the request, and what every request has besides."""
    headers = dict(outgoing.headers)
    named = {name.lower() for name in headers}
    added = (("Host", target.netloc), *_ADDED)
    headers |= {name: value for name, value in added if name.lower() not in named}
    if outgoing.body is not None or outgoing.method not in ("GET", "HEAD", "DELETE"):
        headers["Content-Length"] = str(len(outgoing.body or b""))
    return headers


def _prepared(outgoing: Outgoing, target: Target, address: Address) -> requests.PreparedRequest:
    """A prepared request with exactly these headers; requests adds nothing of its own to them."""
    request = requests.PreparedRequest()
    request.method = outgoing.method
    request.url = target.url
    headers = headers_on_the_wire(outgoing, target)
    request.headers = headers  # type: ignore[assignment]  # the adapter asks for no more than a dict can do
    request.body = outgoing.body
    request.hooks = {"response": []}
    request.pinned = (target, address)  # type: ignore[attr-defined]
    return request


def redirected(outgoing: Outgoing, status_code: int, location: str) -> Outgoing:
    """The request that a redirect asks for: only POST becomes GET, only on 301, 302 and 303 (specification section 4.5).

    Nothing secret goes to another origin. Raises InvalidURL.
    """
    try:
        url = urljoin(outgoing.url, quote(location.encode("latin-1"), safe=_IN_A_URL))
    except ValueError as error:
        raise requests.exceptions.InvalidURL(f"{error}.") from None
    new, old = target_of(url), target_of(outgoing.url)
    same = same_origin(new, old)
    becomes_get = outgoing.method == "POST" and status_code in (301, 302, 303)
    kept = [
        (name, value)
        for name, value in outgoing.headers
        if (same or name.lower() in _HARMLESS) and not (becomes_get and name.lower().startswith("content-"))
    ]
    return replace(
        outgoing,
        method="GET" if becomes_get else outgoing.method,
        url=url,
        headers=kept,
        body=None if becomes_get else outgoing.body,
        own=False,
    )


_IN_A_URL = "".join(map(chr, range(0x21, 0x7F)))
"""What a Location keeps as it is; blanks and other bytes are percent-encoded, as browsers do."""
_HARMLESS = {"content-type", "user-agent", "accept", "accept-encoding", "webhook-id", "webhook-timestamp"}


def innermost(error: BaseException) -> BaseException:
    """The first cause, which says the most exactly what happened."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
        if not isinstance(inner, BaseException):  # urllib3 puts the cause first or last
            inner = error.args[-1] if error.args else None
        inner = inner if isinstance(inner, BaseException) else error.__cause__
        if not isinstance(inner, BaseException):
            break
        error = inner
    return error


def _not_connected(error: requests.ConnectionError) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


def _ms(seconds: float) -> float:
    return round(max(0.0, seconds) * 1000, 2)
