"""The judge of pasted commands: what the machine's own curl sends for each, caught on this machine; nothing leaves it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.support.raw_server import read_request

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
AT_ONCE = 6
"""Commands that run side by side, for most of the time goes by in starting programs."""


@dataclass(frozen=True)
class Caught:
    """A request as it came: `target` of the request line as UTF-8, headers in order and as bytes, the raw body."""

    method: str
    target: str
    headers: tuple[tuple[str, bytes], ...]
    body: bytes


def sent_by_curl(commands: Sequence[str], folder: Path) -> list[list[Caught] | str]:
    """The requests of each command, run by bash; what curl said where it sent none. Every host name leads to this machine:
    each curl has a receiver of its own, and a .curlrc that connects there."""
    idle: SimpleQueue[_Curl] = SimpleQueue()

    def run(command: str) -> list[Caught] | str:
        curl = idle.get()
        try:
            return curl.run(command)
        finally:
            idle.put(curl)

    with _curls(folder) as opened, ThreadPoolExecutor(AT_ONCE) as pool:
        for curl in opened:
            idle.put(curl)
        return list(pool.map(run, commands))


@contextmanager
def _curls(folder: Path) -> Iterator[list[_Curl]]:
    curls = [_Curl(folder / str(number)) for number in range(AT_ONCE)]
    try:
        yield curls
    finally:
        for curl in curls:
            curl.close()


class _Curl:
    def __init__(self, home: Path) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.caught: list[Caught] = []
        home.mkdir()
        port = self.listener.getsockname()[1]
        (home / ".curlrc").write_text(f'connect-to = "::127.0.0.1:{port}"\nsilent\nshow-error\nmax-time = 10\n')
        self.home = home
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "CURL_HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "no_proxy": "*",
        }
        threading.Thread(target=self._receive, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def run(self, command: str) -> list[Caught] | str:
        self.caught = []
        done = subprocess.run(
            ["bash", "-c", command], env=self.environment, cwd=self.home, capture_output=True, stdin=subprocess.DEVNULL
        )
        return self.caught or done.stderr.decode()

    def _receive(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                data = read_request(connection)
                if data:
                    self.caught.append(_parsed(data))
                    connection.sendall(ANSWER)


def _parsed(data: bytes) -> Caught:
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    method, target, _ = line.decode().split(" ")
    pairs = [field.partition(b":") for field in fields]
    return Caught(method, target, tuple((name.decode(), value.strip()) for name, _, value in pairs), body)


def version() -> tuple[int, ...] | None:
    """Of the machine's curl; None where there is none."""
    if shutil.which("curl", path=os.defpath) is None:
        return None
    output = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
    match = re.match(r"curl (\d+)\.(\d+)", output)
    return (int(match[1]), int(match[2])) if match else None
