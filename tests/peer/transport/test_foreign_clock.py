"""Jumps of the other side's clock do no harm."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from peer.transport.foreign_clock import MAX_AHEAD, MAX_BEHIND, ForeignClock

TIMES = st.floats(0, 2**24 * 0.064 + 2**15, allow_nan=False)
"All times that a report can contain: 24 bits of 64 ms, and the steps between its packets."


@given(st.lists(st.tuples(TIMES, st.lists(TIMES, max_size=5), st.floats(0, 3600)), min_size=1, max_size=30))
def test_times_stay_near_ours_and_go_on(reports: list[tuple[float, list[float], float]]) -> None:
    clock, now = ForeignClock(), 1_000.0
    latest = None
    for newest, others, passes in reports:
        now += passes
        if clock.heard(newest, now, again=passes > 1):
            latest = None
        for time in (*others, newest):
            ours = clock.ours(min(time, newest))
            assert now - MAX_BEHIND - passes - 0.001 <= ours <= now + MAX_AHEAD + 0.001
            assert latest is None or ours >= latest
            latest = ours


def test_a_clock_that_only_runs_a_little_fast_is_one_that_can_be_compared() -> None:
    clock = ForeignClock()
    assert clock.heard(50_000.0, 1_000.0)
    for second in range(1, 3_600):
        assert not clock.heard(50_000.0 + second * 1.0002, 1_000.0 + second)
        assert abs(clock.ours(50_000.0 + second * 1.0002) - 1_000.0 - second) < 1
