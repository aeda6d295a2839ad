"""Comparing emoji with another client (specification, Key verification: m.sas.v1). Sans I/O: events in, events out.

The owner's client asks and starts, and we accept: request, ready, start, accept, key, key, mac, mac, done. It works in
a room with somebody else's client, and through to-device messages with another device of our own account. At the end,
the other side's master key is verified. All trust in their devices follows from that key.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping

import vodozemac

from bot.messengers.matrix.canonical import Json, canonical, part, text
from bot.messengers.matrix.emoji import EMOJI
from bot.messengers.matrix.own_device import OwnDevice, unpadded

METHOD = "m.sas.v1"
AGREEMENT, HASH, MAC = "curve25519-hkdf-sha256", "sha256", "hkdf-hmac-sha256.v2"

PREFIX = "m.key.verification."
"The prefix of the types of its events."

Events = list[tuple[str, Json]]
"Types without the prefix, and contents without what links them to the transaction."


class VerificationStep(enum.IntEnum):
    """How far the verification has come."""

    READY = 0
    ACCEPTED = 1
    COMPARING = 2
    "The emoji are known."

    DONE = 3
    CANCELLED = 4


class Verification:
    """One verification that the other side has requested."""

    def __init__(
        self, own: OwnDevice, own_master: str, user: str, device: str, transaction: str, related: Json | None
    ) -> None:
        """`own_master` is our account's master key, empty if there is none. `transaction` is the id of the request.

        `related` links each event to the request in a room; None for to-device messages.
        """
        self.user = user
        self.device = device
        self.transaction = transaction
        self.step = VerificationStep.READY
        self.why = ""
        "Why it was cancelled, as a code of the specification."

        self.emoji: tuple[tuple[str, str], ...] = ()
        self.master = ""
        "The other side's master key, once it is verified."

        self._own = own
        self._own_master = own_master
        self._related = related
        self._sas = vodozemac.Sas()
        self._public = self._sas.public_key.to_base64()
        self._established: vodozemac.EstablishedSas | None = None
        self._same = False
        self._mac: Json | None = None

    @property
    def over(self) -> bool:
        """Whether it is finished or cancelled."""
        return self.step in (VerificationStep.DONE, VerificationStep.CANCELLED)

    def ready(self) -> Events:
        """The reply to the request."""
        return [("ready", {"from_device": self._own.device, "methods": [METHOD]})]

    def receive(self, type_: str, content: Json, device_keys: Mapping[str, str]) -> Events:
        """Handle an event of this transaction. Returns the events to send.

        `type_` is without the prefix. `device_keys` are the other side's keys that can be verified, by their ids:
        `ed25519:DEVICE`, and the master key as `ed25519:KEY`.
        """
        if self.over:
            return []
        match type_:
            case "start" if self.step is VerificationStep.READY:
                return self._start(content)
            case "key" if self.step is VerificationStep.ACCEPTED:
                return self._key(content)
            case "mac" if self.step is VerificationStep.COMPARING and self._mac is None:
                self._mac = content
                return self._finish(device_keys) if self._same else []
            case "cancel":
                self.step, self.why = VerificationStep.CANCELLED, text(content, "code", most=80) or "m.unknown"
                return []
            case "done" | "ready" | "accept":
                return []
        return self.cancel("m.unexpected_message")

    def same(self, device_keys: Mapping[str, str]) -> Events:
        """Note that the owner has seen the same emoji on both sides. Returns the events to send."""
        if self.step is not VerificationStep.COMPARING or self._established is None or self._same:
            return []
        self._same = True
        keys = {f"ed25519:{self._own.device}": self._own.ed25519}
        if self._own_master:
            keys[f"ed25519:{self._own_master}"] = self._own_master
        info = self._mac_info(self._own.user, self._own.device, self.user, self.device)
        macs = {name: self._established.calculate_mac(key, info + name) for name, key in keys.items()}
        names = self._established.calculate_mac(",".join(sorted(keys)), info + "KEY_IDS")
        events: Events = [("mac", {"mac": macs, "keys": names})]
        return events + (self._finish(device_keys) if self._mac is not None else [])

    def cancel(self, code: str = "m.user") -> Events:
        """Cancel it, with a code of the specification. Returns the events to send."""
        if self.over:
            return []
        self.step, self.why = VerificationStep.CANCELLED, code
        return [("cancel", {"code": code, "reason": code.removeprefix("m.").replace("_", " ")})]

    def addressed(self, content: Json) -> Json:
        """Add what links a content to the transaction."""
        if self._related is not None:
            return {**content, "m.relates_to": self._related}
        return {**content, "transaction_id": self.transaction}

    def _start(self, content: Json) -> Events:
        offered = {
            name: content.get(name)
            for name in (
                "key_agreement_protocols",
                "hashes",
                "message_authentication_codes",
                "short_authentication_string",
            )
        }
        wanted = (AGREEMENT, HASH, MAC, "emoji")
        fits = all(isinstance(each, list) and want in each for each, want in zip(offered.values(), wanted, strict=True))
        if text(content, "method") != METHOD or not fits:
            return self.cancel("m.unknown_method")
        if text(content, "from_device") != self.device:
            return self.cancel("m.invalid_message")
        try:
            commitment = unpadded(hashlib.sha256(self._public.encode() + canonical(content)).digest())
        except (ValueError, RecursionError):
            return self.cancel("m.invalid_message")
        self.step = VerificationStep.ACCEPTED
        accepted = {
            "key_agreement_protocol": AGREEMENT,
            "hash": HASH,
            "message_authentication_code": MAC,
            "short_authentication_string": ["decimal", "emoji"],
            "commitment": commitment,
        }
        return [("accept", accepted)]

    def _key(self, content: Json) -> Events:
        theirs = text(content, "key", most=64)
        try:
            self._established = self._sas.diffie_hellman(vodozemac.Curve25519PublicKey.from_base64(theirs))
        except ValueError:
            return self.cancel("m.invalid_message")
        info = "|".join(
            (
                "MATRIX_KEY_VERIFICATION_SAS",
                self.user,
                self.device,
                theirs,
                self._own.user,
                self._own.device,
                self._public,
                self.transaction,
            )
        )
        self.emoji = tuple(EMOJI[number] for number in self._established.bytes(info).emoji_indices)
        self.step = VerificationStep.COMPARING
        return [("key", {"key": self._public})]

    def _finish(self, device_keys: Mapping[str, str]) -> Events:
        """Check all keys that the other side names. The master key must be among them."""
        assert self._mac is not None
        assert self._established is not None
        macs = part(self._mac, "mac")
        info = self._mac_info(self.user, self.device, self._own.user, self._own.device)
        try:
            self._established.verify_mac(",".join(sorted(macs)), info + "KEY_IDS", text(self._mac, "keys", most=128))
            verified = [name for name in macs if name in device_keys]
            for name in verified:
                self._established.verify_mac(device_keys[name], info + name, text(macs, name, most=128))
        except ValueError:
            return self.cancel("m.key_mismatch")
        device = f"ed25519:{self.device}"
        master = next((device_keys[name] for name in verified if name == f"ed25519:{device_keys[name]}"), "")
        if device not in verified or not master:
            return self.cancel("m.key_mismatch")
        self.master, self.step = master, VerificationStep.DONE
        return [("done", {})]

    def _mac_info(self, from_user: str, from_device: str, to_user: str, to_device: str) -> str:
        return f"MATRIX_KEY_VERIFICATION_MAC{from_user}{from_device}{to_user}{to_device}{self.transaction}"
