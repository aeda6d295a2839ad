"""A stranger without a program: a first request, and the leg to which its answer leads."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from peer.overlay.loopback import LoopbackOverlay
from peer.transport.leg import Leg
from peer.transport.udp_socket import OverlaySocket
from shared.links.kinds import Request, Response, decode, find
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Role, first_contact
from shared.secrets.identity import DtlsIdentity
from tests.bot.console import Person

PATIENCE = 60.0
"The limit in seconds for something that takes one or two on an idle machine."


def forged(bob: Person, source: NodeId) -> str:
    """A request to Bob that anybody can write. Its source and port are invented."""
    request = Request.to(
        bob.id,
        media=Media.BOTH,
        created=int(time.time()),
        seed=secrets.token_bytes(16),
        source=source,
        fingerprint=secrets.token_bytes(32),
        port=40_000,
    )
    return request.token


class Stranger:
    """A caller whose request is for one node."""

    def __init__(self, node: NodeId, callee: NodeId, socket: OverlaySocket) -> None:
        self.node = node
        self._callee = callee
        self._socket = socket
        self._identity = DtlsIdentity.generate()
        self.request = Request.to(
            callee,
            media=Media.AUDIO,
            created=int(time.time()),
            seed=secrets.token_bytes(16),
            source=node,
            fingerprint=self._identity.fingerprint,
            port=socket.port,
        )

    @asynccontextmanager
    async def connected(self, message: str) -> AsyncIterator[Leg]:
        """The connected leg. `message` contains the response."""
        response = decode(find(message)[0].token)
        assert isinstance(response, Response)
        handshake = first_contact(Role.CALLER, self.request, response, self._identity, self._callee)
        leg = Leg(self._socket, handshake, remote_port=response.port)
        try:
            async with asyncio.timeout(PATIENCE):
                await leg.connect()
                await leg.control.opened.wait()
            yield leg
        finally:
            await leg.close()


@asynccontextmanager
async def stranger(folder: Path, callee: NodeId) -> AsyncIterator[Stranger]:
    """A stranger with their own node, whose key is stored in the folder."""
    overlay = LoopbackOverlay(folder / "stranger")
    node = await overlay.node_id()
    socket = await OverlaySocket.open(await overlay.own_address(), await overlay.address_of(callee), interface="lo")
    try:
        yield Stranger(node, callee, socket)
    finally:
        socket.close()
