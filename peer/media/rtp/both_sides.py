"""Reads what both sides send on a leg, as whole encoded frames, while other code sends and receives it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from peer.media.rtp.depacketizer import EncodedFrame, Reception
from peer.transport.profile import MEDIA
from peer.transport.rtp_packets import is_rtp
from shared.media import Media

if TYPE_CHECKING:
    from peer.transport.leg import Leg

MAX_QUEUE = 1024
"How many packets may wait. Further packets are dropped, as if they had been lost."


class BothSides:
    """Taps a leg in both directions. It only listens, except that it asks for a key frame where it needs one."""

    def __init__(self, leg: Leg, media: Media) -> None:
        """`media` are the kinds of media that are wanted of each side."""
        self._leg = leg
        self._packets: asyncio.Queue[tuple[bool, float, bytes]] = asyncio.Queue(MAX_QUEUE)
        "For each packet: whether our side has sent it, when it passed, and its bytes."

        self._receptions = {
            own: [Reception(kind, watching=True, own=own) for kind, flag in MEDIA.items() if flag in media]
            for own in (False, True)
        }
        self._clock = asyncio.get_running_loop().time

    def open(self) -> None:
        """Start to listen."""
        self._leg.tap(self._received)
        self._leg.tap_sent(self._sent)

    def close(self) -> None:
        """Stop listening."""
        self._leg.untap(self._received)
        self._leg.untap_sent(self._sent)

    async def next(self, patience: float | None = None) -> list[EncodedFrame] | None:
        """Wait for the next packet and return the frames that it completes, often none.

        Returns None if no packet came for `patience` seconds. Also sends requests for key frames that are due.
        """
        try:
            async with asyncio.timeout(patience):
                own, now, data = await self._packets.get()
        except TimeoutError:
            return None
        frames: list[EncodedFrame] = []
        for reception in self._receptions[own]:
            frames += reception.add(data, now)
            for request in reception.take_feedback():
                await (self._leg.ask_own_side(request) if own else self._leg.send_rtp(request))
        return frames

    def want_key_frame(self) -> None:
        """Ask both senders for a key frame."""
        for receptions in self._receptions.values():
            for reception in receptions:
                reception.want_key_frame()

    async def _received(self, packet: bytes) -> None:
        self._take(False, packet)

    def _sent(self, packet: bytes) -> None:
        self._take(True, packet)

    def _take(self, own: bool, packet: bytes) -> None:
        if len(packet) > 1 and is_rtp(packet):
            with contextlib.suppress(asyncio.QueueFull):
                self._packets.put_nowait((own, self._clock(), packet))
