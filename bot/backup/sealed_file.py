"""Bytes, encrypted with a passphrase. Pure, apart from the randomness.

===== =======================================================================
bytes field
===== =======================================================================
19    "copybara backup 1\\n" and a zero byte
16    salt
12    nonce
rest  ChaCha20-Poly1305 (RFC 8439) of the content, with its tag of 16 bytes
===== =======================================================================

The key is scrypt (RFC 7914) of the passphrase in UTF-8, N = 2^17, r = 8, p = 1, 32 bytes: 128 MB of memory and about
half a second for each guess. The first 47 bytes are authenticated with the content.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from shared.errors import BadBackup

MAGIC = b"copybara backup 1\n\0"
SALT_BYTES, NONCE_BYTES, TAG_BYTES = 16, 12, 16
HEAD_BYTES = len(MAGIC) + SALT_BYTES + NONCE_BYTES

COST, BLOCK, PARALLEL = 1 << 17, 8, 1
"scrypt's N, r and p (RFC 7914, section 2). They belong to the version in MAGIC: no file can ask for others."

WRONG_PASSPHRASE = (
    "The passphrase is wrong, or the backup was changed.",
    "Type the passphrase again. If it is surely right, take another backup.",
)

LARGEST = 1 << 30
"Bytes of a backup that is read: it is held in memory."


def seal(content: bytes, passphrase: str) -> bytes:
    """The file's bytes."""
    head = MAGIC + secrets.token_bytes(SALT_BYTES + NONCE_BYTES)
    return head + ChaCha20Poly1305(_key(head, passphrase)).encrypt(_nonce(head), content, head)


def check_sealed(sealed: bytes) -> None:
    """Raise BadBackup for another file, whatever the passphrase."""
    if not sealed.startswith(MAGIC) or len(sealed) < HEAD_BYTES + TAG_BYTES:
        raise BadBackup


def unseal(sealed: bytes, passphrase: str) -> bytes:
    """What was sealed. Raises BadBackup for another file, another passphrase, and a file that was changed."""
    check_sealed(sealed)
    head = sealed[:HEAD_BYTES]
    try:
        return ChaCha20Poly1305(_key(head, passphrase)).decrypt(_nonce(head), sealed[HEAD_BYTES:], head)
    except InvalidTag:
        raise BadBackup(*WRONG_PASSPHRASE) from None


def _key(head: bytes, passphrase: str) -> bytes:
    salt = head[len(MAGIC) : len(MAGIC) + SALT_BYTES]
    try:
        return Scrypt(salt=salt, length=32, n=COST, r=BLOCK, p=PARALLEL).derive(passphrase.encode())
    except MemoryError:
        raise BadBackup("There isn't enough memory.", "A backup needs 128 MB of memory for a moment.") from None


def _nonce(head: bytes) -> bytes:
    return head[-NONCE_BYTES:]
