"""What is sent twice over a path that loses packets: sound, and what was lost already. Pure.

The copy is the same encrypted packet a little later. The other side drops the second of two as a replay (RFC 3711,
section 3.3.2), whatever program it is, and nothing is negotiated. A tenth of all packets lost becomes a hundredth.
"""

from __future__ import annotations

from peer.transport.profile import AUDIO_PAYLOAD_TYPE, KINDS, OPUS
from peer.transport.rtp_statistics import RTP_HEADER
from peer.transport.send_path import is_feedback
from shared.rate import Bucket, Limit

COPY_SECONDS = 0.03
"After the packet. What loses one often loses the next as well; and a jitter buffer waits at least this long."

LOST = 0.04
"The part of a stream's packets that the other side reports as lost from which on copies are tried."

SETTLE_SECONDS = 1.0
"Then what the other side reports of the sound next begins with a time in which there were copies."

HELPED = 0.5
"""Where more than this part of what was lost before is still lost, and no less than LOST, the path is full, and copies
fill it more."""

PICTURE_COPIES = Limit(at_once=16 * 1024, per_second=25_000.0)
"""Bytes of pictures that are sent twice before anybody has asked for them, once copies of the sound have helped. On
such paths a browser sends small ones, and on long ones a request comes too late."""

LONG_SECONDS = 2.0
"""A report about that much time that says that they don't help is believed at once. Of short ones it takes two, with
more than the one packet of 25 that may be chance."""

QUIET_SECONDS = 60.0
"Without any loss for so long they end."

REST_SECONDS, MOST_REST_SECONDS = 10.0, 640.0
"Before copies that didn't help are tried again; twice as long after each time."

SENDER_REPORT, RECEIVER_REPORT = 200, 201
"RTCP packet types (RFC 3550, section 6.4). One of them begins each compound packet."

BLOCK = 24
"Bytes of a report block."


class SentTwice:
    """Whether copies help on one leg, and of which packets there are any."""

    def __init__(self) -> None:
        self.active = False
        "Whether there are copies now."

        self._helps = False
        "Whether fewer packets are lost with them."

        self._before = 0.0
        "The part that was lost without them."

        self._reported = 0.0
        "When the sound was last reported, in seconds."

        self._in_vain = False
        "Whether as much was lost in the last report."

        self._begun = 0.0
        self._settled = False
        "Whether the next report on the sound tells of copies alone."

        self._lossy = 0.0
        self._rest = REST_SECONDS
        self._rests_until = 0.0
        self._pictures = Bucket(PICTURE_COPIES)
        self._sound: tuple[int, int, int] | None = None
        "SSRC, sequence number and timestamp of the last packet of sound."

        self._usual = False
        "Whether the sound is packed as usual."

        self._highest: dict[int, int] = {}
        "Of each stream of pictures, by SSRC: the sequence number that was sent last for the first time."

    def reported(self, packet: bytes, now: float) -> None:
        """Learn from one RTCP packet of the other side, which came at `now`, in seconds."""
        for ssrc, lost in losses(packet):
            if self.active:
                self._judge(ssrc, lost, now)
            elif lost >= LOST and now >= self._rests_until:
                self._begin(lost, now)

    def another_path(self) -> None:
        """Forget that copies didn't help: the path may be another one."""
        self._rest, self._rests_until = REST_SECONDS, 0.0

    def wants(self, packet: bytes, now: float) -> bool:
        """Whether this RTP or RTCP packet of our profile, which is being sent, is sent again. Asked while active."""
        kind = packet[1] & 0x7F
        if len(packet) < RTP_HEADER.size or kind not in KINDS:
            # A request for what was lost; of arrivals the next report tells as well.
            return not is_feedback(packet)
        _, _, sequence, timestamp, ssrc = RTP_HEADER.unpack_from(packet)
        if kind == AUDIO_PAYLOAD_TYPE:
            before, self._sound = self._sound, (ssrc, sequence, timestamp)
            follows = before is not None and before[:2] == (ssrc, sequence - 1 & 0xFFFF)
            if before is not None and follows:
                usual, self._usual = self._usual, (timestamp - before[2]) % 2**32 <= OPUS.block
                if usual and not self._usual and not self._helps:
                    # It is packed closer from here on: the path has just turned out to be narrow (audio_first.py).
                    self._end(now)
                    return False
            return True
        highest = self._highest.setdefault(ssrc, sequence)
        if 0 < (sequence - highest) % 2**16 < 2**15:
            self._highest[ssrc] = sequence
        elif sequence != highest:
            return True  # it was asked for again
        return self._helps and self._pictures.takes(now, len(packet))

    def _judge(self, ssrc: int, lost: float, now: float) -> None:
        """Whether they are to go on."""
        if lost:
            self._lossy = now
        elif now - self._lossy >= QUIET_SECONDS:
            self.active = False
        if self._sound is None or ssrc != self._sound[0] or now - self._begun < SETTLE_SECONDS:
            return
        before, self._reported = self._reported, now
        if not self._settled:
            self._settled = True
            if lost >= LOST:
                # Of a picture it may have been anything: some seconds have few packets.
                self._before = lost
        elif lost >= LOST and lost > self._before * HELPED:
            if now - before >= LONG_SECONDS or (self._in_vain and lost >= 2 * LOST):
                self._end(now)
            self._in_vain = lost >= 2 * LOST
        else:
            self._helps, self._in_vain, self._rest = True, False, REST_SECONDS

    def _begin(self, lost: float, now: float) -> None:
        self.active, self._helps, self._settled, self._in_vain = True, False, False, False
        self._before, self._begun, self._lossy = lost, now, now
        self._sound, self._usual = None, False
        self._highest.clear()

    def _end(self, now: float) -> None:
        self.active = False
        self._rests_until = now + self._rest
        self._rest = min(2 * self._rest, MOST_REST_SECONDS)


def losses(packet: bytes) -> list[tuple[int, float]]:
    """What the report at the beginning of an RTCP packet says: SSRCs, and the part of each that was lost."""
    if len(packet) < 8 or packet[1] not in (SENDER_REPORT, RECEIVER_REPORT):
        return []
    begin = 28 if packet[1] == SENDER_REPORT else 8
    end = min(begin + BLOCK * (packet[0] & 0x1F), len(packet) - BLOCK + 1)
    return [(int.from_bytes(packet[at : at + 4], "big"), packet[at + 4] / 256) for at in range(begin, end, BLOCK)]
