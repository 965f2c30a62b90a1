"""Throughput: draining queued deliveries with the full log, beside a bare loop of requests to the same receiver."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import func, select

from benchmarks.receiver import Receiver
from webhookui.definitions.tables import Workflow, WorkflowAction
from webhookui.delivery import outbox
from webhookui.delivery.tables import Delivery
from webhookui.installation import Installation, open_installation
from webhookui.settings import Settings
from webhookui.webhooks.request import Request
from webhookui.webhooks.stored import from_definition

BODY = b'{"invoice":{"name":"' + b"x" * 370 + b'"}}'
THREADS = 16


def run(deliveries: int = 5000, receivers: int = 10) -> dict[str, Any]:
    """Rates in deliveries a second; `ratio` is ours over the bare loop's."""
    figures: dict[str, Any] = {"deliveries": deliveries, "body_bytes": len(BODY)}
    for ports in (1, receivers):
        with Receiver(ports) as receiver:
            bare = _bare(receiver, deliveries)
            ours = _drain(receiver, deliveries)
        figures[f"receivers_{ports}"] = {
            "bare_per_s": round(bare, 1),
            "webhookui_per_s": round(ours, 1),
            "ratio": round(ours / bare, 3),
        }
    return figures


def _bare(receiver: Receiver, total: int) -> float:
    """A loop of `requests.Session().post` in 16 threads, which logs nothing."""
    numbers = iter(range(total))
    lock = threading.Lock()

    def post() -> None:
        session = requests.Session()
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            url = receiver.urls[number % len(receiver.urls)]
            session.post(url, data=BODY, headers={"Content-Type": "application/json"}).raise_for_status()

    threads = [threading.Thread(target=post) for _ in range(THREADS)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return total / (time.monotonic() - started)


def _drain(receiver: Receiver, total: int) -> float:
    with tempfile.TemporaryDirectory(prefix="webhookui-bench-") as folder:
        installation = open_for_bench(Path(folder))
        try:
            return drained_per_s(installation, receiver, total)
        finally:
            installation.close()


def open_for_bench(folder: Path) -> Installation:
    """An installation in this process that may send to the receiver."""
    return open_installation(Settings(instance=folder, allowed_networks="127.0.0.0/8", workers=THREADS))  # type: ignore[arg-type, call-arg]


def drained_per_s(installation: Installation, receiver: Receiver, total: int) -> float:
    """Queues deliveries, has them sent and written down, and stops working on the queue; deliveries a second."""
    receiver.take()
    fill(installation, receiver.urls, total)
    started = time.monotonic()
    installation.queue.start()
    try:
        while receiver.count() < total:  # asking the receiver's process costs this one nothing
            time.sleep(0.02)
        while _unfinished(installation):
            time.sleep(0.005)
        return total / (time.monotonic() - started)
    finally:
        installation.queue.stop()


def fill(installation: Installation, urls: list[str], total: int) -> None:
    """Queues deliveries as saves would, one webhook for each URL, each delivery of a record of its own."""
    hooks: list[WorkflowAction] = []
    for first in range(0, total, 1000):
        with installation.db.write() as session:
            session.info.clear()  # no worker is woken yet
            if not hooks:
                hooks = [_webhook(session, url) for url in urls]
            for number in range(first, min(first + 1000, total)):
                row, url = hooks[number % len(hooks)], urls[number % len(urls)]
                with outbox.reserved(
                    session,
                    webhook_id=row.id,
                    webhook=from_definition(row.definition, {}),
                    workflow_id=row.workflow_id,
                    workflow="Benchmark",
                    module="deals",
                    record_id=number + 1,
                    record_name=f"Deal {number}",
                    change=None,
                    caused_by="benchmark",
                ) as delivery:
                    delivery.request = Request("POST", url, (("Content-Type", "application/json"),), BODY)


def _webhook(session: Any, url: str) -> WorkflowAction:
    workflow = Workflow(name="Benchmark", module="deals", trigger={"on": "create"}, criteria={})
    session.add(workflow)
    session.flush()
    definition = {"type": "webhook", "title": "Benchmark", "url": url, "method": "POST", "content_type": "JSON"}
    row = WorkflowAction(workflow_id=workflow.id or 0, position=0, title="Benchmark", definition=definition)
    session.add(row)
    session.flush()
    return row


def _unfinished(installation: Installation) -> int:
    with installation.db.read() as session:
        waiting = Delivery.status.in_(("queued", "dispatched", "retry"))  # type: ignore[attr-defined]
        return session.scalar(select(func.count()).select_from(Delivery).where(waiting)) or 0
