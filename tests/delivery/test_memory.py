"""Answers that are meant to fill the memory don't: a short form of `webhookui bench memory`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks.bad_receiver import MIB, BadReceiver

WORKERS = 4
PROGRAM = """
import ipaddress, json, resource, sys, threading
from webhookui.outgoing.address_policy import AddressPolicy
from webhookui.outgoing.http_client import Outgoing, Transport

url, workers = sys.argv[1], int(sys.argv[2])
transport = Transport(AddressPolicy((ipaddress.ip_network("127.0.0.0/8"),)), read_limit=1048576, connections=workers)
got = []

def send():
    for _ in range(3):
        answer = transport.exchange(Outgoing("GET", url, (), None, 60))
        got.append((len(answer.body), answer.cut))

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
threads = [threading.Thread(target=send) for _ in range(workers)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"rise": after - before, "got": got}))
"""


@pytest.fixture(scope="module")
def receiver() -> Iterator[BadReceiver]:
    with BadReceiver(size=100 * MIB) as new_receiver:
        yield new_receiver


@pytest.mark.parametrize("kind", ["plain", "gzip", "deflate", "twice"])
def test_a_huge_or_packed_answer_costs_less_than_20_mib_for_each_worker(kind: str, receiver: BadReceiver) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"{receiver.urls[0]}/{kind}", str(WORKERS)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    unit = 1 if sys.platform == "darwin" else 1024
    assert document["rise"] * unit < 20 * MIB * WORKERS
    assert len(document["got"]) == 3 * WORKERS
    if kind != "twice":  # that one is not unpacked at all
        assert all(cut and size == MIB for size, cut in document["got"])
