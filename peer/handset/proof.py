"""How the page and its server show each other that they know the same key, without sending it. Pure.

Both sides send 32 random bytes. Each then sends HMAC-SHA256 (RFC 2104) over who it is, the host and port that stand in
the page's address, and both random numbers. So a proof is good for one socket, in one direction, at one address: a
program that has taken our port can't pass the proofs on to us. Here the server proves itself first, and a page does
nothing before it has.

A page that came with a key that passes (that of a run, or a ticket) then gets the home's own key, encrypted with
AES-GCM under a key derived from the one that both know. The browser imports it so that no script can read it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.hkdf import hkdf

NONCE_BYTES = 32
"Random bytes that each side adds."

KEY_BYTES = 32
"Of the home's key."

PROOF_LABEL = b"copybara handset proof 1"
WRAP_LABEL = b"copybara handset key 1"

SERVER = b"server"
PAGE = b"page"

_FIRST_IV = bytes(12)
"The key that it is used with is used once."


@dataclass(frozen=True, slots=True)
class Meeting:
    """One socket: what both proofs are about."""

    host: str
    "Host and port as they stand in the page's address, such as `127.0.0.1:8765`."

    page_nonce: bytes
    server_nonce: bytes

    def proof(self, key: bytes, side: bytes) -> bytes:
        """The 32 bytes by which `side` shows that it knows `key`, the HMAC key of `proof_key` or of the home."""
        said = b"\0".join((side, self.host.encode())) + b"\0" + self.page_nonce + self.server_nonce
        return hmac.digest(key, said, sha256)

    def proven(self, key: bytes, side: bytes, given: bytes) -> bool:
        """Whether `given` is that proof."""
        return hmac.compare_digest(self.proof(key, side), given)

    def wrapped(self, secret: bytes, home_key: bytes) -> bytes:
        """The home's key for a page that knows `secret`: 32 bytes and a tag of 16."""
        key = hkdf(secret, salt=self.page_nonce + self.server_nonce, info=WRAP_LABEL)
        return AESGCM(key).encrypt(_FIRST_IV, home_key, None)


def proof_key(secret: bytes) -> bytes:
    """The HMAC key, 32 bytes, of a secret in an address: a run's key or a ticket."""
    return hkdf(secret, info=PROOF_LABEL)
