"""Reads what arrives on a leg, as whole encoded frames."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import TYPE_CHECKING

from aiortc.rtp import (
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    AnyRtcpPacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpSrPacket,
    is_rtcp,
)

from peer.media.rtp.depacketizer import EncodedFrame, Reception
from peer.transport.profile import MEDIA
from shared.media import Media

if TYPE_CHECKING:
    from peer.transport.leg import Leg

MAX_QUEUE = 512
"How many packets may wait. Further packets are dropped, like packets lost on the way."


class Incoming:
    """Taps a leg and reads frames of the wanted kinds from it.

    With `mirrored`, a request by the other side for a key frame goes back to the other side. That is for an endpoint
    that echoes what arrives and has no encoder to make a key frame.
    """

    def __init__(self, leg: Leg, media: Media, *, mirrored: bool = False, patience: float | None = None) -> None:
        """`patience` is how many seconds to wait for a missing packet; None: as long as suits a recording."""
        self._leg = leg
        self._mirrored = mirrored
        self._packets: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MAX_QUEUE)
        self._receptions = [Reception(kind, patience) for kind, flag in MEDIA.items() if flag in media]
        self._clock = asyncio.get_running_loop().time

    def open(self) -> None:
        """Start to listen."""
        self._leg.tap(self._on_packet)

    def close(self) -> None:
        """Stop listening."""
        self._leg.untap(self._on_packet)

    async def next(self, patience: float | None = None) -> list[EncodedFrame] | None:
        """Wait for the next packet and return the frames that it completes, often none.

        Returns None if no packet came for `patience` seconds. Also sends reports and requests that are due.
        """
        try:
            async with asyncio.timeout(patience):
                now, data = await self._packets.get()
        except TimeoutError:
            return None
        frames: list[EncodedFrame] = []
        if is_rtcp(data):
            self._on_rtcp(data, now)
        else:
            for reception in self._receptions:
                frames += reception.add(data, now)
        for reception in self._receptions:
            for feedback in reception.take_feedback():
                await self._leg.send_rtp(feedback)
        return frames

    def want_key_frame(self) -> None:
        """Ask the sender for a key frame."""
        for reception in self._receptions:
            reception.want_key_frame()

    async def _on_packet(self, data: bytes) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._packets.put_nowait((self._clock(), data))

    def _on_rtcp(self, data: bytes, now: float) -> None:
        for packet in _parsed(data):
            if isinstance(packet, RtcpSrPacket):
                for reception in self._receptions:
                    reception.note_report(packet, now)
            elif self._mirrored and _asks_key_frame(packet):
                self.want_key_frame()


def key_frame_asked(data: bytes) -> bool:
    """Whether the data is an RTCP packet that asks for a key frame (RFC 4585, RFC 5104)."""
    return is_rtcp(data) and any(map(_asks_key_frame, _parsed(data)))


def _asks_key_frame(packet: AnyRtcpPacket) -> bool:
    return isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR)


def _parsed(data: bytes) -> list[AnyRtcpPacket]:
    try:
        return RtcpPacket.parse(data)
    except (ValueError, struct.error):
        return []
