"""The clock is set back an hour, and forward again: nothing is lost, nothing is sent twice, nothing waits that need not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Answer, Receiver
from tests.support.running import Running, until
from tests.support.sending import NUMBER

HOUR = 3600


class Clocked(Running):
    """webhookui with a clock that can be set."""

    program = "tests.support.shifted_clock"

    def __init__(self, folder: Path, **environment: str) -> None:
        self._file = folder / "clock"
        super().__init__(folder, WEBHOOKUI_TEST_CLOCK=str(self._file), **environment)
        self.set(0)

    def set(self, seconds: float) -> None:
        """So many seconds off the true time."""
        new = self._file.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._file)

    def workflow(self, url: str, name: str, **action: Any) -> None:
        document = {
            "name": name, "module": "contacts", "trigger": {"on": "create", "recurrence": "every_time"},
            "criteria": {"all": [{"field": "last_name", "operator": "is", "value": name}], "any": []},
            "actions": [{"type": "webhook", "title": name, "url": url, "headers": [NUMBER], **action}],
        }  # fmt: skip
        self.call("POST", "/workflows", document)

    def save(self, name: str) -> int:
        self.call("POST", "/records/contacts", {"values": {"last_name": name}})
        new_id: int = self.call("GET", "/deliveries?limit=1")["items"][0]["id"]
        return new_id


@pytest.fixture
def clocked(tmp_path: Path) -> Iterator[Clocked]:
    started = Clocked(tmp_path, WEBHOOKUI_RETRY_DELAYS="3,3,3")
    started.set_up()
    try:
        started.start()
        yield started
    finally:
        started.kill()


def test_with_the_clock_set_back_an_hour_only_what_has_a_time_waits_for_it(
    clocked: Clocked, receiver: Receiver
) -> None:
    go = threading.Event()
    receiver.routes["/bad"] = lambda _: Answer(500)
    receiver.routes["/hangs"] = lambda _: Answer(before=lambda: go.wait(30) and None)
    clocked.workflow(f"{receiver.url}/bad", "bad")
    clocked.workflow(f"{receiver.url}/hangs", "hangs", timeout_s=60)
    clocked.workflow(f"{receiver.url}/limited", "limited", rate_limit_per_s=2)
    clocked.workflow(receiver.url, "good")
    in_the_air = clocked.save("hangs")
    until(lambda: any(request.path == "/hangs" for request in receiver.routed), 10)
    failed = clocked.save("bad")
    due = datetime.fromisoformat(clocked.delivery(failed, "retry")["next_attempt_at"])

    clocked.set(-HOUR)

    go.set()
    document = clocked.delivery(in_the_air, "success")
    assert len(document["attempts"]) == 1
    assert float(document["attempts"][0]["timing_ms"]["total"]) >= 0
    sent = [clocked.save("good"), *(clocked.save("limited") for _ in range(4))]
    for delivery_id in sent:
        document = clocked.delivery(delivery_id, "success", timeout_s=10)
        assert len(document["attempts"]) == 1
    waiting = clocked.call("GET", f"/deliveries/{failed}")
    assert (waiting["status"], len(waiting["attempts"])) == ("retry", 1)
    assert datetime.fromisoformat(waiting["next_attempt_at"]) == due

    clocked.set(0)

    again = clocked.delivery(failed, "failed", timeout_s=90)
    assert [attempt["outcome"] for attempt in again["attempts"]] == ["failed"] * 4
    counts = [request.header("x-delivery") for request in receiver.requests + receiver.routed]
    assert sorted(set(counts) - {str(failed)}) == sorted(number for number in counts if number != str(failed)), (
        "sent twice"
    )


def test_with_the_clock_set_back_a_killed_process_is_still_found_out(clocked: Clocked, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.default = Answer(before=lambda: go.wait(30) and None)
    clocked.workflow(receiver.url, "good", timeout_s=60)
    delivery = clocked.save("good")
    receiver.wait_for(1)
    clocked.kill()
    go.set()
    clocked.set(-HOUR)
    clocked.start()
    document = clocked.delivery(delivery, "success")
    assert [attempt["outcome"] for attempt in document["attempts"]] == ["interrupted", "success"]


def test_a_clock_set_forward_takes_nothing_from_a_process_that_lives(clocked: Clocked, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.default = Answer(before=lambda: go.wait(60) and None)
    clocked.workflow(receiver.url, "good", timeout_s=60)
    delivery = clocked.save("good")
    receiver.wait_for(1)
    clocked.set(timedelta(hours=1).total_seconds())
    log = clocked.folder / "worker.log"
    clocked.start("worker")  # the first thing that it does is to look for dead ones
    until(lambda: log.exists() and "working on the queue" in log.read_text(), 20)
    go.set()
    document = clocked.delivery(delivery, "success")
    assert [attempt["outcome"] for attempt in document["attempts"]] == ["success"]
    assert len(receiver.requests) == 1
