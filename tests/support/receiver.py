"""A third party: a real HTTP server in a thread that records every request as it came and answers by a script."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """One request: its line, headers in order and as spelled, raw body, and the monotonic time it came."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes
    at: float

    @property
    def path(self) -> str:
        """The path of the request line, without the query."""
        return self.line.split(" ")[1].partition("?")[0]

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b'{"ok":true}'
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    before: Callable[[], None] | None = None
    """Called before the answer goes out, such as an event's `wait`."""


class Receiver:
    """`answers` are given in order; when they are used up, `default`. What `routes` has for a path goes before both, and such
    requests are kept apart, in `routed`."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.requests: list[Received] = []
        self.routed: list[Received] = []
        self.routes: dict[str, Callable[[Received], Answer]] = {}
        self.answers: list[Answer] = []
        self.default = Answer()
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                receiver._take(self, Received(self.requestline, list(self.headers.items()), body, time.monotonic()))

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _take(self, handler: BaseHTTPRequestHandler, received: Received) -> None:
        route = self.routes.get(received.path)
        with self._changed:
            if route is not None:
                self.routed.append(received)
                answer = route(received)
            else:
                self.requests.append(received)
                answer = self.answers.pop(0) if self.answers else self.default
            self._changed.notify_all()
        if answer.before is not None:
            answer.before()
        handler.send_response_only(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)

    def wait_for(self, number: int, timeout_s: float = 20.0) -> list[Received]:
        """Waits until so many requests have come; fails when they don't."""
        with self._changed:
            done = self._changed.wait_for(lambda: len(self.requests) >= number, timeout_s)
        assert done, f"{len(self.requests)} requests came, not {number}"
        return self.requests

    @staticmethod
    def pause(seconds: float) -> None:
        """For an answer's `before`: a receiver that takes its time."""
        time.sleep(seconds)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiving(host: str = "127.0.0.1") -> Iterator[Receiver]:
    receiver = Receiver(host)
    try:
        yield receiver
    finally:
        receiver.close()
