"""What is kept of rooms: their encryption, their members and their replacements, all by the server's word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from bot.messengers.matrix.canonical import Json, text
from bot.messengers.matrix.vault import Vault

MOST_MEMBERS = 1000
"The most members of a room in which the bot writes."

CROWD = [str(number) for number in range(MOST_MEMBERS + 1)]
"Replaces the members of a room whose list can't be read: more people than we write to."

MOST_UPGRADES = 20
"How many steps are followed from a room to its replacement."


class Room(msgspec.Struct, frozen=True):
    """One room that we are in."""

    encrypted: bool = False
    "An encrypted room stays encrypted, whatever the server says later."

    members: list[str] | None = None
    "The users who may read our messages, at most MOST_MEMBERS and one more. None: must be asked for."

    replaced_by: str = ""
    "The replacement that the room itself names. Anybody can say that in a room of their own."

    replaces: str | None = None
    "The room that this one replaces, according to its m.room.create event. None: must be asked for."

    left: bool = False


class Rooms:
    """The rooms that we are in."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._changes: Counter[str] = Counter()
        "How often a room's members may have changed in this run."

    def of(self, room: str) -> Room:
        """What is known of a room."""
        return self._vault.get(f"room:{room}", Room) or Room()

    def is_known(self, room: str) -> bool:
        """Whether anything is known of a room."""
        return self._vault.get(f"room:{room}", Room) is not None

    def is_in(self, room: str) -> bool:
        """Whether we are in a room, as far as is known."""
        known = self._vault.get(f"room:{room}", Room)
        return known is not None and not known.left

    def names(self) -> Iterable[str]:
        """The rooms that we are in."""
        return (name.removeprefix("room:") for name in self._vault.names("room:"))

    def seen(self, room: str, event: Json) -> None:
        """Take an event that changes what is known of a room."""
        known = self.of(room)
        match text(event, "type"):
            case "m.room.encryption" if "state_key" in event:
                known = msgspec.structs.replace(known, encrypted=True)
            case "m.room.member" if "state_key" in event:
                known = msgspec.structs.replace(known, members=None)
                self._changes[room] += 1
            case "m.room.tombstone" if "state_key" in event:
                known = msgspec.structs.replace(known, replaced_by=text(event, "content", "replacement_room", most=255))
        self.put(room, msgspec.structs.replace(known, left=False))

    def changed(self, room: str) -> None:
        """Note that part of a room wasn't read. Anybody may have come or gone."""
        self._changes[room] += 1
        self.put(room, msgspec.structs.replace(self.of(room), members=None, left=False))

    def changes(self, room: str) -> int:
        """A number that is another one once somebody may have come or gone: a list requested before may be outdated."""
        return self._changes[room]

    def left(self, room: str) -> None:
        """Note that we are no longer in a room."""
        if self.is_known(room):
            self._changes[room] += 1
            self.put(room, msgspec.structs.replace(self.of(room), left=True, members=None))

    def put(self, room: str, known: Room) -> None:
        """Store what is known of a room."""
        self._vault.put(f"room:{room}", known)

    def is_upgrade(self, room: str) -> bool:
        """Whether a room that we were in says that this one replaces it."""
        return any(self.of(name).replaced_by == room for name in self.names())

    def newest(self, room: str) -> str:
        """The last replacement of a room, by the old rooms' word alone. For sending, use Client.newest."""
        for _ in range(MOST_UPGRADES):
            after = self.of(room).replaced_by
            if not after or after == room:
                return room
            room = after
        return room
