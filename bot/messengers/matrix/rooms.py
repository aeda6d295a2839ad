"""What is kept of rooms: whether they are encrypted, who is in them, where they went: all by the server's word."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bot.messengers.matrix.canonical import Json, text
from bot.messengers.matrix.vault import Vault

MOST_MEMBERS = 1000
"Of a room in which the bot writes."

CROWD = [str(number) for number in range(MOST_MEMBERS + 1)]
"Stand-ins for the members of a room whose list can't be read: they are several, and more than we write to."

MOST_UPGRADES = 20
"Steps from a room to the one that replaces it that are followed."


class Room(msgspec.Struct, frozen=True):
    """One room that we are in."""

    encrypted: bool = False
    "Once a room is encrypted it stays so, whatever the server says later."

    members: list[str] | None = None
    "Who may read what is written, up to one more than MOST_MEMBERS; None: to be asked for."

    replaced_by: str = ""
    "As it says itself; anybody can say that of a room of theirs."

    replaces: str | None = None
    "The room whose place it has taken, as its own beginning says; None: to be asked for."

    left: bool = False


class Rooms:
    """The rooms that we are in."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def of(self, room: str) -> Room:
        """What is known of a room."""
        return self._vault.get(f"room:{room}", Room) or Room()

    def is_known(self, room: str) -> bool:
        """Whether anything is known of it."""
        return self._vault.get(f"room:{room}", Room) is not None

    def is_in(self, room: str) -> bool:
        """Whether we are in it, as far as is known."""
        known = self._vault.get(f"room:{room}", Room)
        return known is not None and not known.left

    def names(self) -> Iterable[str]:
        """The rooms that we are in."""
        return (name.removeprefix("room:") for name in self._vault.names("room:"))

    def seen(self, room: str, event: Json) -> None:
        """An event that changes what is known of a room."""
        known = self.of(room)
        match text(event, "type"):
            case "m.room.encryption" if "state_key" in event:
                known = msgspec.structs.replace(known, encrypted=True)
            case "m.room.member" if "state_key" in event:
                known = msgspec.structs.replace(known, members=None)
            case "m.room.tombstone" if "state_key" in event:
                known = msgspec.structs.replace(known, replaced_by=text(event, "content", "replacement_room", most=255))
        self.put(room, msgspec.structs.replace(known, left=False))

    def changed(self, room: str) -> None:
        """Something of it wasn't read: anybody may have come or gone."""
        self.put(room, msgspec.structs.replace(self.of(room), members=None, left=False))

    def left(self, room: str) -> None:
        """We are not in it any more."""
        if self.is_known(room):
            self.put(room, msgspec.structs.replace(self.of(room), left=True, members=None))

    def put(self, room: str, known: Room) -> None:
        """Keep what is known of a room."""
        self._vault.put(f"room:{room}", known)

    def is_upgrade(self, room: str) -> bool:
        """Whether a room that we were in says that this one takes its place."""
        return any(self.of(name).replaced_by == room for name in self.names())

    def newest(self, room: str) -> str:
        """The room that a room says has taken its place. What is written goes by Client.newest."""
        for _ in range(MOST_UPGRADES):
            after = self.of(room).replaced_by
            if not after or after == room:
                return room
            room = after
        return room
