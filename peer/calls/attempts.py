"""What is tried on a line's port: from the links that were exchanged to one attempt. Pure."""

from __future__ import annotations

from peer.calls.line import Line
from peer.calls.session import Attempt
from shared.links.kinds import PairedToken, Response
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Handshake, Role, first_contact, one_link
from shared.secrets.pairing import transcript


def by_one_link(line: Line, own: NodeId, token: PairedToken, secret: bytes) -> Attempt:
    """Between contacts: both sides derive everything from one link and their pair secret, 32 bytes."""
    source, destination = _ends(line, own)
    handshake = one_link(line.call.role, token, secret=secret, source=source, destination=destination)
    return _attempt(line, own, handshake, line.remote_port, token.raw, b"")


def by_first_contact(line: Line, own: NodeId, response: Response, remote_port: int | None) -> tuple[Attempt, Media]:
    """By request and response, with the media that both agreed to. `remote_port` is None if it isn't known yet."""
    assert line.request is not None
    assert line.identity is not None
    _, destination = _ends(line, own)
    handshake = first_contact(line.call.role, line.request, response, line.identity, destination)
    media = line.media & response.media or line.media
    return _attempt(line, own, handshake, remote_port, line.request.encode(), response.encode()), media


def _attempt(
    line: Line, own: NodeId, handshake: Handshake, remote_port: int | None, request: bytes, response: bytes
) -> Attempt:
    return Attempt(handshake, remote_port, transcript(*_ends(line, own), *handshake.pins, request, response))


def _ends(line: Line, own: NodeId) -> tuple[NodeId, NodeId]:
    """Caller and callee."""
    return (own, line.peer) if line.call.role is Role.CALLER else (line.peer, own)
