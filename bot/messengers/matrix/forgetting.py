"""Decides which people's keys are forgotten if more people are known than are kept.

The owner, our own account and those who write contacts' links stay. Others go in this order: people with whom we share
no room, people in rooms to which strangers invited us, people in other rooms. In each group, those of whom the server
told us longest ago go first. If someone comes back later, they are new: their key is accepted as at the first time, and
we can't notice that it has changed.
"""

from __future__ import annotations

import enum
from collections.abc import Container, Iterable, Mapping

MOST_PEOPLE = 2000


class Tie(enum.IntEnum):
    """Someone's relation to us. The lowest is forgotten first."""

    NONE = 0
    "We share no room with them."

    GUEST = 1
    "They share only rooms to which strangers have invited us."

    ROOM = 2
    STAYS = 3
    "The owner, our own account, and those who write contacts' links."


def tie(user: str, *, stays: Container[str], rooms: Container[str], guests: Container[str]) -> Tie:
    """Someone's relation to us. `rooms` and `guests` are the people in known rooms and in strangers' rooms."""
    if user in stays:
        return Tie.STAYS
    if user in rooms:
        return Tie.ROOM
    return Tie.GUEST if user in guests else Tie.NONE


def to_forget(days: Mapping[str, int], ties: Mapping[str, Tie], most: int = MOST_PEOPLE) -> Iterable[str]:
    """The people to forget so that `most` stay. `days` says when the server last told us of each."""
    going = sorted((user for user in days if ties[user] is not Tie.STAYS), key=lambda user: (ties[user], days[user]))
    return going[: max(0, len(days) - most)]
