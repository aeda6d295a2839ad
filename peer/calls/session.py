"""One call's I/O, from the first bound socket to the last closed one.

A session learns what to try and when to end, and reports what happened with the values of session_events.py. It decides
nothing about the call; that is shared/call/table.py. Its parts: call_socket.py (where the socket is bound),
dialling.py (which legs are tried), conversation.py (what is said over one), epochs.py (how a lost path is dialled).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from peer.calls.attempts import Attempt
from peer.calls.call_socket import PACE_SECONDS, CallSocket, OpenSocket
from peer.calls.conversation import Conversation, say_goodbye
from peer.calls.dialling import Dialling
from peer.calls.epochs import Epochs, Heard
from peer.calls.limits import OWN_TEXTS, Limiter
from peer.calls.session_events import (
    AttemptFailed,
    Broke,
    ByeUnheard,
    Connected,
    Dials,
    FirstMedia,
    Kept,
    MediaAgreed,
    Proposed,
    SessionEvent,
)
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
    CopybaraError,
    LocalProtocolError,
    PortTaken,
    RemoteFlood,
    RemoteProtocolError,
    StoreError,
    first_error,
)
from shared.links.tokens import VERSION
from shared.media import Media
from shared.messages import Hello, MediaState, Text
from shared.node_id import NodeId
from shared.rate import Bucket
from shared.secrets.handshake import Role, redial_secret
from shared.secrets.pairing import Pairing

logger = logging.getLogger(__name__)


class _Lost(Exception):
    """The leg under a conversation is gone."""


class Session:
    """The I/O of one call."""

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
        open_socket: OpenSocket = OverlaySocket.open,
    ) -> None:
        """The session owns `endpoint` from now on.

        `tell` is called in the event loop and must not block. `keep` is awaited with what has to be on the disk before
        the session acts on it; what it raises ends the session, as Broke. `overlay_up` returns when the overlay can be
        used. `automatic`: the call was answered automatically, and we tell the other side. `rejoined`: the
        session begins with a lost path, and binds its socket when it dials.
        """
        self.started = asyncio.Event()
        "Set once `run` takes attempts."

        self._role = role
        self._host = Host(endpoint, refused=lambda error: tell(Broke(error)), tell=self._media_trouble)
        self._tell = tell
        self._keep = keep
        self._automatic = automatic
        self._media = rejoined.media if rejoined else Media.NONE
        self._sends: MediaState | None = None
        "What we last told the other side that we send."

        self._epochs = Epochs(rejoined.secret, role, rejoined.epoch) if rejoined else None
        "Once the first leg was up."

        self._agreed = rejoined.agreed if rejoined else None
        "The pair secret that was proposed in this call."

        self._remote_port = rejoined.remote_port if rejoined else 0
        self._socket = CallSocket(
            overlay,
            peer,
            open_socket=open_socket,
            overlay_up=overlay_up,
            stray_check=self._stray_check,
            port=rejoined.port if rejoined else 0,
        )
        self._socket.path_lost(rejoined is not None)
        self._dialling = Dialling(
            self._socket, carry=self._carry, failed=lambda error: self._tell(AttemptFailed(error))
        )
        self._reconnecting = False
        self._redial = asyncio.Event()
        self._overtaken = asyncio.Event()
        "Set when the other side is heard at a later epoch than that of the leg."

        self._limiter = Limiter()
        self._own_texts = Bucket(OWN_TEXTS)
        self._conversation: Conversation | None = None
        "The latest."

        self._traffic = Traffic()
        self._heard_media: set[Media] = set()
        self._ending: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    async def open(self) -> int:
        """Bind the call's socket to our own overlay address and return its UDP port.

        Raises OverlayError when the overlay is down, knows no way to the peer, or gives an address that no call may
        touch.
        """
        return await self._socket.bind()

    @property
    def leg(self) -> Leg | None:
        """The leg that is connected now."""
        return self._dialling.leg

    @property
    def ports(self) -> tuple[int, int]:
        """Both sides' UDP ports, ours first; 0 for one that isn't known yet."""
        return self._socket.port, self._remote_port

    def attempt(self, attempt: Attempt) -> None:
        """Try a leg at once. Does nothing while a leg is up."""
        self._dialling.attempt(attempt)

    def expect(self, attempt: Attempt) -> None:
        """Try a leg that may be one of many, most of them forged. Does nothing while a leg is up."""
        self._dialling.expect(attempt)

    def redial(self) -> None:
        """After PathLost or AttemptFailed: dial the other side again until PathRestored or `end`."""
        if self.leg is None:
            self._reconnecting = True
            self._redial.set()

    def overlay_changed(self) -> None:
        """The overlay's device or address came, went or is another one: have the socket where the overlay is."""
        self._socket.overlay_changed()

    def write(self, text: str) -> None:
        """Send a line of text beside the call.

        Raises LocalProtocolError when there is no leg, and for more lines than the other side would take.
        """
        if self.leg is None:
            raise LocalProtocolError("There is no call to write in.")
        if not self._own_texts.takes(time.monotonic()):
            raise LocalProtocolError("Those are too many lines at once.")
        self.leg.control.send(Text(text))

    def show_media(self, state: MediaState) -> None:
        """Tell the other side what we send now, and again whenever it was dialled again."""
        if state == self._sends:
            return
        self._sends = state
        if self.leg is not None:
            self.leg.control.send(state)

    def end(self, goodbye: str | None) -> None:
        """Let `run` finish, saying goodbye to the other side first unless it is None."""
        if not self._ending.done():
            self._ending.set_result(goodbye)

    async def run(self) -> None:
        """Own every task of the call until `end` is called; then close everything."""
        try:
            async with asyncio.TaskGroup() as group:
                self._dialling.start(group)
                media = group.create_task(self._host.run())
                always = [group.create_task(each) for each in (self._redials(), self._follows_overlay())]
                self.started.set()
                goodbye = await self._ending
                # The microphone is off before anything else: a goodbye may take its time.
                media.cancel()
                await asyncio.wait([media])
                if goodbye is not None and self.leg is not None and not await say_goodbye(self.leg.control, goodbye):
                    self._tell(ByeUnheard())
                self._dialling.stop()
                for task in always:
                    task.cancel()
        finally:
            try:
                await self._dialling.close()
            finally:
                await self._socket.close(linger=self._traffic.legs > 0)

    def report(self) -> dict[str, object]:
        """What has passed so far, in packets, bytes and milliseconds, and where."""
        round_trip = self._conversation.round_trip if self._conversation else None
        return self._traffic.report(self._socket.socket, round_trip)

    async def _carry(self, leg: Leg, attempt: Attempt) -> None:
        """Carry the call over a connected leg until it is lost."""
        broke: SessionEvent | None = None
        try:
            await self._connected(leg, attempt)
            async with asyncio.TaskGroup() as group:
                pairing = Pairing(self._role, attempt.transcript) if attempt.transcript is not None else None
                self._conversation = conversation = Conversation(
                    leg,
                    self._role,
                    pairing,
                    agreed=self._agreed,
                    limiter=self._limiter,
                    tell=self._tell,
                    keep=self._keep_and_note,
                    agree=lambda theirs: self._agree(leg, theirs),
                )
                group.create_task(_lost_after(conversation.ping_until_silence()))
                group.create_task(_lost_after(self._overtaken.wait()))
                # Before any sound: whether somebody was asked decides what the other side does with the first of it.
                leg.control.send(Hello(VERSION, int(self._media), self._automatic))
                self._host.attach(leg, self._media)
                if self._sends is not None:
                    leg.control.send(self._sends)
                await conversation.run()
                raise _Lost
        except* RemoteFlood:
            broke = RemoteFlooded()
        except* (RemoteProtocolError, StoreError) as errors:
            broke = Broke(first_error(errors))
        except* _Lost:
            pass
        if broke is not None:
            # Such a message ends the session, which then says goodbye.
            self._tell(broke)
            return
        if (task := asyncio.current_task()) is not None and task.cancelling():
            # Python 3.11 loses a cancellation that meets a failure within the group: both sides ended at once.
            raise asyncio.CancelledError
        self._socket.path_lost(True)
        await self._dialling.lose()
        self._tell(PathLost())

    async def _connected(self, leg: Leg, attempt: Attempt) -> None:
        """Note what a leg that has just connected means for the call."""
        self._socket.path_lost(False)
        self._media = attempt.media
        self._traffic.begin_leg(leg.counters, leg.remote_address)
        if leg.remote_address is not None:
            self._remote_port = leg.remote_address[1]
        self._reconnecting = False
        self._overtaken.clear()
        leg.on_first_media = self._media_arrived
        if self._epochs is not None:
            await self._keep(PathRestored())
        else:
            self._epochs = Epochs(redial_secret(attempt.handshake.secret, leg.exported), self._role)
            await self._keep(MediaAgreed(self._media))
            await self._keep(Connected(self._epochs.secret, leg.first_heard))

    async def _keep_and_note(self, event: Kept) -> None:
        await self._keep(event)
        if isinstance(event, Proposed):
            self._agreed = event.secret

    async def _agree(self, leg: Leg, theirs: Media) -> None:
        """Send no more than the other side wants: a call for video may be answered with audio only."""
        agreed = self._media & theirs
        if agreed and agreed != self._media:
            self._media = agreed
            await self._keep(MediaAgreed(agreed))
            self._host.attach(leg, agreed)

    def _media_trouble(self, trouble: MediaTrouble) -> None:
        if trouble.stopped:
            self.show_media(MediaState(audio=False, video=False))
        self._tell(trouble)

    def _media_arrived(self, kind: Media) -> None:
        if kind not in self._heard_media:
            self._heard_media.add(kind)
            self._tell(FirstMedia("audio" if kind is Media.AUDIO else "video", time.monotonic()))

    # Dialling again.

    async def _redials(self) -> None:
        """Dial an epoch each time that is asked for, by the call or by the other side's being ahead."""
        while True:
            await self._redial.wait()
            self._redial.clear()
            try:
                await self._socket.bind_in_time()
                if self.leg is None and self._epochs is not None:
                    await self._dial(self._epochs)
            except CopybaraError as error:
                self._tell(Broke(error))
                return
            await asyncio.sleep(PACE_SECONDS)

    async def _dial(self, epochs: Epochs) -> None:
        """Try the next epoch, and give up everything else that is being tried."""
        self._dialling.stop()
        number = epochs.next
        await self._keep(Dials(number))
        self._dialling.attempt(Attempt(epochs.take(number), self._remote_port or None, self._media, None))

    async def _follows_overlay(self) -> None:
        try:
            await self._socket.follow(self._dialling.check_again)
        except PortTaken as error:
            self._tell(Broke(error))

    def _stray_check(self, username: str, made_with: Callable[[str], bool]) -> bool:
        """Whether a check that is for no leg belongs to the call: it proves an attempt, or shows an epoch."""
        if self._dialling.prove(username, made_with):
            return True
        match self._epochs.heard(username, made_with) if self._epochs is not None else None:
            case Heard.AHEAD if self.leg is not None:
                self._overtaken.set()
            case Heard.AHEAD if self._reconnecting:
                self._redial.set()
            case Heard.BEHIND if self.leg is None:
                self._dialling.check_again()
            case None:
                return False
        return True


async def _lost_after(end: Awaitable[object]) -> None:
    """Await the end of a leg. Raises _Lost."""
    await end
    raise _Lost
