"""A third party in a process of its own, so that it outlives whatever is killed: notes what came when.

`/ok` answers at once, `/slow` after up to 0.2 s, `/flaky` fails every other time, `/fail` always.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection


@dataclass(frozen=True)
class Seen:
    """One request: the number of its delivery (`X-Delivery`), its path, when it had arrived (Unix time in seconds)."""

    id: int
    path: str
    at: float


def _answer(status: int) -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}".encode()


def _serve(pipe: Connection, seed: int) -> None:
    seen: list[Seen] = []
    chance = random.Random(seed)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = head.split("\r\n")
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
                }
                await reader.readexactly(int(headers.get("content-length", 0)))
                path = lines[0].split(" ")[1]
                seen.append(Seen(int(headers["x-delivery"]), path, time.time()))
                if path == "/slow":
                    await asyncio.sleep(chance.random() * 0.2)
                failed = path == "/fail" or (path == "/flaky" and chance.random() < 0.5)
                writer.write(_answer(500 if failed else 200))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(client, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def asked() -> None:
            try:
                pipe.recv()
                pipe.send(list(seen))
            except EOFError:
                if not done.done():
                    done.set_result(None)
                loop.remove_reader(pipe.fileno())

        loop.add_reader(pipe.fileno(), asked)
        await done

    asyncio.run(main())


class CountingReceiver:
    def __init__(self, seed: int = 0) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, seed), daemon=True)
        self._process.start()
        other.close()
        self.url = f"http://127.0.0.1:{self._pipe.recv()}"

    def seen(self) -> list[Seen]:
        """All requests up to now, in the order in which they came."""
        self._pipe.send("seen")
        requests: list[Seen] = self._pipe.recv()
        return requests

    def close(self) -> None:
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
