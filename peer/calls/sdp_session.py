"""The I/O of one call with a program that speaks SDP: one socket, one leg, the endpoint, lines of text beside it.

To the rest of the call it is a session like session.py's. There is no pairing and no dialling again: a description is
good for one connection, and when that is lost the call is over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from peer.calls.call_socket import CallSockets
from peer.calls.conversation import SILENCE_SECONDS
from peer.calls.extensions import Extensions
from peer.calls.foreign import ForeignCall
from peer.calls.limits import Limiter
from peer.calls.own_media import OwnMedia
from peer.calls.session_events import AttemptFailed, Broke, Connected, Kept, MediaAgreed, SessionEvent
from peer.calls.session_parts import FirstArrivals, OwnLimits, follow_overlay
from peer.calls.traffic import Traffic
from peer.media import Endpoint
from peer.media.endpoint_host import Host
from peer.media.trouble import MediaTrouble
from peer.transport.profile import VideoCodec
from peer.transport.sdp_leg import SdpLeg, SdpTerms
from peer.transport.udp_socket import OverlaySocket
from shared.call.events import PathLost, RemoteBye
from shared.errors import CopybaraError, LocalProtocolError, StoreError
from shared.media import Media
from shared.messages import MAX_TEXT, MediaState, Text
from shared.node_id import NodeId

logger = logging.getLogger(__name__)

MAX_LEGS = 8
"Answers to one of our offers that are tried at once. All but one are forged; each has to name ours to get so far."

LOST_SECONDS = 5 * SILENCE_SECONDS
"When nothing has come from the other program for this long, the call is over: ICE asks every five seconds (RFC 7675)."

LOOK_SECONDS = 1.0


class SdpSession:
    """The I/O of one such call."""

    def __init__(
        self,
        sockets: CallSockets,
        peer: NodeId,
        foreign: ForeignCall,
        endpoint: Endpoint,
        *,
        tell: Callable[[SessionEvent], None],
        keep: Callable[[Kept], Awaitable[None]],
        video: frozenset[VideoCodec],
    ) -> None:
        """As Session's; `video` is what the endpoint's picture may be in."""
        self.started = asyncio.Event()
        "Set once `run` takes attempts."

        self.leg: SdpLeg | None = None
        "The leg that is connected now."

        self.extensions = Extensions()
        "None: other programs take no files and don't show recordings."

        self.video = video
        "What the picture may be in."

        self._foreign = foreign
        self._host = Host(endpoint, refused=lambda error: tell(Broke(error)), tell=tell)
        self._tell = tell
        self._keep = keep
        self.call_socket = sockets.to(peer, lambda username, made_with: False)
        self._group: asyncio.TaskGroup | None = None
        self._legs: list[SdpLeg] = []
        self._trying: set[asyncio.Task[None]] = set()
        self._limiter = Limiter()
        self.own_limits = OwnLimits()
        "What the owner may do; asked before `hold`."

        self._first_media = FirstArrivals(tell)
        self._traffic = Traffic()
        self._media = OwnMedia()
        self._ending: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def socket(self) -> OverlaySocket:
        """The call's socket. Raises LocalProtocolError before it is bound."""
        if self.call_socket.socket is None:
            raise LocalProtocolError("The call has no socket yet.")
        return self.call_socket.socket

    @property
    def ports(self) -> tuple[int, int]:
        """Both sides' UDP ports, ours first; 0 for one that isn't known yet."""
        remote = self.leg.remote_address if self.leg is not None else None
        return self.call_socket.port, remote[1] if remote is not None else 0

    def try_leg(self, terms: SdpTerms) -> None:
        """Try a leg, beside those that are being tried. Does nothing once one is up."""
        assert self._group is not None
        if self.leg is not None or len(self._trying) >= MAX_LEGS:
            return
        try:
            leg = SdpLeg(self.socket, terms)
        except LocalProtocolError as error:
            # Another answer with the same credentials is being tried.
            logger.info("an answer isn't tried: %s", error.sentence)
            return
        self._legs.append(leg)
        task = self._group.create_task(self._try(leg, terms))
        self._trying.add(task)
        task.add_done_callback(self._trying.discard)

    def tell_sound_alone(self, endpoint: str) -> None:
        """Report that there is no picture, because the endpoint can do none that the other program offers."""
        self._tell(
            MediaTrouble(
                f"The other program's picture is of a kind that the endpoint {endpoint} can't do, so there is sound "
                "alone.",
                "The page and the pattern can do H.264 as well.",
            )
        )

    def write(self, text: str) -> None:
        """Send a line of text. Raises LocalProtocolError if the other program takes none, or for too many."""
        self.own_limits.write(connected=self.leg is not None)
        if not self._say(text):
            raise LocalProtocolError("The other program takes no text.", "Say it in the call, or write in your chat.")

    def show_media(self, state: MediaState) -> None:
        """Tell what is sent from now on, if the other program has a message for it; also before the leg is up."""
        self._media = replace(self._media, wanted=state)
        if not self._media.on_hold:
            self._say(state)

    def hold(self, on: bool) -> None:
        """As Session.hold. The other program knows no hold: it gets silence, and some can show that we are muted."""
        self._media = replace(self._media, on_hold=on)
        self._host.pause(on)
        if self.leg is not None:
            self.leg.silence(on)
            self._say(self._media.told)

    def fall_silent(self) -> None:
        """As Session.fall_silent."""
        self._media = replace(self._media, on_hold=True)
        self._host.pause(True)
        if self.leg is not None:
            self.leg.silence(True)

    def remote_holds(self, on: bool) -> None:
        """Other programs have no message for it."""

    def _say(self, said: str | MediaState) -> bool:
        message = self._foreign.envelope.write(said)
        return self.leg is not None and message is not None and self.leg.write(*message)

    def end(self, goodbye: str | None) -> None:
        """Let `run` finish. The other program only sees that the connection ends."""
        if not self._ending.done():
            self._ending.set_result(None)

    async def run(self) -> None:
        """Own every task of the call until `end` is called; then close everything."""
        try:
            async with asyncio.TaskGroup() as self._group:
                following = follow_overlay(self.call_socket, lambda: None, self._tell)
                always = [self._group.create_task(each) for each in (self._host.run(), following)]
                self.started.set()
                await self._ending
                for task in (*always, *self._trying):
                    task.cancel()
        finally:
            try:
                for leg in self._legs:
                    await leg.close()
            finally:
                await self.call_socket.close(linger=self._traffic.legs > 0)

    def report(self) -> dict[str, object]:
        """What has passed so far, as the command contract has it."""
        return self._traffic.report(self.call_socket.socket, None)

    async def _try(self, leg: SdpLeg, terms: SdpTerms) -> None:
        try:
            await leg.connect()
            await self.call_socket.check_owner()
        except CopybaraError as error:
            await leg.close()
            self._tell(AttemptFailed(error))
            return
        if self.leg is not None:
            await leg.close()
            return
        self.leg = leg
        for other in self._trying:
            if other is not asyncio.current_task():
                other.cancel()
        await self._carry(leg, terms.agreement.media)

    async def _carry(self, leg: SdpLeg, media: Media) -> None:
        """Carry the call over a connected leg until it is over."""
        self._media = replace(self._media, agreed=media)
        self._traffic.begin_leg(leg.counters, leg.remote_address)
        leg.first_media.listen(self._first_media)
        leg.messages.listen(self._message)
        try:
            await self._keep(MediaAgreed(media))
            await self._keep(Connected(b"", leg.first_heard))
        except StoreError as error:
            self._tell(Broke(error))
            return
        self._first_media.connected()
        self._host.attach(leg, media)
        if self._media.wanted is not None:
            self._say(self._media.wanted)
        await self._until_over(leg)
        silent = time.monotonic() - (leg.last_heard or 0.0)
        self._tell(RemoteBye() if leg.closed.is_set() and silent < SILENCE_SECONDS else PathLost())

    async def _until_over(self, leg: SdpLeg) -> None:
        """Wait until the other program closes the connection, or nothing is heard from it any more."""
        while not leg.closed.is_set() and time.monotonic() - (leg.last_heard or 0.0) < LOST_SECONDS:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await leg.closed.wait()
            except TimeoutError:
                continue

    def _message(self, channel: int, message: str | bytes) -> None:
        heard = self._foreign.envelope.read(channel, message)
        if isinstance(heard, str):
            # Other programs know no such limit. What is longer comes in several lines, rather than cut.
            messages: list[Text | MediaState] = [
                Text(heard[at : at + MAX_TEXT]) for at in range(0, len(heard), MAX_TEXT)
            ]
        else:
            messages = [heard] if heard is not None else []
        for each in messages:
            if self._limiter.takes(each, time.monotonic()):
                self._tell(each)
