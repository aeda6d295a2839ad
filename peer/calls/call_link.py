"""What the link that begins a call says, once it was opened or written. A value."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.links.kinds import PairedToken, Request
from shared.media import Media
from shared.node_id import NodeId


@dataclass(frozen=True, slots=True)
class CallLink:
    """The link that begins a call: a request, sealed or not, or a paired link; our own or the other side's."""

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
    "The request, in a first contact."

    sealed: bool = False
    "Whether only the callee could read the request: then an answer that refers to it is proven."

    token: PairedToken | None = None
    "The token, in a call between contacts."

    secret: bytes | None = field(default=None, repr=False)
    "The pair secret that opened the link, or that it is sealed with, 32 bytes."

    chain: int = 0
    "The chain of pair secrets that this secret belongs to, see shared/store/secrets.py; 0 without a secret."

    proven: bool = False
    "Whether that secret proves who the other side is: it isn't quarantined."

    keyed: bool = False
    "Whether we share a key with the other node: then its owner would have used it."

    @property
    def marks(self) -> tuple[bytes, ...]:
        """What is marked as used: the link's bytes, and those of a request inside, which anybody could seal again."""
        inside = (self.request.encode(),) if self.sealed and self.request is not None else ()
        return (self.raw, *inside)

    @property
    def paired(self) -> bool:
        """Whether both sides share a secret, and the link is made with it."""
        return self.token is not None
