"""Bounds what others cause us to keep, and decides what is dropped if there is too much. Pure.

Room keys, sessions between devices and messages without a key come from outside, and anybody on the server can send
some. So there is a budget per sender, per room and in total. Strangers' items are dropped first, beginning with the
stranger who has the most. The owner's items are never dropped for anybody else's.
"""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

SLACK = 20
"One twentieth more than needed is dropped, so that a flood doesn't cause sorting with each of its items."


class Rank(enum.IntEnum):
    """Whose an item is. The lowest rank is dropped first."""

    ELSEWHERE = 0
    "A stranger's, for a room that we aren't in."

    STRANGER = 1
    CONTACT = 2
    "From a verified device of somebody who writes a contact's links."

    OWNER = 3
    "From a device that the owner's verified key has signed."


@dataclass(frozen=True, slots=True)
class KeptBudget:
    """How many items may be kept. The owner's items count only in the total."""

    total: int
    of_sender: int
    of_room: int


@dataclass(frozen=True, slots=True)
class Item:
    """One item that is kept."""

    name: str
    sender: str
    since: float
    "When it came, in Unix seconds."

    room: str = ""
    "Its room. Empty: none."

    curve25519: str = ""
    "The key of the sender's device. Empty: not known."


class Ledger:
    """The kept items of one kind."""

    def __init__(self, budget: KeptBudget, rank: Callable[[Item], Rank]) -> None:
        """`rank` is called each time something must be dropped, because a person's rank may change."""
        self._budget = budget
        self._rank = rank
        self._items: dict[str, Item] = {}
        self._of_sender: Counter[str] = Counter()
        self._of_room: Counter[str] = Counter()

    def __contains__(self, name: str) -> bool:
        return name in self._items

    def items(self) -> list[Item]:
        """All items."""
        return list(self._items.values())

    def add(self, item: Item) -> list[str]:
        """Add or replace an item. Returns the names of dropped items, perhaps its own."""
        self.remove(item.name)
        self._items[item.name] = item
        self._of_sender[item.sender] += 1
        self._of_room[item.room] += 1
        budget = self._budget
        is_over = (
            len(self._items) > budget.total
            or self._of_sender[item.sender] > budget.of_sender
            or (item.room and self._of_room[item.room] > budget.of_room)
        )
        if not is_over:
            return []
        gone = items_to_drop({each: self._rank(each) for each in self._items.values()}, budget)
        for name in gone:
            self.remove(name)
        return gone

    def remove(self, name: str) -> None:
        """Remove an item, if it is there."""
        item = self._items.pop(name, None)
        if item is not None:
            for counter, key in ((self._of_sender, item.sender), (self._of_room, item.room)):
                counter[key] -= 1
                if not counter[key]:
                    del counter[key]


def items_to_drop(items: dict[Item, Rank], budget: KeptBudget) -> list[str]:
    """The names of the items to drop."""
    left = dict(items)
    gone: list[Item] = []
    for key, most in ((_sender, budget.of_sender), (_room, budget.of_room)):
        for group in _groups((item for item, rank in left.items() if rank is not Rank.OWNER), key).values():
            if key(group[0]):
                gone += _lowest_ranked({item: left[item] for item in group}, most)
        left = {item: rank for item, rank in left.items() if item not in set(gone)}
    gone += _lowest_ranked(left, budget.total)
    return [item.name for item in gone]


def _lowest_ranked(items: dict[Item, Rank], most: int) -> list[Item]:
    """The items to drop so that `most` stay.

    The lowest rank goes first, then the items of the sender with the most, then the oldest.
    """
    if len(items) <= most:
        return []
    place: dict[Item, int] = {}
    for group in _groups(items, lambda item: (item.sender, items[item])).values():
        newest_first = sorted(group, key=lambda item: item.since, reverse=True)
        place |= {item: number for number, item in enumerate(newest_first)}
    worst_first = sorted(items, key=lambda item: (items[item], -place[item], item.since))
    return worst_first[: len(items) - most + most // SLACK]


def _groups(items: Iterable[Item], key: Callable[[Item], Hashable]) -> dict[Hashable, list[Item]]:
    groups: defaultdict[Hashable, list[Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _sender(item: Item) -> str:
    return item.sender


def _room(item: Item) -> str:
    return item.room
