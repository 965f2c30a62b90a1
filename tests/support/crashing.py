"""Rounds of kill -9 under load, and what must hold after the last start (specification section 6, "never lost", "at least once").

`make soak` runs 200 rounds of it, the tests a few. What happens when comes from one seed, which is printed.
"""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from bisect import bisect
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from tests.support.counting_receiver import CountingReceiver, Seen
from tests.support.running import Running, until
from tests.support.sending import NUMBER
from webhookui.delivery import results

KINDS = ("ok", "ok", "ok", "ok", "slow", "slow", "flaky", "fail")
WEBHOOKS = 2
SAVERS = 3
WORKERS = 8
SHAPES = (("run",), ("web", "worker"))
"""What is started in a round: all in one process, or web and worker apart."""


@dataclass
class Figures:
    """What a soak came to. `sent_again`: for each round, requests that had come before the kill and came again after it."""

    rounds: int = 0
    saves: int = 0
    deliveries: int = 0
    requests: int = 0
    interrupted: int = 0
    sent_again: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        values = {
            **vars(self),
            "sent_again": sum(self.sent_again),
            "sent_again_at_most": max(self.sent_again, default=0),
        }
        return json.dumps(values, indent=2)


class Crashing:
    """A data folder, a receiver that survives everything, and people who save all the time."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._chance = random.Random(seed)
        self._receiver = CountingReceiver(seed)
        self._running = Running(
            folder, WEBHOOKUI_RETRY_DELAYS="0,0,1", WEBHOOKUI_WORKERS=str(WORKERS), WEBHOOKUI_LOG_LEVEL="WARNING"
        )
        self._running.start_s = 300  # rounds go on on a machine that is busy with other things
        self._saved: dict[int, int] = {}
        """Contact → number of its saves that were answered."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._kills: list[float] = []
        self.figures = Figures()

    def prepare(self, backlog: int) -> None:
        """Two workflows that fire at every save of a contact, and deliveries that wait before anything sends."""
        self._running.set_up()
        self._running.start("web")
        for name, path in (("A", "/ok"), ("B", "/{{ last_name }}")):
            action = {"type": "webhook", "title": name, "url": self._receiver.url + path, "headers": [NUMBER]}
            trigger = {"on": "create_or_update", "recurrence": "every_time"}
            self._running.call(
                "POST", "/workflows", {"name": name, "module": "contacts", "trigger": trigger, "actions": [action]}
            )
        for _ in range(backlog):
            self._save(self._running.session)
        self._running.kill()

    def round(self, longest_s: float) -> None:
        """Starts, lets people save for a random while, kills."""
        shape = self._chance.choice(SHAPES)
        for what in shape:
            self._running.start(what)
        self._stop.clear()
        savers = [threading.Thread(target=self._keep_saving, args=(self._chance.random(),)) for _ in range(SAVERS)]
        for saver in savers:
            saver.start()
        victims = self._chance.choice((shape, (shape[-1],)))
        time.sleep(self._chance.random() * longest_s)
        for process, what in zip(self._running.processes, shape, strict=True):
            if what in victims:
                process.kill()
                process.wait(10)
        self._kills.append(time.time())
        time.sleep(0.2 * self._chance.random())  # what survives goes on for a moment: a web process without its worker
        self._stop.set()
        self._running.kill()
        for saver in savers:
            saver.join()
        self.figures.rounds += 1

    def finish(self, within_s: float = 300) -> Figures:
        """Starts for the last time, waits until nothing is waiting, and looks at what there is."""
        self._running.start()
        try:
            until(self._nothing_waits, within_s, self._what_waits)
        except AssertionError as error:
            self.figures.wrong.append(str(error))
        self._running.stop()
        self._look()
        return self.figures

    def close(self) -> None:
        self._stop.set()
        self._running.kill()
        self._receiver.close()

    # ---- load ---------------------------------------------------------------------------------------------------------

    def _keep_saving(self, seed: float) -> None:
        chance = random.Random(seed)
        session = requests.Session()
        session.trust_env = False
        session.headers = self._running.session.headers
        while not self._stop.is_set():
            try:
                self._save(session, chance)
            except (requests.RequestException, AssertionError):  # killed: whether it was saved is looked at in the end
                time.sleep(0.02)

    def _save(self, session: requests.Session, chance: random.Random | None = None) -> None:
        chance = chance or self._chance
        with self._lock:
            record_id = chance.choice(list(self._saved)) if self._saved and chance.random() < 0.4 else None
        url = f"{self._running.address}/api/v1/records/contacts"
        if record_id is None:
            answer = session.post(url, json={"values": {"last_name": chance.choice(KINDS)}}, timeout=30)
        else:
            answer = session.patch(
                f"{url}/{record_id}", json={"values": {"description": f"{chance.random()}"}}, timeout=30
            )
        assert answer.ok, answer.text
        with self._lock:
            contact = answer.json()["id"]
            self._saved[contact] = self._saved.get(contact, 0) + 1
            self.figures.saves += 1

    # ---- what must hold -----------------------------------------------------------------------------------------------

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        db = sqlite3.connect(self._running.folder / "webhookui.db", timeout=30)
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()

    def _nothing_waits(self) -> bool:
        return not self._rows("SELECT id FROM delivery WHERE status NOT IN ('success', 'failed') LIMIT 1")

    def _what_waits(self) -> str:
        waiting = self._rows("SELECT status, endpoint_key, count(*), min(next_attempt_at) FROM delivery GROUP BY 1, 2")
        return f"{waiting}, paused: {self._rows('SELECT endpoint_key, state FROM endpoint')}"

    def _look(self) -> None:
        seen = self._receiver.seen()
        deliveries = self._rows(
            "SELECT id, status, attempt_count, change_id, webhook_id, record_id FROM delivery ORDER BY id"
        )
        attempts: defaultdict[int, list[tuple[str, float]]] = defaultdict(list)
        for delivery, number, outcome, at in self._rows(
            "SELECT delivery_id, number, outcome, at FROM attempt ORDER BY delivery_id, number"
        ):
            attempts[delivery].append((outcome, datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()))
            if number != len(attempts[delivery]):
                self._say(f"delivery {delivery} has no attempt {len(attempts[delivery])}")
        came: defaultdict[int, list[float]] = defaultdict(list)
        for request in seen:
            came[request.id].append(request.at)
        for delivery, status, count, *_ in deliveries:
            self._look_at(delivery, status, count, attempts[delivery], came[delivery])
        for stranger in came.keys() - {row[0] for row in deliveries}:
            self._say(f"{stranger} was sent and is not in the log")
        self._look_at_saves(deliveries)
        self._look_at_order(deliveries, seen)
        self._look_at_kills(attempts, came)
        self.figures.deliveries, self.figures.requests = len(deliveries), len(seen)
        self.figures.interrupted = sum(
            outcome == "interrupted" for outcomes in attempts.values() for outcome, _ in outcomes
        )

    def _look_at(
        self, delivery: int, status: str, count: int, attempts: list[tuple[str, float]], came: list[float]
    ) -> None:
        """Ends once; was seen; each request but those in flight at a kill has its attempt; none came after its result."""
        outcomes = [outcome for outcome, _ in attempts]
        good = {"success": outcomes[-1:] == ["success"] and outcomes.count("success") == 1,
                "failed": outcomes.count("failed") == 4 and outcomes[-1] == "failed" and "success" not in outcomes}  # fmt: skip
        if not good.get(status):
            self._say(f"delivery {delivery} is {status} with {outcomes}")
        if count != len(outcomes):
            self._say(f"delivery {delivery} counts {count} attempts of {len(outcomes)}")
        answered = len(outcomes) - outcomes.count("interrupted")
        if not answered <= len(came) <= len(outcomes):
            self._say(f"delivery {delivery} came {len(came)} times, with {outcomes}")
        if status in good and attempts and sum(at >= attempts[-1][1] for at in came) != 1:
            self._say(f"delivery {delivery} came again after its end was recorded")

    def _look_at_saves(self, deliveries: list[tuple[Any, ...]]) -> None:
        """No save without its deliveries, no delivery without its save; none of the saves that were answered is missing."""
        of_change = Counter(row[3] for row in deliveries)
        changes = dict(self._rows("SELECT id, record_id FROM change WHERE module = 'contacts'"))
        for change in changes.keys() | of_change.keys():
            if change not in changes or of_change[change] != WEBHOOKS:
                self._say(f"save {change} has {of_change[change]} deliveries")
        kept = Counter(changes.values())
        for contact, number in self._saved.items():
            if kept[contact] < number:
                self._say(f"contact {contact} was saved {number} times, {kept[contact]} are known")

    def _look_at_order(self, deliveries: list[tuple[Any, ...]], seen: list[Seen]) -> None:
        """The deliveries of one webhook for one record came for the first time in the order of the saves."""
        first: dict[int, float] = {}
        for request in seen:
            first.setdefault(request.id, request.at)
        last: dict[tuple[int, int], tuple[int, float]] = {}
        for delivery, *_, webhook, record in deliveries:
            before, at = last.get((webhook, record), (0, 0.0))
            if first.get(delivery, at) < at:
                self._say(f"delivery {delivery} came before {before}")
            last[webhook, record] = (delivery, first.get(delivery, at))

    def _look_at_kills(self, attempts: dict[int, list[tuple[str, float]]], came: dict[int, list[float]]) -> None:
        """For each kill: the requests that had come before it and whose outcome had not been written down."""
        unwritten: Counter[int] = Counter()
        for delivery, times in came.items():
            unwritten.update(bisect(self._kills, at) for at in times)
            unwritten.subtract(
                bisect(self._kills, at) for outcome, at in attempts[delivery] if outcome != "interrupted"
            )
        self.figures.sent_again = [unwritten[number] for number in range(len(self._kills))]
        most = WORKERS + results.GROUP
        for number, again in enumerate(self.figures.sent_again):
            if again > most:
                self._say(
                    f"{again} requests came again after kill {number + 1}; in flight and in a group were {most} at most"
                )

    def _say(self, words: str) -> None:
        self.figures.wrong.append(words)
