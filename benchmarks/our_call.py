"""Our side of the comparison in one process: two real sessions over the loopback overlay, from the link to the media.

What a link goes through here is what the program does with it, but for policy and database: found in a message,
decoded, opened, turned into a handshake, dialled. The media are the pattern's; pairing runs beside them as in any call.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peer_connection import HEIGHT, RATE, WIDTH
from benchmarks.timing import CallTimes, SideTimes
from peer.calls.attempts import Attempt
from peer.calls.call_socket import CallSockets
from peer.calls.extensions import Extensions
from peer.calls.session import OurSide, Session
from peer.calls.session_events import AttemptFailed, Broke, Connected, FirstMedia, Kept, SessionEvent
from peer.media.endpoints.pattern import Pattern
from peer.overlay.loopback import LoopbackOverlay
from shared.links.kinds import PairedToken, Request, Response, as_copybara, decode, find
from shared.links.paired import Keyring, Operation, PairedBody, seal
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Handshake, Role, first_contact, one_link
from shared.secrets.identity import DtlsIdentity
from shared.secrets.pairing import transcript

CREATED = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Person:
    """One of the two, and their node."""

    overlay: LoopbackOverlay
    node: NodeId

    @classmethod
    async def at(cls, home: Path) -> Person:
        overlay = LoopbackOverlay(home)
        return cls(overlay, await overlay.node_id())


class End:
    """A session and what it told."""

    def __init__(self, person: Person, other: NodeId, role: Role) -> None:
        media = Pattern(WIDTH, HEIGHT, RATE)
        self.session = Session(
            CallSockets(person.overlay, person.overlay.own_address),  # the loopback overlay can always be used
            other,
            OurSide(role),
            media,
            tell=self._told,
            keep=self._kept,
            extensions=Extensions(),
        )
        loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[float] = loop.create_future()
        self._first_media: asyncio.Future[float] = loop.create_future()
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> int:
        """Bind the socket; its port."""
        port = await self.session.call_socket.bind()
        self._running = asyncio.create_task(self.session.run())
        await self.session.started.wait()
        return port

    def dial(
        self,
        handshake: Handshake,
        remote_port: int | None,
        ends: tuple[NodeId, NodeId],
        request: bytes,
        response: bytes = b"",
    ) -> None:
        """Connect with this handshake, or wait for the other side to."""
        bound_to = transcript(*ends, *handshake.pins, request, response)
        self.session.path.dialling.attempt(Attempt(handshake, remote_port, Media.BOTH, bound_to))

    async def times(self) -> SideTimes:
        """Wait until media arrives."""
        return SideTimes(await self._connected, await self._first_media)

    async def close(self) -> None:
        """End the session and everything in it."""
        self.session.end(None)
        if self._running is not None:
            await self._running

    async def _kept(self, event: Kept) -> None:
        if isinstance(event, Connected):
            self._connected.set_result(time.monotonic())

    def _told(self, event: SessionEvent) -> None:
        match event:
            case FirstMedia() if not self._first_media.done():
                self._first_media.set_result(event.at)
            case AttemptFailed() | Broke():
                for waited_for in (self._connected, self._first_media):
                    if not waited_for.done():
                        waited_for.set_exception(event.error)


@contextlib.asynccontextmanager
async def _ended(*ends: End) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await asyncio.gather(*(end.close() for end in ends))


async def one_link_call(caller: Person, callee: Person) -> CallTimes:
    """Between contacts: the caller listens, the callee reads the one link."""
    secret = secrets.token_bytes(32)
    keyring = Keyring(callee.node, [(caller.node, secret)])
    ends = (caller.node, callee.node)
    calling, called = End(caller, callee.node, Role.CALLER), End(callee, caller.node, Role.CALLEE)
    async with _ended(calling, called):
        port = await calling.open()
        token = seal(
            PairedBody(Operation.CALL, Media.BOTH, CREATED, port),
            secret=secret,
            source=caller.node,
            destination=callee.node,
            nonce=secrets.token_bytes(12),
        )
        calling.dial(_one_link(Role.CALLER, token, secret, ends), None, ends, token.raw)
        message = as_copybara(token.token)
        await asyncio.sleep(0)

        read = time.monotonic()
        link = decode(find(message)[0].token)
        assert isinstance(link, PairedToken)
        opened = keyring.open(link)
        assert opened is not None
        await called.open()
        called.dial(_one_link(Role.CALLEE, link, opened.secret, ends), opened.paired.port, ends, link.raw)
        return CallTimes.of(read, read, await calling.times(), await called.times())


def _one_link(role: Role, token: PairedToken, secret: bytes, ends: tuple[NodeId, NodeId]) -> Handshake:
    return one_link(role, token, secret=secret, source=ends[0], destination=ends[1])


async def first_contact_call(caller: Person, callee: Person) -> CallTimes:
    """Between strangers: the callee reads the request, the caller the response."""
    ends = (caller.node, callee.node)
    calling, called = End(caller, callee.node, Role.CALLER), End(callee, caller.node, Role.CALLEE)
    async with _ended(calling, called):
        identity = DtlsIdentity.generate()
        request = Request.to(
            callee.node,
            media=Media.BOTH,
            created=CREATED,
            seed=secrets.token_bytes(16),
            source=caller.node,
            fingerprint=identity.fingerprint,
            port=await calling.open(),
        )
        message = as_copybara(request.token)

        read = time.monotonic()
        answer = await _answered(message, called, callee)

        last_read = time.monotonic()
        response = decode(find(answer)[0].token)
        assert isinstance(response, Response)
        handshake = first_contact(Role.CALLER, request, response, identity, callee.node)
        calling.dial(handshake, response.port, ends, request.encode(), response.encode())
        return CallTimes.of(read, last_read, await calling.times(), await called.times())


async def _answered(message: str, called: End, callee: Person) -> str:
    """The callee's part: read the request, answer, dial. Returns the message with the response."""
    request = decode(find(message)[0].token)
    assert isinstance(request, Request)
    assert request.is_for(callee.node)
    identity = DtlsIdentity.generate()
    response = Response.accepting(
        request,
        media=request.media,
        seed=secrets.token_bytes(8),
        fingerprint=identity.fingerprint,
        port=await called.open(),
    )
    handshake = first_contact(Role.CALLEE, request, response, identity, callee.node)
    called.dial(handshake, request.port, (request.source, callee.node), request.encode(), response.encode())
    return as_copybara(response.token)
