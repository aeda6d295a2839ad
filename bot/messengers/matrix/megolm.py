"""Messages to a room: Megolm sessions, one for each sender and room (specification, m.megolm.v1.aes-sha2).

A room key counts only if its sender's device brought it itself, in an Olm message; forwarded ones and backups do not.
Every message of a session has a number, and each number is read once: what the server shows again under another event,
another date or in another order does nothing.
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
"Sessions of others that are kept."

NUMBERS_KEPT = 500
"Numbers of one session that are remembered; a message with a lower one than all of them was read or is lost."

ROTATE_MESSAGES, ROTATE_SECONDS = 100, 7 * 24 * 3600
"After how much we use another room key (specification, m.room.encryption: the defaults)."

MOST_BYTES = 64 * 1024
"Of an event (specification, Size limits)."


class Inbound(msgspec.Struct):
    """A session of somebody's device."""

    room: str
    sender: str
    curve25519: str
    ed25519: str
    pickle: str
    kept: int
    "When it came, Unix seconds."

    read: dict[int, int] = {}
    "The numbers that were read, each with that of the journal."

    below: int = 0
    "Numbers under this one aren't read any more."


class Outbound(msgspec.Struct):
    """Our session for a room."""

    pickle: str
    made: int
    sent: int = 0
    shared: dict[str, str] = {}
    "Who has its key: the curve25519 key of each device, with its person."


class Decrypted(msgspec.Struct, frozen=True):
    """A message, and the device that wrote it."""

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
            kept = vault.get(name, Inbound)
            for gone in self._kept.add(_item(name, kept)) if kept is not None else [name]:
                vault.drop(gone)

    # What others write.

    def has_key(self, key: tuple[str, str, str]) -> bool:
        """Whether a key is there, see `key_of`."""
        return _inbound(*key) in self._kept

    def take_key(self, message: FromDevice) -> tuple[str, str] | None:
        """Keep the session that an m.room_key brings. Returns its room and its id if it is new."""
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
        kept = Inbound(room, message.sender, message.curve25519, message.ed25519, pickle, now)
        self._vault.put(place, kept)
        for gone in self._kept.add(_item(place, kept)):
            self._vault.drop(gone)
        return room, name

    def decrypt(self, room: str, event: Json, number: int) -> Decrypted | None:
        """An m.room.encrypted event of a room; None if it was read before. Raises CantDecrypt.

        `number` is that of the journal: the same event has the same again.
        """
        content = part(event, "content")
        place = _inbound(*key_of(room, event))
        kept = self._vault.get(place, Inbound)
        if text(content, "algorithm") != MEGOLM or kept is None:
            raise CantDecrypt("no key")
        try:
            session = vodozemac.InboundGroupSession.from_pickle(kept.pickle, PICKLE_KEY)
            message = vodozemac.MegolmMessage.from_base64(text(content, "ciphertext", most=2 * MOST_BYTES))
            result = session.decrypt(message)
            said = msgspec.json.decode(result.plaintext)
        except (ValueError, *NOT_JSON) as error:
            raise CantDecrypt(type(error).__name__) from error
        if text(said, "room_id") != room:
            raise CantDecrypt("written in another room")
        before = kept.read.get(result.message_index)
        if before not in (None, number) or (before is None and result.message_index < kept.below):
            return None
        if before is None:
            kept.read[result.message_index] = number
            while len(kept.read) > NUMBERS_KEPT:
                lowest = min(kept.read)
                del kept.read[lowest]
                kept.below = max(kept.below, lowest + 1)
            self._vault.put(place, kept)
        inside, related = part(said, "content"), content.get("m.relates_to")
        if related is not None:
            # What it relates to stands outside, where the server can read it (specification, Encrypted relations).
            inside.setdefault("m.relates_to", related)
        return Decrypted(kept.sender, kept.curve25519, kept.ed25519, text(said, "type"), inside)

    # What we write.

    def outbound(self, room: str, readers: dict[str, str]) -> tuple[Json, dict[str, str]]:
        """The room key to share, and which of the readers lack it; a new one if it is due or a reader has gone.

        `readers`: the curve25519 key of each device that may read what we write, with its person.
        """
        session, kept = self._session(room)
        gone = kept is not None and any(kept.shared[key] != readers.get(key) for key in kept.shared)
        old = kept is not None and (kept.sent >= ROTATE_MESSAGES or kept.made + ROTATE_SECONDS < time.time())
        if session is None or kept is None or gone or old:
            session = vodozemac.GroupSession()
            kept = Outbound(session.pickle(PICKLE_KEY), int(time.time()))
            self._vault.put(f"outbound:{room}", kept)
        key = {
            "algorithm": MEGOLM,
            "room_id": room,
            "session_id": session.session_id,
            "session_key": session.session_key.to_base64(),
        }
        return key, {name: user for name, user in readers.items() if name not in kept.shared}

    def shared(self, room: str, devices: dict[str, str]) -> None:
        """The key has been sent to these devices, each with its person."""
        kept = self._vault.get(f"outbound:{room}", Outbound)
        if kept is not None:
            kept.shared.update(devices)
            self._vault.put(f"outbound:{room}", kept)

    def encrypt(self, room: str, type_: str, content: Json) -> Json:
        """The content of an m.room.encrypted event. Must be on the disk before it is sent."""
        session, kept = self._session(room)
        assert session is not None
        assert kept is not None
        payload = {"room_id": room, "type": type_, "content": content}
        ciphertext = session.encrypt(canonical(payload)).to_base64()
        kept.pickle, kept.sent = session.pickle(PICKLE_KEY), kept.sent + 1
        self._vault.put(f"outbound:{room}", kept)
        encrypted: Json = {
            "algorithm": MEGOLM,
            "sender_key": self._own.curve25519,
            "device_id": self._own.device,
            "session_id": session.session_id,
            "ciphertext": ciphertext,
        }
        # The server aggregates by relations, so they stand outside (specification, Encrypted events and relations).
        return encrypted | ({"m.relates_to": content["m.relates_to"]} if "m.relates_to" in content else {})

    def _session(self, room: str) -> tuple[vodozemac.GroupSession | None, Outbound | None]:
        kept = self._vault.get(f"outbound:{room}", Outbound)
        if kept is None:
            return None, None
        return vodozemac.GroupSession.from_pickle(kept.pickle, PICKLE_KEY), kept


def key_of(room: str, event: Json) -> tuple[str, str, str]:
    """Which key an m.room.encrypted event needs: its room, its sender, and the session's id."""
    return room, text(event, "sender"), text(event, "content", "session_id", most=64)


def _inbound(room: str, sender: str, name: str) -> str:
    """Where a session is kept: one that somebody else passes on as theirs never replaces its sender's."""
    return f"inbound:{room} {sender} {name}"


def _item(name: str, kept: Inbound) -> Item:
    return Item(name, kept.sender, kept.kept, kept.room, kept.curve25519)
