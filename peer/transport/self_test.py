"""A call of this node to itself over the overlay's own address: does a call bind, connect and carry anything here?"""

from __future__ import annotations

import asyncio
import secrets
import time

from peer.overlay import Address
from peer.transport.leg import Leg
from peer.transport.udp_socket import OverlaySocket
from shared.messages import Ping
from shared.secrets.handshake import Handshake, Role, epoch

PATIENCE_SECONDS = 5.0


async def call_self(address: Address, interface: str | None) -> float:
    """Connect two legs at our own address and send a message; return the seconds it took.

    Real ICE, DTLS and SCTP, on two ports. Raises OverlayError if the address can't be bound, TimeoutError if
    nothing arrives.
    """
    secret = secrets.token_bytes(32)
    caller, callee = epoch(secret, 0, Role.CALLER), epoch(secret, 0, Role.CALLEE)
    sockets: list[OverlaySocket] = []
    legs: list[Leg] = []
    try:
        sockets.append(await OverlaySocket.open(address, address, interface=interface))
        sockets.append(await OverlaySocket.open(address, address, interface=interface))
        legs.append(_leg(sockets[0], caller, None))
        legs.append(_leg(sockets[1], callee, sockets[0].port))
        start = time.monotonic()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(leg.connect() for leg in legs))
            legs[0].control.send(Ping(1))
            await anext(aiter(legs[1].control))
        return time.monotonic() - start
    finally:
        for leg in legs:
            await leg.close()
        for socket in sockets:
            socket.close()


def _leg(socket: OverlaySocket, handshake: Handshake, remote_port: int | None) -> Leg:
    return Leg(socket, handshake, remote_port=remote_port)
