"""Memory: the process with a long queue, and what answers meant to fill it cost; the time that a trickled answer takes."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.bad_receiver import MIB, BadReceiver
from benchmarks.server import Server, deal_workflow
from benchmarks.throughput import fill
from webhookui.installation import open_installation
from webhookui.settings import Settings

KINDS = ("plain", "gzip", "deflate", "twice")
WORKERS = 16


def run(queued: int = 100_000, size_mib: int = 1024, timeout_s: int = 5) -> dict[str, Any]:
    """Sizes in MiB, times in seconds."""
    with BadReceiver(ports=WORKERS, size=size_mib * MIB) as receiver:
        figures: dict[str, Any] = {"queued": queued, "answer_mib": size_mib, "workers": WORKERS}
        figures |= _queue(receiver, queued)
        figures |= _answers(receiver, timeout_s)
    return figures


def _queue(receiver: BadReceiver, queued: int) -> dict[str, Any]:
    """The process while it works on a queue whose receivers never answer, and shows its log."""
    with Server(WEBHOOKUI_WORKERS=str(WORKERS)) as server:
        idle = rss(server.process.pid)
        installation = open_installation(Settings(instance=server.folder))
        fill(installation, [f"{url}/never" for url in receiver.urls], queued)
        installation.close()
        with Peak(server.process.pid) as peak:
            for _ in range(20):
                server.call("GET", "/deliveries?limit=100")
                time.sleep(0.5)
        waiting = server.call("GET", "/deliveries?status=queued&limit=1")
        if not waiting["items"]:
            raise RuntimeError("Nothing was queued any more.")
    return {"idle_mib": round(idle, 1), "with_queue_mib": round(peak.most, 1)}


def _answers(receiver: BadReceiver, timeout_s: int) -> dict[str, Any]:
    """All workers at once get the same answer; the rise is over what the process has taken up in an ordinary exchange."""
    figures: dict[str, Any] = {"rise_per_worker_mib": {}}
    for kind in KINDS:
        with Server(WEBHOOKUI_WORKERS=str(WORKERS)) as server:
            for url in receiver.urls:
                server.call("POST", "/workflows", **deal_workflow(f"{url}/{kind}", name=url))
            before = rss(server.process.pid)
            with Peak(server.process.pid) as peak:
                for _ in range(3):
                    _save(server)
                _until_ended(server, 3 * len(receiver.urls))
            figures["rise_per_worker_mib"][kind] = round((peak.most - before) / WORKERS, 2)
    with Server() as server:
        workflow = deal_workflow(f"{receiver.urls[0]}/trickle")
        workflow["actions"][0]["timeout_s"] = timeout_s
        server.call("POST", "/workflows", **workflow)
        _save(server)
        _until_ended(server, 1)
        newest = server.call("GET", "/deliveries?limit=1")["items"][0]["id"]
        attempt = server.call("GET", f"/deliveries/{newest}")["attempts"][0]
        figures["trickled"] = {
            "timeout_s": timeout_s, "took_s": round(attempt["timing_ms"]["total"] / 1000, 2), "error": attempt["error"],
        }  # fmt: skip
    return figures


def _save(server: Server) -> None:
    server.call("POST", "/records/deals", values={"name": "Deal", "amount": "1.00", "stage": "Closed Won"})


def _until_ended(server: Server, number: int, within_s: float = 120) -> None:
    """Until so many deliveries have had an attempt."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        items = server.call("GET", "/deliveries?limit=100")["items"]
        if len(items) >= number and all(item["attempt_count"] for item in items):
            return
        time.sleep(0.1)
    raise RuntimeError(f"Not all deliveries had an attempt within {within_s:g} s.")


class Peak:
    """Watches the resident memory of a process; `most` in MiB."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.most = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            self.most = max(self.most, rss(self._pid))

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.most = max(self.most, rss(self._pid))


def rss(pid: int) -> float:
    """Resident memory of a process in MiB."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024
    output = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)  # noqa: S603, S607
    return int(output.stdout) / 1024
