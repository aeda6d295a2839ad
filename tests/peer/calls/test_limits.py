"""How many messages a call takes."""

from __future__ import annotations

from typing import get_args

from peer.calls.limits import LIMITS, OWN_TEXTS, Limiter
from shared.messages import Message, Ping, Text, Unknown


def test_every_type_of_message_has_a_limit() -> None:
    assert set(LIMITS) == {*get_args(Message), Unknown}


def test_one_type_of_message_leaves_the_others_their_room() -> None:
    limiter = Limiter()
    while limiter.takes(Text("spam"), 0.0):
        pass
    assert limiter.takes(Ping(1), 0.0)


def test_an_honest_side_s_own_lines_stay_below_what_the_other_side_takes() -> None:
    assert OWN_TEXTS.at_once < LIMITS[Text].at_once
    assert OWN_TEXTS.per_second < LIMITS[Text].per_second
