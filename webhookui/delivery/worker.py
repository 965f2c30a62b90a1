"""The engine: pools and their senders in one worker process (specification section 6, "nobody waits for a slow neighbour").

A pool is a webhook at an endpoint (`delivery/sender_pools.py`). Huey wakes its workers. A pool that answers quickly is sent to
in the thread that was woken; one that is new, slow or failing gets threads of its own, so that a hanging endpoint never holds
what others need.
"""

import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog
from sqlalchemy import delete
from sqlalchemy.exc import SQLAlchemyError

from webhookui.core.database import Database, now
from webhookui.core.secrets import SecretBox, SecretUnreadable
from webhookui.delivery import claim, pending, rate_limiter
from webhookui.delivery.attempt import NotSent, Sender
from webhookui.delivery.circuit import CircuitRules, Circuits
from webhookui.delivery.claim import Claimed
from webhookui.delivery.daemon_pool import DaemonThreads
from webhookui.delivery.results import ResultWriter
from webhookui.delivery.retries import RetrySchedule
from webhookui.delivery.sender_pools import SenderPool, SenderPools
from webhookui.delivery.tables import WorkerProcess
from webhookui.delivery.webhook_cache import WebhookCache
from webhookui.delivery.worker_registry import STALE_AFTER, WorkerRegistry, host_identity
from webhookui.outgoing.address_policy import AddressPolicy
from webhookui.outgoing.allowances import Allowances, StoredAllowances
from webhookui.outgoing.http_client import Interrupted, Transport
from webhookui.outgoing.oauth import OAuthTokens
from webhookui.settings import Settings

log = structlog.get_logger("webhookui.delivery")

QUICK_MS = 1000.0
"""An answer within this makes a pool quick; a slower one, or none, makes it slow."""
TURN_S = 2.0
"""A pool gives way to the others after so long."""
QUICK_BATCH, SLOW_BATCH = 32, 1
SLOW_THREADS = 256
GIVING_UP_S = 1.0
"""What is in flight when a stop's time is up gets so long to let go."""
LOOK_S = 5.0
"""How often a process looks whether the others live, and whether it is time to say so of itself."""


class Engine:
    """Sends what is due until it is stopped. `wake` and `wake_at` have the queue wake a worker for a pool."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        box: SecretBox,
        wake: Callable[[str], None],
        wake_at: Callable[[str, datetime], None],
    ) -> None:
        self._settings = settings
        self._db = db
        self._wake = wake
        self._wake_at = wake_at
        host = host_identity()
        self.process = WorkerProcess(id=f"{host}:{os.getpid()}:{secrets.token_hex(4)}", host=host, pid=os.getpid())
        self.registry = WorkerRegistry(self.process)
        self._good_until = 0.0
        policy = policy_of(settings, StoredAllowances(db))
        self._transport = Transport(
            policy, read_limit=settings.read_limit, connections=settings.workers, ca_file=settings.ca_file
        )
        self._webhooks = WebhookCache(db, box)
        self._sender = Sender(self._webhooks, box, self._transport, OAuthTokens(self._transport), settings.address)
        schedule = RetrySchedule(settings.retry_delays, settings.retry_jitter)
        self._circuits = Circuits(db, CircuitRules(settings.pause_after, settings.probe_delays), wake)
        self.writer = ResultWriter(
            db, self.process.id, schedule, self._circuits, settings.response_limit, wake, wake_at
        )
        self._pools = SenderPools()
        self._lock = threading.Lock()
        self._inline = 0
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._slow = DaemonThreads(SLOW_THREADS, "slow-pool")
        self._heart = threading.Thread(target=self._live, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Registers the process, takes over what stale ones left, and wakes workers for all that is due."""
        self._beat()
        self.writer.start()
        self.sweep()
        self._heart.start()

    def stop(self, timeout_s: float) -> None:
        """Sends nothing new, waits for what is in flight, writes its results, gives the rest back.

        What has no answer when the time is up is cut off and marked interrupted: whoever starts next sends it again.
        """
        end = time.monotonic() + timeout_s
        self._stopping.set()
        self._wait_for_senders(end)
        self._transport.interrupt()
        self._wait_for_senders(time.monotonic() + GIVING_UP_S)
        if self.writer.stop(max(GIVING_UP_S, end - time.monotonic())):
            try:
                if interrupted := claim.recover(self._db, [self.process.id]):
                    log.warning("interrupted", deliveries=interrupted, processes=[self.process.id])
                with self._db.write() as session:
                    session.execute(delete(WorkerProcess).where(WorkerProcess.id == self.process.id))  # type: ignore[arg-type]
            except SQLAlchemyError as error:  # the next one to start finds it stale
                log.error("not_signed_off", error=str(error))
        self._ended.set()
        self._transport.close()

    def _wait_for_senders(self, end: float) -> None:
        while time.monotonic() < end and self._pools.any_busy():
            time.sleep(0.02)

    def sweep(self) -> None:
        """Takes over what stale processes had in hand, and wakes workers for every pool with something due."""
        with self._db.read() as session:
            gone = self.registry.stale_workers(session)
        if gone:
            interrupted = claim.recover(self._db, gone)
            with self._db.write() as session:
                session.execute(delete(WorkerProcess).where(WorkerProcess.id.in_(gone)))  # type: ignore[attr-defined]
            if interrupted:
                log.warning("interrupted", deliveries=interrupted, processes=gone)
        with self._db.read() as session:
            pools = claim.due_keys(session)
        for pool in pools:
            self._wake(pool)

    def note_wakeup(self) -> None:
        """Notes that the queue has just answered a wake-up; the heartbeat writes it down."""
        self.process.answered_at = now()

    def work(self, name: str) -> None:
        """Answers one wake-up: sends what the pool has due, in this thread or in one of the pool's own."""
        self.note_wakeup()
        limited = bool(self._rates(self._pools.get(name)))
        with self._lock:
            pool = self._pools.get(name)
            pool.limited = limited
            inline = self._fits_inline(pool)
            if self._stopping.is_set() or not self._has_room(pool, inline):
                self._pools.wait(pool)
                return
            pool.senders += 1
            self._inline += inline
        if inline:
            try:
                self._drain(pool, inline=True)
            finally:
                with self._lock:
                    self._inline -= 1
        else:
            self._slow.submit(self._drain, pool, inline=False)

    def _fits_inline(self, pool: SenderPool) -> bool:
        """Whether a sender of the pool may take one of the queue's threads; a quarter of them is kept for what comes next."""
        return self._is_quick(pool) and self._settings.workers - self._inline > self._settings.workers // 4

    def _has_room(self, pool: SenderPool, inline: bool) -> bool:
        return self._pools.has_room(pool, self._settings.workers, inline=inline)

    @staticmethod
    def _is_quick(pool: SenderPool) -> bool:
        return pool.quick and not pool.limited

    def _drain(self, pool: SenderPool, *, inline: bool) -> None:
        """Claims and sends until the pool is empty or its turn is over. Gives up its place in every case.

        A pool that turns out to be quick is handed over to the queue's own threads, one that turns slow leaves them.
        """
        end = time.monotonic() + TURN_S
        left = False
        try:
            while not self._stopping.is_set():
                pool.again = False
                if time.monotonic() > self._good_until:
                    self._beat()  # it stood still, or the database did: speak up before taking more
                batch = self._next_batch(pool)
                if batch is None:
                    continue
                if not batch:
                    with self._lock:
                        if pool.again:
                            continue
                        left = True
                        self._leave(pool)
                    return
                if len(batch) == _batch_size(pool) and self._wants_help(pool):
                    self._wake(pool.key)
                self._send(pool, batch)
                if time.monotonic() > end or inline != self._is_quick(pool):
                    break
        except SQLAlchemyError as error:
            log.error("claim_failed", key=pool.key, error=str(error))
            self._stopping.wait(0.5)
        finally:
            if not left:
                with self._lock:
                    self._leave(pool)
                if not self._stopping.is_set():
                    self._wake(pool.key)

    def _leave(self, pool: SenderPool) -> None:
        """Gives up a sender's place, to the next pool of the same endpoint if one waits for it."""
        next_key = self._pools.leave(pool)
        if next_key is not None and not self._stopping.is_set():
            self._wake(next_key)

    def _next_batch(self, pool: SenderPool) -> list[Claimed] | None:
        """What to send now: nothing when the pool is empty or must wait for long, None when it had to wait for a moment.

        While the pool drains, what the last request came to is written down first: the next may be one too many.
        """
        name = pool.key
        if not self._may_send(pool):
            return []
        if self._circuits.draining(name):
            self.writer.wait()
        size = self._circuits.permit(name, _batch_size(pool))
        if not size:
            return []
        rates = self._rates(pool)
        pool.limited = bool(rates)
        if rates:
            size = 1
            wait_s = self._wait_s(pool, rates)
            if wait_s > TURN_S:  # too long to keep a thread for it
                self._wake_at(name, now() + timedelta(seconds=wait_s))
                return []
            if wait_s:
                self._stopping.wait(wait_s)
                return None
        batch = claim.claim(self._db, self.process.id, name, size, fresh_first=self._circuits.is_paused(name))
        if not batch:
            self._circuits.has_emptied(name)
        return batch

    def _may_send(self, pool: SenderPool) -> bool:
        """Whether the pool's workflow is on. What waits for a webhook that was taken away ends."""
        state = self._webhooks.state(pool.webhook_id)
        if state == "removed":
            with self._db.write() as session:
                pending.end(session, pending.of_key(pool.key), pending.REMOVED)
        return state == "on"

    def _wants_help(self, pool: SenderPool) -> bool:
        with self._lock:
            return self._has_room(pool, self._fits_inline(pool))

    def _send(self, pool: SenderPool, batch: Sequence[Claimed]) -> None:
        for position, claimed in enumerate(batch):
            try:
                result = self._sender.attempt(claimed)
                self.writer.put(result)
                pool.quick = result.answer is not None and result.duration_ms < QUICK_MS
            except Interrupted:
                pass  # it stays dispatched, and is marked so at the end of the stop
            except NotSent:
                claim.release(self._db, self.process.id, [rest.id for rest in batch[position:]])
                return
            stops = not pool.quick or self._stopping.is_set() or self._circuits.is_paused(pool.key)
            if stops and position + 1 < len(batch):
                claim.release(self._db, self.process.id, [rest.id for rest in batch[position + 1 :]])
                return

    def _rates(self, pool: SenderPool) -> dict[str, float]:
        """How many requests a second may go, by the name of what shares them: the pool (its webhook's limit, or less while it
        drains) and its endpoint while that drains; empty for any number."""
        rates = dict.fromkeys(self._circuits.draining(pool.key), self._settings.drain_rate)
        if pool.webhook_id is not None:
            with suppress(SecretUnreadable):  # the attempt will say so
                resolved = self._webhooks.get(pool.webhook_id)
                if resolved is not None and resolved.webhook.rate_limit_per_s:
                    limit = float(resolved.webhook.rate_limit_per_s)
                    rates[pool.key] = min(limit, rates.get(pool.key, limit))
        return rates

    def _wait_s(self, pool: SenderPool, rates: Mapping[str, float]) -> float:
        """Seconds until the pool's next request may go; 0 when it may go now, or has nothing to send."""
        if not claim.is_due(self._db, pool.key):
            return 0.0
        for name in sorted(rates, reverse=True):  # the pool's own first: the endpoint's turn is not taken in vain
            if wait_s := rate_limiter.wait_s(self._db, name, rates[name]):
                return wait_s
        return 0.0

    def _live(self) -> None:
        while not self._ended.wait(LOOK_S):
            try:
                # No sooner than it must: each commit makes every open page of the log ask once in earnest.
                if time.monotonic() + LOOK_S >= self._good_until:
                    self._beat()
                was_only = self.registry.is_only_worker
                with self._db.read() as session:
                    gone = self.registry.stale_workers(session)
                # One that has joined may have taken wake-ups that this process still counted on.
                if gone or was_only != self.registry.is_only_worker:
                    self.sweep()
            except SQLAlchemyError as error:
                log.error("heartbeat_failed", error=str(error))

    def _beat(self) -> None:
        """Says that this process lives. The others give it up when it did not for STALE_AFTER."""
        good_until = time.monotonic() + STALE_AFTER.total_seconds() / 2
        with self._db.write() as session:
            row = session.get(WorkerProcess, self.process.id)
            if row is None:
                session.add(WorkerProcess(**self.process.model_dump() | {"seen_at": now()}))
            else:
                row.seen_at, row.answered_at = now(), self.process.answered_at
        self._good_until = good_until


def _batch_size(pool: SenderPool) -> int:
    return QUICK_BATCH if pool.quick else SLOW_BATCH


def policy_of(settings: Settings, stored: Callable[[], Allowances]) -> AddressPolicy:
    """The address policy of the environment's settings and of what admins have `stored`. The application's own address is
    reachable for its inspector."""
    parts = urlsplit(settings.address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    own = {(parts.hostname or "", port)}
    if settings.host in ("127.0.0.1", "0.0.0.0", "::", "::1", "localhost"):  # noqa: S104 - compared, not bound
        own |= {("127.0.0.1", settings.port), ("localhost", settings.port)}
    return AddressPolicy(
        settings.allowed_networks,
        frozenset(host.rstrip(".").lower() for host in settings.allowed_hosts),
        frozenset(own),
        stored,
    )
