"""A fast loopback receiver in a process of its own: answers 200 at once, or on some of its ports never, and remembers when each
request's first byte came.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from multiprocessing.connection import Connection
from types import TracebackType

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'


class _Receiver(asyncio.Protocol):
    """HTTP/1.1 with Content-Length bodies, which is all that the benchmarks send."""

    times: list[float] = []

    def __init__(self) -> None:
        self._buffer = b""
        self._first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._buffer:
            self._first = time.monotonic()
        self._buffer += data
        while True:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            length = 0
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self.times.append(self._first)
            self._transport.write(ANSWER)  # type: ignore[attr-defined]


class _Hanging(asyncio.Protocol):
    """Takes whatever comes and never says a word."""


def _serve(pipe: Connection, ports: int, hanging: int) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        kinds: list[type[asyncio.Protocol]] = [_Receiver] * ports + [_Hanging] * hanging
        servers = [await loop.create_server(kind, "127.0.0.1", 0) for kind in kinds]
        pipe.send([server.sockets[0].getsockname()[1] for server in servers])
        done = loop.create_future()

        def command() -> None:
            try:
                word = pipe.recv()
            except EOFError:
                word = "stop"
            if word == "stop":
                if not done.done():
                    done.set_result(None)
            elif word == "take":
                taken, _Receiver.times = _Receiver.times, []
                pipe.send(taken)
            else:
                pipe.send(len(_Receiver.times))

        loop.add_reader(pipe.fileno(), command)
        await done

    asyncio.run(main())


class Receiver:
    """The receiver's process, as seen from the benchmark. `urls`: one for each port that answers; `hanging`: the others."""

    def __init__(self, ports: int = 1, hanging: int = 0) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, ports, hanging), daemon=True)
        self._process.start()
        other.close()  # so that a receiver that dies is an end of the pipe, not a silence
        urls = [f"http://127.0.0.1:{port}/hook" for port in self._pipe.recv()]
        self.urls, self.hanging = urls[:ports], urls[ports:]

    def take(self) -> list[float]:
        """The monotonic times, in seconds, of the requests since the last call."""
        self._pipe.send("take")
        times: list[float] = self._pipe.recv()
        return times

    def count(self) -> int:
        self._pipe.send("count")
        number: int = self._pipe.recv()
        return number

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pipe.send("stop")
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
