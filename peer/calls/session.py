"""The I/O of one call, from the socket that is bound first to the one that is closed last.

A session decides nothing about the call: it does what the effects of the call table ask for, and reports what happened
with the values of session_events.py. Its parts: call_socket.py (where the socket is bound), dialling.py (which legs are
tried), conversation.py (what is said over the leg that connects), redial.py (how a lost path is dialled again).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from peer.calls.attempts import Attempt
from peer.calls.call_socket import CallSocket, OpenSocket
from peer.calls.conversation import Conversation, say_goodbye
from peer.calls.dialling import Dialling
from peer.calls.files.call_files import CallFiles
from peer.calls.limits import LOSSES, PAUSES, Limiter
from peer.calls.recording.call_recording import CallRecording
from peer.calls.redial import Redialling
from peer.calls.session_events import (
    AttemptFailed,
    Broke,
    ByeUnheard,
    Connected,
    Kept,
    MediaAgreed,
    Proposed,
    SessionEvent,
)
from peer.calls.session_parts import BROKEN, FirstArrivals, OwnHolds, OwnTexts, follow_overlay
from peer.calls.traffic import Traffic
from peer.media import Endpoint
from peer.media.endpoint_host import Host
from peer.media.trouble import MediaTrouble
from peer.overlay import Overlay
from peer.transport.leg import Leg
from peer.transport.udp_socket import OverlaySocket
from shared.call.events import PathLost, PathRestored, RemoteFlooded
from shared.call.records import RunningCall
from shared.errors import (
    Fault,
    LegFailed,
    RemoteFlood,
    RemoteProtocolError,
    StoreError,
    first_error,
)
from shared.links.tokens import VERSION
from shared.media import Media
from shared.messages import FILES_VERSION, Hello, JoinMessage, MediaState, OnHold, Text
from shared.node_id import NodeId
from shared.rate import Bucket
from shared.secrets.handshake import Role, redial_secret

logger = logging.getLogger(__name__)


LOST_TOO_OFTEN = "The connection was lost again and again."

PAUSED = "The connection is slow: picture paused, sound goes on."
BACK = "The connection is better: the picture is back."


class _Lost(Exception):
    """The leg under a conversation is gone."""


class Session:
    """The I/O of one call with our own program on the other side."""

    def __init__(
        self,
        overlay: Overlay,
        peer: NodeId,
        role: Role,
        endpoint: Endpoint,
        *,
        tell: Callable[[SessionEvent], None],
        keep: Callable[[Kept], Awaitable[None]],
        overlay_up: Callable[[], Awaitable[object]],
        automatic: bool = False,
        rejoined: RunningCall | None = None,
        held: Callable[[], Sequence[bytes]] = tuple,
        files: CallFiles | None = None,
        recording: CallRecording | None = None,
        converses: bool = False,
        open_socket: OpenSocket = OverlaySocket.open,
    ) -> None:
        """The session owns `endpoint` from now on.

        `tell` gets what happens; it is called in the event loop and must not block. `keep` gets what has to be on the
        disk before the session acts on it, and is awaited; if it raises, the session ends with Broke. `overlay_up`
        returns when the overlay can be used. `held` gives the pair secrets of earlier calls with `peer`, 32 bytes each,
        the newest first.

        `automatic`: the call was answered automatically, which the other side learns. `rejoined` is what was kept of a
        call that is taken up: the session then begins with a lost path, and binds its socket when it dials. Without
        `files` none are sent or taken; without `recording` nobody records. `converses`: the call may become part of a
        conversation of several people.
        """
        self.started = asyncio.Event()
        "Set once `run` takes attempts."

        self._role = role
        self._host = Host(endpoint, refused=lambda error: tell(Broke(error)), tell=tell)
        self._tell = tell
        self._keep = keep
        self._automatic = automatic
        self._held = held
        self.files = files
        self.recording = recording
        self._converses = converses
        self._media = rejoined.media if rejoined else Media.NONE
        self._sends: MediaState | None = None
        """What we send, as the endpoint or the page said last; the other side of a call on hold hears that it is
        nothing."""

        self._on_hold = self._remote_on_hold = self._picture_paused = False

        self._agreed = rejoined.agreed if rejoined else None
        "32 bytes: the pair secret that was agreed on in this call."

        self.call_socket = CallSocket(
            overlay,
            peer,
            open_socket=open_socket,
            overlay_up=overlay_up,
            stray_check=lambda *check: self._dialling.prove(*check) or self._redialling.heard(*check),
            port=rejoined.port if rejoined else 0,
        )
        self.call_socket.path_lost(rejoined is not None)
        self._dialling = Dialling(
            self.call_socket, carry=self._carry, failed=lambda error: self._tell(AttemptFailed(error))
        )
        self._redialling = Redialling(
            role,
            self.call_socket,
            self._dialling,
            media=lambda: self._media,
            keep=keep,
            failed=lambda error: tell(Broke(error)),
            rejoined=rejoined,
        )
        self._limiter = Limiter()
        self._losses = Bucket(LOSSES)
        self._pauses = Bucket(PAUSES)
        self._pause_told = False
        self._own_texts = OwnTexts()
        self.own_holds = OwnHolds()
        "Limits how often the owner may hold; `take` is called before `hold`."

        self._first_media = FirstArrivals(tell)
        self._conversation: Conversation | None = None
        "The one over the latest leg."

        self._traffic = Traffic()
        self._ending: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    @property
    def leg(self) -> Leg | None:
        """The leg that is connected now."""
        return self._dialling.leg

    @property
    def ports(self) -> tuple[int, int]:
        """The UDP ports of both sides, ours first; 0 for one that isn't known yet."""
        return self.call_socket.port, self._redialling.remote_port

    def attempt(self, attempt: Attempt) -> None:
        """Try a leg at once. Does nothing while a leg is up."""
        self._dialling.attempt(attempt)

    def expect(self, attempt: Attempt) -> None:
        """Try a leg that may be one of many, most of them forged; see Dialling.expect.

        Does nothing while a leg is up.
        """
        self._dialling.expect(attempt)

    def redial(self) -> None:
        """After PathLost or AttemptFailed: dial the other side again until PathRestored or `end`."""
        self._redialling.want()

    def write(self, text: str) -> None:
        """Send a line of text beside the call.

        Raises LocalProtocolError when there is no leg, and for more lines than the other side would take.
        """
        self._own_texts.take(connected=self.leg is not None)
        assert self.leg is not None
        self.leg.control.send(Text(text))

    def say(self, message: JoinMessage) -> None:
        """Send a message about a conversation of several people, if a leg is up."""
        if self.leg is not None:
            self.leg.control.send(message)

    def show_media(self, state: MediaState) -> None:
        """Tell the other side what we send from now on; it hears that again on each later leg."""
        if state == self._sends:
            return
        self._sends = state
        self._show_media()

    def hold(self, on: bool) -> None:
        """Put the call on hold or take it off hold, and tell the other side.

        On hold nothing is sent and nothing played.
        """
        self._on_hold = on
        self._silence()
        self._host.pause(on)
        if self.recording is not None:
            self.recording.holds(on)
        if self.leg is not None:
            self.leg.control.send(OnHold(on))
            self.leg.control.send(self._sent())

    def fall_silent(self) -> None:
        """Send and play nothing any more: the call is over, even if closing it takes a while."""
        self._on_hold = True
        self._silence()
        self._host.pause(True)

    def remote_holds(self, on: bool) -> None:
        """The other side has put the call on hold or taken it off hold. Meanwhile we send no sound and no picture."""
        self._remote_on_hold = on
        self._silence()
        if self.recording is not None:
            self.recording.remote_holds(on)

    def _silence(self) -> None:
        if self.leg is not None:
            self.leg.silence(self._on_hold or self._remote_on_hold)

    def _sent(self) -> MediaState:
        """What we tell the other side about what we send now."""
        if self._on_hold:
            return MediaState(audio=False, video=False)
        sends = self._sends or MediaState(audio=Media.AUDIO in self._media, video=Media.VIDEO in self._media)
        if self._picture_paused and sends.video:
            return MediaState(audio=sends.audio, video=False, paused=True)
        return sends

    def _show_media(self) -> None:
        if self.leg is not None and not self._on_hold:
            self.leg.control.send(self._sent())

    def _pause_picture(self, paused: bool) -> None:
        """Our own picture was paused because it doesn't fit through beside the sound, or fits again."""
        self._picture_paused = paused
        self._show_media()
        if paused:
            self._pause_told = self._pauses.takes(time.monotonic())
        if self._pause_told:
            self._tell(MediaTrouble(PAUSED if paused else BACK))

    def end(self, goodbye: str | None) -> None:
        """Let `run` finish, saying goodbye to the other side first unless it is None."""
        if not self._ending.done():
            self._ending.set_result(goodbye)

    async def run(self) -> None:
        """Own every task of the call until `end` is called; then close everything."""
        try:
            async with asyncio.TaskGroup() as group:
                self._dialling.start(group)
                media = [group.create_task(self._lasting(self._host.run), name="media")]
                if self.recording is not None:
                    media.append(group.create_task(self._lasting(self.recording.run), name="recording"))

                def following() -> Awaitable[None]:
                    return follow_overlay(self.call_socket, self._dialling.check_again, self._tell)

                always = [
                    group.create_task(self._lasting(self._redialling.run), name="redialling"),
                    group.create_task(self._lasting(following), name="following the overlay"),
                ]
                if self.files is not None:
                    always.append(group.create_task(self._lasting(self.files.run), name="files"))
                self.started.set()
                goodbye = await self._ending
                # The microphone is off before anything else: a goodbye may take its time.
                for task in media:
                    task.cancel()
                await asyncio.wait(media)
                if goodbye is not None and self.leg is not None and not await say_goodbye(self.leg.control, goodbye):
                    self._tell(ByeUnheard())
                self._dialling.stop()
                for task in always:
                    task.cancel()
        finally:
            try:
                await self._dialling.close()
            finally:
                await self.call_socket.close(linger=self._traffic.legs > 0)

    def report(self) -> dict[str, object]:
        """What has passed so far, as the command contract has it.

        Packets, bytes, milliseconds, and the addresses of both sides.
        """
        round_trip = self._conversation.round_trip if self._conversation else None
        return self._traffic.report(self.call_socket.socket, round_trip)

    async def _lasting(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run something that the call can't do without.

        If it is cancelled before `end`, report that the call is broken.
        """
        try:
            await work()
        except asyncio.CancelledError:
            if not self._ending.done():
                self._tell(Broke(Fault(BROKEN)))
            raise

    async def _carry(self, leg: Leg, attempt: Attempt) -> None:
        await self._lasting(lambda: self._converse(leg, attempt))

    async def _converse(self, leg: Leg, attempt: Attempt) -> None:
        """Carry the call over a connected leg until it is lost, then report that; or report what ends the session."""
        broke: SessionEvent | None = None
        try:
            await self._talk(leg, attempt)
        except* RemoteFlood:
            broke = RemoteFlooded()
        except* (RemoteProtocolError, StoreError) as errors:
            broke = Broke(first_error(errors))
        except* _Lost:
            pass
        finally:
            if self.files is not None:
                self.files.disconnected()
            if self.recording is not None:
                self.recording.disconnected()
        if broke is not None:
            # Such a message ends the session, which then says goodbye.
            self._tell(broke)
            return
        if (task := asyncio.current_task()) is not None and task.cancelling():
            # Python 3.11 loses a cancellation that meets a failure within the group: both sides ended at once.
            raise asyncio.CancelledError
        self.call_socket.path_lost(True)
        await self._dialling.lose()
        self._tell(PathLost() if self._losses.takes(time.monotonic()) else Broke(LegFailed(LOST_TOO_OFTEN)))

    async def _talk(self, leg: Leg, attempt: Attempt) -> None:
        """Say hello on a connected leg, attach the endpoint to it, and answer the other side's messages.

        Raises _Lost when the leg is gone, RemoteProtocolError and RemoteFlood for what the other side sends, and
        StoreError; those of a task come in a group.
        """
        again = self._redialling.begun
        kept = self._connected(leg, attempt)
        if self.files is not None:
            self.files.connected(leg)
        if self.recording is not None:
            self.recording.connected(leg, self._media)
        self._conversation = conversation = Conversation(
            leg,
            self._role,
            attempt.transcript,
            again=again,
            agreed=self._agreed,
            limiter=self._limiter,
            tell=self._tell,
            keep=self._keep_and_note,
            agree=lambda theirs: self._agree(leg, theirs),
            held=self._held,
            files=self.files,
            recording=self.recording,
        )
        # Before any sound: what the other side does with it depends on whether we were asked.
        leg.control.send(self._hello(conversation))
        self._silence()
        # Sound and picture rest on nothing that is kept, so they don't wait for the disk.
        self._host.attach(leg, self._media)
        for event in kept:
            await self._keep(event)
        self._first_media.connected()
        async with asyncio.TaskGroup() as group:
            group.create_task(_lost_after(conversation.ping_until_silence), name="pings")
            group.create_task(_lost_after(self._redialling.overtaken.wait), name="being overtaken")
            if self._sends is not None or self._on_hold:
                leg.control.send(self._sent())
            await conversation.run()
            raise _Lost

    def _hello(self, conversation: Conversation) -> Hello:
        recording = self.recording
        return Hello(
            version=self._version,
            media=int(self._media),
            automatic=self._automatic,
            unpaired=conversation.unpaired,
            on_hold=self._on_hold,
            shows_recording=recording is not None,
            recording=recording is not None and recording.standing.recording,
            conversations=self._converses,
        )

    @property
    def _version(self) -> int:
        """The newest version of the control protocol that we speak."""
        return VERSION if self.files is None else FILES_VERSION

    def _connected(self, leg: Leg, attempt: Attempt) -> tuple[Kept, ...]:
        """Note that a leg has just connected. Returns what has to be kept of it, in that order."""
        self.call_socket.path_lost(False)
        self._media = attempt.media
        self._traffic.begin_leg(leg.counters, leg.remote_address)
        self._redialling.connected(leg.remote_address[1] if leg.remote_address is not None else None)
        leg.first_media.listen(self._first_media)
        self._picture_paused = False
        leg.picture_paused.listen(self._pause_picture)
        if self._redialling.begun:
            return (PathRestored(),)
        secret = redial_secret(attempt.handshake.secret, leg.exported)
        self._redialling.begin(secret)
        return MediaAgreed(self._media), Connected(secret, leg.first_heard)

    async def _keep_and_note(self, event: Kept) -> None:
        await self._keep(event)
        if isinstance(event, Proposed):
            self._agreed = event.secret

    async def _agree(self, leg: Leg, theirs: Media) -> None:
        """The other side has said what it wants: send no more. A video call may be answered with audio only."""
        agreed = self._media & theirs
        if agreed and agreed != self._media:
            self._media = agreed
            await self._keep(MediaAgreed(agreed))
            self._host.attach(leg, agreed)
            if self.recording is not None:
                self.recording.agreed(agreed)


async def _lost_after(end: Callable[[], Awaitable[object]]) -> None:
    """Wait for something that ends a leg, then raise _Lost: also if that breaks, which is logged."""
    try:
        await end()
    except Exception:
        logger.exception("what watches a leg broke")
    finally:
        raise _Lost
