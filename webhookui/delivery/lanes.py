"""Lanes: what one worker process knows of the webhooks that it sends for, and how many senders each may have (specification
section 6, "nobody waits for a slow neighbour").

A lane is one webhook at one endpoint (scheme://host:port): "https://api.example.com:443#12". What waits in one holds up no
other. Tests of an endpoint have a lane of their own.
"""

from __future__ import annotations

TEST = "#test"
"""End of the names of lanes that nothing holds up: those of tests."""

SLOW_SENDERS = 2
"""Senders of a lane that is new, slow or failing, when it is the only one of its endpoint that is being sent to."""
ENDPOINT_SENDERS = 8
"""Lanes of one endpoint that are sent to at once, one sender each; the others take their turn."""


def lane_name(origin: str, webhook_id: int | None, *, test: bool = False) -> str:
    """`origin`: scheme://host:port."""
    if test:
        return origin + TEST
    return f"{origin}#{webhook_id}" if webhook_id else origin


def endpoint_of(lane: str) -> str:
    """scheme://host:port"""
    return lane.partition("#")[0]


def webhook_id_of(lane: str) -> int | None:
    """None for a lane of tests."""
    number = lane.partition("#")[2]
    return int(number) if number.isdecimal() else None


def group_of(lane: str) -> str:
    """Lanes of one group share an endpoint's senders and its pause."""
    return lane if lane.endswith(TEST) else endpoint_of(lane)


class Lane:
    """What this process knows of one lane."""

    __slots__ = ("again", "group", "limited", "name", "quick", "senders", "webhook_id")

    def __init__(self, name: str) -> None:
        self.name = name
        self.group = group_of(name)
        self.webhook_id = webhook_id_of(name)
        self.senders = 0
        self.again = False
        """A wake-up came while all its senders were busy."""
        self.quick = False
        self.limited = False
        """It is sent to at a limited rate, which one sender can keep."""


class Lanes:
    """All lanes of a process. Not locked: the engine asks under its lock."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}
        self._waiting: dict[str, dict[str, None]] = {}
        """Group → its lanes that found no room, in the order in which they asked."""

    def get(self, name: str) -> Lane:
        return self._lanes.setdefault(name, Lane(name))

    def any_busy(self) -> bool:
        return any(lane.senders for lane in list(self._lanes.values()))

    def has_room(self, lane: Lane, workers: int, *, inline: bool) -> bool:
        """Whether the lane gets one more sender. Quick endpoints share the queue's threads evenly, and each has one sender
        at least: it may have a thread of its own when the others hold all, but no more, for more would only jostle."""
        if lane.limited:
            return lane.senders < 1
        busy = [other for other in self._lanes.values() if other.senders]
        of_group = sum(other.senders for other in busy if other.group == lane.group)
        if not lane.senders and of_group < ENDPOINT_SENDERS:
            return True
        if not lane.quick:
            return lane.senders < SLOW_SENDERS and of_group < SLOW_SENDERS
        others = {other.group for other in busy if other.quick} - {lane.group}
        return inline and of_group < max(1, workers // (len(others) + 2))

    def wait(self, lane: Lane) -> None:
        """Notes that the lane found no room."""
        lane.again = True
        if not lane.senders:
            self._waiting.setdefault(lane.group, {})[lane.name] = None

    def leave(self, lane: Lane) -> str | None:
        """Takes a sender away. Returns the lane of the same endpoint whose turn it is now, if one waits."""
        lane.senders -= 1
        waiting = self._waiting.get(lane.group)
        if not waiting:
            return None
        name = next(iter(waiting))
        del waiting[name]
        return name
