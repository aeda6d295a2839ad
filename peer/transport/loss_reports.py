"""Reports of what is lost on the way here that the sender needs beside those of the receiver. Pure.

A browser reports its sound every five seconds. Where most packets are lost, most reports are too: the sender would hear
after half a minute that the path is full, and fill it until then. And while neither a browser nor our own decoder gets
the packets, nobody reports anything.
"""

from __future__ import annotations

from aiortc.rtp import RtcpReceiverInfo, RtcpRrPacket

from peer.transport.rtp_statistics import KindCounter, MediaCounters

LOOK_SECONDS = 0.5
"Between two looks, at least."

LEAST = 20
"Packets that have to be due between two looks at heavy losses: less says little about a path."

HEAVY = 0.3
"The part of them that is lost, twice in a row: jitter makes as much of a tenth now and then."

MOST_LOST = 2**23 - 1
"Lost packets that a report can count (RFC 3550, section 6.4.1)."


class LossReports:
    """About what arrives on one leg."""

    def __init__(self) -> None:
        self._sound, self._picture = _Stream(), _Stream()
        self._heavy = False
        "Whether much of the sound was lost before the last look."

    def report(self, counters: MediaCounters, own_ssrc: int, now: float, *, alone: bool) -> bytes:
        """A receiver report (RFC 3550, section 6.4.2) with `own_ssrc` as its sender; empty if there is no need for one.

        `alone`: nobody else reports on this leg. `now` is in seconds of a clock that never goes back.
        """
        blocks = []
        sound = self._sound.look(counters.audio, now, least=1 if alone else LEAST)
        if sound is not None:
            before, self._heavy = self._heavy, sound.fraction_lost >= HEAVY * 256
            if alone or (before and self._heavy):
                blocks.append(sound)
        if alone and (picture := self._picture.look(counters.video, now, least=1)) is not None:
            blocks.append(picture)
        return bytes(RtcpRrPacket(ssrc=own_ssrc, reports=blocks)) if blocks else b""


class _Stream:
    """The stream of one kind that was heard last."""

    def __init__(self) -> None:
        self._due = 0.0
        self._ssrc: int | None = None
        self._arrived = self._lost = 0
        "Packets up to the last look."

    def look(self, counter: KindCounter, now: float, *, least: int) -> RtcpReceiverInfo | None:
        """What to report since the last look; None if it is too early, or less than `least` packets were due."""
        if now < self._due or (ssrc := counter.newest) is None:
            return None
        stream = counter.streams[ssrc]
        if ssrc != self._ssrc:
            self._ssrc, self._arrived, self._lost = ssrc, stream.packets, stream.lost
        arrived, lost = stream.packets - self._arrived, max(0, stream.lost - self._lost)
        if arrived + lost < least:
            return None
        self._due, self._arrived, self._lost = now + LOOK_SECONDS, stream.packets, stream.lost
        return RtcpReceiverInfo(
            ssrc=ssrc,
            fraction_lost=min(255, 256 * lost // (arrived + lost)),
            packets_lost=min(MOST_LOST, stream.lost),
            highest_sequence=stream.extended_highest % 2**32,
            jitter=min(2**32 - 1, int(stream.jitter * counter.clock_rate)),
            lsr=0,
            dlsr=0,
        )
