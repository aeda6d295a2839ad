"""Reads the messages in the reply to a sync: decrypts and judges each, once. keys.py makes the requests for that.

Nothing is written to the disk here. The vault holds the changes until the messages are stored.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from bot.messengers.long_work import LongWork
from bot.messengers.matrix.budgets import Item, KeptBudget, Ledger
from bot.messengers.matrix.canonical import Json, items, number, part, text
from bot.messengers.matrix.megolm import Decrypted, Megolm, key_of
from bot.messengers.matrix.olm import CantDecrypt, FromDevice, Olm
from bot.messengers.matrix.people import MOST_DEVICES, People, Standing
from bot.messengers.matrix.ranks import Ranks
from bot.messengers.matrix.rooms import Rooms
from bot.messengers.matrix.vault import Vault
from bot.messengers.matrix.verification import PREFIX as VERIFICATION

WAITING_SECONDS = 24 * 3600
WAITING = KeptBudget(total=300, of_sender=20, of_room=100)
"How many messages may wait for their key, and for how long. Keys travel separately, and may come later."

MOST_BYTES = 64 * 1024
"The most bytes of an event (specification, Size limits)."

AT_ONCE = 10
"How many events are read in one step. Decrypting one takes about a millisecond."

MOST_WITHHOLD = 100
"How many strangers in one reply the owner may hear of because their client withholds its keys from us."

_WAITING = "waiting:"

TIMESTAMP_BITS, HASH_BITS = 42, 21
"The bits of an event's number in the journal: its time, and its hash."


@dataclass(frozen=True, slots=True)
class RoomMessage:
    """A message in a room."""

    number: int
    "The number for the journal. It is the same for the same event, and grows with the server's times."

    room: str
    sender: str
    standing: Standing | None
    "The standing of the device that wrote it. None: it wasn't encrypted."

    curve25519: str
    ed25519: str
    "The device's two keys. Both are empty if it wasn't encrypted."

    content: Json
    type: str
    date: int
    "The time by the server's clock, in Unix seconds."

    event: str
    "The event's id."


class Waiting(msgspec.Struct, frozen=True):
    """A message whose key hasn't come yet, as the server sent it."""

    room: str
    event: Json
    since: int


@dataclass
class Sync:
    """The content of one reply."""

    messages: list[RoomMessage] = field(default_factory=list)
    verifications: list[tuple[str, str, Json]] = field(default_factory=list)
    "To-device messages of verifications: sender, type without the prefix, content."

    invitations: list[tuple[str, str]] = field(default_factory=list)
    "Rooms to which we are invited, each with the user who invites us."

    upgraded: list[tuple[str, str]] = field(default_factory=list)
    "Rooms that replace others, each with the user who says so."

    wedged: dict[str, set[str]] = field(default_factory=dict)
    "Devices whose messages we can't read any more: by known user, their curve25519 keys."

    withheld: set[str] = field(default_factory=set)
    "Users whose client withholds its room keys from us because we aren't verified."

    one_time_keys: int | None = None
    "How many one-time keys the server has left. None: it doesn't say."

    fallback_used: bool = False
    "Whether the fallback key was used, or the server has none."

    unread: bool = False
    "Whether a room had more events than we fetch. The oldest of them are never read."


class Reader:
    """Reads what the server sends."""

    def __init__(
        self,
        vault: Vault,
        people: People,
        rooms: Rooms,
        olm: Olm,
        megolm: Megolm,
        ranks: Ranks,
        user: str,
        device: str,
    ) -> None:
        """`user` and `device` are our own."""
        self._vault = vault
        self._people = people
        self._rooms = rooms
        self._olm = olm
        self._megolm = megolm
        self._own_user = user
        self._own_device = device
        self._no_longer_wait: list[str] = []
        self._waiting = Ledger(WAITING, ranks.by_sender)
        self._keys: dict[str, tuple[str, str, str]] = {}
        "The key that each waiting message needs."
        for name in vault.names(_WAITING):
            kept = vault.get(name, Waiting)
            if kept is None:
                vault.drop(name)
            else:
                self._wait(name, kept)

    async def take_devices(self, answer: Json, sync: Sync) -> None:
        """Read the messages to this device. Keys come first, because room messages need them."""
        work = LongWork(AT_ONCE)
        for event in items(answer, "to_device", "events"):
            await work.pause()
            type_, sender = text(event, "type"), text(event, "sender")
            if type_ == "m.room.encrypted":
                try:
                    self._take(self._olm.decrypt(event), sync)
                except CantDecrypt:
                    self._is_wedged(sender, text(event, "content", "sender_key", most=64), sync)
            elif type_.startswith(VERIFICATION):
                sync.verifications.append((sender, type_.removeprefix(VERIFICATION), part(event, "content")))
            elif (
                type_ == "m.room_key.withheld"
                and text(event, "content", "code") == "m.unverified"
                and (len(sync.withheld) < MOST_WITHHOLD or self._people.of(sender).devices)
            ):
                sync.withheld.add(sender)
        changed = part(answer, "device_lists").get("changed")
        for user in changed if isinstance(changed, list) else []:
            await work.pause()
            self._people.changed([user])
        counts = part(answer, "device_one_time_keys_count")
        if counts:
            sync.one_time_keys = number(counts, "signed_curve25519")
        unused = answer.get("device_unused_fallback_key_types")
        sync.fallback_used = isinstance(unused, list) and "signed_curve25519" not in unused

    def _is_wedged(self, user: str, curve25519: str, sync: Sync) -> None:
        """Note a device if its user is known. A stranger could invent any number of devices."""
        if self._people.of(user).devices:
            keys = sync.wedged.setdefault(user, set())
            if len(keys) < MOST_DEVICES:
                keys.add(curve25519)

    async def take_rooms(self, answer: Json, sync: Sync, earlier: dict[str, list[Json]]) -> list[tuple[str, Json]]:
        """Note changes in rooms. Returns the events that may be messages, in order.

        `earlier` has the events that a sync left out, by room.
        """
        found: list[tuple[str, Json]] = []
        work = LongWork(AT_ONCE)
        for room, value in part(answer, "rooms", "join").items():
            if value.get("crowded") is True:
                self._rooms.changed(room)
            for event in items(value, "state", "events"):
                await work.pause()
                self._seen(room, event, sync)
            for event in itertools.chain(earlier.get(room, []), items(value, "timeline", "events")):
                await work.pause()
                self._seen(room, event, sync)
                type_ = text(event, "type")
                if type_ in ("m.room.encrypted", "m.room.message") or type_.startswith(VERIFICATION):
                    found.append((room, event))
        for room, value in part(answer, "rooms", "invite").items():
            for event in items(value, "invite_state", "events"):
                await work.pause()
                mine = text(event, "state_key") == self._own_user and text(event, "type") == "m.room.member"
                if mine and text(event, "content", "membership") == "invite":
                    sync.invitations.append((room, text(event, "sender")))
        for room in part(answer, "rooms", "leave"):
            self._rooms.left(room)
        return found

    def wants(self, events: Iterable[tuple[str, Json]]) -> set[str]:
        """The people whose keys must be fetched before these events can be judged.

        People whose events can't be decrypted aren't among them: anybody can send such events under any number of
        names.
        """
        senders = {
            text(event, "sender")
            for room, event in events
            if text(event, "type") == "m.room.encrypted" and self._megolm.has_key(key_of(room, event))
        }
        return {user for user in senders if user and self._people.is_outdated(user)}

    async def read(self, events: Iterable[tuple[str, Json]], sync: Sync) -> set[str]:
        """Decrypt and judge events; those without a key wait. Returns people whose devices must be fetched again."""
        unknown = set()
        work = LongWork(AT_ONCE)
        for room, event in events:
            await work.pause()
            message = self._message(room, event)
            if message is None:
                continue
            if message.standing is Standing.UNKNOWN:
                unknown.add(message.sender)
            sync.messages.append(message)
        return unknown

    def waiting(self) -> list[tuple[str, Json]]:
        """Messages whose key has come, in order of their times. Messages that waited too long are forgotten."""
        found = []
        for item in sorted(self._waiting.items(), key=lambda item: item.name):
            if item.since + WAITING_SECONDS < time.time():
                self._forget(item.name)
            elif (
                self._megolm.has_key(self._keys[item.name])
                and (kept := self._vault.get(item.name, Waiting)) is not None
            ):
                found.append((kept.room, kept.event))
        return found

    def confirmed(self) -> None:
        """Note that the messages are stored. Those that were read no longer wait for a key."""
        for name in self._no_longer_wait:
            self._forget(name)
        self._no_longer_wait.clear()

    def _forget(self, name: str) -> None:
        self._waiting.remove(name)
        self._keys.pop(name, None)
        self._vault.drop(name)

    def _wait(self, name: str, kept: Waiting) -> None:
        self._vault.put(name, kept)
        self._keys[name] = key_of(kept.room, kept.event)
        for gone in self._waiting.add(Item(name, text(kept.event, "sender"), kept.since, kept.room)):
            self._forget(gone)

    def judged_again(self, message: RoomMessage) -> RoomMessage:
        """Judge the same message again, after more is known of its sender's devices."""
        if message.standing is None:
            return message
        standing = self._people.standing(message.sender, message.curve25519, message.ed25519)
        return dataclasses.replace(message, standing=standing)

    def _take(self, message: FromDevice, sync: Sync) -> None:
        if message.type == "m.room_key":
            self._megolm.take_key(message)
        elif message.type.startswith(VERIFICATION):
            sync.verifications.append((message.sender, message.type.removeprefix(VERIFICATION), message.content))
        elif message.type == "m.room_key.withheld" and text(message.content, "code") == "m.unverified":
            sync.withheld.add(message.sender)

    def _seen(self, room: str, event: Json, sync: Sync) -> None:
        self._rooms.seen(room, event)
        if text(event, "type") == "m.room.tombstone" and self._rooms.of(room).replaced_by:
            sync.upgraded.append((room, text(event, "sender")))
        user = text(event, "state_key")
        if text(event, "type") == "m.room.member" and user:
            self._people.changed([user])

    def _message(self, room: str, event: Json) -> RoomMessage | None:
        event_number = number_of(room, event)
        sender, name = text(event, "sender"), text(event, "event_id")
        date = number(event, "origin_server_ts") // 1000
        if (type_ := text(event, "type")) != "m.room.encrypted":
            # It isn't encrypted. Verifications may be unencrypted, because what they prove rests only on the emoji.
            content = part(event, "content")
            if not content:  # redacted
                return None
            return RoomMessage(event_number, room, sender, None, "", "", content, type_, date, name)
        ours = sender == self._own_user and text(event, "content", "device_id") == self._own_device
        if ours or not part(event, "content"):  # redacted
            return None
        waits = f"{_WAITING}{event_number:019}"
        try:
            said = self._megolm.decrypt(room, event, event_number)
        except CantDecrypt as error:
            if str(error) == "no key" and waits not in self._waiting and _is_small(event):
                self._wait(waits, Waiting(room, _lean(event), int(time.time())))
            return None
        self._no_longer_wait.append(waits)
        return self._judged(room, event_number, name, date, said) if said is not None else None

    def _judged(self, room: str, event_number: int, name: str, date: int, decrypted: Decrypted) -> RoomMessage:
        standing = self._people.standing(decrypted.sender, decrypted.curve25519, decrypted.ed25519)
        keys = decrypted.curve25519, decrypted.ed25519
        content = decrypted.content, decrypted.type
        return RoomMessage(event_number, room, decrypted.sender, standing, *keys, *content, date, name)


def number_of(room: str, event: Json) -> int:
    """The number of an event for the journal: 63 bits, the same each time the event comes."""
    stamp = min(max(number(event, "origin_server_ts"), 0), (1 << TIMESTAMP_BITS) - 1)
    digest = hashlib.sha256(f"{room} {text(event, 'event_id')}".encode("utf-8", "replace")).digest()
    return stamp << HASH_BITS | int.from_bytes(digest[:4], "big") >> (32 - HASH_BITS)


def _is_small(event: Json) -> bool:
    return bool(text(event, "content", "ciphertext", most=2 * MOST_BYTES))


def _lean(event: Json) -> Json:
    """The parts of an event that are needed to read it later."""
    return {
        name: event[name] for name in ("type", "sender", "event_id", "origin_server_ts", "content") if name in event
    }
