"""Which invitations the bot accepts: the owner's, those of people who write contacts' links, and a few strangers'.

A stranger who writes to the bot directly has to invite it first. What their link may do is the policy's, as everywhere.
Who says that another room takes a room's place invites to that one: anybody can say so in a room of their own.
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
"Invitations in an hour that are accepted: of the owner and of each contact, and of all strangers together."

OF_STRANGER = 4

MOST_ROOMS = 30
"Rooms of strangers that the bot stays in; of more it leaves the oldest."

GUEST = "guest:"
"What the names of the vault begin with that say which rooms are strangers'."

JOINING = "joining:"
"The same of all rooms that are to be joined: the server shows an invitation once."


class Guest(msgspec.Struct, frozen=True):
    """A room that a stranger has invited us to."""

    user: str
    since: int
    "Unix seconds."


class Invitations:
    """Decides; the wire joins and leaves."""

    def __init__(
        self, account: MatrixAccount, vault: Vault, rooms: Rooms, contacts: Contacts, *, strangers: bool
    ) -> None:
        """`strangers`: whether calls of strangers may ring."""
        self._account = account
        self._vault = vault
        self._rooms = rooms
        self._contacts = contacts
        self._strangers = strangers
        self._accepted: set[tuple[str, str]] = set()
        "Those that are being accepted: the server shows them until we have joined, and each counts once."

        self._each = RateLimit(OF_EACH, seconds=HOUR)
        self._of_stranger = RateLimit(OF_STRANGER, seconds=HOUR)
        self._of_strangers = RateLimit(OF_STRANGERS, seconds=HOUR)

    def accepts(self, room: str, user: str, now: float) -> bool:
        """Whether to join a room to which that user invites, or that takes the place of one, as they say.

        `now` is in seconds of any clock.
        """
        if self._account.owner == self._account.user:
            return False  # the owner's own app does
        if (room, user) not in self._accepted and self._may(room, user, now):
            self._accepted.add((room, user))
        return (room, user) in self._accepted

    def _may(self, room: str, user: str, now: float) -> bool:
        if self._is_known(user):
            return self._each.allows(user, now)
        reads = self._strangers or self._rooms.is_upgrade(room)
        return reads and self._of_stranger.allows(user, now) and self._of_strangers.allows("", now)

    def wanted(self, room: str) -> None:
        """The owner or a contact has written in a room: it is a stranger's no more, no matter who led us there."""
        self._vault.drop(GUEST + room)

    def _is_known(self, user: str) -> bool:
        return user == self._account.owner or user in self._contacts()

    def refused(self, room: str, user: str) -> None:
        """The server doesn't let us in."""
        self._accepted.discard((room, user))

    def joined(self, room: str, user: str, now: int) -> list[str]:
        """We are in it; returns the rooms to leave for it. `now` is in Unix seconds."""
        self._accepted.discard((room, user))
        if self._is_known(user):
            return []
        self._vault.put(GUEST + room, Guest(user, now))
        guests = {name: guest for name in self._vault.names(GUEST) if (guest := self._vault.get(name, Guest))}
        oldest = sorted(guests, key=lambda name: guests[name].since)[: max(0, len(guests) - MOST_ROOMS)]
        for name in oldest:
            self._vault.drop(name)
        # Who has become a contact since then stays.
        return [name.removeprefix(GUEST) for name in oldest if not self._is_known(guests[name].user)]
