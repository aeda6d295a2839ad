"""Ranks for the budgets: whether an item from outside is the owner's, a contact's, or a stranger's."""

from __future__ import annotations

from bot.messengers.matrix.budgets import Item, Rank
from bot.messengers.matrix.people import Contacts, People, Standing
from bot.messengers.matrix.rooms import Rooms


class Ranks:
    """Looks up who people are."""

    def __init__(self, people: People, rooms: Rooms, contacts: Contacts) -> None:
        self._people = people
        self._rooms = rooms
        self._contacts = contacts

    def by_device(self, item: Item) -> Rank:
        """The rank of an item by its device, which has proven its key."""
        standing = self._people.standing_of_key(item.sender, item.curve25519)
        if standing is Standing.OWNER:
            return Rank.OWNER
        if standing is Standing.VERIFIED and self._is_contact(item.sender):
            return Rank.CONTACT
        return Rank.STRANGER if not item.room or self._rooms.is_known(item.room) else Rank.ELSEWHERE

    def by_sender(self, item: Item) -> Rank:
        """The rank of an item by its sender according to the server, if nothing better is known."""
        if self._people.owner is not None and self._people.owner.user == item.sender:
            return Rank.OWNER
        return Rank.CONTACT if self._is_contact(item.sender) else Rank.STRANGER

    def _is_contact(self, user: str) -> bool:
        return user in self._contacts()
