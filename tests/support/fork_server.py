"""Starts webhookui in a process of its own without importing it anew, which takes two seconds of a processor's time, a hundred
times in the suite.

A server, one for each process of the tests, imports the program once and forks for each start; nothing of it has run by then but
imports. What a start does before and after them stands in tests/test_command_line.py, where the real command is run.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

PROGRAM = "webhookui"


class Forked:
    """A process, with as much of subprocess.Popen as the tests use."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self._server = server
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._server.ask(op="poll", pid=self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        end = time.monotonic() + (timeout if timeout is not None else 1e9)
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(PROGRAM, timeout or 0)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The server as the tests see it; its threads share it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lock = threading.Lock()
        atexit.register(self._process.kill)

    def ask(self, **question: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        with self._lock:
            print(json.dumps(question), file=self._process.stdin, flush=True)
            return json.loads(self._process.stdout.readline())

    def start(self, words: Sequence[str], environment: dict[str, str], out: Path, err: Path, typed: Path) -> Forked:
        """`out` and `err` are appended to; `typed` is the standard input."""
        files = [str(typed), str(out), str(err)]
        return Forked(self, self.ask(op="start", words=list(words), environment=environment, files=files))


@cache
def fork_server() -> ForkServer:
    return ForkServer()


def _serve() -> None:
    import webhookui

    for module in pkgutil.walk_packages(webhookui.__path__, f"{PROGRAM}."):
        if not module.name.endswith("__main__") and ".migrations." not in module.name:
            importlib.import_module(module.name)
    assert threading.active_count() == 1, "a thread would not be there after a fork"
    for line in sys.stdin:
        question = json.loads(line)
        if question["op"] == "start":
            sys.stdout.flush()
            answer = os.fork()
            if answer == 0:
                _become(question["words"], question["environment"], question["files"])
        else:
            pid, status = os.waitpid(question["pid"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        print(json.dumps(answer), flush=True)


def _become(words: list[str], environment: dict[str, str], files: list[str]) -> NoReturn:
    for number, name in enumerate(files):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(name, flags, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w", buffering=1), open(2, "w", buffering=1)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [PROGRAM, *words]
    code: Any = 1
    try:
        runpy.run_module(PROGRAM, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
