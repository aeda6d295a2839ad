"""The notice at the beginning of the other side's sound, after its program has answered automatically."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from peer.media.endpoints.answer_chime import CHIME_SECONDS
from peer.transport.profile import KINDS
from peer.transport.rtp_statistics import RTP_HEADER

if TYPE_CHECKING:
    from peer.transport.leg import Leg

OPUS_HZ = 48_000
"The RTP clock rate of sound (RFC 7587, section 4.1)."

NOTICE_SECONDS = CHIME_SECONDS + 0.1
"How much of the sound, from its first packet, is the notice. Its packets may be a little late."


class AnswerNotice:
    """Tells which packets of a leg are the notice, which isn't passed on to a page that plays its own."""

    def __init__(self, leg: Leg) -> None:
        self._sound = leg.counters.audio
        self._ends: int | None = None
        "The RTP timestamp at its end, once its first packet has come."

        self._over = False

    def has(self, packet: bytes) -> bool:
        """Whether an RTP packet belongs to the notice.

        Such a packet is at the beginning of the first audio stream. Another page's microphone has a separate stream,
        which is always passed on.
        """
        sound = self._sound
        if self._over or sound.first_arrival is None:
            return False
        _, second, _, timestamp, ssrc = RTP_HEADER.unpack_from(packet)
        if KINDS[second & 0x7F] != "audio" or ssrc != next(iter(sound.streams)):
            return False
        if self._ends is None:
            left = max(0.0, NOTICE_SECONDS - (time.monotonic() - sound.first_arrival))
            self._ends = timestamp + round(left * OPUS_HZ)
        # By the sender's clock: on a busy machine, its last packets may come late.
        self._over = (timestamp - self._ends) % 2**32 < 2**31
        return not self._over
