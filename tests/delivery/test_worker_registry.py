"""Which worker processes are dead: told by what runs here and by heartbeats that stand still, never by what a clock says."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Receiver
from tests.support.running import Running, until
from tests.support.sending import sending
from tests.support.working import Working, working
from webhookui.core.database import now
from webhookui.delivery import worker_registry
from webhookui.delivery.tables import Delivery, WorkerProcess
from webhookui.delivery.worker_registry import WorkerRegistry, host_identity

ME = WorkerProcess(id="me", host=host_identity(), pid=os.getpid())


@pytest.fixture
def crm(tmp_path: Path) -> Any:
    with working(tmp_path) as crm:
        yield crm


@pytest.fixture
def ended() -> int:
    """The number of a process that ran here and does not any more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def add(crm: Working, name: str, host: str, pid: int, **values: Any) -> None:
    with crm.db.write() as session:
        session.merge(WorkerProcess(id=name, host=host, pid=pid, **values))


def stale_workers(crm: Working, seen: WorkerRegistry) -> list[str]:
    with crm.db.read() as session:
        return seen.stale_workers(session)


def test_a_process_of_this_host_that_does_not_run_is_dead_at_once(crm: Working, ended: int) -> None:
    add(crm, "ended", host_identity(), ended)
    add(crm, "running", host_identity(), os.getppid())
    add(crm, "before", host_identity(), os.getpid())  # had our number before us
    seen = WorkerRegistry(ME)
    assert sorted(stale_workers(crm, seen)) == ["before", "ended"]
    assert not seen.is_only_worker


def test_the_same_number_on_another_machine_of_the_same_name_says_nothing(crm: Working, ended: int) -> None:
    other = "/".join([host_identity().split("/")[0], "another", "boot"])
    add(crm, "there", other, ended)
    add(crm, "there too", other, os.getpid())
    assert stale_workers(crm, WorkerRegistry(ME)) == []


def test_a_heartbeat_is_believed_while_it_moves_whatever_time_it_says(
    crm: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own time is replaced because nobody wants to wait for half a minute."""
    time = 1000.0
    monkeypatch.setattr(worker_registry.time, "monotonic", lambda: time)
    seen = WorkerRegistry(ME)
    for minute in range(5):
        add(crm, "slow clock", "elsewhere", 1, seen_at=now() - timedelta(hours=1) + timedelta(seconds=minute))
        add(crm, "fast clock", "elsewhere", 1, seen_at=now() + timedelta(hours=1) - timedelta(seconds=minute))
        assert stale_workers(crm, seen) == []
        time += 29
    time += 2
    assert sorted(stale_workers(crm, seen)) == ["fast clock", "slow clock"]
    assert seen.is_only_worker


def test_who_holds_a_delivery_and_is_not_known_is_dead(crm: Working) -> None:
    with crm.db.write() as session:
        session.add(
            Delivery(status="dispatched", module="deals", method="GET", url="http://x/", claimed_by="forgotten")
        )
    assert stale_workers(crm, WorkerRegistry(ME)) == ["forgotten"]


def test_a_wake_up_that_a_process_which_has_just_joined_took_is_made_up_for(tmp_path: Path, receiver: Receiver) -> None:
    """Both knew of nobody else, so neither woke anybody twice: what the one took, the other waited for until the next minute."""
    with sending(tmp_path) as room:
        room.hook(receiver.url)
        room.settled(room.save())
        key = room.last()[0].endpoint_key
        with room.installation.queue._lock:
            room.installation.queue._woken.add(key)  # and the one that joined has taken it from the queue
        delivery = room.save()
        assert room.logged(delivery).delivery.status == "queued"
        add(room, "joined", host_identity(), os.getppid())
        assert room.settled(delivery).delivery.status == "success"


def test_every_save_of_a_web_process_wakes_the_worker(tmp_path: Path, receiver: Receiver) -> None:
    """The next sweep would find it too, up to a minute later."""
    installation = Running(tmp_path).set_up()
    try:
        installation.start("web")
        installation.start("worker")
        until(lambda: "working on the queue" in (tmp_path / "worker.log").read_text(), 20)
        action = {"type": "webhook", "title": "A", "url": receiver.url}
        installation.call(
            "POST", "/workflows", {"name": "W", "module": "contacts", "trigger": {"on": "create"}, "actions": [action]}
        )
        for number in range(1, 6):
            installation.call("POST", "/records/contacts", {"values": {"last_name": f"{number}"}})
            receiver.wait_for(number, timeout_s=5)
    finally:
        installation.kill()
