"""A token bucket."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.rate import Bucket, Limit, Prepaid


def test_as_many_as_may_come_at_once_are_taken_and_no_more() -> None:
    bucket = Bucket(Limit(at_once=3, per_second=1.0))
    assert [bucket.takes(7.0) for _ in range(5)] == [True, True, True, False, False]


def test_time_makes_room_again_and_never_more_than_at_first() -> None:
    bucket = Bucket(Limit(at_once=2, per_second=0.5))
    assert [bucket.takes(now) for now in (0.0, 0.0, 1.0, 2.0, 1000.0, 1000.0, 1000.0)] == [
        True, True, False, True, True, True, False,
    ]  # fmt: skip


def test_many_at_once_are_taken_as_a_whole_or_not_at_all() -> None:
    bucket = Bucket(Limit(at_once=5, per_second=1.0))
    assert [bucket.takes(0.0, times) for times in (3, 3, 2, 1)] == [True, False, True, False]


def test_what_is_given_back_may_be_taken_again_and_never_makes_more_room_than_at_first() -> None:
    bucket = Bucket(Limit(at_once=2, per_second=1.0))
    bucket.give_back()
    assert [bucket.takes(0.0) for _ in range(3)] == [True, True, False]
    bucket.give_back()
    assert [bucket.takes(0.0) for _ in range(2)] == [True, False]


@given(st.lists(st.floats(0, 1), max_size=200))
def test_over_any_time_no_more_is_taken_than_the_limit_says(waits: list[float]) -> None:
    limit = Limit(at_once=5, per_second=2.0)
    bucket, now, taken = Bucket(limit), 0.0, 0
    for wait in waits:
        now += wait
        taken += bucket.takes(now)
    assert taken <= limit.at_once + now * limit.per_second + 1e-6


@given(at_once=st.integers(1, 100), several=st.integers(1, 40), asked=st.lists(st.integers(1, 40)))
def test_what_is_paid_for_before_is_no_more_than_the_limit_says(at_once: int, several: int, asked: list[int]) -> None:
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        return 7.0

    prepaid = Prepaid(Bucket(Limit(at_once, per_second=1.0)), several)
    left = at_once
    for times in asked:
        assert prepaid.takes(clock, times) == min(times, left)
        left -= min(times, left)
    if left:
        assert looks <= sum(asked) // several + several


def test_what_is_prepaid_comes_back_with_time() -> None:
    now = [0.0]
    prepaid = Prepaid(Bucket(Limit(at_once=4, per_second=1.0)), 2)
    assert prepaid.takes(lambda: now[0], 5) == 4
    now[0] = 1.0
    assert [prepaid.takes(lambda: now[0], times) for times in (1, 1)] == [1, 0]
