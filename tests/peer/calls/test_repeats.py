"""How often the owner hears of what happens again and again in a call."""

from __future__ import annotations

import pytest

from peer.calls.repeats import HEARD, Repeated, Repeats, Telling

MOST = HEARD[Repeated.HOLD].at_once


def test_everything_that_may_happen_again_and_again_has_a_limit() -> None:
    assert set(HEARD) == set(Repeated)


@pytest.mark.parametrize("what", Repeated)
def test_after_a_few_times_the_owner_hears_once_that_it_goes_on_and_then_nothing(what: Repeated) -> None:
    repeats, most = Repeats(), HEARD[what].at_once
    told = [repeats.begins(what, 0.0) for _ in range(most + 5)]
    assert told == [*[Telling.EACH] * most, Telling.LAST, *[Telling.NONE] * 4]


def test_one_kind_leaves_the_others_their_room() -> None:
    repeats = Repeats()
    for _ in range(MOST + 1):
        repeats.begins(Repeated.HOLD, 0.0)
    assert repeats.begins(Repeated.RECORDING, 0.0) is Telling.EACH


def test_the_owner_hears_the_end_of_what_they_heard_begin_and_of_nothing_else() -> None:
    repeats = Repeats()
    assert repeats.ends(Repeated.HOLD) is Telling.EACH, "it began before a restart"
    for _ in range(MOST):
        repeats.begins(Repeated.HOLD, 0.0)
        assert repeats.ends(Repeated.HOLD) is Telling.EACH
    for telling in (Telling.LAST, Telling.NONE):
        assert repeats.begins(Repeated.HOLD, 0.0) is telling
        assert repeats.ends(Repeated.HOLD) is Telling.NONE
    later = 1 / HEARD[Repeated.HOLD].per_second
    assert repeats.begins(Repeated.HOLD, later) is Telling.EACH
    assert repeats.ends(Repeated.HOLD) is Telling.EACH
    assert repeats.begins(Repeated.HOLD, later) is Telling.NONE


def test_what_the_owner_answers_doesnt_count() -> None:
    repeats = Repeats()
    for _ in range(3 * HEARD[Repeated.QUESTION].at_once):
        assert repeats.begins(Repeated.QUESTION, 0.0) is Telling.EACH
        repeats.answered(Repeated.QUESTION)
