"""The states of recordings, tested as values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from peer.calls.recording.table import (
    BeginRecording,
    EndRecording,
    Event,
    Finish,
    Lost,
    Ours,
    RecordingState,
    RefuseRecording,
    SaidHello,
    TellTheirs,
    Theirs,
    What,
    step,
)
from shared.messages import Recording, RecordingReply

GREETED = SaidHello(shows=True, records=False)

EVENTS = st.one_of(
    st.just(BeginRecording()),
    st.just(EndRecording()),
    st.just(RefuseRecording()),
    st.just(Lost()),
    st.builds(SaidHello, st.booleans(), st.booleans()),
    st.builds(Recording, st.integers(0, 3), st.booleans()),
    st.builds(RecordingReply, st.integers(0, 3), st.booleans()),
)


def after(*events: Event) -> RecordingState:
    standing = RecordingState()
    for event in events:
        standing, _ = step(standing, event)
    return standing


def test_nothing_is_recorded_before_the_other_side_has_said_that_it_shows_it() -> None:
    assert after(GREETED, BeginRecording()).ours is Ours.ASKED
    assert step(after(GREETED), BeginRecording())[1] == (Recording(1, on=True),)
    assert after(GREETED, BeginRecording(), RecordingReply(1, shown=True)).ours is Ours.ON


def test_the_reply_to_an_earlier_recording_begins_no_later_one() -> None:
    assert (
        after(GREETED, BeginRecording(), EndRecording(), BeginRecording(), RecordingReply(1, shown=True)).ours
        is Ours.ASKED
    )


def test_a_program_that_cannot_show_it_is_not_recorded() -> None:
    old = SaidHello(shows=False, records=False)
    standing, effects = step(after(old), BeginRecording())
    assert (standing.ours, effects) == (Ours.OFF, (Finish(What.UNSUPPORTED),))
    standing, effects = step(after(BeginRecording()), old)
    assert (standing.ours, effects) == (Ours.OFF, (Finish(What.UNSUPPORTED),))


def test_on_a_new_leg_it_waits_for_the_other_side_again() -> None:
    on = GREETED, BeginRecording(), RecordingReply(1, shown=True)
    assert after(*on, Lost()).ours is Ours.WAITS
    assert step(after(*on, Lost()), GREETED)[1] == (Recording(1, on=True),)
    assert after(*on, Lost(), GREETED).ours is Ours.ASKED


def test_a_refusal_ends_it_and_says_so() -> None:
    standing, effects = step(
        after(GREETED, BeginRecording(), RecordingReply(1, shown=True)), RecordingReply(1, shown=False)
    )
    assert standing.ours is Ours.OFF
    assert effects == (Recording(1, on=False), Finish(What.REFUSED))


def test_who_has_refused_is_asked_no_more_in_this_call() -> None:
    refused = after(GREETED, Recording(1, on=True), RefuseRecording())
    assert refused.theirs is Theirs.REFUSED
    for again in (Recording(1, on=True), Recording(2, on=True)):
        standing, effects = step(refused, again)
        assert (standing.theirs, effects) == (Theirs.REFUSED, (RecordingReply(again.id, shown=False),))


def test_the_owner_is_told_before_the_other_side_hears_that_they_were() -> None:
    _, effects = step(after(GREETED), Recording(1, on=True))
    assert effects == (TellTheirs(What.STARTED), RecordingReply(1, shown=True))


def test_a_program_that_was_started_again_without_recording_records_no_more() -> None:
    standing, effects = step(after(GREETED, Recording(1, on=True), Lost()), GREETED)
    assert (standing.theirs, effects) == (Theirs.OFF, (TellTheirs(What.STOPPED),))
    assert after(GREETED, Recording(1, on=True), Lost(), SaidHello(shows=True, records=True)).recorded


@given(st.lists(EVENTS, max_size=30))
def test_whatever_happens_it_is_on_only_after_this_recordings_reply_on_this_leg(events: list[Event]) -> None:
    standing, shown = RecordingState(), False
    for event in events:
        before = standing
        standing, effects = step(standing, event)
        match event:
            case RecordingReply(id, True) if id == before.number and before.ours is Ours.ASKED:
                shown = True
            case Lost() | BeginRecording() | EndRecording() | SaidHello() if standing.ours is not before.ours:
                shown = False
        assert standing.ours is not Ours.ON or shown
        assert not (before.theirs is Theirs.REFUSED and RecordingReply(standing.their_number, shown=True) in effects)
