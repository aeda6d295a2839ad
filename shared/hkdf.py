"""The one key derivation of the protocol: HKDF with SHA-256 (RFC 5869)."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def hkdf(secret: bytes, *, info: bytes, salt: bytes = b"", length: int = 32) -> bytes:
    """Derive `length` bytes from `secret`; `info` begins with a label of docs/protocol.md.

    An empty salt stands for 32 zero bytes, as RFC 5869 section 2.2 has it.
    """
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)
