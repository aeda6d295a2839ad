"""The two ends of one call, each a real Session, on a network in memory. The test hands them what the links contain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from peer.calls.attempts import Attempt, Ends, by_first_contact, by_one_link
from peer.calls.call_socket import CallSockets
from peer.calls.extensions import Extensions
from peer.calls.session import OurSide, Session
from peer.calls.session_events import Connected, Kept, SessionEvent
from peer.media import Endpoint
from peer.media.endpoints.none import NoMedia
from shared.call.records import RunningCall
from shared.links.kinds import Request, Response
from shared.media import Media
from shared.secrets.handshake import Role
from shared.secrets.identity import DtlsIdentity
from tests.peer.calls.memory import MemoryNetwork, MemoryOverlay
from tests.peer.pair import ANNA, BEN, paired_call

PATIENCE = 30.0
"Seconds after which a missing event counts as a failure. No test depends on how soon an event comes."

_Event = TypeVar("_Event", bound=Kept | SessionEvent)


class End:
    """One session, and what it has reported."""

    def __init__(
        self,
        network: MemoryNetwork,
        ends: Ends,
        *,
        rejoined: RunningCall | None = None,
        endpoint: Endpoint | None = None,
    ) -> None:
        self.told: list[Kept | SessionEvent] = []
        "Events and kept values, in the order in which they came."

        self.ends = ends
        self.identity = DtlsIdentity.generate()
        self.session = Session(
            CallSockets(MemoryOverlay(ends.own), asyncio.Event().wait, network.open),
            ends.peer,
            OurSide(ends.role),
            endpoint or NoMedia(),
            tell=self._told,
            keep=self._kept,
            extensions=Extensions(),
            rejoined=rejoined,
        )
        self.failing: BaseException | None = None
        "The error that keeping a value raises from now on."

        self.disk = asyncio.Event()
        "Keeping a value waits for this. It is set unless a test clears it."

        self.disk.set()
        self.over = asyncio.Event()
        "Set when the session has ended and its socket is closed."

        self._news = asyncio.Event()
        self._seen = 0

    async def tells(self, kind: type[_Event]) -> _Event:
        """Wait for the next event of that kind. Earlier events of other kinds are skipped."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for index in range(self._seen, len(self.told)):
                    event = self.told[index]
                    if isinstance(event, kind):
                        self._seen = index + 1
                        return event
                self._news.clear()
                await self._news.wait()

    def has_told(self, kind: type[Kept | SessionEvent]) -> bool:
        """Whether an event of that kind has come at any time."""
        return any(isinstance(event, kind) for event in self.told)

    async def run(self) -> None:
        """Run the session until it is ended."""
        try:
            await self.session.run()
        finally:
            self.over.set()

    def _told(self, event: Kept | SessionEvent) -> None:
        self.told.append(event)
        self._news.set()

    async def _kept(self, event: Kept) -> None:
        await self.disk.wait()
        if self.failing is not None:
            raise self.failing
        self._told(event)


@dataclass(slots=True)
class TwoEnds:
    """Anna calls Ben."""

    network: MemoryNetwork
    caller: End
    callee: End

    def dial(self, media: Media = Media.BOTH) -> None:
        """Let Ben's session read Anna's one link."""
        port = self.caller.session.ports[0]
        token = paired_call(port)
        self.caller.session.path.dialling.attempt(by_one_link(self.caller.ends, token, b"k" * 32, None, media))
        self.callee.session.path.dialling.attempt(by_one_link(self.callee.ends, token, b"k" * 32, port, media))

    async def connected(self) -> tuple[Connected, Connected]:
        """Wait until both have a leg."""
        return await self.caller.tells(Connected), await self.callee.tells(Connected)


@asynccontextmanager
async def running(*ends: End) -> AsyncIterator[None]:
    """Run sessions, and end them."""
    async with asyncio.TaskGroup() as group:
        for end in ends:
            group.create_task(end.run())
            await end.session.started.wait()
        try:
            yield
        finally:
            for end in ends:
                end.session.end(None)


@asynccontextmanager
async def two_ends(
    network: MemoryNetwork | None = None, endpoint: Callable[[], Endpoint] = NoMedia
) -> AsyncIterator[TwoEnds]:
    """Run both sessions with bound sockets. Nobody has dialled yet. `endpoint` makes one endpoint for each."""
    network = network or MemoryNetwork()
    pair = TwoEnds(
        network,
        End(network, Ends(Role.CALLER, ANNA, BEN), endpoint=endpoint()),
        End(network, Ends(Role.CALLEE, BEN, ANNA), endpoint=endpoint()),
    )
    async with running(pair.caller, pair.callee):
        await pair.caller.session.call_socket.bind()
        await pair.callee.session.call_socket.bind()
        yield pair


@asynccontextmanager
async def paired_call_up() -> AsyncIterator[TwoEnds]:
    """A connected call between contacts."""
    async with two_ends() as pair:
        pair.dial()
        await pair.connected()
        yield pair


@dataclass(slots=True)
class Contacting:
    """A first contact: Anna's request, the true answer to it, and any number of forged answers."""

    ends: TwoEnds
    request: Request
    response: Response

    @classmethod
    def between(cls, ends: TwoEnds) -> Contacting:
        """Make Anna's request to Ben and his acceptance."""
        request = Request.to(
            BEN,
            media=Media.BOTH,
            created=1,
            seed=b"s" * 16,
            source=ANNA,
            fingerprint=ends.caller.identity.fingerprint,
            port=ends.caller.session.ports[0],
        )
        response = Response.accepting(
            request,
            media=Media.BOTH,
            seed=b"t" * 8,
            fingerprint=ends.callee.identity.fingerprint,
            port=ends.callee.session.ports[0],
        )
        return cls(ends, request, response)

    def forged(self, number: int, port: int = 9) -> Response:
        """An acceptance of the same request by somebody else."""
        return Response.accepting(
            self.request, media=Media.AUDIO, seed=number.to_bytes(8, "big"), fingerprint=b"f" * 32, port=port
        )

    def callee_dials(self) -> None:
        """Let Ben answer: his session dials Anna's."""
        self.ends.callee.session.path.dialling.attempt(
            self._attempt(self.ends.callee, self.response, self.request.port)
        )

    def caller_reads(self, *responses: Response) -> None:
        """Let Anna's program read acceptances in her chat."""
        for response in responses:
            self.ends.caller.session.path.dialling.expect(self._attempt(self.ends.caller, response, response.port))

    def _attempt(self, end: End, response: Response, port: int) -> Attempt:
        return by_first_contact(end.ends, self.request, response, end.identity, port, Media.BOTH)
