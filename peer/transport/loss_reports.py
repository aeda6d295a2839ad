"""Reports of what is lost on the way here that the sender needs beside those of the receiver. Pure.

A browser reports its sound every five seconds. Where most packets are lost, most reports are too: the sender would hear
after half a minute that the path is full, and fill it until then. While only sound comes, its sender may be trying
whether more fits (audio_first.py), and hears of a try that fails when it is over. And while neither a browser nor our
own decoder gets the packets, nobody reports anything.
"""

from __future__ import annotations

from aiortc.rtp import RtcpReceiverInfo, RtcpRrPacket

from peer.transport.rtp_statistics import KindCounter, MediaCounters
from peer.transport.sent_twice import SENDER_REPORT

LOOK_SECONDS = 0.5
"Between two looks, at least."

LEAST, LEAST_ALONE = 20, 10
"""Packets that have to be due between two looks at heavy losses, and while only sound comes, which may be eight a
second: less says little about a path."""

PICTURE_SECONDS = 2.0
"Without a packet of a picture for so long only sound comes."

HEAVY = 0.3
"The part of them that is lost, twice in a row: jitter makes as much of a tenth now and then."

SENDER_REPORT_BYTES = 28
"The least of one: its header, and what it says of the sender (RFC 3550, section 6.4.1)."

DELAY_UNITS = 65_536
"A second, in units of a report's `dlsr` (RFC 3550, section 6.4.1)."

MOST_LOST = 2**23 - 1
"Lost packets that a report can count (RFC 3550, section 6.4.1)."


class LossReports:
    """About what arrives on one leg."""

    def __init__(self) -> None:
        self._sound, self._picture = _Stream(), _Stream()
        self._heavy = False
        "Whether much of the sound was lost before the last look."

        self._sender_report: tuple[int, int, float] | None = None
        "The last one about the sound: its SSRC, its time as `lsr` has it, and when it came in seconds."

    def heard(self, packet: bytes, now: float) -> None:
        """Note the sender's time in an RTCP packet, so that reports tell it how long they take there and back."""
        if len(packet) < SENDER_REPORT_BYTES or packet[1] != SENDER_REPORT:
            return
        ssrc = int.from_bytes(packet[4:8], "big")
        if ssrc == self._sound.ssrc:
            self._sender_report = (ssrc, int.from_bytes(packet[10:14], "big"), now)

    def report(self, counters: MediaCounters, own_ssrc: int, now: float, *, alone: bool) -> bytes:
        """A receiver report (RFC 3550, section 6.4.2) with `own_ssrc` as its sender; empty if there is no need for one.

        `alone`: nobody else reports on this leg. `now` is in seconds of a clock that never goes back.
        """
        blocks = []
        pictured = counters.video.last_arrival
        only_sound = pictured is None or now - pictured >= PICTURE_SECONDS
        least = 1 if alone else LEAST_ALONE if only_sound else LEAST
        sound = self._sound.look(counters.audio, now, least=least)
        if sound is not None:
            self._answer(sound, now)
            before, self._heavy = self._heavy, sound.fraction_lost >= HEAVY * 256
            if alone or only_sound or (before and self._heavy):
                blocks.append(sound)
        if alone and (picture := self._picture.look(counters.video, now, least=1)) is not None:
            blocks.append(picture)
        return bytes(RtcpRrPacket(ssrc=own_ssrc, reports=blocks)) if blocks else b""

    def _answer(self, sound: RtcpReceiverInfo, now: float) -> None:
        if self._sender_report is not None and self._sender_report[0] == sound.ssrc:
            _, sound.lsr, at = self._sender_report
            sound.dlsr = min(2**32 - 1, int((now - at) * DELAY_UNITS))


class _Stream:
    """The stream of one kind that was heard last."""

    def __init__(self) -> None:
        self.ssrc: int | None = None
        self._due = 0.0
        self._arrived = self._lost = 0
        "Packets up to the last look."

    def look(self, counter: KindCounter, now: float, *, least: int) -> RtcpReceiverInfo | None:
        """What to report since the last look; None if it is too early, or less than `least` packets were due."""
        if now < self._due or (ssrc := counter.newest) is None:
            return None
        stream = counter.streams[ssrc]
        if ssrc != self.ssrc:
            self.ssrc, self._arrived, self._lost = ssrc, stream.packets, stream.lost
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
