"""webhookui as people run it: `webhookui run` in a process of its own, its API, and its end by any signal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.support import prepared
from tests.support.fork_server import PROGRAM, Forked, fork_server
from webhookui.core import exact_json


class Running:
    """A data folder, and the process on it when it is started."""

    program = PROGRAM
    """The module that is run."""
    start_s = 30.0
    """How long a start may take."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment = os.environ | {
            "WEBHOOKUI_INSTANCE": str(folder),
            "WEBHOOKUI_PORT": str(self.port),
            "WEBHOOKUI_ALLOWED_NETWORKS": "127.0.0.0/8",
            **environment,
        }
        self.processes: list[Forked | subprocess.Popen[bytes]] = []
        self.session = requests.Session()
        self.session.trust_env = False

    def command(self, *words: str, typed: str = "", good: bool = True) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory() as folder:
            typed_in, out, err = (Path(folder) / name for name in ("in", "out", "err"))
            typed_in.write_text(typed)
            code = fork_server().start(words, self.environment, out, err, typed_in).wait()
            done = subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())
        assert not good or done.returncode == 0, done.stderr
        return done

    def set_up(self) -> Running:
        """The first admin, and an API token of hers."""
        url = self.environment.get("WEBHOOKUI_DATABASE_URL", "")
        token = prepared.prepare(self.folder, url, people=True) if url else prepared.copy_to(self.folder, people=True)
        self.session.headers["Authorization"] = f"Bearer {token}"
        return self

    def start(self, what: str = "run") -> Forked | subprocess.Popen[bytes]:
        log = self.folder / f"{what}.log"
        log.touch()
        process: Forked | subprocess.Popen[bytes]
        if self.program == PROGRAM:
            process = fork_server().start([what], self.environment, log, log, Path(os.devnull))
        else:
            with log.open("ab") as out:
                command = [sys.executable, "-m", self.program, what]
                process = subprocess.Popen(command, env=self.environment, stdout=out, stderr=out)
        self.processes.append(process)
        if what != "worker":
            until(self._answers, self.start_s, lambda: (self.folder / f"{what}.log").read_text())
        return process

    def _answers(self) -> bool:
        try:
            return self.session.get(f"{self.address}/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    def kill(self) -> None:
        """SIGKILL to all: nothing is tidied up."""
        for process in self.processes:
            process.kill()
            process.wait(10)
        self.processes.clear()

    def stop(self) -> list[int]:
        """SIGTERM to all; their exit codes."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(30) for process in self.processes]
        self.processes.clear()
        return codes

    def call(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        """One call of the API; fails on another status than the wanted one, or than 2xx."""
        data = exact_json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} if data else {}
        answer = self.session.request(method, f"{self.address}/api/v1{path}", data=data, headers=headers, timeout=30)
        assert answer.status_code == status if status else answer.ok, f"{answer.status_code} {answer.text}"
        return exact_json.loads(answer.content) if answer.content else None

    def delivery(self, delivery_id: int, *statuses: str, timeout_s: float = 20) -> Any:
        """The delivery, once it has one of the statuses."""
        document: dict[str, Any] = {}

        def there() -> bool:
            document.update(self.call("GET", f"/deliveries/{delivery_id}"))
            return document["status"] in statuses

        until(there, timeout_s, lambda: f"{document.get('status')}: {document.get('error')}")
        return document


def until(there: Callable[[], bool], timeout_s: float, words: Callable[[], str] = lambda: "") -> None:
    """Asks again and again until it is so; fails in words when the time is up."""
    end = time.monotonic() + timeout_s
    while not there():
        assert time.monotonic() < end, f"not within {timeout_s} s. {words()}"
        time.sleep(0.02)


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Running]:
    """A running installation with an admin."""
    installation = Running(folder, **environment).set_up()
    installation.start()
    try:
        yield installation
    finally:
        installation.kill()
