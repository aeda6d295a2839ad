"""Olm messages between two devices, which carry room keys (specification, m.olm.v1.curve25519-aes-sha2)."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass

import msgspec
import vodozemac

from bot.messengers.matrix.budgets import Item, KeptBudget, Ledger
from bot.messengers.matrix.canonical import Json, canonical, is_signed, part, text
from bot.messengers.matrix.own_device import OLM, PICKLE_KEY, OwnDevice, unpadded
from bot.messengers.matrix.people import Device
from bot.messengers.matrix.ranks import Ranks
from bot.messengers.matrix.vault import Vault
from shared.not_json import NOT_JSON

MOST_SESSIONS = 5
"How many sessions are kept per device. The one that was used last is used next."

DEVICES = KeptBudget(total=5000, of_sender=200, of_room=0)
"With how many devices sessions are kept. Anybody can make devices and write once from each."

MOST_BYTES = 64 * 1024
"The most bytes of a decrypted message (specification, Size limits)."


_NAME = "sessions:"


class CantDecrypt(Exception):
    """A message for which we have no key, or that isn't what it claims to be."""


@dataclass(frozen=True, slots=True)
class FromDevice:
    """A decrypted message from another device."""

    sender: str
    curve25519: str
    ed25519: str
    "The key in the message. It counts only if the sender's device with that curve25519 key has it."

    type: str
    content: Json


class Sessions(msgspec.Struct, frozen=True):
    """The sessions with one device."""

    user: str
    since: int
    "When the first was begun, in Unix seconds."

    pickles: list[str]
    renew: bool = False
    "Whether a new session must be begun before the next message to the device."


class Olm:
    """Our device's sessions with other devices."""

    def __init__(self, vault: Vault, own: OwnDevice, ranks: Ranks) -> None:
        self._vault = vault
        self._own = own
        self._devices = Ledger(DEVICES, ranks.by_device)
        for name in vault.names(_NAME):
            kept = vault.get(name, Sessions)
            for gone in self._devices.add(_item(name, kept)) if kept is not None else [name]:
                vault.drop(gone)

    def has_session(self, device: Device) -> bool:
        """Whether we can write to a device without one of its one-time keys."""
        kept = self._vault.get(_NAME + device.curve25519, Sessions)
        return kept is not None and bool(kept.pickles) and not kept.renew

    def begin(self, user: str, name: str, device: Device, claimed: Json) -> bool:
        """Begin a session with a one-time key of the device (keys/claim). False if the key isn't the device's."""
        key = text(claimed, "key", most=64)
        if not key or not is_signed(claimed, user, f"ed25519:{name}", device.ed25519):
            return False
        try:
            session = self._own.account.create_outbound_session(
                vodozemac.Curve25519PublicKey.from_base64(device.curve25519),
                vodozemac.Curve25519PublicKey.from_base64(key),
            )
        except ValueError:
            return False
        self._keep(user, device.curve25519, [session, *self._sessions(device.curve25519)], begun=True)
        return True

    def forget(self, device: Device) -> None:
        """Begin a new session before the next message to a device. Its messages in old sessions can still be read."""
        name = _NAME + device.curve25519
        if (kept := self._vault.get(name, Sessions)) is not None:
            self._vault.put(name, msgspec.structs.replace(kept, renew=True))

    def encrypt(self, user: str, device: Device, type_: str, content: Json) -> Json:
        """The content of an m.room.encrypted event for one device.

        The session must be on the disk before it is sent.
        """
        session, *others = self._sessions(device.curve25519)
        payload: Json = {
            "sender": self._own.user,
            "sender_device": self._own.device,
            "keys": {"ed25519": self._own.ed25519},
            "recipient": user,
            "recipient_keys": {"ed25519": device.ed25519},
            "type": type_,
            "content": content,
        }
        if self._own.identity is not None:
            # With these, a client that doesn't know this device yet can check it (MSC4147). If our identity is in
            # another app, our keys would lack its signature, and Element's crypto fails then.
            payload["sender_device_keys"] = self._own.device_keys()
        kind, body = session.encrypt(canonical(payload)).to_parts()
        self._keep(user, device.curve25519, [session, *others])
        return {
            "algorithm": OLM,
            "sender_key": self._own.curve25519,
            "ciphertext": {device.curve25519: {"type": kind, "body": unpadded(body)}},
        }

    def decrypt(self, event: Json) -> FromDevice:
        """Decrypt a to-device event of the type m.room.encrypted. Raises CantDecrypt."""
        sender, sender_key = text(event, "sender"), text(event, "content", "sender_key", most=64)
        message = part(event, "content", "ciphertext", self._own.curve25519)
        if text(event, "content", "algorithm") != OLM or not (sender and sender_key and message):
            raise CantDecrypt("not for this device")
        kind, body = message.get("type"), text(message, "body", most=2 * MOST_BYTES)
        plain = self._decrypt(sender, sender_key, kind, body)
        try:
            decrypted = msgspec.json.decode(plain)
        except NOT_JSON as error:
            raise CantDecrypt("not JSON") from error
        if (
            text(decrypted, "sender") != sender
            or text(decrypted, "recipient") != self._own.user
            or text(decrypted, "recipient_keys", "ed25519") != self._own.ed25519
            or not text(decrypted, "keys", "ed25519", most=64)
        ):
            raise CantDecrypt("meant for somebody else")
        return FromDevice(
            sender,
            sender_key,
            text(decrypted, "keys", "ed25519", most=64),
            text(decrypted, "type"),
            part(decrypted, "content"),
        )

    def _decrypt(self, sender: str, sender_key: str, kind: object, body: str) -> bytes:
        sessions = self._sessions(sender_key)
        try:
            if kind == 0:
                first = vodozemac.PreKeyMessage.from_base64(body)
                for session in sessions:
                    if session.session_id == first.session_id():
                        plain = session.decrypt(first.to_any())
                        break
                else:
                    session, plain = self._own.account.create_inbound_session(
                        vodozemac.Curve25519PublicKey.from_base64(sender_key), first
                    )
                    self._own.keep()
                self._keep(sender, sender_key, [session, *(each for each in sessions if each is not session)])
                return bytes(plain)
            message = vodozemac.AnyOlmMessage.from_parts(1, _decoded(body))
        except (ValueError, OverflowError) as error:
            raise CantDecrypt(type(error).__name__) from error
        for session in sessions:
            try:
                plain = session.decrypt(message)
            except ValueError:
                continue
            self._keep(sender, sender_key, [session, *(each for each in sessions if each is not session)])
            return bytes(plain)
        raise CantDecrypt("no session")

    def _sessions(self, curve25519: str) -> list[vodozemac.Session]:
        kept = self._vault.get(_NAME + curve25519, Sessions)
        return [vodozemac.Session.from_pickle(pickle, PICKLE_KEY) for pickle in kept.pickles] if kept else []

    def _keep(self, user: str, curve25519: str, sessions: list[vodozemac.Session], *, begun: bool = False) -> None:
        """Store sessions. `begun`: we began the first of them."""
        name = _NAME + curve25519
        before = self._vault.get(name, Sessions)
        user, since = (before.user, before.since) if before is not None else (user, int(time.time()))
        renew = before is not None and before.renew and not begun
        kept = Sessions(user, since, [each.pickle(PICKLE_KEY) for each in sessions[:MOST_SESSIONS]], renew)
        self._vault.put(name, kept)
        if name not in self._devices:
            for gone in self._devices.add(_item(name, kept)):
                self._vault.drop(gone)


def _item(name: str, kept: Sessions) -> Item:
    return Item(name, kept.user, kept.since, curve25519=name.removeprefix(_NAME))


def _decoded(body: str) -> bytes:
    return base64.b64decode(body + "=" * (-len(body) % 4))
