"""Megolm sessions for messages to a room, one per sender and room (specification, m.megolm.v1.aes-sha2).

A room key counts only if its sender's device sent it itself, in an Olm message. Forwarded keys and backups don't count.
Each message of a session has a number, and each number is read once. If the server sends a message again as another
event, with another date or in another order, nothing happens.
"""

from __future__ import annotations

import time

import msgspec
import vodozemac

from bot.messengers.matrix.budgets import Item, KeptBudget, Ledger
from bot.messengers.matrix.canonical import Json, canonical, part, text
from bot.messengers.matrix.olm import CantDecrypt, FromDevice
from bot.messengers.matrix.own_device import MEGOLM, PICKLE_KEY, OwnDevice
from bot.messengers.matrix.ranks import Ranks
from bot.messengers.matrix.vault import Vault
from shared.not_json import NOT_JSON

SESSIONS = KeptBudget(total=2000, of_sender=100, of_room=500)
"How many of others' sessions are kept."

NUMBERS_KEPT = 500
"How many numbers of a session are remembered. A message with a lower number was read before, or is lost."

ROTATE_MESSAGES, ROTATE_SECONDS = 100, 7 * 24 * 3600
"After how many messages or seconds we use another room key (specification, m.room.encryption: the defaults)."

MOST_BYTES = 64 * 1024
"The most bytes of an event (specification, Size limits)."


class Inbound(msgspec.Struct):
    """A session of somebody else's device."""

    room: str
    sender: str
    curve25519: str
    ed25519: str
    pickle: str
    kept: int
    "When it came, in Unix seconds."

    read: dict[int, int] = {}
    "The numbers that were read, each with the message's number in the journal."

    below: int = 0
    "Messages with a lower number are no longer read."


class Outbound(msgspec.Struct):
    """Our session for a room."""

    pickle: str
    made: int
    sent: int = 0
    shared: dict[str, str] = {}
    "The devices that have its key: each one's curve25519 key, with its user."


class Decrypted(msgspec.Struct, frozen=True):
    """A decrypted message, and the device that wrote it."""

    sender: str
    curve25519: str
    ed25519: str
    type: str
    content: Json


class Megolm:
    """The sessions of all rooms."""

    def __init__(self, vault: Vault, own: OwnDevice, ranks: Ranks) -> None:
        self._vault = vault
        self._own = own
        self._kept = Ledger(SESSIONS, ranks.by_device)
        for name in vault.names("inbound:"):
            inbound = vault.get(name, Inbound)
            for gone in self._kept.add(_item(name, inbound)) if inbound is not None else [name]:
                vault.drop(gone)

    # Others' messages.

    def has_key(self, key: tuple[str, str, str]) -> bool:
        """Whether we have a key, see `key_of`."""
        return _inbound(*key) in self._kept

    def take_key(self, message: FromDevice) -> tuple[str, str] | None:
        """Keep the session of an m.room_key message. Returns its room and its id if it is new."""
        content = message.content
        room, name = text(content, "room_id"), text(content, "session_id", most=64)
        key = text(content, "session_key", most=2048)
        if text(content, "algorithm") != MEGOLM or not (room and name and key):
            return None
        place = _inbound(room, message.sender, name)
        if place in self._kept:
            return None
        try:
            session = vodozemac.InboundGroupSession(vodozemac.SessionKey(key))
        except ValueError:
            return None
        if session.session_id != name:
            return None
        pickle, now = session.pickle(PICKLE_KEY), int(time.time())
        inbound = Inbound(room, message.sender, message.curve25519, message.ed25519, pickle, now)
        self._vault.put(place, inbound)
        for gone in self._kept.add(_item(place, inbound)):
            self._vault.drop(gone)
        return room, name

    def decrypt(self, room: str, event: Json, number: int) -> Decrypted | None:
        """Decrypt an m.room.encrypted event of a room. None if it was read before. Raises CantDecrypt.

        `number` is the event's number in the journal: the same event always has the same number.
        """
        content = part(event, "content")
        place = _inbound(*key_of(room, event))
        inbound = self._vault.get(place, Inbound)
        if text(content, "algorithm") != MEGOLM or inbound is None:
            raise CantDecrypt("no key")
        try:
            session = vodozemac.InboundGroupSession.from_pickle(inbound.pickle, PICKLE_KEY)
            message = vodozemac.MegolmMessage.from_base64(text(content, "ciphertext", most=2 * MOST_BYTES))
            result = session.decrypt(message)
            decrypted = msgspec.json.decode(result.plaintext)
        except (ValueError, *NOT_JSON) as error:
            raise CantDecrypt(type(error).__name__) from error
        if text(decrypted, "room_id") != room:
            raise CantDecrypt("written in another room")
        before = inbound.read.get(result.message_index)
        if before not in (None, number) or (before is None and result.message_index < inbound.below):
            return None
        if before is None:
            inbound.read[result.message_index] = number
            while len(inbound.read) > NUMBERS_KEPT:
                lowest = min(inbound.read)
                del inbound.read[lowest]
                inbound.below = max(inbound.below, lowest + 1)
            self._vault.put(place, inbound)
        inside, related = part(decrypted, "content"), content.get("m.relates_to")
        if related is not None:
            # The relation is outside the encryption, where the server can read it (specification, Encrypted relations).
            inside.setdefault("m.relates_to", related)
        return Decrypted(inbound.sender, inbound.curve25519, inbound.ed25519, text(decrypted, "type"), inside)

    # Our messages.

    def outbound(self, room: str, readers: dict[str, str]) -> tuple[Json, dict[str, str]]:
        """The room key to share, and the readers who lack it. The key is new if it is due, or if a reader has gone.

        `readers` are the devices that may read our messages: each one's curve25519 key, with its user.
        """
        session, outbound = self._session(room)
        gone = outbound is not None and any(outbound.shared[key] != readers.get(key) for key in outbound.shared)
        old = outbound is not None and (
            outbound.sent >= ROTATE_MESSAGES or outbound.made + ROTATE_SECONDS < time.time()
        )
        if session is None or outbound is None or gone or old:
            session = vodozemac.GroupSession()
            outbound = Outbound(session.pickle(PICKLE_KEY), int(time.time()))
            self._vault.put(f"outbound:{room}", outbound)
        key = {
            "algorithm": MEGOLM,
            "room_id": room,
            "session_id": session.session_id,
            "session_key": session.session_key.to_base64(),
        }
        return key, {name: user for name, user in readers.items() if name not in outbound.shared}

    def shared(self, room: str, devices: dict[str, str]) -> None:
        """Note that the key was sent to these devices, each with its user."""
        outbound = self._vault.get(f"outbound:{room}", Outbound)
        if outbound is not None:
            outbound.shared.update(devices)
            self._vault.put(f"outbound:{room}", outbound)

    def encrypt(self, room: str, type_: str, content: Json) -> Json:
        """The content of an m.room.encrypted event. The session must be on the disk before it is sent."""
        session, outbound = self._session(room)
        assert session is not None
        assert outbound is not None
        payload = {"room_id": room, "type": type_, "content": content}
        ciphertext = session.encrypt(canonical(payload)).to_base64()
        outbound.pickle, outbound.sent = session.pickle(PICKLE_KEY), outbound.sent + 1
        self._vault.put(f"outbound:{room}", outbound)
        encrypted: Json = {
            "algorithm": MEGOLM,
            "sender_key": self._own.curve25519,
            "device_id": self._own.device,
            "session_id": session.session_id,
            "ciphertext": ciphertext,
        }
        # The server aggregates by relations, so they are not encrypted (specification, Encrypted events and relations).
        return encrypted | ({"m.relates_to": content["m.relates_to"]} if "m.relates_to" in content else {})

    def _session(self, room: str) -> tuple[vodozemac.GroupSession | None, Outbound | None]:
        outbound = self._vault.get(f"outbound:{room}", Outbound)
        if outbound is None:
            return None, None
        return vodozemac.GroupSession.from_pickle(outbound.pickle, PICKLE_KEY), outbound


def key_of(room: str, event: Json) -> tuple[str, str, str]:
    """The key that an m.room.encrypted event needs: its room, its sender, and the session's id."""
    return room, text(event, "sender"), text(event, "content", "session_id", most=64)


def _inbound(room: str, sender: str, name: str) -> str:
    """The name under which a session is kept. It has the sender, so that nobody else can replace a sender's session."""
    return f"inbound:{room} {sender} {name}"


def _item(name: str, inbound: Inbound) -> Item:
    return Item(name, inbound.sender, inbound.kept, inbound.room, inbound.curve25519)
