"""The connections that requests makes for us: to judged addresses only, traced, bounded, ended when their time is up."""

import contextlib
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certifi
import requests
from requests.adapters import DEFAULT_POOLBLOCK, HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from webhookui.outgoing.response_head import FinalResponse

clock = time.monotonic
IDLE_S = 20.0
"""Seconds after which a kept connection is not used again: firewalls forget those that are silent, and tell nobody."""


@dataclass(slots=True, eq=False)
class Exchange:
    """What the exchange under way has told: its connection, how long its parts took, and what ended it before its time."""

    deadline: float
    connection: Any = None
    fresh: bool = False
    ended: str = ""
    """"late" or "interrupted"."""
    connect_s: float = 0.0
    tls_s: float = 0.0


class _ThisThread(threading.local):
    exchange = Exchange(0.0)


this_thread = _ThisThread()


class _TracedMixin:
    """Notes when a connection was made and which one carries the request; sends head and body in one packet."""

    response_class = FinalResponse
    exchange: Exchange | None = None
    idle_since = 0.0
    """When its last exchange ended (monotonic)."""
    _held: list[bytes] | None = None
    """What is to be sent, while a request is being put together."""

    def _new_conn(self) -> socket.socket:
        exchange = this_thread.exchange
        exchange.fresh = True
        before = time.perf_counter()
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]
        exchange.connect_s = time.perf_counter() - before
        return connected

    def connect(self) -> None:
        exchange = self.exchange = this_thread.exchange
        exchange.connection = self
        before = time.perf_counter()
        super().connect()  # type: ignore[misc]
        exchange.tls_s = max(0.0, time.perf_counter() - before - exchange.connect_s)

    def request(self, *args: Any, **kwargs: Any) -> None:
        exchange = self.exchange = this_thread.exchange
        exchange.connection = self
        held = self._held = []
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]
        finally:
            self._held = None
        super().send(b"".join(held))  # type: ignore[misc]

    def send(self, data: Any) -> None:
        if self._held is None:
            super().send(data)  # type: ignore[misc]
        else:
            self._held.append(data)


class _TracedHTTP(_TracedMixin, HTTPConnection):  # type: ignore[misc]
    pass


class _TracedHTTPS(_TracedMixin, HTTPSConnection):  # type: ignore[misc]
    pass


class _FreshMixin:
    """Gives out no connection that was idle for too long."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        if connection.sock is not None and clock() - connection.idle_since > IDLE_S:
            connection.close()  # it connects anew when it is used
        return connection

    def _put_conn(self, connection: Any) -> None:
        if connection is not None:
            connection.idle_since = clock()
        super()._put_conn(connection)  # type: ignore[misc]


class _HTTPPool(_FreshMixin, HTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _TracedHTTP


class _HTTPSPool(_FreshMixin, HTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _TracedHTTPS


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """TLS that trusts the public authorities, and those of the file. Made once: reading them takes tens of milliseconds."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.check_hostname = True
    context.load_verify_locations(certifi.where())
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


class GuardedAdapter(HTTPAdapter):
    """Connects to the address that comes, judged by our policy, with the request (`pinned`): no name is looked up here."""

    def __init__(self, context: ssl.SSLContext, connections: int) -> None:
        self._context = context
        self._connections = connections
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = DEFAULT_POOLBLOCK, **kwargs: Any) -> None:
        self.poolmanager = PoolManager(num_pools=256, maxsize=self._connections, block=False, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Nothing goes through a proxy. requests reads the URL three times to find that out, here and in `request_url`."""
        target, address = request.pinned  # type: ignore[attr-defined]
        host = f"[{address}]" if address.version == 6 else str(address)
        pool_kwargs: dict[str, Any] = {}
        if target.scheme == "https":
            pool_kwargs = {"ssl_context": self._context, "server_hostname": target.host.rstrip(".")}
        return self.poolmanager.connection_from_host(host, target.port, target.scheme, pool_kwargs)

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        """What stands in the request line."""
        path: str = request.path_url
        return path

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Only what an exchange reads: no cookies are kept, no encoding is guessed at."""
        response = requests.Response()
        response.status_code = resp.status
        response.raw = resp
        response.head = resp._original_response  # type: ignore[attr-defined]  # a FinalResponse
        return response

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing to add: the context verifies, always."""


class Watch:
    """Ends exchanges whose time is up, even while a thread is blocked on them: a server that trickles holds nobody."""

    INTERVAL_S = 0.05

    def __init__(self) -> None:
        self._under_way: set[Exchange] = set()
        self._any = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._interrupted = False

    def add(self, exchange: Exchange) -> None:
        with self._lock:
            if self._interrupted:
                exchange.ended = "interrupted"
                exchange.deadline = 0.0
            self._under_way.add(exchange)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            if len(self._under_way) == 1:
                self._any.set()

    def remove(self, exchange: Exchange) -> None:
        with self._lock:
            self._under_way.discard(exchange)
            if not self._under_way:
                self._any.clear()

    def end_all(self) -> None:
        """Ends all exchanges, those to come too."""
        with self._lock:
            self._interrupted = True
            for exchange in self._under_way:
                exchange.ended = exchange.ended or "interrupted"
                exchange.deadline = 0.0

    def _run(self) -> None:
        while True:
            self._any.wait()
            time.sleep(self.INTERVAL_S)
            now = time.monotonic()
            with self._lock:
                for exchange in self._under_way:
                    # Again and again until it is removed: its connection may be made only after its time was up.
                    if now >= exchange.deadline:
                        exchange.ended = exchange.ended or "late"
                        _cut(exchange)


def _cut(exchange: Exchange) -> None:
    """While a connection is made and its TLS negotiated there is nothing to cut; the socket's own timeout ends these."""
    connection = exchange.connection
    if connection is None or connection.exchange is not exchange:  # it may carry the next one's request already
        return
    connected = connection.sock
    if connected is not None:
        with contextlib.suppress(OSError):
            # shutdown wakes a thread that is blocked in recv; close alone does not
            socket.socket.shutdown(connected, socket.SHUT_RDWR)
