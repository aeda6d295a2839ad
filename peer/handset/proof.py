"""How the page and its server prove to each other that they know the same key, without sending it. Pure.

Both sides send 32 random bytes. Each then sends HMAC-SHA256 (RFC 2104) over its role, the host and port in the page's
address, and both random numbers. So a proof is valid for one socket, in one direction, at one address: a program that
has taken our port can't pass the proofs on to us. The server proves itself first, and a page does nothing before that.

A page whose key is temporary (a run's key, or a ticket) then gets the home's own key, encrypted with AES-GCM under a
key derived from the temporary one. The browser imports it so that no script can read it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.hkdf import hkdf

NONCE_BYTES = 32
"How many random bytes each side sends."

KEY_BYTES = 32
"The size of the home's key in bytes."

PROOF_LABEL = b"copybara handset proof 1"
WRAP_LABEL = b"copybara handset key 1"

SERVER = b"server"
PAGE = b"page"

_FIRST_IV = bytes(12)
"A fixed nonce, because its key is used only once."


@dataclass(frozen=True, slots=True)
class Meeting:
    """One socket: the subject of both proofs."""

    host: str
    "Host and port in the page's address, such as `127.0.0.1:8765`."

    page_nonce: bytes
    server_nonce: bytes

    def proof(self, key: bytes, side: bytes) -> bytes:
        """The 32-byte proof that `side` knows `key`, the HMAC key of `proof_key` or of the home."""
        said = b"\0".join((side, self.host.encode())) + b"\0" + self.page_nonce + self.server_nonce
        return hmac.digest(key, said, sha256)

    def proven(self, key: bytes, side: bytes, given: bytes) -> bool:
        """Whether `given` is that proof."""
        return hmac.compare_digest(self.proof(key, side), given)

    def wrapped(self, secret: bytes, home_key: bytes) -> bytes:
        """The home's key, encrypted for a page that knows `secret`: 32 bytes and a tag of 16."""
        key = hkdf(secret, salt=self.page_nonce + self.server_nonce, info=WRAP_LABEL)
        return AESGCM(key).encrypt(_FIRST_IV, home_key, None)


def proof_key(secret: bytes) -> bytes:
    """The HMAC key, 32 bytes, of a secret in an address: a run's key or a ticket."""
    return hkdf(secret, info=PROOF_LABEL)
