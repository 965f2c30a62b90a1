"""The senders of each endpoint key in one worker process: how many there are, and how many there may be (specification section 6,
"nobody waits for a slow neighbour").
"""

from webhookui.delivery.endpoint_key import EndpointKey

SLOW_SENDERS = 2
"""Senders of a pool that is new, slow or failing, when it is the only one of its endpoint that is being sent to."""
ENDPOINT_SENDERS = 8
"""Keys of one endpoint that are sent to at once, one sender each; the others take their turn."""


class SenderPool:
    """The senders of one key, and what this process knows of it."""

    __slots__ = ("again", "endpoint", "key", "limited", "quick", "senders", "webhook_id")

    def __init__(self, key: EndpointKey) -> None:
        self.key = key
        self.endpoint = key.endpoint
        self.webhook_id = key.webhook_id
        self.senders = 0
        self.again = False
        """A wake-up came while all its senders were busy."""
        self.quick = False
        self.limited = False
        """It is sent to at a limited rate, which one sender can keep."""


class SenderPools:
    """All pools of a process. Not locked: the engine asks under its lock."""

    def __init__(self) -> None:
        self._pools: dict[str, SenderPool] = {}
        self._waiting: dict[str, dict[str, None]] = {}
        """Endpoint → its pools' keys that found no room, in the order in which they asked."""

    def get(self, key: str) -> SenderPool:
        return self._pools.setdefault(key, SenderPool(EndpointKey(key)))

    def any_busy(self) -> bool:
        return any(pool.senders for pool in list(self._pools.values()))

    def has_room(self, pool: SenderPool, workers: int, *, inline: bool) -> bool:
        """Whether the pool gets one more sender. Quick endpoints share the queue's threads evenly, and each has one sender
        at least: it may have a thread of its own when the others hold all, but no more, for more would only jostle."""
        if pool.limited:
            return pool.senders < 1
        busy = [other for other in self._pools.values() if other.senders]
        of_endpoint = sum(other.senders for other in busy if other.endpoint == pool.endpoint)
        if not pool.senders and of_endpoint < ENDPOINT_SENDERS:
            return True
        if not pool.quick:
            return pool.senders < SLOW_SENDERS and of_endpoint < SLOW_SENDERS
        others = {other.endpoint for other in busy if other.quick} - {pool.endpoint}
        return inline and of_endpoint < max(1, workers // (len(others) + 2))

    def wait(self, pool: SenderPool) -> None:
        """Notes that the pool found no room."""
        pool.again = True
        if not pool.senders:
            self._waiting.setdefault(pool.endpoint, {})[pool.key] = None

    def leave(self, pool: SenderPool) -> str | None:
        """Takes a sender away. Returns the key of the same endpoint whose turn it is now, if one waits."""
        pool.senders -= 1
        waiting = self._waiting.get(pool.endpoint)
        if not waiting:
            return None
        key = next(iter(waiting))
        del waiting[key]
        return key
