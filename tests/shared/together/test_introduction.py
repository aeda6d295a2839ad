"""Merging calls, on the side of the person who does it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import LocalProtocolError
from shared.together.introduction import (
    Ask,
    Back,
    Begin,
    CallOff,
    Event,
    Fail,
    Gone,
    Introduce,
    Met,
    Pair,
    SaidNo,
    SaidYes,
    Stage,
    TakenBack,
    TimedOut,
    begun,
    step,
)


def test_two_people_are_asked_about_each_other_and_introduced_once_both_agree() -> None:
    introduction, effects = begun([1, 2], [])
    assert effects == (Ask(1, (2,)), Ask(2, (1,)))
    introduction, effects = step(introduction, SaidYes(2))
    assert (introduction.stage, effects) == (Stage.ASKING, ())
    introduction, effects = step(introduction, SaidYes(1))
    assert (introduction.stage, effects) == (Stage.MEETING, (Begin((1, 2)), Introduce(Pair(1, 2))))


def test_a_fourth_person_is_introduced_to_the_two_who_know_each_other() -> None:
    introduction, effects = begun([1, 2, 3], [frozenset((1, 2))])
    assert effects == (Ask(1, (3,)), Ask(2, (3,)), Ask(3, (1, 2)))
    for person in (1, 2):
        introduction, effects = step(introduction, SaidYes(person))
        assert effects == ()
    _, effects = step(introduction, SaidYes(3))
    assert effects == (Begin((1, 2, 3)), Introduce(Pair(1, 3)), Introduce(Pair(2, 3)))


@pytest.mark.parametrize("event", [SaidNo(1), Gone(1)])
def test_one_who_refuses_or_is_gone_ends_it_and_only_the_other_hears_that(event: SaidNo | Gone) -> None:
    introduction, _ = begun([1, 2], [])
    introduction, _ = step(introduction, SaidYes(2))
    introduction, effects = step(introduction, event)
    assert (introduction.stage, effects) == (Stage.OVER, (CallOff(2), Fail(event)))


@pytest.mark.parametrize("event", [TimedOut(), TakenBack()])
def test_both_hear_that_it_took_too_long_or_was_taken_back(event: TimedOut | TakenBack) -> None:
    introduction, effects = step(begun([1, 2], [])[0], event)
    assert (introduction.stage, effects) == (Stage.OVER, (CallOff(1), CallOff(2), Fail(event)))


def test_who_may_have_been_killed_is_asked_again_and_their_yes_counts_no_more() -> None:
    introduction, _ = begun([1, 2], [])
    introduction, _ = step(introduction, SaidYes(1))
    introduction, effects = step(introduction, Back(1))
    assert (introduction.stage, effects) == (Stage.ASKING, (Ask(1, (2,)),))
    introduction, effects = step(introduction, SaidYes(2))
    assert (introduction.stage, effects) == (Stage.ASKING, ())
    introduction, _ = step(introduction, SaidYes(1))
    assert step(introduction, Back(1)) == (introduction, ())


def test_it_is_over_once_all_pairs_are_connected() -> None:
    introduction, _ = begun([1, 2, 3], [])
    for person in (1, 2, 3):
        introduction, _ = step(introduction, SaidYes(person))
    for one, other in ((2, 1), (1, 3)):
        introduction, _ = step(introduction, Met(one, other))
    assert introduction.stage is Stage.MEETING
    assert step(introduction, Met(3, 2))[0].stage is Stage.OVER
    assert step(introduction, Gone(3))[0].stage is Stage.OVER


def test_two_who_know_each_other_already_and_too_many_people_are_no_introduction() -> None:
    for people, connected in (
        ([1, 2], [frozenset((1, 2))]),
        ([1], []),
        ([1, 2, 3, 4], []),
        ([1, 1], []),
    ):
        with pytest.raises(LocalProtocolError):
            begun(people, connected)


EVENTS: st.SearchStrategy[Event] = st.one_of(
    *(st.builds(kind, st.integers(0, 4)) for kind in (SaidYes, SaidNo, Back, Gone)),
    st.just(TimedOut()),
    st.just(TakenBack()),
)


@given(st.lists(EVENTS, max_size=20))
def test_nobody_is_introduced_before_all_have_agreed_whatever_comes(events: list[Event]) -> None:
    introduction, _ = begun([1, 2, 3], [])
    agreed: set[int] = set()
    for event in events:
        before = introduction.stage
        introduction, effects = step(introduction, event)
        if before is Stage.ASKING and isinstance(event, SaidYes):
            agreed.add(event.person)
        if before is Stage.ASKING and isinstance(event, Back):
            agreed.discard(event.person)
        if any(isinstance(effect, Introduce | Begin) for effect in effects):
            assert agreed >= {1, 2, 3}
        if before is Stage.OVER:
            assert effects == ()
            assert introduction.stage is Stage.OVER
