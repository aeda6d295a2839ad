"""Heavy losses of the sound that arrives, which its sender has to know at once. Pure.

A browser reports its sound every five seconds. Where most packets are lost, most reports are too: the sender would hear
after half a minute that the path is full, and fill it until then.
"""

from __future__ import annotations

from aiortc.rtp import RtcpReceiverInfo, RtcpRrPacket

from peer.transport.rtp_statistics import KindCounter

LOOK_SECONDS = 0.5
"Between two looks, at least."

LEAST = 20
"Packets that have to be due between two looks: less says little about a path."

HEAVY = 0.3
"The part of them that is lost, twice in a row: jitter makes as much of a tenth now and then."

MOST_LOST = 2**23 - 1
"Lost packets that a report can count (RFC 3550, section 6.4.1)."


class HeavyLosses:
    """Of the sound on one leg."""

    def __init__(self) -> None:
        self._due = 0.0
        self._ssrc: int | None = None
        self._arrived = self._lost = 0
        "Packets of that stream up to the last look."

        self._heavy = False
        "Whether the last look was at heavy losses."

    def report(self, sound: KindCounter, own_ssrc: int, now: float) -> bytes:
        """A receiver report about the stream that was heard last (RFC 3550, section 6.4.2), with `own_ssrc` as its
        sender; empty if there is no need for one. `now` is in seconds of a clock that never goes back.
        """
        if now < self._due or (ssrc := sound.newest) is None:
            return b""
        stream = sound.streams[ssrc]
        if ssrc != self._ssrc:
            self._ssrc, self._arrived, self._lost = ssrc, stream.packets, stream.lost
        arrived, lost = stream.packets - self._arrived, max(0, stream.lost - self._lost)
        if arrived + lost < LEAST:
            return b""
        self._due, self._arrived, self._lost = now + LOOK_SECONDS, stream.packets, stream.lost
        before, self._heavy = self._heavy, lost >= HEAVY * (arrived + lost)
        if not before or not self._heavy:
            return b""
        block = RtcpReceiverInfo(
            ssrc=ssrc,
            fraction_lost=min(255, 256 * lost // (arrived + lost)),
            packets_lost=min(MOST_LOST, stream.lost),
            highest_sequence=stream.extended_highest % 2**32,
            jitter=min(2**32 - 1, int(stream.jitter * sound.clock_rate)),
            lsr=0,
            dlsr=0,
        )
        return bytes(RtcpRrPacket(ssrc=own_ssrc, reports=[block]))
