"""Threads for work that may block for long: started when needed, used again, and never in the way of the process's end.

`concurrent.futures` waits for its threads at the exit of the interpreter; one that is making a connection can't be told to stop.
"""

import queue
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any


class DaemonThreads:
    """At most so many threads; further work waits for one of them."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._work: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._number = 0

    def submit(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Runs the call in one of the threads. What it raises goes to `threading.excepthook`, which says so in the log."""
        self._work.put(partial(call, *args, **kwargs))
        if self._idle.acquire(blocking=False):
            return
        with self._lock:
            if self._number >= self._most:
                return
            self._number += 1
            threading.Thread(target=self._run, name=f"{self._name}-{self._number}", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                call = self._work.get_nowait()
            except queue.Empty:
                self._idle.release()
                call = self._work.get()
            try:
                call()
            except Exception:
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
