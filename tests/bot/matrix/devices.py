"""Two devices in memory that exchange messages without a server."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from bot.messengers.matrix.canonical import Json
from bot.messengers.matrix.megolm import Megolm
from bot.messengers.matrix.olm import Olm
from bot.messengers.matrix.own_device import OwnDevice
from bot.messengers.matrix.people import People
from bot.messengers.matrix.ranks import Ranks
from bot.messengers.matrix.reading import Reader, Sync
from bot.messengers.matrix.rooms import Rooms
from bot.messengers.matrix.vault import Vault
from shared.store import Store
from shared.store.journal import Journal

ROOM = "!room:chat.test"

_Result = TypeVar("_Result")


def done(reading: Coroutine[Any, Any, _Result]) -> _Result:
    """The result of a coroutine that only yields to other tasks, without an event loop."""
    while True:
        try:
            reading.send(None)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


class Device:
    """One device, with everything that it stores."""

    def __init__(self, store: Store, user: str, name: str = "DEVICE", *, identity: bool = True) -> None:
        self.journal = Journal(store, "matrix")
        self.vault = Vault(self.journal)
        self.own = OwnDevice(self.vault, user, name)
        if identity and self.own.identity is None:
            self.own.make_identity()
        self.contacts: set[str] = set()
        self.people = People(self.vault, user, lambda: self.contacts)
        self.rooms = Rooms(self.vault)
        ranks = Ranks(self.people, self.rooms, lambda: self.contacts)
        self.olm = Olm(self.vault, self.own, ranks)
        self.megolm = Megolm(self.vault, self.own, ranks)
        self.reader = Reader(self.vault, self.people, self.rooms, self.olm, self.megolm, ranks, user, name)

    def keys(self) -> Json:
        """The server's reply about this device's person."""
        user = self.own.user
        answer: Json = {"device_keys": {user: {self.own.device: self.own.device_keys()}}}
        if self.own.identity is not None:
            keys = self.own.identity_keys()
            answer["master_keys"] = {user: keys["master_key"]}
            answer["self_signing_keys"] = {user: keys["self_signing_key"]}
        return answer

    def meets(self, other: Device) -> None:
        """Learn the other's keys, and begin a session with its device."""
        self.people.answered(other.own.user, other.keys())
        device = self.people.of(other.own.user).devices[other.own.device]
        (key,) = list(other.own.one_time_keys(49).values())
        other.own.published()
        assert self.olm.begin(other.own.user, other.own.device, device, key)

    def room_key_for(self, other: Device) -> Json:
        """The to-device event with our room key for the other device."""
        user = other.own.user
        device = self.people.of(user).devices[other.own.device]
        key, _ = self.megolm.outbound(ROOM, {device.curve25519: user})
        content = self.olm.encrypt(user, device, "m.room_key", key)
        self.megolm.shared(ROOM, {device.curve25519: user})
        return {"type": "m.room.encrypted", "sender": self.own.user, "content": content}

    def says(self, text: str, event: str, at: int = 1_800_000_000_000) -> Json:
        """An event of the room."""
        content = self.megolm.encrypt(ROOM, "m.room.message", {"msgtype": "m.text", "body": text})
        return {
            "type": "m.room.encrypted",
            "sender": self.own.user,
            "event_id": event,
            "origin_server_ts": at,
            "content": content,
        }

    def reads(self, *events: Json, to_device: tuple[Json, ...] = ()) -> Sync:
        """The result of a reply with these events."""
        sync = Sync()
        done(self.reader.take_devices({"to_device": {"events": list(to_device)}}, sync))
        answer = {"rooms": {"join": {ROOM: {"timeline": {"events": list(events)}}}}}
        found = done(self.reader.take_rooms(answer, sync, {}))
        done(self.reader.read([*self.reader.waiting(), *found], sync))
        return sync

    def texts(self, *events: Json, to_device: tuple[Json, ...] = ()) -> list[Any]:
        """The texts in a reply with these events."""
        return [message.content["body"] for message in self.reads(*events, to_device=to_device).messages]

    def keep(self) -> None:
        """Write everything to the disk."""
        self.journal.set_facts(self.vault.take_changes())


def two(folder: Path) -> Iterator[tuple[Device, Device]]:
    """Anna's and Bob's devices, which know each other."""
    with Store(folder / "anna") as hers, Store(folder / "bob") as his:
        anna, bob = Device(hers, "@anna:chat.test"), Device(his, "@bob:chat.test")
        bob.people.answered(anna.own.user, anna.keys())
        anna.meets(bob)
        yield anna, bob
