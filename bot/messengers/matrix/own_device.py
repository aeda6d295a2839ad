"""Our own device: its Olm account, its published keys, and the account's cross-signing keys if we made them.

Specification: client-server API, End-to-End Encryption: device keys, one-time keys, cross-signing.
"""

from __future__ import annotations

import base64
import secrets
from typing import Any

import msgspec
import vodozemac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.messengers.matrix.canonical import Json, with_signature
from bot.messengers.matrix.vault import Vault

OLM, MEGOLM = "m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"

PICKLE_KEY = bytes(32)
"Pickles are in a database that only the owner can read. A real key next to them would protect nothing."

ACCOUNT, IDENTITY = "account", "identity"
"Names in the vault."


class CrossSigningKeys(msgspec.Struct, frozen=True):
    """The three private cross-signing keys of an account, 32 bytes each, in base64."""

    master: str
    self_signing: str
    user_signing: str


def unpadded(raw: bytes) -> str:
    """Base64 without padding, as Matrix uses it."""
    return base64.b64encode(raw).decode().rstrip("=")


class OwnDevice:
    """The keys of this device."""

    def __init__(self, vault: Vault, user: str, device: str) -> None:
        self.user = user
        self.device = device
        self._vault = vault
        kept = vault.get(ACCOUNT, str)
        self.account = vodozemac.Account.from_pickle(kept, PICKLE_KEY) if kept else vodozemac.Account()
        self.identity = vault.get(IDENTITY, CrossSigningKeys)
        if kept is None:
            self.keep()

    @property
    def ed25519(self) -> str:
        """The fingerprint key in base64."""
        return self.account.ed25519_key.to_base64()

    @property
    def curve25519(self) -> str:
        """The identity key in base64."""
        return self.account.curve25519_key.to_base64()

    def keep(self) -> None:
        """Store the Olm account after a change."""
        self._vault.put(ACCOUNT, self.account.pickle(PICKLE_KEY))

    def sign(self, message: bytes) -> str:
        """This device's signature in base64."""
        return self.account.sign(message).to_base64()

    def device_keys(self) -> Json:
        """The keys that others need to write to this device, signed by it."""
        keys: Json = {
            "user_id": self.user,
            "device_id": self.device,
            "algorithms": [OLM, MEGOLM],
            "keys": {f"curve25519:{self.device}": self.curve25519, f"ed25519:{self.device}": self.ed25519},
        }
        keys = self._signed(keys)
        if self.identity is not None:
            keys = _signed_by(keys, self.user, self.identity.self_signing)
        return keys

    def one_time_keys(self, on_server: int | None) -> Json:
        """The one-time keys that the server lacks.

        Makes new ones if needed, and returns the same until they are published.

        `on_server` is how many keys the server has. None: not known, so only unpublished keys are returned.
        """
        if not self.account.one_time_keys and on_server is not None:
            wanted = self.account.max_number_of_one_time_keys - on_server
            if wanted <= 0:
                return {}
            self.account.generate_one_time_keys(wanted)
            self.keep()
        return {
            f"signed_curve25519:{name}": self._signed({"key": key.to_base64()})
            for name, key in self.account.one_time_keys.items()
        }

    def fallback_keys(self, *, renew: bool) -> Json:
        """The fallback key to publish, if any.

        The server gives it away again and again when it has no one-time key left. `renew`: make another one. A key that
        wasn't published yet is always returned.
        """
        account: Any = self.account  # its types lack these two
        if renew and not account.fallback_key:
            account.generate_fallback_key()
            self.keep()
        return {
            f"signed_curve25519:{name}": self._signed({"key": key.to_base64(), "fallback": True})
            for name, key in account.fallback_key.items()
        }

    def published(self) -> None:
        """Note that the server has the one-time keys and the fallback key."""
        self.account.mark_keys_as_published()
        self.keep()

    # Cross-signing.

    def make_identity(self) -> None:
        """Make new cross-signing keys for the account."""
        self.identity = CrossSigningKeys(*(unpadded(secrets.token_bytes(32)) for _ in range(3)))
        self._vault.put(IDENTITY, self.identity)

    @property
    def master(self) -> str:
        """Our master key in base64, if we made it. Otherwise empty."""
        return _public(self.identity.master) if self.identity is not None else ""

    def identity_keys(self) -> Json:
        """The body that publishes the three keys (keys/device_signing/upload)."""
        assert self.identity is not None
        identity, master = self.identity, _cross_key(self.user, "master", self.identity.master)
        return {
            # The device signs it too, to say that this identity is its own.
            "master_key": self._signed(master),
            "self_signing_key": _signed_by(
                _cross_key(self.user, "self_signing", identity.self_signing), self.user, identity.master
            ),
            "user_signing_key": _signed_by(
                _cross_key(self.user, "user_signing", identity.user_signing), self.user, identity.master
            ),
        }

    def _signed(self, value: Json) -> Json:
        return with_signature(value, self.user, f"ed25519:{self.device}", self.sign)


def _private(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed + "="))


def _public(seed: str) -> str:
    return unpadded(_private(seed).public_key().public_bytes_raw())


def _cross_key(user: str, usage: str, seed: str) -> Json:
    public = _public(seed)
    return {"user_id": user, "usage": [usage], "keys": {f"ed25519:{public}": public}}


def _signed_by(value: Json, user: str, seed: str) -> Json:
    return with_signature(value, user, f"ed25519:{_public(seed)}", lambda data: unpadded(_private(seed).sign(data)))
