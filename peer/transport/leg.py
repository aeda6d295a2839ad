"""One leg of a call: a secured transport between two overlay addresses, made from a handshake.

ICE with derived credentials (RFC 8445), DTLS-SRTP with a pinned certificate (RFC 5763), the control channel over SCTP
(RFC 8831) and RTP of the fixed profile. The caller is ICE's controlling side and DTLS's server.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any

from aiortc import MediaStreamTrack, RTCIceParameters

from peer.transport.connections import ConnectionSocket
from peer.transport.control import ControlChannel
from peer.transport.dtls import ANOTHER_PATH_SECONDS, DARK_SECONDS, PinnedDtlsTransport, Translation
from peer.transport.encoding import EncodedTrack
from peer.transport.files_channel import FilesChannel
from peer.transport.ice import OverlayConnection, host_candidate, make_ice_transport
from peer.transport.listeners import Listeners
from peer.transport.own_path import OwnPath
from peer.transport.packet_taps import Forward, RtpSink
from peer.transport.profile import MEDIA, USUAL, Kind, VideoCodec, send_parameters
from peer.transport.rtp_statistics import MediaCounters
from peer.transport.sctp import ControlTransport
from peer.transport.sender import EncodingSender
from peer.transport.transport_cc import TransportFeedback
from shared.errors import LegFailed, LocalProtocolError, WrongIdentity
from shared.media import Media
from shared.secrets.handshake import Handshake, Role

logger = logging.getLogger(__name__)


class Leg:
    """One try to reach the other side, and the connection if that succeeds.

    A leg answers the other side's checks from the moment it is made. The code that makes it has to close it; the socket
    stays open then.
    """

    def __init__(self, socket: ConnectionSocket, handshake: Handshake, *, remote_port: int | None) -> None:
        """Prepare a leg on `socket`.

        `remote_port` is the other side's UDP port; None: the leg waits for the first check that only the other side can
        have made, and connects to where that came from.
        """
        caller = handshake.role is Role.CALLER
        self.closed = asyncio.Event()
        "Set when the leg is gone: closed by either side, or given up by ICE after half a minute of silence."

        self.first_media: Listeners[[Media]] = Listeners()
        "Called for the first packet of each kind. To miss none, listen before awaiting anything after `connect`."

        self.tap_failures: Listeners[[Exception]] = Listeners()
        "Called with what a tap has raised. If nobody listens, it is logged."

        self.sound_free = asyncio.Event()
        "Cleared while an announcement plays (`announce`). Code that sends sound packets itself waits for this."

        self.sound_free.set()
        self._before_sound: Callable[[MediaStreamTrack], MediaStreamTrack] = lambda track: track

        self.picture_paused: Listeners[[bool]] = Listeners()
        """Called with True when our picture is paused because the path carries too little, and with False when it is
        back."""

        self._own_path = OwnPath(time.monotonic, lambda: "video" in self._senders, self._arrives, self._tell_paused)
        self.variant = USUAL
        "What the other side can do of our RTP profile."

        self._socket = socket
        self._remote_ports: tuple[int, ...] = () if remote_port is None else (remote_port,)
        self._connection = OverlayConnection(
            socket, controlling=caller, local=handshake.local_ice, remote=handshake.remote_ice
        )
        self._ice = make_ice_transport(self._connection)
        self.feedback = TransportFeedback(self.send_rtp, time.monotonic)
        "Reports to the other side how its packets arrive. A relay switches it off: then the browser reports."

        self._dtls = self._secure(handshake)
        self._sctp = self._associate()
        self._files: FilesChannel | None = None
        self._cname = secrets.token_urlsafe(12)
        self._senders: dict[Kind, EncodingSender] = {}
        self._sound: asyncio.Event | None = None
        """The `begun` event of the sound track that is sent, or was sent last. Only this is kept: a track holds its
        encoder."""

        self._heard = asyncio.Event()
        "Set when the first sound or picture of the other side has come."

        self._closing = asyncio.Lock()
        self._dtls.on("statechange", self._state_changed)

    async def connect(self) -> None:
        """Connect: ICE, then DTLS, then SCTP. It has no time limit, and can be done once.

        Returns when media can be sent; the control channel opens a little later. Raises WrongIdentity if the other side
        shows a certificate other than the pinned one, LegFailed if the handshake fails or the leg is closed meanwhile.
        """
        if self._ice.state != "new" or self.closed.is_set():
            raise LocalProtocolError("A leg connects once.")
        for port in self._remote_ports:
            await self._connection.add_remote_candidate(host_candidate(self._socket.remote, port))
        await self._ice.start(
            RTCIceParameters(
                usernameFragment=self._connection.remote_username, password=self._connection.remote_password
            )
        )
        if self._ice.state == "completed":
            await self._dtls.connect()
        if self._dtls.refused_identity:
            raise WrongIdentity()
        if not self.connected:
            raise LegFailed()
        await self._open_association()

    def check_again(self) -> None:
        """While the leg connects, send the next check now instead of when its timer runs out."""
        self._connection.check_again()

    @property
    def connected(self) -> bool:
        """Whether media and messages can be sent now."""
        return self._dtls.state == "connected" and not self.closed.is_set()

    @property
    def remote_address(self) -> tuple[str, int] | None:
        """The other side's overlay address and port; None before they are known."""
        return self._connection.remote_address

    @property
    def first_heard(self) -> float | None:
        """When the other side's first check or answer came, on the monotonic clock; None if never."""
        return self._connection.first_heard

    @property
    def last_heard(self) -> float | None:
        """When the other side was last heard for certain, on the monotonic clock; None if never.

        Every check, answer and packet that only the other side can have sent counts. Without media that is one about
        every five seconds (RFC 7675).
        """
        heard = [moment for moment in (self._connection.last_heard, self._dtls.last_heard) if moment is not None]
        return max(heard, default=None)

    @property
    def exported(self) -> bytes:
        """32 bytes that only the two ends of this leg know (RFC 5705). Raises LocalProtocolError before `connect`."""
        if not self._dtls.encrypted:
            raise LocalProtocolError("Nothing can be exported from a leg that was never connected.")
        return self._dtls.exported

    @property
    def counters(self) -> MediaCounters:
        """Counts what has arrived, whether or not it was decoded."""
        return self._dtls.counters

    async def send(self, track: MediaStreamTrack) -> None:
        """Send a track until it ends; it replaces the track of its kind that was sent before.

        Frames are encoded: sound as Opus, pictures as VP8 or what the variant says. A track of encoded packets is sent
        as it is. Raises LegFailed if the leg isn't connected.
        """
        if track.kind not in MEDIA:
            raise LocalProtocolError("A leg carries audio and video only.")
        if not self.connected:
            raise LegFailed("The other side can't be reached any more.")
        kind: Kind = track.kind
        if kind == "audio":
            track = self._before_sound(track)
        await self.stop_sending(kind)
        if kind == "audio" or self.variant.video is VideoCodec.VP8:
            before = (self._sound, self._heard) if kind == "video" and self._sound is not None else ()
            track = encoded = EncodedTrack(track, kind, self._own_path.planned, before)
            if kind == "audio":
                self._sound = encoded.begun
        self._senders[kind] = sender = EncodingSender(track, self._dtls, self._own_path.carries)
        await sender.send(send_parameters(kind, cname=self._cname, video=self.variant.video))

    def sends(self, kind: Kind) -> bool:
        """Whether a track of that kind was given to `send`; it may have ended since."""
        return kind in self._senders

    async def stop_sending(self, kind: Kind) -> None:
        """Stop sending sound or picture, and stop the track."""
        sender = self._senders.pop(kind, None)
        if sender is not None:
            await sender.stop()

    def announce(self, before: Callable[[MediaStreamTrack], MediaStreamTrack]) -> Callable[[], None]:
        """Play an announcement before our sound: send `before(track)` for every sound track from now on.

        Clears `sound_free`, and returns a function to be called when the announcement is over: it sets `sound_free`
        again.
        """
        self._before_sound = before
        self.sound_free.clear()
        return self.sound_free.set

    def silence(self, silent: bool) -> None:
        """With True, drop all sound and picture that anything sends on this leg; with False, send them again."""
        self._dtls.silent = silent

    def tap(self, sink: RtpSink) -> None:
        """Call `sink` with every decrypted RTP and RTCP packet from now on, in the order in which they arrive.

        If it raises, it gets no more packets, and `tap_failures` are called.
        """
        self._dtls.taps.received.append(sink)

    def untap(self, sink: RtpSink) -> None:
        """Undo `tap`. Does nothing if `sink` isn't a tap."""
        if sink in self._dtls.taps.received:
            self._dtls.taps.received.remove(sink)

    def forward(self, sink: Forward) -> None:
        """Call `sink` with every decrypted RTP and RTCP packet from now on, before the taps and without a task.

        It gets a list of the packets that arrived together. If it raises, it gets no more, and `tap_failures` are
        called.
        """
        self._dtls.taps.forward(sink)

    def unforward(self, sink: Forward) -> None:
        """Undo `forward`. Does nothing if `sink` isn't called."""
        self._dtls.taps.unforward(sink)

    def tap_sent(self, sink: Callable[[bytes], None]) -> None:
        """Call `sink` with every RTP and RTCP packet that is sent from now on, before it is encrypted."""
        self._dtls.taps.sent.append(sink)

    def untap_sent(self, sink: Callable[[bytes], None]) -> None:
        """Undo `tap_sent`. Does nothing if `sink` isn't a tap."""
        if sink in self._dtls.taps.sent:
            self._dtls.taps.sent.remove(sink)

    def ask_own_side(self, packet: bytes) -> Coroutine[Any, Any, None]:
        """Handle an RTCP packet as if the other side had sent it.

        Our own senders, or those whose packets are relayed to this leg, do what it asks for.
        """
        return self._dtls.asked(packet)

    def tap_failed(self, error: Exception) -> None:
        """Report that a tap of this leg has failed, or code that it passes the packets to."""
        if not self.tap_failures.tell(error):
            logger.error("what tapped a leg has failed", exc_info=error)

    def send_rtp(self, packet: bytes) -> Coroutine[Any, Any, None]:
        """Encrypt and send one RTP or RTCP packet as it is.

        It is dropped if it is neither, or the leg isn't connected.
        """
        return self._dtls.send_rtp(packet)

    @property
    def send_now(self) -> Forward:
        """A function that does the same at once, with a list of packets."""
        return self._dtls.send_now

    @property
    def transport(self) -> PinnedDtlsTransport:
        """The DTLS transport, for a relay's fast path."""
        return self._dtls

    async def request_keyframe(self) -> None:
        """Ask the other side for a whole picture (RFC 4585), for someone who starts watching or recording midway."""
        await self._dtls.request_keyframe()

    async def open_files(self, received: Callable[[bytes], None]) -> FilesChannel:
        """Open the channel for files. That can be done once, when both sides know that the other one does the same.

        `received` see FilesChannel. Raises LegFailed if the leg isn't connected.
        """
        if not self.connected:
            raise LegFailed("The other side can't be reached any more.")
        if self._files is not None:
            raise LocalProtocolError("A leg has one channel for files.")
        self._files = FilesChannel(self._dtls, received)
        await self._files.connect()
        return self._files

    async def close(self) -> None:
        """End everything that runs for this leg, and tell the other side. The socket stays open. Can be repeated."""
        async with self._closing:
            self._end()
            for kind in tuple(self._senders):
                await self.stop_sending(kind)
            if self._files is not None:
                await self._files.close()
            await self._sctp.stop()
            await self._dtls.stop()
            await self._ice.stop()

    # Another kind of leg does these its own way, see sdp_leg.py.

    def _secure(self, handshake: Handshake) -> PinnedDtlsTransport:
        """Make the DTLS transport. The caller is its server."""
        return self._pinned(handshake, client=handshake.role is Role.CALLEE)

    def _pinned(
        self, handshake: Handshake, *, client: bool, translation: Translation | None = None
    ) -> PinnedDtlsTransport:
        return PinnedDtlsTransport(
            self._ice,
            handshake.identity,
            handshake.remote_pin,
            client=client,
            feedback=self.feedback,
            translation=translation,
            # Another program would have to agree to the numbers first.
            path=self._own_path.carries if translation is None else None,
            on_tap_failed=self.tap_failed,
            on_first_media=self._first_media,
            on_light=self._light,
        )

    def _associate(self) -> ControlTransport:
        """Make the SCTP association, and the control channel on it."""
        sctp = ControlTransport(self._dtls)
        self.control = ControlChannel(sctp, on_close=self._end)
        "The control channel. Messages that are sent before it is open wait."
        return sctp

    @property
    def introduced(self) -> asyncio.Event:
        """Set once the other side can have heard what our program says of the call, such as an automatic answer."""
        return self.control.opened

    async def _open_association(self) -> None:
        await self._sctp.connect()

    def _state_changed(self) -> None:
        if self._dtls.state in ("closed", "failed"):
            self._end()

    def _end(self) -> None:
        self.closed.set()
        self.control.end()

    def _tell_paused(self, paused: bool) -> None:
        self.picture_paused.tell(paused)

    def _arrives(self) -> bool:
        heard = self._dtls.last_heard
        return heard is not None and time.monotonic() - heard < DARK_SECONDS

    def _light(self, dark: float) -> None:
        """A packet came after `dark` seconds without any. What we sent then is probably lost, so send it again now."""
        self._sctp.hurry()
        if dark >= ANOTHER_PATH_SECONDS:
            self._own_path.another_path()

    def _first_media(self, kind: Kind) -> None:
        self._heard.set()
        self.first_media.tell(MEDIA[kind])
