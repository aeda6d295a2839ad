"""The rates that our own encoders get, whatever the other side says about the path."""

from __future__ import annotations

import random
from itertools import pairwise

from peer.transport.own_path import OwnPath

SECONDS, PICTURES = 20, 30


def test_what_swings_with_each_picture_changes_what_is_sent_once_a_second_at_most() -> None:
    chance, now = random.Random(1), 100.0
    path = OwnPath(lambda: now, lambda: True)
    planned = []
    for _ in range(SECONDS * PICTURES):
        now += 1 / PICTURES
        path.carries.estimated(chance.choice((100_000, 300_000, 900_000)))
        planned.append(path.planned())
    changes = sum(before != after for before, after in pairwise(planned))
    assert 5 < changes <= SECONDS
