"""Messages between paired contacts in a PairedToken, and the keys that open it.

They all have the same size and look alike. So nobody else can distinguish a call from a refusal, or see whose it is.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from shared.hkdf import hkdf
from shared.links.kinds import PairedToken, Request
from shared.links.tokens import BadLink, LinkKind
from shared.media import Media
from shared.node_id import NodeId
from shared.reasons import Reason

_BODY = struct.Struct(">BBIH8s3s")
_NO_REFERENCE = bytes(8)
_KEY_LABEL = b"copybara/1 link key"
_SEAL_LABEL = b"copybara/1 link"
_FIRST_BYTE = bytes([LinkKind.PAIRED.first_byte])


class Operation(IntEnum):
    """The meaning of a paired token."""

    CALL = 1
    RINGING = 2
    DECLINE = 3
    BUSY = 4
    CANCEL = 5
    ACCEPT = 6


@dataclass(frozen=True, slots=True)
class PairedBody:
    """The body of a paired token: 19 bytes, big-endian.

    ===== ==================================================
    bytes field
    ===== ==================================================
    1     operation
    1     media: bit 0 audio, bit 1 video; not zero in a CALL
    4     created, Unix seconds
    2     port; not zero in CALL and ACCEPT, zero in all others
    8     reference of the call; zero in a CALL
    3     zero
    ===== ==================================================

    Creating one with values that don't fit raises BadLink(MALFORMED), so each that exists can be sent.
    """

    operation: Operation
    "What the token means."

    media: Media
    "The media that are wanted or agreed to."

    created: int
    "Unix seconds."

    port: int = 0
    "The writer's UDP port, in CALL and ACCEPT."

    reference: bytes = _NO_REFERENCE
    "The call that it is about, see reference_of(). 8 zero bytes in the CALL itself."

    def __post_init__(self) -> None:
        calling = self.operation is Operation.CALL
        has_port = self.operation in (Operation.CALL, Operation.ACCEPT)
        if not (
            (Media.AUDIO if calling else Media.NONE) <= self.media <= Media.BOTH
            and 0 <= self.created < 1 << 32
            and 0 <= self.port < 1 << 16
            and has_port == (self.port != 0)
            and len(self.reference) == 8
            and not (calling and any(self.reference))
        ):
            raise BadLink(Reason.MALFORMED)

    def encode(self) -> bytes:
        """The 19 bytes."""
        return _BODY.pack(self.operation, self.media, self.created, self.port, self.reference, bytes(3))

    @classmethod
    def decode(cls, raw: bytes) -> PairedBody:
        """Read the 19 bytes. Raises BadLink(MALFORMED)."""
        try:
            operation, media, created, port, reference, zero = _BODY.unpack(raw)
            operation = Operation(operation)
        except (struct.error, ValueError):
            raise BadLink(Reason.MALFORMED) from None
        if any(zero):
            raise BadLink(Reason.MALFORMED)
        return cls(operation, Media(media), created, port, reference)


def reference_of(call: PairedToken | Request) -> bytes:
    """The reference of a call in later messages: the first 8 bytes of SHA-256 of its CALL token or request."""
    return hashlib.sha256(call.encode()).digest()[:8]


class _LinkKey:
    """The key for tokens from one node to another: derived from their pair secret, for the AEAD of RFC 8439."""

    __slots__ = ("_aead", "associated", "decrypt_into")

    def __init__(self, secret: bytes, source: NodeId, destination: NodeId) -> None:
        direction = source.key + destination.key
        self._aead = ChaCha20Poly1305(hkdf(secret, info=_KEY_LABEL + direction))
        self.decrypt_into = self._aead.decrypt_into
        self.associated = _SEAL_LABEL + _FIRST_BYTE + direction

    def seal(self, body: PairedBody, nonce: bytes) -> PairedToken:
        return PairedToken(_FIRST_BYTE + nonce + self._aead.encrypt(nonce, body.encode(), self.associated))


def seal(body: PairedBody, *, secret: bytes, source: NodeId, destination: NodeId, nonce: bytes) -> PairedToken:
    """Write `body` from `source` to `destination` with their pair secret (32 bytes) and 12 fresh random bytes.

    Key: HKDF-SHA256(secret, no salt, "copybara/1 link key" source destination). Associated data: "copybara/1 link", the
    token's first byte, source, destination.
    """
    return _LinkKey(secret, source, destination).seal(body, nonce)


@dataclass(frozen=True, slots=True)
class OpenedToken:
    """A token that one of the keys has opened."""

    node: NodeId
    "The writer."

    secret: bytes = field(repr=False)
    "The pair secret that opened it, 32 bytes."

    paired: PairedBody
    "What the token says."


class Keyring:
    """All keys with which a node reads tokens. Deriving a key costs more than trying it, so a keyring is made once."""

    def __init__(self, own: NodeId, secrets: Iterable[tuple[NodeId, bytes]], before: Keyring | None = None) -> None:
        """Derive the keys, from the reading node's id and the pair secrets (32 bytes) of each contact.

        `before` is an earlier keyring of the same node. Each call changes one contact's secret, and the other keys are
        reused.
        """
        known = {(node, secret): key for key, node, secret in before._keys} if before is not None else {}
        self._keys: list[tuple[_LinkKey, NodeId, bytes]] = [
            (known.get((node, secret)) or _LinkKey(secret, node, own), node, secret) for node, secret in secrets
        ]

    def open(self, token: PairedToken) -> OpenedToken | None:
        """Find the contact that wrote the token to us. None if no key opens it.

        Raises BadLink(MALFORMED) if a key opens it, but its body is invalid.
        """
        nonce, sealed = token.nonce, token.sealed
        body = bytearray(_BODY.size)  # a new buffer for each key would add a tenth to the time
        for key, node, secret in self._keys:
            try:
                key.decrypt_into(nonce, sealed, key.associated, body)
            except InvalidTag:
                continue
            return OpenedToken(node, secret, PairedBody.decode(bytes(body)))
        return None
