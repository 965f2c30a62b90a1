"""The names of the time zones that this machine has, read from its files once."""

from functools import cache
from zoneinfo import available_timezones


@cache
def time_zones() -> tuple[str, ...]:
    """In alphabetical order."""
    return tuple(sorted(available_timezones()))
