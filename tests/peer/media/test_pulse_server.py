"""What the ears of these tests make of a sound that a busy sound server breaks."""

from __future__ import annotations

import array

import pytest

from peer.media.endpoints.answer_chime import CHIME
from peer.media.sound.tones import tone
from tests.peer.media.pulse_server import notes
from tests.peer.media.tone import SAMPLE_RATE

ONCE = [hertz for hertz, _ in CHIME]

KNOWN = set(ONCE)


def chime() -> array.array[int]:
    return array.array("h", tone(*CHIME))[::2]


@pytest.mark.parametrize("hole", [240, 460, 480, 720])
@pytest.mark.parametrize("at", [0.05, 0.25, 0.3, 0.5])
def test_a_hole_of_some_milliseconds_in_a_note_makes_no_other_note_of_it(at: float, hole: int) -> None:
    heard, first = chime(), round(at * SAMPLE_RATE)
    heard[first:first] = array.array("h", bytes(2 * hole))
    assert notes(heard, *KNOWN) == ONCE


def test_a_chime_that_is_heard_twice_is_heard_twice() -> None:
    silence = array.array("h", bytes(SAMPLE_RATE))
    assert notes(chime() + chime(), *KNOWN) == [*ONCE, *ONCE[1:]]
    assert notes(chime() + silence + chime(), *KNOWN) == [*ONCE, *ONCE[1:]]
