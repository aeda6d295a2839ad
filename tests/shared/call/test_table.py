"""The call's table: stories as people would tell them, and then rules that hold in every story."""

from __future__ import annotations

import inspect
import itertools
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.call.effects import (
    AnnounceAnswer,
    AnswerTheirs,
    CloseLeg,
    Effect,
    Listen,
    Noted,
    OpenLeg,
    PostAnswer,
    PostBusy,
    PostCancel,
    PostDecline,
    PostRequest,
    Redial,
    Ring,
    SayBye,
    StartTimer,
    StopRinging,
    StopTimer,
    TakeMessage,
    Timer,
    TryResponse,
)
from shared.call.events import (
    Answer,
    Busy,
    ConnectFailed,
    ConnectTimeout,
    Decline,
    Event,
    Expired,
    Failed,
    GaveUp,
    Glare,
    HangUp,
    LegUp,
    Offered,
    PathLost,
    PathRestored,
    PlaceCall,
    RemoteAccepted,
    RemoteBusy,
    RemoteBye,
    RemoteCancelled,
    RemoteDeclined,
    RemoteRinging,
    Replaced,
    Stop,
    Unanswered,
)
from shared.call.table import LINKS, RUNS_OUT, TABLE, Call, EndReason, Only, State, glare, incoming, outgoing, step
from shared.errors import LocalProtocolError
from shared.links.tokens import LinkKind
from shared.secrets.handshake import Role


def follow(call: Call, *events: Event) -> Call:
    for event in events:
        call, _ = step(call, event)
    return call


def caller(*events: Event, paired: bool = True) -> Call:
    return follow(outgoing(paired=paired)[0], *events)


def callee(*events: Event, paired: bool = True) -> Call:
    return follow(incoming(Offered(), paired=paired)[0], *events)


# Setting up


def test_a_call_begins_with_a_port_and_a_link() -> None:
    call, effects = outgoing(paired=True)
    assert call == Call(Role.CALLER, True, State.CALLING)
    assert effects == (Listen(), PostRequest(), StartTimer(Timer.RING))


def test_a_one_link_call_connects_without_a_response() -> None:
    call, effects = step(caller(), LegUp())
    assert (call.state, effects) == (State.ACTIVE, (StopTimer(),))


def test_a_first_contact_call_tries_the_response_and_goes_on_waiting() -> None:
    call, effects = step(caller(paired=False), RemoteAccepted())
    assert (call.state, effects) == (State.CALLING, (TryResponse(),))
    assert follow(call, LegUp()).state is State.ACTIVE


def test_a_forged_response_costs_nothing() -> None:
    waiting = caller(RemoteAccepted(), ConnectFailed("The certificate is another one."), paired=False)
    call, effects = step(waiting, RemoteAccepted())
    assert effects == (TryResponse(),)
    assert follow(call, LegUp()).state is State.ACTIVE


def test_an_offered_call_rings() -> None:
    call, effects = incoming(Offered(), paired=True)
    assert call == Call(Role.CALLEE, True, State.RINGING)
    assert effects == (Ring(), StartTimer(Timer.RING))


def test_answering_a_one_link_call_posts_nothing() -> None:
    call, effects = step(callee(), Answer())
    assert call.state is State.CONNECTING
    assert effects == (StopRinging(), OpenLeg(), StartTimer(Timer.CONNECT))
    assert follow(call, LegUp()).state is State.ACTIVE


def test_answering_a_first_contact_posts_the_response_once_the_port_is_there() -> None:
    _, effects = step(callee(paired=False), Answer())
    assert effects == (StopRinging(), OpenLeg(), PostAnswer(), StartTimer(Timer.CONNECT))


def test_an_automatic_answer_never_rings_and_is_announced() -> None:
    call, effects = incoming(Answer(automatic=True), paired=True)
    assert call.state is State.CONNECTING
    assert effects == (AnnounceAnswer(), OpenLeg(), StartTimer(Timer.CONNECT))


def test_the_answering_machine_takes_a_call_that_has_rung_long_enough() -> None:
    call, effects = incoming(Offered(machine=True), paired=True)
    assert (call.state, effects) == (State.RINGING, (Ring(), StartTimer(Timer.MACHINE)))
    call, effects = step(call, RUNS_OUT[Timer.MACHINE])
    assert call.state is State.CONNECTING
    assert effects == (StopRinging(), TakeMessage(), OpenLeg(), StartTimer(Timer.CONNECT))
    assert follow(call, LegUp()).state is State.ACTIVE


def test_the_answering_machine_posts_the_response_of_a_first_contact() -> None:
    _, effects = step(callee(paired=False), Unanswered())
    assert effects == (StopRinging(), TakeMessage(), OpenLeg(), PostAnswer(), StartTimer(Timer.CONNECT))


@pytest.mark.parametrize("event", [Answer(), Decline(), RemoteCancelled()])
def test_what_the_owner_or_the_caller_does_first_leaves_nothing_to_the_machine(event: Event) -> None:
    call, _ = step(incoming(Offered(machine=True), paired=True)[0], event)
    with pytest.raises(LocalProtocolError):
        step(call, Unanswered())


def test_what_rings_is_not_answered_automatically() -> None:
    with pytest.raises(LocalProtocolError):
        step(callee(), Answer(automatic=True))


def test_that_it_rings_there_is_noted() -> None:
    call, effects = step(caller(), RemoteRinging())
    assert (call.state, effects) == (State.CALLING, (Noted(RemoteRinging()),))


# Refusing


def test_a_declined_call_ends_on_both_sides() -> None:
    call, effects = step(callee(), Decline())
    assert (call.reason, effects) == (EndReason.DECLINED, (StopRinging(), PostDecline(), StopTimer()))
    call, effects = step(caller(), RemoteDeclined(authenticated=True))
    assert (call.reason, effects) == (EndReason.REMOTE_DECLINED, (CloseLeg(), StopTimer()))


def test_a_busy_callee_says_so_and_never_rings() -> None:
    call, effects = incoming(Busy(), paired=True)
    assert (call.state, call.reason, effects) == (State.ENDED, EndReason.BUSY, (PostBusy(),))
    assert caller(RemoteBusy(authenticated=True)).reason is EndReason.REMOTE_BUSY


def test_a_second_ringing_call_becomes_busy_when_the_first_is_answered() -> None:
    call, effects = step(callee(), Busy())
    assert (call.reason, effects) == (EndReason.BUSY, (StopRinging(), PostBusy(), StopTimer()))


@pytest.mark.parametrize("refusal", [RemoteDeclined(authenticated=False), RemoteBusy(authenticated=False)])
def test_a_refusal_that_anybody_could_have_written_is_noted_and_the_call_stays_open(
    refusal: RemoteDeclined | RemoteBusy,
) -> None:
    call, effects = step(caller(paired=False), refusal)
    assert (call.state, effects) == (State.CALLING, (Noted(refusal),))
    assert follow(call, RemoteAccepted(), LegUp()).state is State.ACTIVE


def test_hanging_up_what_rings_declines_it() -> None:
    assert step(callee(), HangUp()) == step(callee(), Decline())


# Taking back, and time


def test_a_cancelled_one_link_call_tells_the_callee() -> None:
    call, effects = step(caller(), HangUp())
    assert (call.reason, effects) == (EndReason.CANCELLED, (SayBye(), CloseLeg(), StopTimer(), PostCancel()))
    call, effects = step(callee(), RemoteCancelled())
    assert (call.reason, effects) == (EndReason.REMOTE_CANCELLED, (StopRinging(), StopTimer()))


def test_a_cancelled_first_contact_posts_nothing() -> None:
    call, effects = step(caller(paired=False), HangUp())
    assert (call.reason, effects) == (EndReason.CANCELLED, (SayBye(), CloseLeg(), StopTimer()))


def test_a_call_cancelled_while_the_callee_dials_ends_there() -> None:
    assert callee(Answer(), RemoteCancelled()).reason is EndReason.REMOTE_CANCELLED


def test_a_call_that_expires_was_not_answered_here_and_missed_there() -> None:
    assert caller(Expired()).reason is EndReason.NO_ANSWER
    assert callee(Expired()).reason is EndReason.MISSED


def test_a_callee_that_cannot_connect_says_so_in_the_chat() -> None:
    call, effects = step(callee(Answer()), ConnectTimeout())
    assert (call.reason, effects) == (EndReason.UNREACHABLE, (SayBye(), CloseLeg(), StopTimer(), PostBusy()))


def test_a_callee_that_hangs_up_before_it_connects_declines() -> None:
    call, effects = step(callee(Answer()), HangUp())
    assert (call.reason, effects) == (EndReason.HUNG_UP, (SayBye(), CloseLeg(), StopTimer(), PostDecline()))


@pytest.mark.parametrize("active", [caller(LegUp()), callee(Answer(), LegUp())])
def test_either_side_may_hang_up_and_the_other_sees_it(active: Call) -> None:
    call, effects = step(active, HangUp())
    assert (call.reason, effects) == (EndReason.HUNG_UP, (SayBye(), CloseLeg()))
    call, effects = step(active, RemoteBye())
    assert (call.reason, effects) == (EndReason.REMOTE_HUNG_UP, (CloseLeg(),))


@pytest.mark.parametrize("event", [RemoteDeclined(True), RemoteBusy(True), RemoteCancelled()])
def test_a_proven_link_that_crossed_the_leg_coming_up_ends_the_call(event: Event) -> None:
    assert caller(LegUp(), event).reason is EndReason.REMOTE_HUNG_UP
    assert caller(LegUp(), PathLost(), event).reason is EndReason.REMOTE_HUNG_UP


def test_a_failed_leg_ends_the_callees_call_with_what_failed() -> None:
    call = callee(Answer(), ConnectFailed("The certificate is another one."))
    assert (call.reason, call.detail) == (EndReason.FAILED, "The certificate is another one.")


# The path


def test_a_lost_path_is_dialled_again_and_restored() -> None:
    call, effects = step(caller(LegUp()), PathLost())
    assert (call.state, effects) == (State.RECONNECTING, (Redial(), StartTimer(Timer.REDIAL)))
    call, effects = step(call, ConnectFailed())
    assert (call.state, effects) == (State.RECONNECTING, (Redial(),))
    call, effects = step(call, PathRestored())
    assert (call.state, effects) == (State.ACTIVE, (StopTimer(),))


def test_a_path_that_stays_lost_ends_the_call() -> None:
    assert caller(LegUp(), PathLost(), GaveUp()).reason is EndReason.LOST


@pytest.mark.parametrize("paired", [True, False])
def test_hanging_up_without_a_path_is_said_in_the_chat(paired: bool) -> None:
    _, effects = step(caller(RemoteAccepted(), LegUp(), PathLost(), paired=paired), HangUp())
    assert effects == (CloseLeg(), StopTimer(), PostCancel())


# Glare


def test_when_ours_wins_the_other_request_is_ignored() -> None:
    assert step(caller(), Glare(ours_wins=True)) == (caller(), ())


def test_when_theirs_wins_it_is_answered_and_ours_stays_open_until_that_is_active() -> None:
    call, effects = step(caller(), Glare(ours_wins=False))
    assert (call.state, effects) == (State.CALLING, (AnswerTheirs(),))
    assert follow(call, Replaced()).reason is EndReason.REPLACED


def test_a_forged_request_does_not_cost_the_caller_the_call() -> None:
    ours = caller(Glare(ours_wins=False), LegUp())
    forged = follow(incoming(Answer(), paired=False)[0], Replaced())
    assert (ours.state, forged.reason) == (State.ACTIVE, EndReason.REPLACED)


@pytest.mark.parametrize("state", [state for state in State if state not in (State.RINGING, State.ENDED)])
def test_of_two_calls_that_crossed_one_ends_wherever_it_stands(state: State) -> None:
    call, effects = step(Call(Role.CALLER, True, state), Replaced())
    assert call.reason is EndReason.REPLACED
    assert CloseLeg() in effects
    assert PostCancel() not in effects


@given(st.binary(min_size=1, max_size=145), st.binary(min_size=1, max_size=145))
def test_both_sides_find_the_same_winner(one: bytes, other: bytes) -> None:
    assert one == other or glare(one, other) is not glare(other, one)


@pytest.mark.parametrize("kind", [LinkKind.REQUEST, LinkKind.SEALED])
def test_a_request_wins_over_a_paired_link_that_its_writer_may_be_unable_to_read(kind: LinkKind) -> None:
    request = bytes([kind.first_byte]) + b"\xff" * 95
    paired = bytes([LinkKind.PAIRED.first_byte]) + b"\x00" * 47
    assert glare(request, paired)
    assert not glare(paired, request)


# What holds for every story

EVENTS: list[Event] = sorted(
    {
        kind(*values)
        for kind in get_args(Event)
        for values in itertools.product(
            (True, False), repeat=list(inspect.get_annotations(kind).values()).count("bool")
        )
    },
    key=repr,
)
BEGINNINGS = [outgoing(paired=paired)[0] for paired in (True, False)] + [
    incoming(first, paired=paired)[0]
    for first in (Offered(), Offered(True), Answer(), Answer(True), Busy())
    for paired in (True, False)
]
LIVE = [state for state in State if state is not State.ENDED]

beginnings = st.sampled_from(BEGINNINGS)
stories = st.lists(st.sampled_from(EVENTS), max_size=30)


def test_the_events_of_these_tests_are_all_there_are() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Event))
    assert {event for _, event in TABLE} <= set(EVENTS)


@given(beginnings, stories)
def test_any_event_is_in_the_table_or_raises_and_changes_nothing(call: Call, story: list[Event]) -> None:
    for event in story:
        before = replace(call)
        if (call.state, event) in TABLE:
            call, _ = step(call, event)
        else:
            with pytest.raises(LocalProtocolError):
                step(call, event)
            assert call == before
        assert (call.role, call.paired) == (before.role, before.paired)
        assert (call.reason is not None) is call.ended


@given(beginnings, stories)
def test_ringing_timers_and_ports_never_outlive_a_call(call: Call, story: list[Event]) -> None:
    first: dict[State, tuple[Effect, ...]] = {
        State.CALLING: (Listen(), StartTimer(Timer.RING)),
        State.RINGING: (Ring(), StartTimer(Timer.RING)),
        State.CONNECTING: (OpenLeg(), StartTimer(Timer.CONNECT)),
    }
    held: set[str] = set()

    def carry_out(effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Ring():
                    held.add("ringing")
                case StopRinging():
                    held.remove("ringing")
                case Listen() | OpenLeg():
                    assert "port" not in held
                    held.add("port")
                case CloseLeg():
                    held.remove("port")
                case StartTimer():
                    held.add("timer")
                case StopTimer():
                    held.remove("timer")
                case SayBye() | Redial() | TryResponse() | PostAnswer() | PostRequest():
                    assert "port" in held

    carry_out(first.get(call.state, ()))
    for event in story:
        if (call.state, event) in TABLE:
            call, effects = step(call, event)
            carry_out(effects)
    waits = {State.CALLING, State.RINGING, State.CONNECTING, State.RECONNECTING}
    assert ("timer" in held) is (call.state in waits)
    assert not (call.ended and held)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("ended", [caller(HangUp()), callee(Decline())])
def test_an_ended_call_stays_ended(ended: Call, event: Event) -> None:
    with pytest.raises(LocalProtocolError):
        step(ended, event)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("state", LIVE)
def test_no_link_raises_while_a_call_lives(state: State, link: Event) -> None:
    for role, paired in itertools.product(Role, (True, False)):
        step(Call(role, paired, state), link)


@pytest.mark.parametrize("state", LIVE)
@pytest.mark.parametrize(
    "event",
    [RemoteRinging(), RemoteAccepted(), RemoteDeclined(False), RemoteBusy(False), Glare(True), Glare(False)],
)
def test_a_link_that_proves_nothing_never_changes_the_state(state: State, event: Event) -> None:
    assert TABLE[state, event].state is state


@pytest.mark.parametrize("state", LIVE)
@pytest.mark.parametrize("event", [HangUp(), Stop(), Failed("The overlay is down.")])
def test_hanging_up_stopping_and_failing_end_a_call_wherever_it_stands(state: State, event: Event) -> None:
    assert step(Call(Role.CALLER, True, state), event)[0].ended


@pytest.mark.parametrize("state", LIVE)
def test_each_state_that_waits_ends_or_goes_on_when_its_timer_runs_out(state: State) -> None:
    started = {
        effect.timer
        for (origin, _), rule in TABLE.items()
        if rule.state is state and origin != state
        for effect in rule.effects
        if isinstance(effect, StartTimer)
    }
    assert bool(started) is (state is not State.ACTIVE)
    assert all(TABLE[state, RUNS_OUT[timer]].state is not state for timer in started)


def test_every_state_can_be_reached_and_every_reason_given() -> None:
    assert {rule.state for rule in TABLE.values()} == set(State)
    assert {rule.reason for rule in TABLE.values()} == {*EndReason, None}
    assert all((rule.state is State.ENDED) is (rule.reason is not None) for rule in TABLE.values())


def test_every_effect_is_used() -> None:
    used = {
        type(effect.effect if isinstance(effect, Only) else effect)
        for rule in TABLE.values()
        for effect in rule.effects
    }
    assert used == set(get_args(Effect))


def test_only_beginnings_place_and_offer() -> None:
    assert {origin for origin, event in TABLE if isinstance(event, PlaceCall | Offered)} == {Role.CALLER, Role.CALLEE}


def test_a_failure_of_an_attempt_that_was_not_the_last_leaves_no_detail() -> None:
    assert caller(ConnectFailed("a forged response"), paired=False).detail == ""
