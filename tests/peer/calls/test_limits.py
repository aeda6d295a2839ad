"""The number of messages that a call accepts."""

from __future__ import annotations

from typing import get_args

import pytest

from peer.calls.limits import (
    IN_THE_LONG_RUN,
    LIMITS,
    MOST_SHOWN,
    OWN_HOLDS,
    OWN_TEXTS,
    OWN_TEXTS_IN_THE_LONG_RUN,
    Limiter,
)
from shared.messages import Message, OnHold, PairKept, Ping, Text, Unknown
from shared.rate import Limit


def test_every_type_of_message_has_a_limit() -> None:
    assert set(LIMITS) == {*get_args(Message), Unknown}


def test_one_type_of_message_leaves_the_others_their_room() -> None:
    limiter = Limiter()
    while limiter.takes(Text("spam"), 0.0):
        pass
    assert limiter.takes(Ping(1), 0.0)


@pytest.mark.parametrize(("own", "theirs"), [(OWN_TEXTS, LIMITS[Text]), (OWN_HOLDS, LIMITS[OnHold])])
def test_what_an_honest_owner_does_stays_below_what_the_other_side_takes(own: Limit, theirs: Limit) -> None:
    assert own.at_once < theirs.at_once
    assert own.per_second < theirs.per_second


def test_who_writes_for_hours_no_faster_than_a_call_takes_makes_a_flood_all_the_same() -> None:
    limiter, most = Limiter(), IN_THE_LONG_RUN[Text].at_once
    taken = sum(limiter.takes(Text("spam"), number / LIMITS[Text].per_second) for number in range(2 * most))
    hours = 2 * most / LIMITS[Text].per_second
    assert taken <= most + hours * IN_THE_LONG_RUN[Text].per_second + 1
    assert OWN_TEXTS_IN_THE_LONG_RUN.at_once < most
    assert OWN_TEXTS_IN_THE_LONG_RUN.per_second <= IN_THE_LONG_RUN[Text].per_second


def test_a_path_that_is_dialled_again_every_second_may_show_all_its_secrets_each_time() -> None:
    limiter = Limiter()
    for leg in range(4):
        assert all(limiter.takes(PairKept(bytes(32)), float(leg)) for _ in range(MOST_SHOWN + 1))
