"""Makes attempts: everything that one leg needs to know, from the links that were exchanged. Pure."""

from __future__ import annotations

import msgspec

from shared.links.kinds import PairedToken, Request, Response
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Handshake, Role, first_contact, one_link
from shared.secrets.identity import DtlsIdentity
from shared.secrets.pairing import transcript


class Attempt(msgspec.Struct, frozen=True):
    """One leg to try."""

    handshake: Handshake
    remote_port: int | None
    "The other side's UDP port, or None to wait for its first check."

    media: Media
    "What the call carries if this leg connects; a forged response may want less than the true one."

    transcript: bytes
    "32 bytes that pairing on this leg is bound to."

    @property
    def username(self) -> str:
        """The username fragment in the other side's checks: 8 characters."""
        return self.handshake.local_ice.username


class Ends(msgspec.Struct, frozen=True):
    """The two nodes of a call, seen from one of them."""

    role: Role
    own: NodeId
    peer: NodeId

    @property
    def nodes(self) -> tuple[NodeId, NodeId]:
        """Caller and callee."""
        return (self.own, self.peer) if self.role is Role.CALLER else (self.peer, self.own)


def by_one_link(ends: Ends, token: PairedToken, secret: bytes, remote_port: int | None, media: Media) -> Attempt:
    """Between contacts: everything is derived from one link and the pair secret that both share, 32 bytes."""
    source, destination = ends.nodes
    handshake = one_link(ends.role, token, secret=secret, source=source, destination=destination)
    bound_to = transcript(source, destination, *handshake.pins, token.raw, b"")
    return Attempt(handshake, remote_port, media, bound_to)


def by_first_contact(
    ends: Ends, request: Request, response: Response, identity: DtlsIdentity, remote_port: int | None, media: Media
) -> Attempt:
    """In a first contact: derived from request and response, with the media that both sides want.

    `identity` is our own. `media` is what we want: as the caller what our request asks for, as the callee what we agree
    to. Raises LocalProtocolError for a response that doesn't accept the request.
    """
    source, destination = ends.nodes
    handshake = first_contact(ends.role, request, response, identity, destination)
    bound_to = transcript(source, destination, *handshake.pins, request.encode(), response.encode())
    return Attempt(handshake, remote_port, media & response.media or media, bound_to)
