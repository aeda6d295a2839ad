"""Encodes and sends one kind of media, on aiortc's sender.

Private names of aiortc's sender are used here and nowhere else; tests/peer/transport/test_private_names.py lists them.
"""

from __future__ import annotations

import time

from aiortc import MediaStreamTrack, RTCDtlsTransport, RTCRtpSender
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    unpack_remb_fci,
)

from peer.transport.encoding import EncodedTrack
from peer.transport.send_path import SendPath
from peer.transport.sent_lately import FULL
from shared.rate import Bucket, Limit

SENT_AGAIN = Limit(at_once=256, per_second=1000.0)
"""Packets. A report of losses may name 6,000 of them in 1,500 bytes, the same one any number of times (RFC 4585,
section 6.2.1); what a lossy path needs is a third of what is sent, some 300 a second at most."""

WHOLE_PICTURES = Limit(at_once=3, per_second=4.0)
"Whole pictures that the other side may ask for (RFC 4585, section 6.3.1); they cost the most to encode and to send."

BIT_RATES = Limit(at_once=4, per_second=2.0)
"""Bit rates that the other side may name (draft-alvestrand-rmcat-remb). For each that differs enough there is a new
encoder, whose first picture is a whole one."""


class EncodingSender(RTCRtpSender):
    """Does what the other side's RTCP asks for, within the limits above, and ignores the rest."""

    def __init__(self, track: MediaStreamTrack, transport: RTCDtlsTransport, path: SendPath) -> None:
        """`path` learns how much the other side believes it can take."""
        super().__init__(track, transport)
        self._path = path
        self._encoded = track if isinstance(track, EncodedTrack) else None
        self._sent_again = Bucket(SENT_AGAIN)
        self._whole_pictures = Bucket(WHOLE_PICTURES)
        self._bit_rates = Bucket(BIT_RATES)

    # What aiortc calls.

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        now = time.monotonic()
        if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            if self._path.lost >= FULL:
                return
            for number in dict.fromkeys(packet.lost):
                if not self._sent_again.takes(now):
                    return
                await self._retransmit(number)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
            if self._whole_pictures.takes(now):
                if self._encoded is not None:
                    self._encoded.want_whole()
                await super()._handle_rtcp_packet(packet)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            if self._bit_rates.takes(now):
                self._take_bit_rate(packet)
                await super()._handle_rtcp_packet(packet)
        else:
            await super()._handle_rtcp_packet(packet)

    def _take_bit_rate(self, packet: RtcpPsfbPacket) -> None:
        try:
            bits, ssrcs = unpack_remb_fci(packet.fci)
        except ValueError:
            return
        if self._ssrc in ssrcs:
            self._path.estimated(bits)
