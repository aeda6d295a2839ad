"""One call's I/O: the port, the legs tried on it, the control channel, pairing and the media endpoint.

A session is told what to try and when to end, and tells what happened through one callback, with the values of
session_events.py. It decides nothing about the call; that is shared/call/table.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from peer.calls.epochs import Epochs
from peer.calls.session_events import (
    AttemptFailed,
    Broke,
    ByeUnheard,
    Committed,
    Connected,
    Dials,
    FirstMedia,
    MediaAgreed,
    Proposed,
    RemoteAnsweredAlone,
    SessionEvent,
)
from peer.media import Endpoint
from peer.overlay import Address, Overlay
from peer.transport.leg import Leg
from peer.transport.udp_socket import HONEST, OverlaySocket
from shared.call.events import PathLost, PathRestored, RemoteBye
from shared.call.records import RunningCall
from shared.errors import (
    BadAddress,
    CopybaraError,
    LocalProtocolError,
    MediaError,
    OverlayError,
    PortTaken,
    RemoteProtocolError,
)
from shared.links.tokens import VERSION
from shared.media import Media
from shared.messages import Bye, Hello, MediaState, Message, PairConfirm, PairKey, PairSeal, Ping, Pong, Text, Unknown
from shared.node_id import NodeId
from shared.secrets.handshake import Handshake, Role, redial_secret
from shared.secrets.pairing import Commit, PairEffect, Pairing, Propose

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
"Legs tried at once: a first-contact call whose chat holds forged responses tries the latest beside the true one."

PING_SECONDS = 1.0

SILENCE_SECONDS = 6.0
"Without anything authenticated from the other side for so long, the path is taken as lost."

PACE_SECONDS = 0.5
"Between two epochs that are dialled, whoever causes that, and between two questions to an overlay that comes back."

BYE_SECONDS = 0.5
"How long a goodbye may take before the leg is closed anyway."


@dataclass(frozen=True, slots=True)
class Attempt:
    """One leg to try."""

    handshake: Handshake
    remote_port: int | None
    "The other side's UDP port, or None to wait for its first check."
    transcript: bytes | None
    "32 bytes that pairing is bound to; None when the call is paired already (dialled again)."


class _Lost(Exception):
    """The leg under a conversation is gone."""


class Session:
    """The I/O of one call, from the first bound socket to the last closed one."""

    def __init__(
        self,
        overlay: Overlay,
        peer: NodeId,
        role: Role,
        endpoint: Endpoint,
        tell: Callable[[SessionEvent], None],
        *,
        overlay_up: Callable[[], Awaitable[object]],
        automatic: bool = False,
        rejoined: RunningCall | None = None,
    ) -> None:
        """`tell` is called in the event loop and must not block. The session owns `endpoint` from now on.

        `overlay_up` returns when the overlay can be used. `automatic`: nobody was asked before the call was answered,
        which the other side is told. `rejoined`: the session begins with a lost path, and binds its port by itself.
        """
        self.socket: OverlaySocket | None = None
        "The call's one UDP socket, once it is open."

        self.leg: Leg | None = None
        "The leg that is connected now."

        self.started = asyncio.Event()
        "Set once `run` takes attempts."

        self._overlay = overlay
        self._peer = peer
        self._role = role
        self._endpoint = endpoint
        self._tell = tell
        self._media = Media.NONE
        self._automatic = automatic
        self._sends: MediaState | None = None
        self._legs: list[Leg] = []
        self._remote: tuple[str, int] | None = None
        self._overlay_up = overlay_up
        self._own_port = 0
        self._remote_port: int | None = None
        self._epochs: Epochs | None = None
        "Once the first leg was up."

        self._newer = 0
        "The latest epoch at which the other side was heard."

        self._passed = asyncio.Event()
        "Set when the other side is heard at a later epoch than that of the leg."

        self._reconnecting = False
        self._moved = asyncio.Event()
        self._binding = asyncio.Lock()
        if rejoined is not None:
            self._epochs = Epochs(rejoined.secret, role, rejoined.epoch)
            self._own_port, self._remote_port = rejoined.port, rejoined.remote_port
            self._media = rejoined.media
        self._round_trip: float | None = None
        self._newest: Leg | None = None
        "The leg that was tried last."

        self._pings: dict[int, float] = {}
        self._heard_media: set[Media] = set()
        self._trying: dict[asyncio.Task[None], None] = {}
        "The oldest first."

        self._group: asyncio.TaskGroup | None = None
        self._ending: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._redial = asyncio.Event()

    async def open(self) -> int:
        """Bind the call's socket to our own overlay address and return its port.

        Raises OverlayError when the overlay is down, knows no way to the peer, or gives an address that no call may
        touch.
        """
        async with self._binding:
            return await self._bind()

    async def _bind(self) -> int:
        """Bind the socket, or bind it anew where the overlay is by now. Raises OverlayError."""
        local = await self._overlay.own_address()
        remote = await self._overlay.address_of(self._peer)
        interface = self._overlay.interface
        if self.socket is None:
            self.socket = await OverlaySocket.open(local, remote, interface=interface, port=self._own_port)
            self.socket.stray = self._stray_check
            self.socket.after_loss = self._epochs is not None
            self._own_port = self.socket.port
        elif not self.socket.stands(local, remote, interface):
            await self.socket.move(local, remote, interface)
        return self._own_port

    def attempt(self, attempt: Attempt, media: Media) -> None:
        """Try a leg, beside those that are being tried. Does nothing once a leg is up."""
        assert self._group is not None
        if self.leg is not None:
            return
        if len(self._trying) >= MAX_ATTEMPTS:
            # The oldest gives way: who fills the chat with forged responses can't shut out the true one after them.
            oldest = next(iter(self._trying))
            del self._trying[oldest]
            oldest.cancel()
        task = self._group.create_task(self._try(attempt, media))
        self._trying[task] = None
        task.add_done_callback(lambda done: self._trying.pop(done, None))

    def redial(self) -> None:
        """After PathLost or AttemptFailed: dial the other side again until PathRestored or `end`."""
        if self.leg is None:
            self._reconnecting = True
            self._redial.set()

    @property
    def ports(self) -> tuple[int, int]:
        """Both sides' UDP ports, ours first, once a leg was up."""
        return self._own_port, self._remote_port or 0

    def overlay_changed(self) -> None:
        """The overlay's device or address came, went or is another one: have the socket where the overlay is."""
        self._moved.set()

    def write(self, text: str) -> None:
        """Send a line of text beside the call. Raises LocalProtocolError when there is no leg."""
        if self.leg is None:
            raise LocalProtocolError("There is no call to write in.")
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
            async with asyncio.TaskGroup() as self._group:
                always = [self._group.create_task(each) for each in (self._redials(), self._follows_overlay())]
                self.started.set()
                goodbye = await self._ending
                if goodbye is not None and self.leg is not None and not await _say_bye(self.leg, goodbye):
                    self._tell(ByeUnheard())
                for task in (*always, *self._trying):
                    task.cancel()
        finally:
            try:
                await self._endpoint.detach()
                for leg in self._legs:
                    await leg.close()
                if self.socket is not None and self._legs:
                    await self.socket.leave()
            finally:
                if self.socket is not None:
                    self.socket.close()

    def report(self) -> dict[str, object]:
        """What has passed so far, in packets, bytes and milliseconds, and where."""
        counters = [leg.counters for leg in self._legs]
        audio, video = [each.audio for each in counters], [each.video for each in counters]
        jitter = [stream.jitter for kind in (*audio[-1:], *video[-1:]) for stream in kind.streams.values()]
        sent = self.socket.counters if self.socket else None
        local = (str(self.socket.local), self.socket.port) if self.socket else None
        return {
            "audio_packets_received": sum(each.packets for each in audio),
            "video_packets_received": sum(each.packets for each in video),
            "bytes_received": sum(each.bytes for each in audio + video),
            "packets_sent": sent.sent_packets if sent else 0,
            "bytes_sent": sent.sent_bytes if sent else 0,
            "audio_gaps": sum(each.gaps for each in audio),
            "lost": sum(each.lost for each in audio + video),
            "jitter_ms": round(max(jitter) * 1000, 1) if jitter else None,
            "round_trip_ms": None if self._round_trip is None else round(self._round_trip * 1000, 1),
            "local": _shown(local),
            "remote": _shown(self._remote),
            "refused": {cause: n for cause, n in sent.refused.items() if cause not in HONEST} if sent else {},
        }

    async def _try(self, attempt: Attempt, media: Media) -> None:
        assert self.socket is not None
        leg = Leg(self.socket, attempt.handshake, remote_port=attempt.remote_port)
        self._newest = leg
        try:
            await leg.connect()
            await self._check_owner(self.socket.remote)
        except CopybaraError as error:
            await leg.close()
            self._tell(AttemptFailed(error))
            return
        except asyncio.CancelledError:
            await leg.close()
            raise
        if self.leg is not None:
            await leg.close()
            return
        for other in self._trying:
            if other is not asyncio.current_task():
                other.cancel()
        # Of this attempt: a forged response that is tried beside it may want less.
        self._media = media
        await self._carry(leg, attempt)

    async def _check_owner(self, address: Address) -> None:
        """Ask the overlay whose address that is, where it can say, before any media flows. Raises BadAddress."""
        try:
            owner = await self._overlay.node_of(address)
        except OverlayError:
            # The leg's own keys have proved who is there; this is a second lock on the same door.
            return
        if owner is not None and owner != self._peer:
            raise BadAddress("The overlay says that the address belongs to another node than the one called.")

    async def _carry(self, leg: Leg, attempt: Attempt) -> None:
        """Carry the call over a connected leg until it is lost."""
        assert self.socket is not None
        self.leg, self.socket.after_loss = leg, False
        self._legs.append(leg)
        self._remote = leg.remote_address
        if self._remote is not None:
            self._remote_port = self._remote[1]
        self._reconnecting = False
        self._passed.clear()
        leg.on_first_media = self._media_arrived
        if self._epochs is not None:
            self._tell(PathRestored())
        else:
            self._epochs = Epochs(redial_secret(attempt.handshake.secret, leg.exported), self._role)
            self._tell(MediaAgreed(self._media))
            self._tell(Connected(self._epochs.secret, leg.first_heard))
        broke: CopybaraError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(leg))
                group.create_task(self._overtaken())
                # Before any sound: whether somebody was asked decides what the other side does with the first of it.
                leg.control.send(Hello(VERSION, int(self._media), self._automatic))
                await self._endpoint.attach(leg, self._media)
                await self._converse(leg, attempt)
                raise _Lost
        except* (RemoteProtocolError, MediaError) as broken:
            broke = _first(broken)
        except* _Lost:
            pass
        if broke is not None:
            # Whoever is told says goodbye, and ends the session.
            self._tell(Broke(broke))
            return
        if (task := asyncio.current_task()) is not None and task.cancelling():
            # Python 3.11 loses a cancellation that meets a failure within the group: both sides ended at once.
            raise asyncio.CancelledError
        self.leg, self.socket.after_loss = None, True
        await leg.close()
        self._tell(PathLost())

    async def _converse(self, leg: Leg, attempt: Attempt) -> None:
        """Exchange control messages until the channel ends."""
        control = leg.control
        pairing = None
        if self._sends is not None:
            control.send(self._sends)
        if attempt.transcript is not None:
            pairing = Pairing(self._role, attempt.transcript)
            self._pair(control.send, pairing, pairing.start())
        async for message in control:
            match message:
                case Hello():
                    if message.automatic and self._role is Role.CALLER:
                        self._tell(RemoteAnsweredAlone())
                    await self._agree(leg, Media(message.media) & Media.BOTH)
                case PairKey() | PairSeal() | PairConfirm() if pairing is not None:
                    self._pair(control.send, pairing, pairing.receive(message))
                case MediaState() | Text():
                    self._tell(message)
                case Ping():
                    control.send(Pong(message.id))
                case Pong():
                    if (sent := self._pings.pop(message.id, None)) is not None:
                        self._round_trip = time.monotonic() - sent
                case Bye():
                    self._tell(RemoteBye())
                    await asyncio.Event().wait()  # until the session is ended; the leg is of no more use
                case Unknown():
                    pass
                case _:
                    raise RemoteProtocolError("The other side sent a message that has no place in this call.")

    async def _agree(self, leg: Leg, theirs: Media) -> None:
        """Send no more than the other side wants: a call for video may be answered with audio only."""
        agreed = self._media & theirs
        if agreed and agreed != self._media:
            self._media = agreed
            self._tell(MediaAgreed(agreed))
            await self._endpoint.attach(leg, agreed)

    def _pair(self, send: Callable[[Message], None], pairing: Pairing, effects: Sequence[PairEffect]) -> None:
        for effect in effects:
            match effect:
                case Propose():
                    self._tell(Proposed(effect.secret, pairing.phrase or ""))
                case Commit():
                    self._tell(Committed(effect.secret))
                case _:
                    send(effect)

    async def _watch(self, leg: Leg) -> None:
        """Ping the other side, and notice when nothing is heard from it any more. Ends by raising _Lost."""
        for number in itertools.count():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS):
                    await leg.closed.wait()
            silent = time.monotonic() - (leg.last_heard or 0.0)
            if leg.closed.is_set() or silent > SILENCE_SECONDS:
                raise _Lost
            self._pings = {number: time.monotonic()}
            leg.control.send(Ping(number))

    async def _overtaken(self) -> None:
        """Notice that the other side dials again. Ends by raising _Lost."""
        await self._passed.wait()
        raise _Lost

    # Dialling again.

    async def _redials(self) -> None:
        """Dial an epoch each time that is asked for, by the call or by the other side's being ahead."""
        while True:
            await self._redial.wait()
            self._redial.clear()
            try:
                await self._bind_again()
                if self.leg is None and self._epochs is not None:
                    self._dial(self._epochs)
            except CopybaraError as error:
                self._tell(Broke(error))
                return
            await asyncio.sleep(PACE_SECONDS)

    def _dial(self, epochs: Epochs) -> None:
        """Try the epoch after the last one, or the later one that the other side is at, in the place of all others."""
        for other in self._trying:
            other.cancel()
        number = max(epochs.last + 1, self._newer)
        self._tell(Dials(number))
        self.attempt(Attempt(epochs.take(number), self._remote_port, None), self._media)

    async def _bind_again(self) -> None:
        """Have the socket where the overlay is, and wait for the overlay if it has none. Raises PortTaken."""
        async with self._binding:
            while True:
                try:
                    await self._bind()
                    return
                except PortTaken:
                    raise
                except OverlayError as error:
                    port = self.socket
                    if port is not None and port.stands(port.local, port.remote, self._overlay.interface):
                        return  # packets may pass, although the node doesn't answer us
                    logger.info("the port can't be bound yet: %s", error.sentence)
                # Of a device that comes up the address may come later than the node's word.
                await asyncio.sleep(PACE_SECONDS)
                await self._overlay_up()

    async def _follows_overlay(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            if self.socket is None:
                continue
            try:
                await self._bind_again()
            except PortTaken as error:
                self._tell(Broke(error))
                return
            if self._newest is not None:
                self._newest.check_again()

    def _stray_check(self, username: str, made_with: Callable[[str], bool]) -> bool:
        """Whether a check is of another epoch of this call than ours, which tells where the other side is."""
        known = self._epochs.of(username) if self._epochs is not None else None
        if self._epochs is None or known is None or not made_with(known[1].password):
            return False
        number = known[0]
        if number > self._epochs.last:
            self._newer = max(self._newer, number)
            if self.leg is not None:
                self._passed.set()
            elif self._reconnecting:
                self._redial.set()
        elif self.leg is None and self._newest is not None:
            # It is behind, or has just come back, and will follow as soon as it hears where we are.
            self._newest.check_again()
        return True

    def _media_arrived(self, kind: Media) -> None:
        if kind not in self._heard_media:
            self._heard_media.add(kind)
            self._tell(FirstMedia("audio" if kind is Media.AUDIO else "video", time.monotonic()))


async def _say_bye(leg: Leg, reason: str) -> bool:
    """Say goodbye and wait, not long, until the other side has it; returns whether it has."""
    leg.control.send(Bye(reason))
    try:
        async with asyncio.timeout(BYE_SECONDS):
            await leg.control.drain()
    except TimeoutError:
        return False
    return True


def _first(group: BaseExceptionGroup[CopybaraError]) -> CopybaraError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _shown(address: tuple[str, int] | None) -> str | None:
    """`127.1.2.3:40000` or `[200::1]:40000`."""
    if address is None:
        return None
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
