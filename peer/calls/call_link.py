"""What the link that begins a call says, once it was opened or written. Pure, and never changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.links.kinds import PairedToken, Request
from shared.media import Media
from shared.node_id import NodeId


@dataclass(frozen=True, slots=True)
class CallLink:
    """One call's link: a request, sealed or not, or a paired call; ours or the other side's."""

    peer: NodeId
    "The other side: who wrote it, or whom we call."

    media: Media
    "What the caller wants."

    created: int
    "Unix seconds."

    port: int = 0
    "The caller's UDP port; 0 if it isn't known, or not yet."

    raw: bytes = b""
    "The link's bytes as it was posted: what is marked as used, and what settles glare. Empty until it is written."

    reference: bytes = b""
    "8 bytes that name the call on both sides; empty until it is written."

    request: Request | None = None
    "In a first contact."

    sealed: bool = False
    "Whether nobody else in the chat could read the request, so that what refers to it is proven."

    token: PairedToken | None = None
    "In a paired call."

    secret: bytes | None = field(default=None, repr=False)
    "The pair secret that opened it, or that it is sealed with, 32 bytes."

    chain: int = 0
    "Which chain of pair secrets that one belongs to, see shared/store/secrets.py; 0 without one."

    proven: bool = False
    "Whether a pair secret proves who the other side is, and not a quarantined one."

    keyed: bool = False
    "Whether we share a key with the other side, which it would have used."

    @property
    def marks(self) -> tuple[bytes, ...]:
        """What is marked as used: its bytes, and of a sealed request those inside, which anybody can seal once more."""
        inside = (self.request.encode(),) if self.sealed and self.request is not None else ()
        return (self.raw, *inside)

    @property
    def paired(self) -> bool:
        """Whether it is between two who share a secret."""
        return self.token is not None
