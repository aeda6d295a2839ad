"""Whose keys are forgotten, once more people are known than are kept.

The owner, our own account and those who write contacts' links stay. Of all others those go first with whom we share no
room, then those whom we know only from rooms to which strangers invited us, then those in any other room; of each the
ones first of whom the server told us longest ago. Somebody who comes back after that is new: their key is kept as at
the first time, and if it changed meanwhile, nobody can say so.
"""

from __future__ import annotations

import enum
from collections.abc import Container, Iterable, Mapping

MOST_PEOPLE = 2000


class Tie(enum.IntEnum):
    """What somebody is to us; the lower goes first."""

    NONE = 0
    "We share no room with them."

    GUEST = 1
    "Only rooms to which strangers have invited us."

    ROOM = 2
    STAYS = 3
    "The owner, our own account, and those who write contacts' links."


def tie(user: str, *, stays: Container[str], rooms: Container[str], guests: Container[str]) -> Tie:
    """What somebody is to us. `rooms`: who is in rooms that aren't strangers', `guests`: who is in those that are."""
    if user in stays:
        return Tie.STAYS
    if user in rooms:
        return Tie.ROOM
    return Tie.GUEST if user in guests else Tie.NONE


def to_forget(days: Mapping[str, int], ties: Mapping[str, Tie], most: int = MOST_PEOPLE) -> Iterable[str]:
    """The people beyond that number, who go. `days`: when the server told us of each last."""
    going = sorted((user for user in days if ties[user] is not Tie.STAYS), key=lambda user: (ties[user], days[user]))
    return going[: max(0, len(days) - most)]
