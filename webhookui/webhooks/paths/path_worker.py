"""Paths followed in a process of their own, which can be ended: some would take for ever on some responses
(specification section 5).

A filter in a filter, a regular expression or an XPath that looks at everything from everywhere is three characters in a form and
hours on a response; inside this process nothing could stop it. Simple paths never come here.
"""

import atexit
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from webhookui.core import exact_json
from webhookui.webhooks.paths.evaluation import evaluate
from webhookui.webhooks.paths.path_error import PathError

CPU_S = 2
"""Seconds of processor time that a path may take."""
WALL_S = 60
"""Seconds after which a process that says nothing is ended, however busy the machine is."""
MEMORY = 1 << 30
"""Bytes of address space that it may take."""
PROCESSES = 2

TOO_LONG = "The path takes too long on this response."


def find(capture_type: str, path: str, body: bytes, namespaces: Mapping[str, str]) -> list[Any]:
    """As `evaluate`, with an end. Raises PathError and ValueError."""
    with _child() as child:
        answer = child.ask(capture_type, path, body, namespaces)
    if "values" in answer:
        return list(answer["values"])
    raise (PathError if "path_error" in answer else ValueError)(next(iter(answer.values())))


class _Child:
    """One process. Answers one question at a time; when it dies of one, the next question starts another."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, capture_type: str, path: str, body: bytes, namespaces: Mapping[str, str]) -> dict[str, Any]:
        head = {"type": capture_type, "path": path, "namespaces": dict(namespaces), "size": len(body)}
        question = json.dumps(head).encode() + b"\n" + body
        try:
            try:
                line = self._answer(question)
            except OSError:
                self.end()  # it was gone before it was asked
                line = self._answer(question)
        except OSError as error:
            self.end()
            return {"path_error": f"No process can be started to evaluate the path: {error}."}
        if not line:
            self.end()
            return {"path_error": TOO_LONG}
        answer: dict[str, Any] = exact_json.loads(line)
        return answer

    def _answer(self, question: bytes) -> bytes:
        """One line; nothing when the process was ended. Raises OSError."""
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        watch = threading.Timer(WALL_S, process.kill)
        watch.start()
        try:
            process.stdin.write(question)
            process.stdin.flush()
            return process.stdout.readline()
        finally:
            watch.cancel()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "webhookui.webhooks.paths.path_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl+C at the terminal is for the one who started it
            )
        return self._process

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]
        self._process = None


_children = [_Child() for _ in range(PROCESSES)]
_idle: queue.LifoQueue[_Child] = queue.LifoQueue()
for _new_child in _children:
    _idle.put(_new_child)


@contextlib.contextmanager
def _child() -> Any:
    child = _idle.get()
    try:
        yield child
    finally:
        _idle.put(child)


@atexit.register
def _end_all() -> None:
    for child in _children:
        child.end()


def _after_fork() -> None:
    """A forked process must not talk to its parent's children."""
    for child in _children:
        child._process = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _main() -> None:
    """Answers questions from standard input until it ends, which it does with whoever asks."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while line := source.readline():
        head = json.loads(line)
        body = source.read(head["size"])
        with _limited_time():
            answer = _answer(head, body)
            written = exact_json.dumps(answer).encode()
        sink.write(written + b"\n")
        sink.flush()


def _answer(head: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    try:
        return {"values": evaluate(head["type"], head["path"], body, head["namespaces"])}
    except PathError as error:
        return {"path_error": str(error)}
    except ValueError as error:
        return {"value_error": str(error)}
    except (MemoryError, RecursionError):
        return {"path_error": "The path takes too much memory on this response."}


@contextlib.contextmanager
def _limited_time() -> Any:
    """SIGPROF ends the process, even inside a library that does not return."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    _main()
