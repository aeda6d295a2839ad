"""The time that has certainly been reached."""

from __future__ import annotations

from shared.store.steady_clock import AGREES_SECONDS, UNSURE_SECONDS, SteadyClock

HOUR, DAY = 3600.0, 86_400.0


def looked_at(*looks: tuple[float, float]) -> list[float]:
    """What counts as past at each look. A look is the time on the clock and the seconds that have passed."""
    said, passed = iter([said for said, _ in looks]), iter([passed for _, passed in looks])
    clock = SteadyClock(lambda: next(said), lambda: next(passed))
    return [clock.past() for _ in looks]


def test_a_clock_that_runs_is_believed_from_the_second_look_on() -> None:
    assert looked_at((0, 0), (HOUR, HOUR), (2 * HOUR + AGREES_SECONDS, 2 * HOUR)) == [
        -UNSURE_SECONDS,
        HOUR,
        2 * HOUR + AGREES_SECONDS,
    ]


def test_a_clock_that_jumps_is_not_believed_until_it_has_run_again() -> None:
    ahead = 2 * DAY
    assert looked_at((0, 0), (HOUR + ahead, HOUR), (2 * HOUR, 2 * HOUR), (3 * HOUR, 3 * HOUR))[1:] == [
        HOUR + ahead - UNSURE_SECONDS,
        2 * HOUR - UNSURE_SECONDS,
        3 * HOUR,
    ]
