"""A loopback receiver in a process of its own whose answers are meant to do harm: huge, packed, endless, a byte at a time."""

from __future__ import annotations

import contextlib
import gzip
import multiprocessing
import socket
import threading
import time
import zlib
from multiprocessing.connection import Connection
from types import TracebackType

MIB = 1024 * 1024


def _plain(connection: socket.socket, size: int) -> None:
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
    for _ in range(size // MIB):
        connection.sendall(b"x" * MIB)


def _packed(connection: socket.socket, encoding: str, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


def _trickle(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(1)


def _bomb(size: int, bits: int) -> bytes:
    """`size` zero bytes, packed, without ever holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    parts = [packer.compress(bytes(MIB)) for _ in range(size // MIB)]
    return b"".join([*parts, packer.flush()])


def _serve(pipe: Connection, ports: int, size: int) -> None:
    gzipped, deflated = _bomb(size, 31), _bomb(size, 15)
    twice = gzip.compress(gzipped)

    def answer(connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(65536)
            if not part:
                return
            head += part
        path = head.split(b" ", 2)[1].decode()
        if path == "/plain":
            _plain(connection, size)
        elif path == "/gzip":
            _packed(connection, "gzip", gzipped)
        elif path == "/deflate":
            _packed(connection, "deflate", deflated)
        elif path == "/twice":
            _packed(connection, "gzip, gzip", twice)
        elif path == "/trickle":
            _trickle(connection)
        else:  # accepts and never answers
            connection.recv(65536)
            time.sleep(3600)

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            answer(connection)

    def accept(listener: socket.socket) -> None:
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    listeners = [socket.create_server(("127.0.0.1", 0), backlog=256) for _ in range(ports)]
    for listener in listeners:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
    pipe.send([listener.getsockname()[1] for listener in listeners])
    with contextlib.suppress(EOFError):
        pipe.recv()


class BadReceiver:
    """`/plain`, `/gzip`, `/deflate` and `/twice` answer with `size` bytes, `/trickle` with a byte a second, others never."""

    def __init__(self, ports: int = 1, size: int = 1024 * MIB) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, ports, size), daemon=True)
        self._process.start()
        self.urls = [f"http://127.0.0.1:{port}" for port in self._pipe.recv()]

    def __enter__(self) -> BadReceiver:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.join(5)
