"""Percentiles read from classes of durations."""

from __future__ import annotations

from collections import Counter
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from webhookui.delivery.histogram import BOUNDS, class_of, percentile


@given(st.floats(min_value=0, max_value=1e6))
def test_a_duration_lies_in_its_class(duration: float) -> None:
    index = class_of(duration)
    assert BOUNDS[index] <= duration
    assert index + 1 == len(BOUNDS) or duration < BOUNDS[index + 1]


@given(st.lists(st.floats(min_value=1, max_value=80_000), min_size=1), st.sampled_from((0.5, 0.95, 0.99)))
def test_a_percentile_is_that_of_the_durations_to_within_a_class(durations: list[float], part: float) -> None:
    ordered = sorted(durations)
    exact = ordered[ceil(part * len(ordered)) - 1]
    read = percentile(Counter(class_of(duration) for duration in durations), part)
    assert read is not None
    assert BOUNDS[class_of(exact)] <= read <= [*BOUNDS, BOUNDS[-1] * 1.2][class_of(exact) + 1]


def test_of_none_there_is_none() -> None:
    assert percentile({}, 0.5) is None
