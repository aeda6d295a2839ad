"""DTLS-SRTP with one pinned other side (RFC 5763, RFC 5764), on aiortc's transport without an SDP.

Private names of aiortc's DTLS and ICE transports are used here. Those of these two classes are used in no other file;
tests/peer/transport/test_private_names.py lists them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable
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
from peer.transport.fast_path import FastPath, Passing, fast_path
from peer.transport.last_flight import LastFlight
from peer.transport.loss_reports import LossReports
from peer.transport.packet_taps import Feedback, PacketTaps
from peer.transport.profile import VIDEO_PAYLOAD_TYPE, Kind
from peer.transport.rtp_packets import FIRST_RTCP_TYPE, LAST_RTCP_TYPE
from peer.transport.rtp_statistics import MediaCounters
from peer.transport.send_path import SendPath, numbered, parts
from peer.transport.sent_lately import SentLately
from peer.transport.sent_twice import COPY_SECONDS, SentTwice, losses
from peer.transport.srtp_streams import BoundedSession
from shared.rate import Bucket, Limit
from shared.secrets.identity import DtlsIdentity, Pin

if TYPE_CHECKING:
    from peer.transport.ice import OverlayConnection, Way

logger = logging.getLogger(__name__)

EXPORTER_LABEL = b"EXPERIMENTAL copybara/1 redial"
"RFC 5705, section 4: a label for private use."

EXPORTED_BYTES = 32

CONNECTED = State.CONNECTED
"Kept in a global, because Python 3.11 looks a member of an enum up by name each time."

AROUND = {version: 4 + 16 + 8 + ip for version, ip in ((4, 20), (6, 40))}
"""Bytes that are added to each packet, by the version of IP: its transport-wide number, SRTP's tag with AES-GCM
(RFC 7714), and the headers of UDP and IP. An estimate: other programs may choose another cipher."""

MAX_FLIGHT = 1500
"The most bytes of one datagram of the handshake. With our certificates no flight has more than half as many."

DARK_SECONDS = 1.5
"""If no packet comes for longer than this, the path was interrupted: both sides send reports and pings once a second.

The next picture can't be decoded without those that were lost. A decoder would notice only after up to three seconds,
so we ask for a whole picture at once."""

ANOTHER_PATH_SECONDS = 5.0
"After so long the path may be another one, and what didn't help before may help now."

MAX_RECORD = 1500
"Bytes of plain text that are read at once. No datagram has more."

RTCP = Limit(at_once=64 * 1024, per_second=40_000.0)
"""How many bytes of RTCP are read. A browser's reports are up to a twentieth of what it receives (RFC 3550, section
6.2), some 15,000 bytes a second. Reading a datagram full of requests takes as long as reading thirty packets of sound.
What comes beyond this is dropped, like a packet that got lost."""


class Translation(Protocol):
    """Translates RTP and RTCP packets between our profile and what the other side speaks."""

    def inward(self, packet: bytes) -> bytes | None:
        """Translate a decrypted packet of the other side; None or empty if it has no place in our profile."""

    def outward(self, packet: bytes) -> bytes | None:
        """Translate a packet of our profile; None or empty if the other side can't use it."""


class OneHandshake(RTCCertificate):
    """A certificate for connections that never renegotiate.

    In a renegotiation, for which a server may ask at any time, another certificate could be shown, and nobody would
    compare it with the pin.
    """

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_options(SSL.OP_NO_RENEGOTIATION)
        return context


class PinnedDtlsTransport(RTCDtlsTransport):
    """DTLS-SRTP with exactly one other side (RFC 5763, RFC 5764).

    Decrypted packets go to the `forwards`, then to the feedback, the `taps`, and aiortc's own receivers.
    """

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
        on_light: Callable[[float], None] = lambda dark: None,
    ) -> None:
        """`client`: we begin the handshake.

        `feedback` reports how packets arrive; if it fails, the other side's picture becomes coarser at most.
        `translation` is for another program that doesn't speak our RTP profile. `path` learns how the packets of our
        own encoders arrive.

        `on_tap_failed` is called with what a tap has raised; the tap gets nothing more, and nothing is logged here.
        `on_first_media` is called when the first packet of a kind arrives, `on_light` when a packet comes after
        more than DARK_SECONDS without any, with how many seconds it was.
        """
        super().__init__(transport, [OneHandshake(identity.key, identity.certificate)])
        self._set_role("client" if client else "server")
        self._client = client
        self._pin = pin
        self.refused_identity = False
        "Whether the other side showed a certificate that isn't the pinned one."

        self.last_heard: float | None = None
        "When the last packet came that could be decrypted, monotonic seconds; None: none has come."

        self._associations = Associations()
        self._own_ssrc = secrets.randbits(32)
        "The SSRC of all our requests. Each further SSRC would be one more stream in the SRTP of both sides."

        self._last_flight = LastFlight(lambda datagram: self.transport._send(datagram))
        self.counters = MediaCounters()
        self._rtcp = Bucket(RTCP)
        self._way: Way | None = None
        "How to send datagrams over the ICE connection, once DTLS is up."

        self.taps = PacketTaps(feedback, on_tap_failed)
        self.silent = False
        """Whether RTP is dropped instead of sent, because the call is on hold. RTCP is still sent: it reports how
        packets arrive."""

        self._relayed: tuple[PinnedDtlsTransport, FastPath] | None = None
        "The leg that RTP is relayed to, and the fast path to it."

        self._translation = translation
        self._path = path
        self._losses = LossReports()
        self._twice = SentTwice()
        self._lately = SentLately()
        self.counters.first.listen(on_first_media)
        self._on_light = on_light
        self._was_dark = False
        "Whether a whole picture is to be asked for once a picture comes, for the path was dark since the last one."

    async def connect(self) -> None:
        """Make the handshake. It doesn't raise if that fails: `state` and `refused_identity` tell how it went."""
        # aiortc wants a fingerprint to compare with. We compare the pin instead.
        pinned = RTCDtlsFingerprint(algorithm=type(self._pin).__name__, value=self._pin.sha256.hex())
        self._last_flight.begin()
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
                self._last_flight.end()
        if self.refused_identity:
            await self._say_goodbye()

    def heard(self) -> None:
        """Note that something arrived that only the other side can have sent."""
        self._heard()

    def _heard(self) -> float:
        """Do what `heard` does, and return the time in monotonic seconds."""
        before, self.last_heard = self.last_heard, (now := time.monotonic())
        if before is not None and now - before > DARK_SECONDS:
            self._light_again(before, now)
        self._last_flight.end()
        return now

    def _light_again(self, before: float, now: float) -> None:
        """The path was dark from one time to the other."""
        self._lately.light_again(now)
        picture = self.counters.video.last_arrival
        # If pictures came until then, they will, and the request needn't wait for the first.
        self._was_dark = picture is None or before - picture > DARK_SECONDS
        if not self._was_dark:
            self._ask_for_key_frame()
        if now - before >= ANOTHER_PATH_SECONDS:
            self._twice.another_path()
        self._on_light(now - before)

    @property
    def exported(self) -> bytes:
        """32 bytes that only the two ends of this connection know (RFC 5705). There are none before the handshake."""
        assert self._ssl is not None
        return self._ssl.export_keying_material(EXPORTER_LABEL, EXPORTED_BYTES)

    async def send_rtp(self, packet: bytes) -> None:
        """Encrypt and send one RTP or RTCP packet. It is dropped if it is neither, or the transport isn't connected."""
        self.send_now([packet])

    def send_now(self, packets: list[bytes], *, own: bool = False) -> None:
        """Do the same with several packets at once, without a task. `own`: they come from our own encoders."""
        if self._way is None or self._state is not CONNECTED:
            return
        socket, port = self._way
        send, around = socket.send, AROUND[socket.local.version]
        session, translation, silent, path = self._tx_srtp, self._translation, self.silent, self._path
        lately, twice, taps = self._lately, self._twice, self.taps
        for packet in packets:
            rtp = len(packet) < 2 or not FIRST_RTCP_TYPE <= packet[1] <= LAST_RTCP_TYPE
            if rtp and silent:
                continue
            if taps.sent:
                taps.show_sent(packet)
            if own and rtp and path is not None:
                packet = numbered(packet, path.number(len(packet) + around, time.monotonic()))
            sent = packet if translation is None else translation.outward(packet)
            if not sent:
                continue
            try:
                datagram = session.protect(sent) if rtp else session.protect_rtcp(sent)
            except pylibsrtp.Error:
                logger.debug("an RTP packet was not sent")
                continue
            send(datagram, port)
            if rtp and packet[1] & 0x7F == VIDEO_PAYLOAD_TYPE:
                (lately.encoded_here if own else lately.sent)(datagram)
            if twice.active and twice.wants(packet, time.monotonic()):
                self._send_copy_soon(datagram)

    def _send_copy_soon(self, datagram: bytes) -> None:
        asyncio.get_running_loop().call_later(COPY_SECONDS, self._send_copy, datagram)

    def _send_copy(self, datagram: bytes) -> None:
        if self._way is not None and self._state is CONNECTED and not self.silent:
            socket, port = self._way
            socket.send(datagram, port)

    def relay_to(self, other: PinnedDtlsTransport, passing: Passing) -> None:
        """Let RTP take the fast path to another leg from now on, whenever nothing else has to be done with it.

        Does nothing unless both legs are connected and neither translates.
        """
        incoming, outgoing = self._rx_srtp, other._tx_srtp
        if self._translation is not None or other._translation is not None:
            return
        if isinstance(incoming, BoundedSession) and isinstance(outgoing, BoundedSession):
            path = fast_path(incoming, outgoing, passing, self.counters.by_payload_type, other._lately)
            self._relayed = other, path

    def relay_no_more(self) -> None:
        """Let RTP take the usual path again."""
        self._relayed = None

    @property
    def _open_way(self) -> Way | None:
        """How to send packets that only have to be encrypted; None while anything else has to be done with them."""
        busy = self.silent or self.taps.sent or self._twice.active or self._state is not CONNECTED
        return None if busy else self._way

    async def send_data(self, data: bytes) -> None:
        """Encrypt one SCTP packet and send it. Raises ConnectionError or SSL.Error if it can't be sent."""
        await self._send_data(data)

    async def request_keyframe(self) -> None:
        """Ask the other side for a whole picture, one that needs none before it (PLI: RFC 4585, section 6.3.1)."""
        self._ask_for_key_frame()

    def _ask_for_key_frame(self) -> None:
        ssrc = self.counters.video.newest
        if ssrc is not None:
            self.send_now([bytes(RtcpPsfbPacket(RTCP_PSFB_PLI, self._own_ssrc, ssrc))])

    async def asked(self, packet: bytes) -> None:
        """Handle an RTCP packet from our own side as if the other side had sent it."""
        self._forward([packet])
        await self.taps.show_received(packet)
        try:
            await super()._handle_rtcp_data(packet)
        except Exception as error:
            self._drop_malformed(error)

    async def stop(self) -> None:
        """Tell the other side, close the connection, and wait for its tasks to end."""
        running = self._task
        self._last_flight.end()
        await super().stop()
        if running is not None:
            await asyncio.wait([running])
        await self._last_flight.close()

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
        self._last_flight.sent(datagram)
        await self.transport._send(datagram)

    def _drop_unread(self, ssl: SSL.Connection) -> None:
        """Read everything that OpenSSL still holds of what came, and drop it.

        aiortc reads once for each datagram, or for each of its records (dtls_records.py). A record that OpenSSL passes
        over may hide others, which would stay in its memory, any number of them.
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
        """Decrypt datagrams and forward their packets at once, if nothing else needs them; return all other datagrams.

        So a relay needs no task and no queue, and its packets are gone before the next ones are read.
        """
        router, session = self._rtp_router, self._rx_srtp
        if self.taps.wait or router.receivers:
            return datagrams
        if self._relayed is not None:
            datagrams = self._take_fast_path(datagrams, *self._relayed)
            if not datagrams:
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

    def _take_fast_path(self, datagrams: list[bytes], other: PinnedDtlsTransport, path: FastPath) -> list[bytes]:
        """Forward what may take the fast path. Returns the datagrams that have to take the usual one."""
        now, before, way = time.monotonic(), self.last_heard, other._open_way
        if way is None or before is None or now - before > DARK_SECONDS or self._was_dark:
            return datagrams
        try:
            passed, others = path(datagrams, now)
        except Exception as error:
            self.relay_no_more()
            self.taps.failed(error)
            return []
        if passed:
            self.last_heard = now
            socket, port = way
            socket.send_all(passed, port)
        return others

    def _media_packet(self, packet: bytes, now: float) -> bytes | None:
        """Count and translate a decrypted RTP packet; returns None if it isn't of our profile."""
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
        """Count and translate a decrypted RTCP packet; returns None if it is beyond the limit, or empty."""
        if not self._rtcp.takes(now, len(packet)):
            return None
        again, packet = self._lately.asked(packet, now)
        for datagram in again:
            self._send_copy(datagram)
            if self._twice.active:
                self._send_copy_soon(datagram)
        if packet and self._translation is not None:
            packet = self._translation.inward(packet) or b""
        if not packet:
            return None
        self.counters.rtcp += 1
        if self._translation is None:
            self._report_losses(packet, now)
        self._twice.reported(packet, now)
        for _, lost in losses(packet):
            self._lately.lost(lost)
        if self._path is not None and self._path.used:
            for part in parts(packet):
                self._path.reported(part, now)
        return packet

    def _report_losses(self, packet: bytes, now: float) -> None:
        self._losses.heard(packet, now)
        alone = self.taps.reports and not self._rtp_router.receivers
        # On the way from a page to its own program nothing is lost: its browser has to hear what is lost behind it.
        if not alone and self._path is None:
            return
        if report := self._losses.report(self.counters, self._own_ssrc, now, alone=alone):
            self.send_now([report])

    def _forward(self, packets: list[bytes]) -> None:
        if not self.taps.pass_at_once(packets):
            self.relay_no_more()

    async def _pass_on(self, packet: bytes) -> None:
        self._forward([packet])
        await self.taps.feed_back(packet)
        await self.taps.show_received(packet)

    def _drop_malformed(self, error: Exception) -> None:
        # aiortc's parsers catch ValueError and leave struct.error, IndexError and others to end the connection. The
        # other side is authenticated, not trusted: a packet that can't be read costs that packet.
        self.counters.malformed += 1
        logger.debug("an RTP or RTCP packet can't be read: %s", type(error).__name__)
