"""The I/O of one call, from the socket that is bound first to the one that is closed last.

A session decides nothing about the call: it does what the effects of the call table ask for, and reports what happened
with the values of session_events.py. Its parts: call_path.py (the socket, the legs that are tried, dialling a lost path
again), sending.py (what we send of sound and picture), conversation.py (what is said over the leg that connects),
extensions.py (files and recordings beside that).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from peer.calls.attempts import Attempt
from peer.calls.call_path import CallPath
from peer.calls.call_socket import CallSocket, CallSockets
from peer.calls.conversation import Conversation, say_goodbye
from peer.calls.extensions import Extensions
from peer.calls.limits import Limiter
from peer.calls.sending import OwnSending
from peer.calls.session_events import Broke, ByeUnheard, Kept, MediaAgreed, SessionEvent
from peer.calls.session_parts import BROKEN, FirstArrivals, OwnLimits
from peer.calls.traffic import Traffic
from peer.media import Endpoint
from peer.media.endpoint_host import Host
from peer.transport.leg import Leg
from shared.call.events import RemoteFlooded
from shared.call.records import RunningCall
from shared.errors import Fault, RemoteFlood, RemoteProtocolError, StoreError, first_error
from shared.media import Media
from shared.messages import Hello, JoinMessage, MediaState, Text
from shared.node_id import NodeId
from shared.secrets.handshake import Role

logger = logging.getLogger(__name__)

MEDIA_SECONDS = 1.0
"How long a goodbye waits for microphone, camera and files to be closed. What takes longer is closed after it."


class _Lost(Exception):
    """The leg under a conversation is gone."""


@dataclass(frozen=True, slots=True)
class OurSide:
    """What stays the same about our side of a call, through all of its legs."""

    role: Role

    automatic: bool = False
    "The call was answered automatically, which the other side learns."

    converses: bool = False
    "The call may become part of a conversation of several people."

    held: Callable[[], Sequence[bytes]] = tuple
    "Gives the pair secrets of earlier calls with the other side, 32 bytes each, the newest first."


class Session:
    """The I/O of one call with our own program on the other side."""

    def __init__(
        self,
        sockets: CallSockets,
        peer: NodeId,
        side: OurSide,
        endpoint: Endpoint,
        *,
        tell: Callable[[SessionEvent], None],
        keep: Callable[[Kept], Awaitable[None]],
        extensions: Extensions,
        rejoined: RunningCall | None = None,
    ) -> None:
        """The session owns `endpoint` from now on.

        `tell` gets what happens; it is called in the event loop and must not block. `keep` gets what has to be on the
        disk before the session acts on it, and is awaited; if it raises, the session ends with Broke.

        `rejoined` is what was kept of a call that is taken up: the session then begins with a lost path, and binds its
        socket when it dials.
        """
        self.started = asyncio.Event()
        "Set once `run` takes attempts."

        self.extensions = extensions
        self._side = side
        self._tell = tell
        self._keep = keep
        self._host = Host(endpoint, refused=lambda error: tell(Broke(error)), tell=tell)
        agreed = rejoined.media if rejoined else Media.NONE
        self._sending = sending = OwnSending(agreed, self._host, extensions, leg=lambda: self.leg, tell=tell)
        self.path = CallPath(
            sockets, peer, side.role, rejoined, carry=self._carry, media=sending.agreed, keep=keep, tell=tell
        )
        "The way to the other side: its `dialling` tries legs, its `redialling` dials again after PathLost."

        self._limiter = Limiter()
        self.own_limits = OwnLimits()
        "What the owner may do; asked before `hold`."

        self._first_media = FirstArrivals(tell)
        self._conversation: Conversation | None = None
        "The one over the latest leg."

        self._agreed_secret = rejoined.agreed if rejoined else None
        "32 bytes: the pair secret that was agreed on in this call."

        self._traffic = Traffic()
        self._ending: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    @property
    def leg(self) -> Leg | None:
        """The leg that is connected now."""
        return self.path.leg

    @property
    def call_socket(self) -> CallSocket:
        """The call's socket, bound or not."""
        return self.path.socket

    @property
    def ports(self) -> tuple[int, int]:
        """The UDP ports of both sides, ours first; 0 for one that isn't known yet."""
        return self.path.ports

    def write(self, text: str) -> None:
        """Send a line of text beside the call.

        Raises LocalProtocolError when there is no leg, and for more lines than the other side would take.
        """
        self.own_limits.write(connected=self.leg is not None)
        assert self.leg is not None
        self.leg.control.send(Text(text))

    def say(self, message: JoinMessage) -> None:
        """Send a message about a conversation of several people, if a leg is up."""
        if self.leg is not None:
            self.leg.control.send(message)

    def show_media(self, state: MediaState) -> None:
        """Tell the other side what we send from now on; it hears that again on each later leg."""
        self._sending.show(state)

    def hold(self, on: bool) -> None:
        """Put the call on hold or take it off hold, and tell the other side.

        On hold nothing is sent and nothing played.
        """
        self._sending.hold(on)

    def fall_silent(self) -> None:
        """Send, play and record nothing any more: the call is over, even if closing it takes a while."""
        self._sending.stop()
        self.extensions.stop()

    def remote_holds(self, on: bool) -> None:
        """The other side has put the call on hold or taken it off hold. Meanwhile we send no sound and no picture."""
        self._sending.remote_holds(on)

    def end(self, goodbye: str | None) -> None:
        """Let `run` finish, saying goodbye to the other side first unless it is None."""
        if not self._ending.done():
            self._ending.set_result(goodbye)

    async def run(self) -> None:
        """Own every task of the call until `end` is called; then close everything."""
        try:
            async with asyncio.TaskGroup() as group:
                self.path.start(group)
                media = [group.create_task(self._last(self._host.run), name="media")]
                if (recording := self.extensions.recording) is not None:
                    media.append(group.create_task(self._last(recording.run), name="recording"))
                always = [
                    group.create_task(self._last(self.path.redialling.run), name="redialling"),
                    group.create_task(self._last(self.path.follow_overlay), name="following the overlay"),
                ]
                if (files := self.extensions.files) is not None:
                    always.append(group.create_task(self._last(files.run), name="files"))
                self.started.set()
                goodbye = await self._ending
                # The microphone is off before anything else: a goodbye may take its time.
                for task in media:
                    task.cancel()
                await asyncio.wait(media, timeout=MEDIA_SECONDS)
                if goodbye is not None and self.path.begun and not await self._part(goodbye):
                    self._tell(ByeUnheard())
                for task in always:
                    task.cancel()
                await self.path.stop()
                # Not after the tasks above: a recording or a file may wait for a disk that hangs.
                await self.path.close(linger=self._traffic.legs > 0)
        finally:
            await self.path.close(linger=self._traffic.legs > 0)

    async def _part(self, goodbye: str) -> bool:
        """Say goodbye, if a leg is up. Returns whether the other side knows by now that the call is over."""
        heard = self.leg is not None and await say_goodbye(self.leg.control, goodbye)
        return heard or (self._conversation is not None and self._conversation.remote_left)

    def report(self) -> dict[str, object]:
        """What has passed so far, as the command contract has it.

        Packets, bytes, milliseconds, and the addresses of both sides.
        """
        round_trip = self._conversation.round_trip if self._conversation else None
        return self._traffic.report(self.call_socket.socket, round_trip)

    @contextlib.contextmanager
    def _lasting(self) -> Iterator[None]:
        """Around what the call can't do without. If it is cancelled before `end`, report that the call is broken."""
        try:
            yield
        except asyncio.CancelledError:
            if not self._ending.done():
                self._tell(Broke(Fault(BROKEN)))
            raise

    async def _last(self, work: Callable[[], Awaitable[None]]) -> None:
        with self._lasting():
            await work()

    async def _carry(self, leg: Leg, attempt: Attempt) -> None:
        """Carry the call over a connected leg until it is lost, then report that; or report what ends the session."""
        broke: SessionEvent | None = None
        with self._lasting():
            try:
                await self._talk(leg, attempt)
            except* RemoteFlood:
                broke = RemoteFlooded()
            except* (RemoteProtocolError, StoreError) as errors:
                broke = Broke(first_error(errors))
            except* _Lost:
                pass
            finally:
                self.extensions.disconnected()
            if broke is not None:
                # Such a message ends the session, which then says goodbye.
                self._tell(broke)
                return
            if (task := asyncio.current_task()) is not None and task.cancelling():
                # Python 3.11 loses a cancellation that meets a failure within the group: both sides ended at once.
                raise asyncio.CancelledError
            await self.path.lose()

    async def _talk(self, leg: Leg, attempt: Attempt) -> None:
        """Say hello on a connected leg, attach the endpoint to it, and answer the other side's messages.

        Raises _Lost when the leg is gone, RemoteProtocolError and RemoteFlood for what the other side sends, and
        StoreError; those of a task come in a group.
        """
        again = self.path.begun
        kept = self._connected(leg, attempt)
        self.extensions.connected(leg, self._sending.media)
        if self._conversation is not None:
            self._agreed_secret = self._conversation.agreed_secret
        self._conversation = conversation = Conversation(
            leg,
            self._side.role,
            attempt.transcript,
            again=again,
            agreed_secret=self._agreed_secret,
            limiter=self._limiter,
            tell=self._tell,
            keep=self._keep,
            agree_media=lambda theirs: self._agree_media(leg, theirs),
            held=self._side.held,
            extensions=self.extensions,
        )
        # Before any sound: what the other side does with it depends on whether we were asked.
        leg.control.send(self._hello(unpaired=conversation.unpaired))
        # Sound and picture rest on nothing that is kept, so they don't wait for the disk.
        self._sending.begin(leg)
        for event in kept:
            await self._keep(event)
        self._first_media.connected()
        async with asyncio.TaskGroup() as group:
            group.create_task(_lost_after(conversation.ping_until_silence), name="pings")
            group.create_task(_lost_after(self.path.overtaken), name="being overtaken")
            self._sending.say(leg)
            await conversation.run()
            raise _Lost

    def _hello(self, *, unpaired: bool) -> Hello:
        return Hello(
            version=self.extensions.version,
            media=int(self._sending.media.agreed),
            automatic=self._side.automatic,
            unpaired=unpaired,
            on_hold=self._sending.media.on_hold,
            shows_recording=self.extensions.recording is not None,
            recording=self.extensions.records,
            conversations=self._side.converses,
        )

    def _connected(self, leg: Leg, attempt: Attempt) -> tuple[Kept, ...]:
        """Note that a leg has just connected. Returns what has to be kept of it, in that order."""
        self._sending.connected(leg, attempt.media)
        self._traffic.begin_leg(leg.counters, leg.remote_address)
        leg.first_media.listen(self._first_media)
        return self.path.connected(leg, attempt)

    async def _agree_media(self, leg: Leg, theirs: Media) -> None:
        """The other side has said what it wants: send no more. A video call may be answered with audio only."""
        if self._sending.narrow(theirs):
            await self._keep(MediaAgreed(self._sending.media.agreed))
            self._sending.begin(leg)
            self.extensions.media_changed(self._sending.media)


async def _lost_after(end: Callable[[], Awaitable[object]]) -> None:
    """Wait for something that ends a leg, then raise _Lost: also if that breaks, which is logged."""
    try:
        await end()
    except Exception:
        logger.exception("what watches a leg broke")
    finally:
        raise _Lost
