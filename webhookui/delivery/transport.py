"""One HTTP exchange through requests: address filter, one deadline for the whole, limits, timings (SPEC section 9).

Does not care what is sent or why, nor whether an answer counts as a success.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import DEFAULT_POOLBLOCK
from requests.structures import CaseInsensitiveDict
from requests_hardened.ip_filter_adapter import IPFilterAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from webhookui import __version__
from webhookui.delivery.addresses import AddressPolicy

MAX_REDIRECTS = 5
CHUNK = 65536
USER_AGENT = f"webhookui/{__version__}"
DEFAULT_PORTS = {"http": 80, "https": 443}


class DeadlinePassed(requests.Timeout):
    """The attempt as a whole took longer than its timeout."""


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


@dataclass
class Answer:
    """What came back. `body` holds at most the reading limit, decoded; `cut` tells that there was more. Times in ms."""

    status_code: int
    headers: list[tuple[str, str]]
    body: bytes
    cut: bool
    timing_ms: dict[str, float] = field(default_factory=dict)
    url: str = ""


class _Exchange:
    """What the exchange under way has told: its connection, how long its parts took, and whether its time ran out."""

    __slots__ = ("connect_s", "connection", "deadline", "fresh", "late", "tls_s")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.connection: Any = None
        self.fresh = False
        self.late = False
        self.connect_s = 0.0
        self.tls_s = 0.0


class _ThisThread(threading.local):
    exchange = _Exchange(0.0)


_this_thread = _ThisThread()


class _TracedMixin:
    """Notes when a connection was made and which one carries the request."""

    def _new_conn(self) -> socket.socket:
        exchange = _this_thread.exchange
        exchange.fresh = True
        before = time.perf_counter()
        made: socket.socket = super()._new_conn()  # type: ignore[misc]
        exchange.connect_s = time.perf_counter() - before
        return made

    def connect(self) -> None:
        exchange = _this_thread.exchange
        exchange.connection = self
        before = time.perf_counter()
        super().connect()  # type: ignore[misc]
        exchange.tls_s = max(0.0, time.perf_counter() - before - exchange.connect_s)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _this_thread.exchange.connection = self
        super().request(*args, **kwargs)  # type: ignore[misc]


class _TracedHTTP(_TracedMixin, HTTPConnection):
    pass


class _TracedHTTPS(_TracedMixin, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _TracedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _TracedHTTPS


class GuardedAdapter(IPFilterAdapter):
    """requests-hardened's adapter with our policy in the place of its list: the connection goes to a judged address."""

    def __init__(self, policy: AddressPolicy, *, https: bool, connections: int) -> None:
        self._policy = policy
        self._connections = connections
        super().__init__(is_https_proto=https)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = DEFAULT_POOLBLOCK, **kwargs: Any) -> None:
        self.poolmanager = PoolManager(num_pools=256, maxsize=self._connections, block=False, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        # The base class would judge with its own list; its grandparent only splits the URL.
        host_params, pool_kwargs = super(IPFilterAdapter, self).build_connection_pool_key_attributes(
            request, verify, cert
        )
        host = host_params["host"].strip("[]")
        port = host_params["port"] or DEFAULT_PORTS[host_params["scheme"]]
        if host_params["scheme"] == "https":
            pool_kwargs["assert_hostname"] = host
            pool_kwargs["server_hostname"] = host.rstrip(".")
        host_params["host"] = self._policy.pin(host, port, own=getattr(request, "own", False))
        return host_params, pool_kwargs


class _Watch:
    """Ends connections whose time is up, even while a thread is blocked on them: a server that trickles holds nobody."""

    INTERVAL_S = 0.05

    def __init__(self) -> None:
        self._under_way: set[_Exchange] = set()
        self._any = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, exchange: _Exchange) -> None:
        with self._lock:
            self._under_way.add(exchange)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
        self._any.set()

    def remove(self, exchange: _Exchange) -> None:
        with self._lock:
            self._under_way.discard(exchange)
            if not self._under_way:
                self._any.clear()

    def _run(self) -> None:
        while True:
            self._any.wait()
            time.sleep(self.INTERVAL_S)
            now = time.monotonic()
            with self._lock:
                late = [exchange for exchange in self._under_way if now >= exchange.deadline]
                self._under_way.difference_update(late)
            for exchange in late:
                _end(exchange)


def _end(exchange: _Exchange) -> None:
    exchange.late = True
    connected = getattr(exchange.connection, "sock", None)
    if connected is not None:
        with contextlib.suppress(OSError):
            # shutdown wakes a thread that is blocked in recv; close alone does not
            socket.socket.shutdown(connected, socket.SHUT_RDWR)


class Transport:
    """Sends requests on kept-alive connections. One for a process; its threads share it."""

    def __init__(self, policy: AddressPolicy, *, read_limit: int, connections: int) -> None:
        self.policy = policy
        self._read_limit = read_limit
        self._adapters = {
            scheme: GuardedAdapter(policy, https=scheme == "https", connections=connections)
            for scheme in ("http", "https")
        }
        self._watch = _Watch()

    def exchange(self, outgoing: Outgoing) -> Answer:
        """Sends and reads the answer. Raises requests' exceptions, AddressBlocked, NameNotFound, DeadlinePassed."""
        deadline = time.monotonic() + outgoing.timeout_s
        started = time.perf_counter()
        answer = self._once(outgoing, deadline)
        for _ in range(MAX_REDIRECTS):
            location = next((value for name, value in answer.headers if name.lower() == "location"), None)
            if not (outgoing.follow_redirects and location and answer.status_code in (301, 302, 303, 307, 308)):
                break
            outgoing = redirected(outgoing, answer.status_code, location)
            answer = self._once(outgoing, deadline)
        answer.timing_ms["total"] = _ms(time.perf_counter() - started)
        return answer

    def _once(self, outgoing: Outgoing, deadline: float) -> Answer:
        try:
            return self._send(outgoing, deadline)
        except requests.ConnectionError as error:
            # A kept-alive connection that the server closed just as it was used: nothing was answered, try a fresh one.
            if _this_thread.exchange.fresh or not _closed_before_answer(error):
                raise
            return self._send(outgoing, deadline)

    def _send(self, outgoing: Outgoing, deadline: float) -> Answer:
        left = deadline - time.monotonic()
        if left <= 0:
            raise DeadlinePassed("The time was up.")
        request = _prepared(outgoing)
        adapter = self._adapters[urlsplit(outgoing.url).scheme.lower()]
        exchange = _this_thread.exchange = _Exchange(deadline)
        self._watch.add(exchange)
        started = time.perf_counter()
        try:
            response = adapter.send(request, stream=True, timeout=left, verify=True)
            first = time.perf_counter()
            body, cut = self._read(response, deadline)
        except (requests.RequestException, HTTPError, OSError) as error:
            if exchange.late and not isinstance(error, DeadlinePassed):
                raise DeadlinePassed("The time was up.") from error
            raise
        finally:
            self._watch.remove(exchange)
        if exchange.late:
            raise DeadlinePassed("The time was up.")
        timing = {
            "connect": _ms(exchange.connect_s),
            "tls": _ms(exchange.tls_s),
            "first_byte": _ms(first - started - exchange.connect_s - exchange.tls_s),
            "total": _ms(time.perf_counter() - started),
        }
        return Answer(response.status_code, list(response.raw.headers.items()), body, cut, timing, outgoing.url)

    def _read(self, response: requests.Response, deadline: float) -> tuple[bytes, bool]:
        """The decoded body up to the limit; a longer one's connection is closed, not kept."""
        parts: list[bytes] = []
        size = 0
        raw = response.raw
        while True:
            part = raw.read1(CHUNK, decode_content=True)
            if not part:
                raw.release_conn()
                return b"".join(parts), False
            parts.append(part)
            size += len(part)
            if size > self._read_limit:
                response.close()
                return b"".join(parts)[: self._read_limit], True
            if time.monotonic() >= deadline:
                response.close()
                raise DeadlinePassed("The time was up.")

    def close(self) -> None:
        for adapter in self._adapters.values():
            adapter.close()


def _prepared(outgoing: Outgoing) -> requests.PreparedRequest:
    """A prepared request with exactly these headers; requests adds nothing of its own to them."""
    request = requests.PreparedRequest()
    request.method = outgoing.method
    request.url = outgoing.url
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    for name, value in outgoing.headers:
        headers[name] = value
    parts = urlsplit(outgoing.url)
    host = parts.netloc.rpartition("@")[2]
    headers.setdefault("Host", host)
    headers.setdefault("User-Agent", USER_AGENT)
    headers.setdefault("Accept", "*/*")
    headers.setdefault("Accept-Encoding", "gzip, deflate")
    if outgoing.body is not None or outgoing.method not in ("GET", "HEAD", "DELETE"):
        headers["Content-Length"] = str(len(outgoing.body or b""))
    request.headers = headers
    request.body = outgoing.body
    request.hooks = {"response": []}
    request.own = outgoing.own  # type: ignore[attr-defined]
    return request


def redirected(outgoing: Outgoing, status_code: int, location: str) -> Outgoing:
    """The request that a redirect asks for (RFC 9110 section 15.4). Nothing secret goes to another origin."""
    url = urljoin(outgoing.url, location)
    if urlsplit(url).scheme.lower() not in DEFAULT_PORTS:
        raise requests.exceptions.InvalidURL(f"The redirect to {url} is not http(s).")
    same = urlsplit(url)[:2] == urlsplit(outgoing.url)[:2]
    keeps_body = status_code in (307, 308) or outgoing.method in ("GET", "HEAD")
    kept = [
        (name, value)
        for name, value in outgoing.headers
        if (same or name.lower() in _HARMLESS) and (keeps_body or not name.lower().startswith("content-"))
    ]
    return Outgoing(
        outgoing.method if keeps_body else "GET", url, kept, outgoing.body if keeps_body else None,
        outgoing.timeout_s, outgoing.follow_redirects, False,
    )  # fmt: skip


_HARMLESS = {"content-type", "user-agent", "accept", "accept-encoding", "webhook-id", "webhook-timestamp"}


def _closed_before_answer(error: BaseException) -> bool:
    text = repr(error)
    return any(word in text for word in ("RemoteDisconnected", "ConnectionResetError", "BrokenPipeError"))


def _ms(seconds: float) -> float:
    return round(max(0.0, seconds) * 1000, 2)
