"""Links, version 1: bytes <-> values. Code that deals with links imports this module; it names all their parts.

Every link begins with a byte of version (high nibble) and kind (low nibble), and is written into a chat as base64url
without padding. All integers are big-endian. Nothing here knows the time, the node or what was read before:
that a link can be decoded says nothing about whether it may be used (see shared/policy.py).
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self, TypeAlias

from shared.errors import LocalProtocolError
from shared.links.card import Card
from shared.links.finding import Found, as_copybara, as_telegram, find
from shared.links.tokens import VERSION, BadLink, LinkKind, Token, check_frame, kind_of, to_bytes
from shared.media import Media
from shared.node_id import NodeId
from shared.reasons import Reason

__all__ = [
    "LIFETIME",
    "LONGEST_LIFETIME",
    "MAX_CLOCK_AHEAD",
    "VERSION",
    "BadLink",
    "Card",
    "Found",
    "Link",
    "LinkKind",
    "MovedToken",
    "PairedToken",
    "Request",
    "Response",
    "SealedRequest",
    "Status",
    "as_copybara",
    "as_telegram",
    "decode",
    "find",
]

LIFETIME = 600
"How many seconds a link is valid after it was created, unless configured otherwise."

LONGEST_LIFETIME = 86_400
"The longest lifetime that can be configured, in seconds."

MAX_CLOCK_AHEAD = 120
"How many seconds the writer's clock may be ahead of the reader's."

_REQUEST = struct.Struct(">BBI16s32s8s32sH")
_RESPONSE = struct.Struct(">BB4s8s32sH")
_REFUSAL_LABEL = b"copybara/1 response"


class Status(IntEnum):
    """The callee's answer."""

    ACCEPT = 1
    DECLINE = 2
    BUSY = 3


@dataclass(frozen=True, slots=True)
class Request(Token):
    """A call to somebody we share no secret with: 96 bytes, 128 characters.

    ===== ============================================
    bytes field
    ===== ============================================
    1     version 1 and kind 1
    1     media: bit 0 audio, bit 1 video; not zero
    4     created, Unix seconds
    16    seed
    32    source, the caller's node id
    8     destination hint
    32    fingerprint
    2     port; not zero
    ===== ============================================

    Creating one with values that don't fit raises BadLink(MALFORMED), so each that exists can be sent.
    """

    media: Media
    "What the caller wants: audio, video or both."

    created: int
    "Unix seconds."

    seed: bytes = field(repr=False)
    "16 random bytes: the caller's part of the call's secrets."

    source: NodeId
    "The caller."

    destination_hint: bytes
    "The first 8 bytes of SHA-256(the callee's node id). They identify the callee without naming it."

    fingerprint: bytes
    "SHA-256 of the caller's DTLS certificate (DER), 32 bytes."

    port: int
    "The caller's UDP port."

    def __post_init__(self) -> None:
        _check(
            Media.NONE < self.media <= Media.BOTH
            and 0 <= self.created < 1 << 32
            and 0 < self.port < 1 << 16
            and len(self.seed) == 16
            and len(self.destination_hint) == 8
            and len(self.fingerprint) == 32
        )

    @classmethod
    def to(
        cls,
        destination: NodeId,
        *,
        media: Media,
        created: int,
        seed: bytes,
        source: NodeId,
        fingerprint: bytes,
        port: int,
    ) -> Self:
        """Make a request to the node `destination`."""
        return cls(media, created, seed, source, _hint(destination), fingerprint, port)

    def is_for(self, node: NodeId) -> bool:
        """Whether the request is addressed to this node."""
        return self.destination_hint == _hint(node)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the encoded request, 32 bytes. It binds everything that follows to the request."""
        return hashlib.sha256(self.encode()).digest()

    def encode(self) -> bytes:
        """The 96 bytes."""
        return _REQUEST.pack(
            LinkKind.REQUEST.first_byte,
            self.media,
            self.created,
            self.seed,
            self.source.key,
            self.destination_hint,
            self.fingerprint,
            self.port,
        )

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read the 96 bytes. Raises BadLink(MALFORMED or WRONG_VERSION)."""
        check_frame(raw, LinkKind.REQUEST)
        _, media, created, seed, source, hint, fingerprint, port = _REQUEST.unpack(raw)
        return cls(Media(media), created, seed, NodeId(source), hint, fingerprint, port)


@dataclass(frozen=True, slots=True)
class Response(Token):
    """The answer to a request: 48 bytes, 64 characters.

    ===== ================================================================
    bytes field
    ===== ================================================================
    1     version 1 and kind 2
    1     status (high nibble) and media (low nibble)
    4     request hint
    8     seed
    32    fingerprint, or the proof of a refusal
    2     port; not zero
    ===== ================================================================

    In a refusal (DECLINE, BUSY) media, seed and port are zero, and the fingerprint's place holds
    HMAC-SHA256(key = SHA-256(request), "copybara/1 response" and the status as one byte): its writer has read the
    request. Creating one with values that don't fit raises BadLink(MALFORMED).
    """

    status: Status
    "Whether the call is accepted."

    media: Media
    "The media that the callee agrees to."

    request_hint: bytes
    "The first 4 bytes of SHA-256(request): the request that this answers."

    seed: bytes = field(repr=False)
    "8 random bytes: the callee's part of the call's secrets."

    fingerprint: bytes
    "SHA-256 of the callee's DTLS certificate (DER), 32 bytes; in a refusal, its proof."

    port: int
    "The callee's UDP port."

    def __post_init__(self) -> None:
        _check(
            Media.NONE <= self.media <= Media.BOTH
            and 0 <= self.port < 1 << 16
            and len(self.request_hint) == 4
            and len(self.seed) == 8
            and len(self.fingerprint) == 32
        )
        if self.status is Status.ACCEPT:
            _check(self.port != 0)
        else:
            _check(not self.media and not any(self.seed) and self.port == 0)

    @classmethod
    def accepting(cls, request: Request, *, media: Media, seed: bytes, fingerprint: bytes, port: int) -> Self:
        """Accept `request`, with the callee's own seed (8 bytes), certificate fingerprint (32 bytes) and port."""
        return cls(Status.ACCEPT, media, request.digest[:4], seed, fingerprint, port)

    @classmethod
    def refusing(cls, request: Request, status: Status) -> Self:
        """Decline `request`, or say that the callee is busy. Raises LocalProtocolError for Status.ACCEPT."""
        if status is Status.ACCEPT:
            raise LocalProtocolError("An acceptance can't refuse.")
        return cls(status, Media.NONE, request.digest[:4], bytes(8), _refusal(request, status), 0)

    def answers(self, request: Request) -> bool:
        """Whether it claims to answer `request`. Anybody who has seen the request can write that."""
        return self.request_hint == request.digest[:4]

    def proves(self, request: Request) -> bool:
        """Whether it is a refusal whose writer has read `request`.

        False for an accepting response: only the connection proves that.
        """
        return self.status is not Status.ACCEPT and hmac.compare_digest(
            self.fingerprint, _refusal(request, self.status)
        )

    def encode(self) -> bytes:
        """The 48 bytes."""
        return _RESPONSE.pack(
            LinkKind.RESPONSE.first_byte,
            self.status << 4 | self.media,
            self.request_hint,
            self.seed,
            self.fingerprint,
            self.port,
        )

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read the 48 bytes. Raises BadLink(MALFORMED or WRONG_VERSION)."""
        check_frame(raw, LinkKind.RESPONSE)
        _, status_and_media, hint, seed, fingerprint, port = _RESPONSE.unpack(raw)
        try:
            status = Status(status_and_media >> 4)
        except ValueError:
            raise BadLink(Reason.MALFORMED) from None
        return cls(status, Media(status_and_media & 15), hint, seed, fingerprint, port)


@dataclass(frozen=True, slots=True)
class PairedToken(Token):
    """Any message between paired contacts, as others see it: 48 bytes, 64 characters.

    ===== ==========================================================
    bytes field
    ===== ==========================================================
    1     version 1 and kind 3
    12    nonce
    35    ChaCha20-Poly1305 of the 19-byte body in paired.py, with tag
    ===== ==========================================================
    """

    raw: bytes
    "All 48 bytes. Invalid ones raise BadLink(MALFORMED or WRONG_VERSION)."

    def __post_init__(self) -> None:
        check_frame(self.raw, LinkKind.PAIRED)

    @property
    def nonce(self) -> bytes:
        """The 12 bytes that make this token's encryption, and a call's derivations, unique."""
        return self.raw[1:13]

    @property
    def sealed(self) -> bytes:
        """The 35 bytes of ciphertext and tag."""
        return self.raw[13:]

    def encode(self) -> bytes:
        """The 48 bytes."""
        return self.raw


@dataclass(frozen=True, slots=True)
class SealedRequest(Token):
    """A request that only the holder of a contact card's key can read: 145 bytes, 194 characters.

    ===== =================================================================
    bytes field
    ===== =================================================================
    1     version 1 and kind 4
    144   HPKE (RFC 9180): encapsulated key 32, sealed 96-byte request 112
    ===== =================================================================
    """

    raw: bytes
    "All 145 bytes. Invalid ones raise BadLink(MALFORMED or WRONG_VERSION)."

    def __post_init__(self) -> None:
        check_frame(self.raw, LinkKind.SEALED)

    def encode(self) -> bytes:
        """The 145 bytes."""
        return self.raw


@dataclass(frozen=True, slots=True)
class MovedToken(Token):
    """The notice of a new node id, see moved.py: 65 bytes, 87 characters.

    ===== ===============================================================
    bytes field
    ===== ===============================================================
    1     version 1 and kind 6
    12    nonce
    52    ChaCha20-Poly1305 of node id (32) and created (4), with tag
    ===== ===============================================================
    """

    raw: bytes
    "All 65 bytes. Invalid ones raise BadLink(MALFORMED or WRONG_VERSION)."

    def __post_init__(self) -> None:
        check_frame(self.raw, LinkKind.MOVED)

    @property
    def nonce(self) -> bytes:
        """The 12 bytes that make this notice's encryption unique."""
        return self.raw[1:13]

    @property
    def sealed(self) -> bytes:
        """The 52 bytes of ciphertext and tag."""
        return self.raw[13:]

    def encode(self) -> bytes:
        """The 65 bytes."""
        return self.raw


Link: TypeAlias = Request | Response | PairedToken | SealedRequest | Card | MovedToken


def decode(token: str) -> Link:
    """Read a token of any kind.

    Raises BadLink with WRONG_VERSION for a link of another version, and MALFORMED for everything else that isn't
    exactly the encoding of one of the kinds. Any text either gives a value or raises that error.
    """
    raw = to_bytes(token)
    match kind_of(raw):
        case LinkKind.REQUEST:
            return Request.decode(raw)
        case LinkKind.RESPONSE:
            return Response.decode(raw)
        case LinkKind.PAIRED:
            return PairedToken(raw)
        case LinkKind.SEALED:
            return SealedRequest(raw)
        case LinkKind.CARD:
            return Card.decode(raw)
        case LinkKind.MOVED:
            return MovedToken(raw)


def _check(holds: bool) -> None:
    if not holds:
        raise BadLink(Reason.MALFORMED)


def _hint(destination: NodeId) -> bytes:
    return hashlib.sha256(destination.key).digest()[:8]


def _refusal(request: Request, status: Status) -> bytes:
    return hmac.digest(request.digest, _REFUSAL_LABEL + bytes([status]), "sha256")
