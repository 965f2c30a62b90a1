"""Several worker processes on one PostgreSQL: each delivery is sent by one of them, limits are common, the dead are replaced."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.delivery.test_rate_limiter import ids, keeps
from tests.support import postgres
from tests.support.receiver import Answer, Receiver
from tests.support.running import Running, until
from tests.support.sending import NUMBER

pytestmark = pytest.mark.postgresql
PER_S = 10


@pytest.fixture(scope="module")
def installation(postgresql_server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A web process; the tests start workers."""
    url = postgresql_server.database()
    started = Running(tmp_path_factory.mktemp("postgresql"), WEBHOOKUI_DATABASE_URL=url).set_up()
    started.start("web")
    try:
        yield started
    finally:
        started.kill()


@pytest.fixture
def workers(installation: Running) -> Iterator[list[Any]]:
    """Two of them, killed in the end."""
    log = installation.folder / "worker.log"
    before = log.read_text().count("working on the queue") if log.exists() else 0
    processes = [installation.start("worker") for _ in range(2)]
    until(lambda: log.read_text().count("working on the queue") == before + 2, 60, log.read_text)
    yield processes
    for process in processes:
        process.kill()
        process.wait(10)
        installation.processes.remove(process)


def workflow(installation: Running, name: str, url: str, **action: Any) -> None:
    document = {
        "name": name, "module": "contacts", "trigger": {"on": "create"},
        "criteria": {"all": [{"field": "last_name", "operator": "is", "value": name}], "any": []},
        "actions": [{"type": "webhook", "title": name, "url": url, "headers": [NUMBER], **action}],
    }  # fmt: skip
    installation.call("POST", "/workflows", document)


def save(installation: Running, name: str) -> int:
    installation.call("POST", "/records/contacts", {"values": {"last_name": name}})
    new_id: int = installation.call("GET", "/deliveries?limit=1")["items"][0]["id"]
    return new_id


def test_each_delivery_is_sent_once_by_one_of_them(
    installation: Running, workers: list[Any], receiver: Receiver
) -> None:
    workflow(installation, "once", receiver.url)
    saved = [save(installation, "once") for _ in range(60)]
    for delivery_id in saved:
        assert len(installation.delivery(delivery_id, "success")["attempts"]) == 1
    assert Counter(ids(receiver.requests)) == Counter(saved)


def test_a_limit_is_one_for_all_of_them(installation: Running, workers: list[Any], receiver: Receiver) -> None:
    workflow(installation, "limited", receiver.url, rate_limit_per_s=PER_S)
    saved = [save(installation, "limited") for _ in range(25)]
    receiver.wait_for(25)
    assert keeps(receiver.requests, PER_S)
    assert sorted(ids(receiver.requests)) == saved


def test_another_one_takes_over_what_a_killed_one_had_in_the_air(
    installation: Running, workers: list[Any], receiver: Receiver
) -> None:
    go = threading.Event()
    receiver.default = Answer(before=lambda: go.wait(60) and None)
    workflow(installation, "killed", receiver.url, timeout_s=60)
    saved = [save(installation, "killed") for _ in range(2)]
    receiver.wait_for(2)
    workers[0].kill()
    workers[0].wait(10)
    go.set()
    documents = [installation.delivery(delivery_id, "success", timeout_s=60) for delivery_id in saved]
    outcomes = [[attempt["outcome"] for attempt in document["attempts"]] for document in documents]
    assert all(outcome in (["success"], ["interrupted", "success"]) for outcome in outcomes)
    assert len(receiver.requests) == sum(len(outcome) for outcome in outcomes)


POISON = {
    "a null character": rb'{"a":"x\u0000y"}',
    "half a surrogate pair": rb'{"a":"\ud800"}',
    "a header with a null character": b"{}",
}


@pytest.mark.parametrize("case", POISON)
def test_an_answer_that_postgresql_does_not_take_holds_up_nothing(
    case: str, installation: Running, workers: list[Any], receiver: Receiver
) -> None:
    headers = {"X-Odd": "a\x00b"} if "header" in case else {}
    receiver.answers = [Answer(200, POISON[case], headers)]
    capture = {"type": "JSONPATH", "on_success": [{"path": "$.a", "field": "description"}], "on_failure": []}
    workflow(installation, case, receiver.url, capture=capture)
    poisoned = installation.delivery(save(installation, case), "success", "retry")
    assert poisoned["attempt_count"] == 1
    assert installation.delivery(save(installation, case), "success")["attempt_count"] == 1
