"""The sentences about the overlay, for everything that can happen to it."""

from __future__ import annotations

import pytest

from bot.kinds import Kind, Sentence
from bot.texts.overlay import alone, beside, changed, wrong
from peer.overlay.watch import OverlayState
from shared.errors import BadAddress, OverlayDown

DOWN = OverlayState(error=OverlayDown("No Yggdrasil node runs here."))
BAD = OverlayState(error=BadAddress("It gives a wrong address."))
ALONE = OverlayState(connected=False)
CONNECTED = OverlayState(connected=True)
UNKNOWN = OverlayState(connected=None)
"The state of a running node that doesn't say whether it is connected."


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (None, DOWN, Kind.OVERLAY_DOWN),
        (None, ALONE, Kind.OVERLAY_ALONE),
        (None, CONNECTED, None),
        (None, UNKNOWN, None),
        (DOWN, BAD, Kind.OVERLAY_DOWN),
        (DOWN, ALONE, Kind.OVERLAY_ALONE),
        (DOWN, CONNECTED, Kind.OVERLAY_BACK),
        (DOWN, UNKNOWN, Kind.OVERLAY_BACK),
        (ALONE, DOWN, Kind.OVERLAY_DOWN),
        (ALONE, ALONE, None),
        (ALONE, CONNECTED, Kind.OVERLAY_BACK),
        (CONNECTED, DOWN, Kind.OVERLAY_DOWN),
        (CONNECTED, ALONE, Kind.OVERLAY_ALONE),
        (CONNECTED, CONNECTED, None),
        (UNKNOWN, DOWN, Kind.OVERLAY_DOWN),
        (UNKNOWN, ALONE, Kind.OVERLAY_ALONE),
        (UNKNOWN, CONNECTED, None),
    ],
)
def test_what_the_owner_is_told_of_a_change(before: OverlayState | None, now: OverlayState, kind: Kind | None) -> None:
    said = changed("yggdrasil", before, now)
    assert (said.kind if said else None) == kind


@pytest.mark.parametrize("before", [None, DOWN, ALONE, CONNECTED, UNKNOWN])
@pytest.mark.parametrize("now", [DOWN, ALONE, CONNECTED, UNKNOWN])
def test_calls_are_said_to_be_possible_only_where_nothing_is_wrong(
    before: OverlayState | None, now: OverlayState
) -> None:
    said = changed("yggdrasil", before, now)
    assert said is None or ("can be made" in said.text) == (wrong("yggdrasil", now) is None)


def test_a_node_without_a_peer_is_one_sentence_and_what_to_do() -> None:
    said = wrong("yggdrasil", ALONE)
    assert said == alone("yggdrasil")
    assert said.sentence.startswith("Your Yggdrasil node runs, but is connected to no other")
    assert 'copybara setup overlay --peers "' in said.hint
    assert wrong("yggdrasil", CONNECTED) is None
    assert wrong("staex", UNKNOWN) is None


def test_it_is_said_beside_a_call_and_a_node_that_is_down_fails_the_call_instead() -> None:
    calling = Sentence(Kind.CALLING, "Calling bob (audio).", "/hangup ends it")
    said = beside(calling, alone("yggdrasil"))
    assert said.kind == Kind.CALLING
    assert said.sentence == f"Calling bob (audio). {alone('yggdrasil').sentence}"
    assert said.hint.endswith("/hangup ends it")
    assert beside(calling, wrong("yggdrasil", DOWN)) == beside(calling, None) == calling
