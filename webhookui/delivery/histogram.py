"""Durations in classes, so that percentiles of a million are read from a few dozen numbers.

A class is a step of the E12 series (1, 1.2, 1.5, 1.8, 2.2, …): a percentile is right to within some five percent.
"""

from bisect import bisect_right
from collections.abc import Mapping

_STEPS = (1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2)
BOUNDS: tuple[float, ...] = (0.0, *(step * 10**decade for decade in range(5) for step in _STEPS))
"""Where each class begins, in milliseconds; the last has no end."""


def class_of(duration_ms: float) -> int:
    """The class of a duration: an index of `BOUNDS`."""
    return max(0, bisect_right(BOUNDS, duration_ms) - 1)


def percentile(classes: Mapping[int, int], part: float) -> float | None:
    """The duration in milliseconds that `part` (0.95) of them don't exceed; None of none."""
    total = sum(classes.values())
    if not total:
        return None
    rank = part * total
    passed = 0
    for index in sorted(classes):
        number = classes[index]
        if number and passed + number >= rank:
            start, end = BOUNDS[index], BOUNDS[index + 1] if index + 1 < len(BOUNDS) else BOUNDS[index] * 1.2
            return start + (end - start) * (rank - passed) / number
        passed += number
    return BOUNDS[max(classes)]
