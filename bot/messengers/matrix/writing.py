"""Writes to a room: encrypted for the devices that may read it, and once per message however often it is tried.

A message is sent unencrypted, in an unencrypted room, only if the configuration allows that.
"""

from __future__ import annotations

import msgspec

from bot.messengers.matrix.api import MatrixApi, ServerRefusal, TooLarge
from bot.messengers.matrix.canonical import Json
from bot.messengers.matrix.keys import Keys, Save
from bot.messengers.matrix.megolm import Megolm
from bot.messengers.matrix.own_device import OwnDevice
from bot.messengers.matrix.people import Device, People
from bot.messengers.matrix.rooms import CROWD, MOST_MEMBERS, Rooms


class NotEncrypted(Exception):
    """The room isn't encrypted, so nothing is written there."""


class Crowded(Exception):
    """The room has more people than we write to."""


class Writer:
    """Sends messages as this device."""

    def __init__(
        self,
        api: MatrixApi,
        own: OwnDevice,
        people: People,
        rooms: Rooms,
        keys: Keys,
        megolm: Megolm,
        save: Save,
        *,
        unverified: bool,
    ) -> None:
        """`unverified`: whether unverified devices may read our messages, and unencrypted rooms are written to."""
        self._api = api
        self._own = own
        self._people = people
        self._rooms = rooms
        self._keys = keys
        self._megolm = megolm
        self._save = save
        self._unverified = unverified

    async def members(self, room: str) -> list[str]:
        """The users who may read messages in a room, by the server's word. CROWD if the server will never say.

        Raises Unreachable, ServerRefusal.
        """
        known, changes = self._rooms.of(room), self._rooms.changes(room)
        if known.members is None:
            try:
                members = await self._api.members(room)
            except TooLarge:
                members = CROWD
            except ServerRefusal as refusal:
                if refusal.for_now or refusal.logged_out:
                    raise
                members = CROWD
            # More may have been read of the room meanwhile.
            known = msgspec.structs.replace(self._rooms.of(room), members=members[: MOST_MEMBERS + 1])
            if self._rooms.changes(room) == changes:
                self._rooms.put(room, known)
        return known.members or []

    async def write(self, room: str, transaction: str, content: Json, type_: str = "m.room.message") -> str:
        """Send a message. Returns its event's id. Raises NotEncrypted, Crowded, Unreachable, ServerRefusal."""
        if self._unverified and not self._rooms.of(room).encrypted:
            return await self._api.send(room, type_, transaction, content)
        encrypted = await self.encrypted(room, content, type_)
        return await self._api.send(room, "m.room.encrypted", transaction, encrypted)

    async def encrypted(self, room: str, content: Json, type_: str = "m.room.message") -> Json:
        """A message encrypted for the server. Its readers have its key by then, and all of it is on the disk.

        Raises NotEncrypted, Crowded, Unreachable, ServerRefusal.
        """
        if not self._rooms.of(room).encrypted:
            raise NotEncrypted(room)
        members = await self.members(room)
        if len(members) > MOST_MEMBERS:
            raise Crowded(room)
        outdated = [user for user in members if self._people.is_outdated(user)]
        if outdated:
            await self._keys.query(outdated)
        readers = {user: self._readers(user) for user in members}
        everyone = {device.curve25519: user for user, named in readers.items() for device in named.values()}
        key, lacking = self._megolm.outbound(room, everyone)
        if lacking:
            reached = await self._keys.reach(
                {
                    user: {name: device for name, device in named.items() if device.curve25519 in lacking}
                    for user, named in readers.items()
                }
            )
            await self._keys.send(reached, "m.room_key", key)
            # Devices that couldn't be reached get the key with a later message.
            self._megolm.shared(
                room, {device.curve25519: user for user, named in reached.items() for device in named.values()}
            )
        encrypted = self._megolm.encrypt(room, type_, content)
        await self._save()
        return encrypted

    def _readers(self, user: str) -> dict[str, Device]:
        devices = self._people.devices_for(user, unverified=self._unverified)
        return {name: device for name, device in devices.items() if device.curve25519 != self._own.curve25519}
