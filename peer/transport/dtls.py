"""DTLS-SRTP with one pinned other side (RFC 5763, RFC 5764), on aiortc's transport without an SDP.

Private names of aiortc's DTLS and ICE transports are used here, and those two in no other file;
tests/peer/transport/test_private_names.py lists them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, cast

import pylibsrtp
from aiortc import RTCIceTransport
from aiortc.rtcdtlstransport import (
    DataReceiver,
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    SRTPProtectionProfile,
    State,
)
from aiortc.rtp import RTCP_PSFB_PLI, RtcpPsfbPacket
from cryptography import x509
from OpenSSL import SSL

from peer.transport.associations import Association, Associations
from peer.transport.profile import VIDEO_PAYLOAD_TYPE, Kind
from peer.transport.rtp_packets import FIRST_RTCP_TYPE, LAST_RTCP_TYPE
from peer.transport.rtp_statistics import MediaCounters
from peer.transport.send_path import SendPath, numbered, parts
from peer.transport.sent_lately import SentLately
from peer.transport.sent_twice import COPY_SECONDS, SentTwice
from peer.transport.srtp_streams import BoundedSession
from shared.rate import Bucket, Limit
from shared.secrets.identity import DtlsIdentity, Pin

if TYPE_CHECKING:
    from peer.transport.ice import OverlayConnection, Way

logger = logging.getLogger(__name__)

RtpSink = Callable[[bytes], Awaitable[None]]
"Takes one decrypted RTP or RTCP packet."

Forward = Callable[[list[bytes]], None]
"The same at once, and with packets that came together."

EXPORTER_LABEL = b"EXPERIMENTAL copybara/1 redial"
"RFC 5705, section 4: a label for private use."

EXPORTED_BYTES = 32

FLIGHT_SECONDS = 0.12
"""Between copies of a handshake's last flight, while nothing shows that it has arrived.

RFC 6347, section 4.2.4.1, waits a second, then two, four and so on, which on a path that loses a third of its packets
is longer than a caller waits. It allows shorter waits. Copies that weren't needed are a few hundred bytes; the media
that follows is a hundred times as much."""

CONNECTED = State.CONNECTED
"Python 3.11 looks an enum's member up by name each time."

AROUND = 42
"Bytes that a packet grows by on its way out: its number, SRTP's tag, UDP and IPv4."

MAX_FLIGHT = 1500
"Bytes of a datagram of the handshake. With our certificates no flight is more than half of it."

FLIGHT_RECORDS = (20, 22)
"What a flight's datagram begins with: ChangeCipherSpec or a handshake message (RFC 6347, section 4.1)."


DARK_SECONDS = 1.5
"""Without any packet for longer, the path was dark: both sides report, and ping, once a second.

The picture that comes next is of no use without those before it. A decoder would notice, but up to three
seconds later, so we ask for a whole one at once."""

MAX_RECORD = 1500
"Bytes of plain text that are read at once: more than a datagram has."

RTCP = Limit(at_once=64 * 1024, per_second=40_000.0)
"""Bytes of RTCP that are read. A browser reports with up to a twentieth of what it gets (RFC 3550, section 6.2), some
15,000 a second; reading a datagram full of requests takes as long as thirty of sound. What comes beyond it is dropped
like a packet that got lost."""


class Translation(Protocol):
    """Between RTP and RTCP packets of our profile and those of the other side."""

    def inward(self, packet: bytes) -> bytes | None:
        """A decrypted packet of the other side as our profile has it; nothing if it has no place there."""

    def outward(self, packet: bytes) -> bytes | None:
        """A packet of our profile as the other side wants it; nothing if it wants none of it."""


class Feedback(Protocol):
    """Answers for the packets that arrive."""

    @property
    def enabled(self) -> bool:
        """Whether it wants to hear of any."""

    async def received(self, packet: bytes) -> None:
        """Take a decrypted packet."""


class OneHandshake(RTCCertificate):
    """A certificate for connections whose keys, once agreed on, stay.

    A server may ask for another handshake at any time, with another certificate, which nobody would look at.
    """

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_options(SSL.OP_NO_RENEGOTIATION)
        return context


class PinnedDtlsTransport(RTCDtlsTransport):
    """DTLS-SRTP with exactly one other side (RFC 5763, RFC 5764), seen through when packets come out decrypted."""

    def __init__(
        self,
        transport: RTCIceTransport,
        identity: DtlsIdentity,
        pin: Pin,
        *,
        client: bool,
        feedback: Feedback | None = None,
        translation: Translation | None = None,
        path: SendPath | None = None,
        on_tap_failed: Callable[[Exception], None] = lambda error: None,
        on_first_media: Callable[[Kind], None] = lambda kind: None,
        on_light: Callable[[], None] = lambda: None,
    ) -> None:
        """`client` begins the handshake. `feedback` hears every packet before the taps do; if it fails, the picture of
        the other side gets coarser at most. `translation` is for a side that speaks another profile than ours. `path`
        learns how what our own encoders send arrives.

        `on_tap_failed` is called with what a tap has raised, which has been taken off by then and isn't logged here;
        `on_first_media` when the first packet of a kind arrives; `on_light` when something comes after DARK_SECONDS.
        """
        super().__init__(transport, [OneHandshake(identity.key, identity.certificate)])
        self._set_role("client" if client else "server")
        self._client = client
        self._pin = pin
        self.refused_identity = False
        "The other side showed a certificate that isn't the pinned one."

        self.last_heard: float | None = None
        "When the last packet came that could be decrypted, on the monotonic clock."

        self._associations = Associations()
        self._own_ssrc = secrets.randbits(32)
        "Of what we ask for. Each further one would be a stream of its own in both sides' SRTP."

        self._flight = b""
        "The datagram of the handshake that was sent last."

        self._repeating: asyncio.Task[None] | None = None
        self.counters = MediaCounters()
        self._rtcp = Bucket(RTCP)
        self._way: Way | None = None
        "Of the connection under it, once that is up."

        self.forwards: tuple[Forward, ...] = ()
        "Get every packet, before the taps do."

        self.taps: list[RtpSink] = []
        "Get every packet."

        self.sent_taps: list[Callable[[bytes], None]] = []
        "Get every packet that is sent, before it is encrypted."

        self.silent = False
        "Whether no RTP is sent: the call is on hold. RTCP, which says how packets arrive, still is."

        self._feedback = feedback
        self._translation = translation
        self._path = path
        self._twice = SentTwice()
        self._lately = SentLately()
        self._on_tap_failed = on_tap_failed
        self.counters.first.listen(on_first_media)
        self._on_light = on_light
        self._was_dark = False
        "Whether the picture that comes next follows a time without any packet."

    async def connect(self) -> None:
        """Make the handshake; `state` and `refused_identity` tell how it went."""
        # aiortc wants a fingerprint to compare with. We compare the pin instead.
        pinned = RTCDtlsFingerprint(algorithm=type(self._pin).__name__, value=self._pin.sha256.hex())
        self._repeating = asyncio.create_task(self._repeat_flight())
        try:
            await self.start(RTCDtlsParameters(fingerprints=[pinned]))
            if self.state == "connected":
                # Nothing was read yet: that is another task, which comes after this one.
                self._rx_srtp = cast(pylibsrtp.Session, BoundedSession(self._rx_srtp))
                self._tx_srtp = cast(pylibsrtp.Session, BoundedSession(self._tx_srtp))
                connection = cast("OverlayConnection", self.transport._connection)
                self._way = connection.way
                connection.take_media(self._taken_at_once)
        except SSL.Error:
            # After twelve timeouts OpenSSL gives up, which aiortc doesn't expect.
            self._set_state(State.FAILED)
        finally:
            # The last flight is the server's. That the client has it shows in the first packet that it encrypts.
            if self._client or self.state != "connected":
                self._repeating.cancel()
        if self.refused_identity:
            await self._say_goodbye()

    def heard(self) -> None:
        """Note that something came that only the other side can have sent."""
        self._heard()

    def _heard(self) -> float:
        """The same; gives the time on the monotonic clock."""
        before, self.last_heard = self.last_heard, (now := time.monotonic())
        if before is not None and now - before > DARK_SECONDS:
            self._was_dark = True
            self._on_light()
        if self._repeating is not None:
            self._repeating.cancel()
            self._repeating = None
        return now

    @property
    def exported(self) -> bytes:
        """32 bytes that only the two ends of this connection know (RFC 5705)."""
        assert self._ssl is not None
        return self._ssl.export_keying_material(EXPORTER_LABEL, EXPORTED_BYTES)

    async def send_rtp(self, packet: bytes) -> None:
        """Encrypt and send one RTP or RTCP packet. Nothing happens if it isn't one, or the transport is closed."""
        self.send_now([packet])

    def send_now(self, packets: list[bytes], *, own: bool = False) -> None:
        """The same of several, without a task. `own`: our encoder made them."""
        if self._way is None or self._state is not CONNECTED:
            return
        send, port = self._way
        session, translation, silent, path = self._tx_srtp, self._translation, self.silent, self._path
        lately, twice = self._lately, self._twice
        for packet in packets:
            rtp = len(packet) < 2 or not FIRST_RTCP_TYPE <= packet[1] <= LAST_RTCP_TYPE
            if rtp and silent:
                continue
            if self.sent_taps:
                self._show_sent(packet)
            if own and rtp and path is not None:
                packet = numbered(packet, path.number(len(packet) + AROUND, time.monotonic()))
            sent = packet if translation is None else translation.outward(packet)
            if not sent:
                continue
            try:
                datagram = session.protect(sent) if rtp else session.protect_rtcp(sent)
            except pylibsrtp.Error:
                logger.debug("an RTP packet was not sent")
                continue
            send(datagram, port)
            if rtp and not own and packet[1] & 0x7F == VIDEO_PAYLOAD_TYPE:
                lately.sent(datagram)
            if twice.active and twice.wants(packet, time.monotonic()):
                self._send_copy_soon(datagram)

    def _send_copy_soon(self, datagram: bytes) -> None:
        asyncio.get_running_loop().call_later(COPY_SECONDS, self._send_copy, datagram)

    def _send_copy(self, datagram: bytes) -> None:
        if self._way is not None and self._state is CONNECTED and not self.silent:
            send, port = self._way
            send(datagram, port)

    async def send_data(self, data: bytes) -> None:
        """Encrypt and send one SCTP packet. Raises ConnectionError or SSL.Error if it can't be sent."""
        await self._send_data(data)

    async def request_keyframe(self) -> None:
        """Ask the sender of the picture for a whole one (RFC 4585, section 6.3.1)."""
        self._ask_for_key_frame()

    def _ask_for_key_frame(self) -> None:
        ssrc = self.counters.video.newest
        if ssrc is not None:
            self.send_now([bytes(RtcpPsfbPacket(RTCP_PSFB_PLI, self._own_ssrc, ssrc))])

    async def asked(self, packet: bytes) -> None:
        """Do what this RTCP packet asks for, as if the other side had sent it: for somebody on this side."""
        self._forward([packet])
        await self._pass_to_taps(packet)
        try:
            await super()._handle_rtcp_data(packet)
        except Exception as error:
            self._drop_malformed(error)

    async def stop(self) -> None:
        """Close the connection and tell the other side; nothing of it is running afterwards."""
        running = [task for task in (self._task, self._repeating) if task is not None]
        if self._repeating is not None:
            self._repeating.cancel()
        await super().stop()
        if running:
            await asyncio.wait(running)

    async def _repeat_flight(self) -> None:
        """Send copies of the last flight for as long as this task lives.

        They are bit-identical: a receiver that has the first treats them as network duplicates (RFC 6347, section
        4.1.2.6). OpenSSL's own timers run as well.
        """
        before = b""
        with contextlib.suppress(ConnectionError):
            while True:
                await asyncio.sleep(FLIGHT_SECONDS)
                if self._flight and self._flight is before:
                    await self.transport._send(self._flight)
                before = self._flight

    async def _say_goodbye(self) -> None:
        # The other side may have seen a complete handshake. It shouldn't wait for a connection that will never come.
        assert self._ssl is not None
        try:
            self._ssl.shutdown()
            await self._write_ssl()
        except (SSL.Error, ConnectionError):
            logger.debug("the refused side can't be told")

    # What aiortc calls.

    def _register_data_receiver(self, receiver: DataReceiver) -> None:
        self._associations.add(cast(Association, receiver))
        self._data_receiver = self._associations

    def _unregister_data_receiver(self, receiver: DataReceiver) -> None:
        self._associations.remove(cast(Association, receiver))

    def _validate_peer_identity(self, remoteParameters: RTCDtlsParameters) -> None:  # noqa: N803
        assert self._ssl is not None
        try:
            certificate = self._ssl.get_peer_certificate(as_cryptography=True)
        except (ValueError, x509.InvalidVersion):
            certificate = None  # OpenSSL takes certificates that nobody else can read
        if certificate is None or not self._pin.matches(certificate):
            self.refused_identity = True
            self._set_state(State.FAILED)

    async def _write_ssl(self) -> None:
        assert self._ssl is not None
        if self.encrypted:
            self._drop_unread(self._ssl)
        elif (task := asyncio.current_task()) is not None and task.cancelling():
            # Python 3.11's wait_for, which aiortc uses here, loses a cancellation that meets a datagram: the handshake
            # would go on for a minute with a side that is gone, and the call would end after it.
            raise asyncio.CancelledError
        try:
            datagram = self._ssl.bio_read(MAX_FLIGHT)
        except SSL.Error:
            return  # OpenSSL has nothing to send
        if datagram[0] in FLIGHT_RECORDS:
            self._flight = datagram
        await self.transport._send(datagram)

    def _drop_unread(self, ssl: SSL.Connection) -> None:
        """Leave nothing in OpenSSL's memory of what came.

        aiortc reads once for each datagram, or record of it (dtls_records.py). In one that OpenSSL passes over there
        may be others; they would wait there, and there is no end to how many they may be.
        """
        with contextlib.suppress(SSL.Error):
            while ssl.recv(MAX_RECORD):
                logger.debug("a hidden record is dropped")

    async def _send_rtp(self, data: bytes) -> None:
        if self._state is not CONNECTED:
            raise ConnectionError("The transport isn't connected")
        self.send_now([data], own=True)

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        packet = self._media_packet(data, self._heard())
        if packet is None:
            return
        await self._pass_on(packet)
        if not self._rtp_router.receivers:
            # Relayed, recorded or only counted: a fifth of a relay's time would go into reading what nobody decodes.
            return
        try:
            await super()._handle_rtp_data(packet, arrival_time_ms)
        except Exception as error:
            self._drop_malformed(error)

    async def _handle_rtcp_data(self, data: bytes) -> None:
        packet = self._report(data, self._heard())
        if packet is None:
            return
        await self._pass_on(packet)
        try:
            await super()._handle_rtcp_data(packet)
        except Exception as error:
            self._drop_malformed(error)

    # What the connection calls.

    def _taken_at_once(self, datagrams: list[bytes]) -> list[bytes]:
        """Decrypt datagrams and forward what they hold, if nothing else has to be done with it; returns the others.

        So relayed packets are gone before others are read, and need no task and no queue.
        """
        feedback, router, session = self._feedback, self._rtp_router, self._rx_srtp
        if self.taps or router.receivers or (feedback is not None and feedback.enabled):
            return datagrams
        left: list[bytes] = []
        packets: list[bytes] = []
        now = None
        for datagram in datagrams:
            rtp = len(datagram) < 2 or not FIRST_RTCP_TYPE <= datagram[1] <= LAST_RTCP_TYPE
            if not rtp and router.senders:
                left.append(datagram)
                continue
            try:
                packet = session.unprotect(datagram) if rtp else session.unprotect_rtcp(datagram)
            except pylibsrtp.Error as error:
                logger.debug("an SRTP packet can't be decrypted: %s", error)
                continue
            if now is None:
                now = self._heard()
            wanted = self._media_packet(packet, now) if rtp else self._report(packet, now)
            if wanted is not None:
                packets.append(wanted)
        if packets:
            self._forward(packets)
        return left

    def _media_packet(self, packet: bytes, now: float) -> bytes | None:
        """Count and translate a decrypted RTP packet; None if it isn't of our profile."""
        if self._translation is not None:
            packet = self._translation.inward(packet) or b""
        kind = self.counters.add_rtp(packet, now)
        if kind is None:
            return None
        if self._was_dark and kind == "video":
            self._was_dark = False
            self._ask_for_key_frame()
        return packet

    def _report(self, packet: bytes, now: float) -> bytes | None:
        """Count and translate a decrypted RTCP packet; None if it is one too many, or there is nothing in it for us."""
        if not self._rtcp.takes(now, len(packet)):
            return None
        again, packet = self._lately.asked(packet)
        for datagram in again:
            self._send_copy(datagram)
            if self._twice.active:
                self._send_copy_soon(datagram)
        if packet and self._translation is not None:
            packet = self._translation.inward(packet) or b""
        if not packet:
            return None
        self.counters.rtcp += 1
        self._twice.reported(packet, now)
        if self._path is not None and self._path.used:
            for part in parts(packet):
                self._path.reported(part, now)
        return packet

    def _forward(self, packets: list[bytes]) -> None:
        for forward in self.forwards:
            try:
                forward(packets)
            except Exception as error:
                self.forwards = tuple(other for other in self.forwards if other is not forward)
                self._on_tap_failed(error)

    async def _pass_on(self, packet: bytes) -> None:
        self._forward([packet])
        # The connection is worth more than anyone who listens to it.
        if self._feedback is not None and self._feedback.enabled:
            try:
                await self._feedback.received(packet)
            except Exception:
                logger.exception("feedback about packets failed and has ended")
                self._feedback = None
        await self._pass_to_taps(packet)

    async def _pass_to_taps(self, packet: bytes) -> None:
        for tap in tuple(self.taps):
            try:
                await tap(packet)
            except Exception as error:
                self.taps.remove(tap)
                self._on_tap_failed(error)

    def _show_sent(self, packet: bytes) -> None:
        for tap in tuple(self.sent_taps):
            try:
                tap(packet)
            except Exception as error:
                self.sent_taps.remove(tap)
                self._on_tap_failed(error)

    def _drop_malformed(self, error: Exception) -> None:
        # aiortc's parsers catch ValueError and leave struct.error, IndexError and others to end the connection. The
        # other side is authenticated, not trusted: a packet that can't be read costs that packet.
        self.counters.malformed += 1
        logger.debug("an RTP or RTCP packet can't be read: %s", type(error).__name__)
