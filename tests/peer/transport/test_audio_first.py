"""Sound first: what is given up on a slow path, and when it is tried again."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

from peer.transport.audio_first import STEPS, WAITS, PathState, Seen, after_silence, next_state, paused, plan

FINE = Seen(bits=2_000_000, lost=0.0, late=0.0, pictured=True)
NARROW = Seen(bits=60_000, lost=0.4, late=0.3, pictured=True)
CALM = replace(NARROW, lost=0.0, late=0.0)
"The same path without more traffic than it can carry."


def after(state: PathState, *looks: Seen) -> PathState:
    for seen in looks:
        state = next_state(state, seen)
    return state


def test_a_wide_path_carries_everything() -> None:
    state = after(PathState(), *[FINE] * 100)
    assert not paused(state)
    assert plan(state, FINE.bits, 0.0).picture == 1_500_000


def test_before_anything_is_known_of_the_path_sound_and_picture_are_as_usual() -> None:
    planned = plan(PathState(), None, 0.0)
    assert (planned.sound, planned.picture, planned.loss) == (STEPS[0].sound, 500_000, 0)


def test_the_picture_shrinks_with_the_path() -> None:
    sizes = [plan(PathState(), bits, 0.0).picture or 0 for bits in (2_000_000, 600_000, 300_000, 200_000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 70_000


def test_on_a_path_for_sound_alone_the_picture_pauses_within_two_looks_and_sound_takes_less() -> None:
    state = after(PathState(), *[FINE] * 5, NARROW, NARROW)
    assert paused(state)
    planned = plan(state, NARROW.bits, NARROW.lost)
    assert planned.picture is None
    assert planned.sound.gross < NARROW.bits


def test_a_path_for_a_small_picture_keeps_it_and_nothing_larger_is_tried_on_it() -> None:
    full = Seen(bits=85_000, lost=0.2, late=0.5, pictured=True)
    # Losses from before are still reported after the sender has reduced its rate.
    state = after(PathState(), full, full, full, full, full)
    for _ in range(200):
        state = next_state(state, replace(full, lost=0.0, late=0.0))
        assert (state.step, state.trying, paused(state)) == (1, False, False)
    assert after(state, replace(FINE, bits=300_000), replace(FINE, bits=300_000)).step == 0


def test_what_a_busy_machine_makes_the_estimate_is_no_reason_to_pause_the_picture() -> None:
    assert not paused(after(PathState(), *[CALM] * 200))


def test_the_picture_is_tried_again_less_and_less_often_and_stays_paused_meanwhile() -> None:
    state = after(PathState(), NARROW, NARROW)
    tries, seen = [], CALM
    for look in range(200):
        before, state = state, next_state(state, seen)
        assert paused(state)
        seen = NARROW if state.trying else CALM
        if state.trying and not before.trying:
            tries.append(look)
    between = [later - earlier for earlier, later in pairwise(tries)]
    assert len(tries) > 4
    assert between == sorted(between)
    assert between[-1] >= WAITS[-1]


def test_after_a_long_silence_the_picture_is_tried_as_soon_as_if_no_try_had_failed() -> None:
    state = after(PathState(), NARROW, NARROW)
    for _ in range(200):
        state = next_state(state, NARROW if state.trying else CALM)
    state = after(replace(state, looks=0, trying=False), *[CALM] * WAITS[0])
    assert not state.trying
    assert next_state(after_silence(state), CALM).trying


def test_a_try_is_not_measured_by_what_was_lost_before_little_was_sent() -> None:
    waiting = after(PathState(), NARROW, NARROW)
    while not next_state(waiting, CALM).trying:
        waiting = next_state(waiting, CALM)
    trying = next_state(waiting, replace(CALM, lost=0.47))
    assert trying.trying
    assert not after(trying, CALM, replace(CALM, lost=0.4)).trying


def test_a_path_that_loses_a_tenth_whatever_is_sent_gets_its_picture_back() -> None:
    """A second of sound alone has eight packets, and jitter makes each as late as it likes."""
    chance = random.Random(1)
    taken = []
    for _ in range(100):
        state, looks = PathState(step=len(STEPS) - 1), 0
        while state.trying or not STEPS[state.step].picture:
            packets = 10 if state.step == len(STEPS) - 1 else 25
            lost = sum(chance.random() < 0.1 for _ in range(packets)) / packets
            late = chance.uniform(0, 0.2) + chance.uniform(0, 0.2)
            state, looks = next_state(state, replace(CALM, lost=lost, late=late)), looks + 1
        taken.append(looks)
    assert sorted(taken)[50] < 20
    assert sorted(taken)[90] < 45


def test_what_seemed_to_fit_and_did_not_is_no_reason_to_go_on_sending_as_much() -> None:
    full = Seen(bits=45_000, lost=0.2, late=0.0, pictured=True)
    assert after(PathState(step=2), *[full] * 2).step == 2
    assert after(PathState(step=2, doubted=True), *[full] * 2).step == 3


def test_one_look_is_enough_where_most_is_lost() -> None:
    assert after(PathState(), replace(NARROW, lost=0.4)).step == 0
    assert after(PathState(), replace(NARROW, lost=0.6)).step == len(STEPS) - 1
    assert after(PathState(), replace(FINE, unheard=True)).step == len(STEPS) - 1


def test_after_a_long_silence_what_seems_to_fit_counts_again() -> None:
    doubted = after(PathState(), *[replace(NARROW, lost=0.6)] * 2)
    assert doubted.doubted
    assert after(doubted, FINE, FINE).step == doubted.step
    assert after(after_silence(doubted), FINE, FINE).step < doubted.step


def test_a_try_that_fills_the_path_ends_before_anything_is_reported_as_lost() -> None:
    waiting = after(PathState(), NARROW, NARROW)
    while not waiting.trying:
        waiting = next_state(waiting, CALM)
    later = replace(CALM, late=0.3)
    ended = after(waiting, later, later)
    assert (ended.step, ended.trying, ended.failed) == (waiting.step + 1, False, 1)
    # If the path has room for it, something else is to blame.
    assert after(waiting, *[replace(FINE, late=0.3)] * 2).step < 2
    # On a path that is always this late, the attempt isn't to blame.
    assert after(replace(waiting, late=0.3), later, later).trying


def test_once_the_path_is_wide_again_the_picture_comes_back_though_the_estimate_does_not_say_so() -> None:
    state = after(PathState(), NARROW, NARROW)
    state = after(state, *[CALM] * 10)
    assert not paused(state)


def test_from_the_least_it_comes_back_as_well() -> None:
    bottom = replace(NARROW, bits=20_000)
    state = after(PathState(), bottom, bottom)
    assert STEPS[state.step] is STEPS[-1]
    assert not paused(after(state, *[replace(CALM, bits=20_000)] * 20))


def test_packets_that_are_lost_whatever_is_sent_pause_the_picture_for_a_moment_only() -> None:
    always = replace(NARROW, lost=0.3, late=0.0)
    state = after(PathState(), always, always)
    assert paused(state)
    state = after(state, *[always] * 20)
    assert not paused(state)
    assert not paused(after(state, *[always] * 100))


def test_a_call_for_sound_has_more_of_the_path_for_it() -> None:
    sound = replace(NARROW, pictured=False)
    assert after(PathState(), sound, sound).step > 0
    assert after(PathState(), *[replace(sound, bits=140_000)] * 9).step == 0


def test_sound_is_made_ready_for_the_losses_there_are() -> None:
    assert [plan(PathState(), None, lost).loss for lost in (0.0, 0.02, 0.04, 0.1, 0.2, 0.3, 0.9)] == [
        0,
        0,
        5,
        10,
        20,
        30,
        30,
    ]
