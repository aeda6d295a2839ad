"""Two nodes of the loopback overlay in one process, with real sockets, ICE, DTLS, SCTP and RTP between them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address

from peer.overlay.loopback import loopback_address
from peer.transport.control import ControlChannel
from peer.transport.leg import Leg
from peer.transport.sctp import ControlTransport
from peer.transport.udp_socket import OverlaySocket
from shared.links.kinds import PairedToken, Request, Response
from shared.links.paired import Operation, PairedBody, seal
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Handshake, Role, first_contact, one_link
from shared.secrets.identity import DtlsIdentity
from tests.peer.decoding_leg import DecodingLeg

ANNA = NodeId(b"anna" * 8)
BEN = NodeId(b"ben!" * 8)
EVE = NodeId(b"eve!" * 8)

PATIENCE = 60.0
"Seconds after which a missing event counts as a failure."


@dataclass(slots=True)
class Sockets:
    """The sockets of one call: Anna calls Ben."""

    caller: OverlaySocket
    callee: OverlaySocket


@asynccontextmanager
async def two_sockets(kind: type[OverlaySocket] = OverlaySocket) -> AsyncIterator[Sockets]:
    """Open the caller's and the callee's socket."""
    anna, ben = loopback_address(ANNA), loopback_address(BEN)
    caller = await kind.open(anna, ben, interface="lo")
    callee = await kind.open(ben, anna, interface="lo")
    try:
        yield Sockets(caller, callee)
    finally:
        caller.close()
        callee.close()
        # The sockets are closed in the next turn of the loop.
        await asyncio.sleep(0)


def one_link_handshake(role: Role, *, secret: bytes = b"k" * 32, port: int = 1) -> Handshake:
    """The handshake that Anna or Ben derives from the one link of a paired call."""
    return one_link(role, paired_call(port, secret), secret=secret, source=ANNA, destination=BEN)


def paired_call(port: int, secret: bytes = b"k" * 32) -> PairedToken:
    """Anna's call link to Ben, with her port in it."""
    call = PairedBody(Operation.CALL, Media.BOTH, created=1, port=port)
    return seal(call, secret=secret, source=ANNA, destination=BEN, nonce=b"n" * 12)


@dataclass(slots=True)
class FirstContact:
    """A call without a shared secret: Anna's request, and an answer that anybody may have written."""

    request: Request
    identity: DtlsIdentity
    "Anna's identity. The request contains its fingerprint."

    @classmethod
    def of(cls, port: int) -> FirstContact:
        """Make a request with Anna's port in it."""
        identity = DtlsIdentity.generate()
        request = Request.to(
            BEN,
            media=Media.BOTH,
            created=1,
            seed=b"s" * 16,
            source=ANNA,
            fingerprint=identity.fingerprint,
            port=port,
        )
        return cls(request, identity)

    def answered(self, port: int, *, seed: bytes = b"t" * 8) -> tuple[Handshake, Handshake]:
        """The caller's and the callee's handshake after an accepting response with that port."""
        identity = DtlsIdentity.generate()
        response = Response.accepting(
            self.request, media=Media.BOTH, seed=seed, fingerprint=identity.fingerprint, port=port
        )
        return (
            first_contact(Role.CALLER, self.request, response, self.identity, BEN),
            first_contact(Role.CALLEE, self.request, response, identity, BEN),
        )


def leg_with(association: type[ControlTransport]) -> type[DecodingLeg]:
    """The class of legs whose control channel goes over such an association."""

    class WithAssociation(DecodingLeg):
        def _associate(self) -> ControlTransport:
            sctp = association(self._dtls)
            self.control = ControlChannel(sctp, on_close=self._end)
            return sctp

    return WithAssociation


@dataclass(slots=True)
class Legs:
    """Both ends of a connection."""

    caller: DecodingLeg
    callee: DecodingLeg
    sockets: Sockets
    tasks: asyncio.TaskGroup
    "The owner of the tasks of attached endpoints. All tasks must have ended when the legs end."


@asynccontextmanager
async def two_legs(
    kind: type[OverlaySocket] = OverlaySocket, *, leg: type[DecodingLeg] = DecodingLeg
) -> AsyncIterator[Legs]:
    """Make both legs of a one-link call without connecting them. The caller doesn't know the callee's port yet."""
    async with two_sockets(kind) as sockets:
        caller = leg(sockets.caller, one_link_handshake(Role.CALLER), remote_port=None)
        callee = leg(sockets.callee, one_link_handshake(Role.CALLEE), remote_port=sockets.caller.port)
        try:
            async with asyncio.TaskGroup() as tasks:
                yield Legs(caller, callee, sockets, tasks)
        finally:
            await caller.close()
            await callee.close()


@asynccontextmanager
async def connected(
    kind: type[OverlaySocket] = OverlaySocket, *, leg: type[DecodingLeg] = DecodingLeg
) -> AsyncIterator[Legs]:
    """Make and connect both legs of a one-link call."""
    async with two_legs(kind, leg=leg) as legs:
        await together(legs.caller, legs.callee)
        yield legs


async def together(*legs: Leg) -> None:
    """Connect several legs at the same time."""
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for leg in legs:
            group.create_task(leg.connect())


class Stranger:
    """A stranger with a plain UDP socket at any loopback address. A socket of asyncio wouldn't send empty datagrams."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    @classmethod
    @asynccontextmanager
    async def at(cls, address: IPv4Address, port: int = 0) -> AsyncIterator[Stranger]:
        """Bind a socket to this address and port."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.bind((str(address), port))
            stranger = cls(sock)
            loop.add_reader(sock, stranger._listen)
            try:
                yield stranger
            finally:
                loop.remove_reader(sock)

    def _listen(self) -> None:
        self.heard.put_nowait(self._socket.recv(2**16))

    async def hear(self) -> bytes:
        """Wait for the next datagram to this socket."""
        async with asyncio.timeout(PATIENCE):
            return await self.heard.get()

    @property
    def port(self) -> int:
        """The port of the socket."""
        port: int = self._socket.getsockname()[1]
        return port

    def send(self, datagram: bytes, to: OverlaySocket) -> None:
        """Send a datagram to a call's socket."""
        self._socket.sendto(datagram, (str(to.local), to.port))
