"""Decides which invitations are accepted: the owner's, those of people who write contacts' links, and some strangers'.

A stranger must invite the bot before they can write to it. As everywhere, the policy decides what their link may do. An
event that says that a room is replaced counts as an invitation to the new room, because anybody can send one in a room
of their own.
"""

from __future__ import annotations

import msgspec

from bot.messengers.matrix.account_file import MatrixAccount
from bot.messengers.matrix.people import Contacts
from bot.messengers.matrix.rooms import Rooms
from bot.messengers.matrix.vault import Vault
from bot.messengers.rate_limit import RateLimit

HOUR = 3600.0
OF_EACH, OF_STRANGERS = 30, 20
"How many invitations are accepted per hour: of the owner and of each contact, and of all strangers together."

OF_STRANGER = 4

MOST_ROOMS = 30
"How many of strangers' rooms the bot stays in. Beyond that it leaves the oldest."

GUEST = "guest:"
"The prefix of the vault's names that list strangers' rooms."

JOINING = "joining:"
"The prefix of the vault's names that list rooms to join. The server shows an invitation only once."


class Guest(msgspec.Struct, frozen=True):
    """A room to which a stranger has invited us."""

    user: str
    since: int
    "When, in Unix seconds."


class Invitations:
    """Decides; the wire joins and leaves."""

    def __init__(
        self, account: MatrixAccount, vault: Vault, rooms: Rooms, contacts: Contacts, *, strangers: bool
    ) -> None:
        """`strangers`: whether strangers' calls may ring."""
        self._account = account
        self._vault = vault
        self._rooms = rooms
        self._contacts = contacts
        self._strangers = strangers
        self._accepted: set[tuple[str, str]] = set()
        "Invitations being accepted. The server repeats them until we have joined, and each must count once."

        self._each = RateLimit(OF_EACH, seconds=HOUR)
        self._of_stranger = RateLimit(OF_STRANGER, seconds=HOUR)
        self._of_strangers = RateLimit(OF_STRANGERS, seconds=HOUR)

    def accepts(self, room: str, user: str, now: float) -> bool:
        """Whether to join a room to which a user invites us, or which replaces a room according to that user.

        `now` is in seconds of any clock.
        """
        if self._account.owner == self._account.user:
            return False  # the owner's own app decides
        if (room, user) not in self._accepted and self._may(room, user, now):
            self._accepted.add((room, user))
        return (room, user) in self._accepted

    def _may(self, room: str, user: str, now: float) -> bool:
        if self._is_known(user):
            return self._each.allows(user, now)
        reads = self._strangers or self._rooms.is_upgrade(room)
        return reads and self._of_stranger.allows(user, now) and self._of_strangers.allows("", now)

    def wanted(self, room: str) -> None:
        """Note that the owner or a contact has written in a room.

        It no longer counts as a stranger's, no matter who invited us.
        """
        self._vault.drop(GUEST + room)

    def _is_known(self, user: str) -> bool:
        return user == self._account.owner or user in self._contacts()

    def refused(self, room: str, user: str) -> None:
        """Note that the server doesn't let us in."""
        self._accepted.discard((room, user))

    def joined(self, room: str, user: str, now: int) -> list[str]:
        """Note that we have joined. Returns the rooms to leave for that. `now` is in Unix seconds."""
        self._accepted.discard((room, user))
        if self._is_known(user):
            return []
        self._vault.put(GUEST + room, Guest(user, now))
        guests = {name: guest for name in self._vault.names(GUEST) if (guest := self._vault.get(name, Guest))}
        oldest = sorted(guests, key=lambda name: guests[name].since)[: max(0, len(guests) - MOST_ROOMS)]
        for name in oldest:
            self._vault.drop(name)
        # Rooms of people who have become contacts stay.
        return [name.removeprefix(GUEST) for name in oldest if not self._is_known(guests[name].user)]
