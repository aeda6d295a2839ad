"""An invitation into a conversation, on the side of the invited person."""

from __future__ import annotations

import itertools

from shared.together.invitation import TABLE, Effect, Event, InvitationState, step


def test_an_owner_who_agrees_meets_the_others() -> None:
    assert step(InvitationState.ASKED, Event.AGREE) == (InvitationState.AGREED, (Effect.SAY_YES,))
    assert step(InvitationState.AGREED, Event.NODE) == (InvitationState.MEETING, (Effect.MEET,))
    assert step(InvitationState.MEETING, Event.LINK) == (InvitationState.MEETING, (Effect.READ,))


def test_an_owner_whom_the_others_have_not_met_reads_it() -> None:
    for ends in (Event.TIMED_OUT, Event.GONE):
        assert step(InvitationState.MEETING, ends) == (InvitationState.OVER, (Effect.TELL_MISSED,))
    assert step(InvitationState.MEETING, Event.ALL_MET) == (InvitationState.OVER, ())


def test_nothing_meets_anybody_and_no_link_is_read_without_the_owners_yes() -> None:
    for events in itertools.product(Event, repeat=4):
        state, agreed = InvitationState.ASKED, False
        for event in events:
            agreed = agreed or (state is InvitationState.ASKED and event is Event.AGREE)
            state, effects = step(state, event)
            assert agreed or not {Effect.MEET, Effect.READ} & {*effects}


def test_what_is_over_stays_over() -> None:
    assert all(step(InvitationState.OVER, event) == (InvitationState.OVER, ()) for event in Event)
    assert set(TABLE) == set(InvitationState)
