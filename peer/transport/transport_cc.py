"""Tells a browser how its packets arrive, so that it finds the best bitrate (transport-wide congestion control).

A browser numbers all packets that it sends in header extension 3, whatever stream they are of, and wants to hear when
each arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01). If nobody answers it goes down to almost nothing. In
a relayed call the other browser answers; in all others, and while a page is away, this does.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Awaitable, Callable

from peer.transport.profile import TRANSPORT_CC_EXTENSION
from peer.transport.sequence_numbers import unwrapped

FEEDBACK_SECONDS = 0.1
SELDOM_SECONDS = 0.25
"Between two reports; the second if the last one was about less than MANY packets. A browser waits 50 to 250 ms."

MANY = 6
"Sound alone is 50 packets a second. On a path that carries no more, each report counts."

MAX_AHEAD = 448
MAX_LATE = 64
"""Numbers after the end of the last report, and before it, that the next report can be about.

A packet further off means that the sender has started again. Whatever numbers it chooses, a report is about at most
512 packets and at most MAX_REPORT bytes long."""

MAX_REPORT = 1_200
"Bytes."

TICK = 0.00025
"Seconds: the unit of arrival times (section 3.1.5)."

REFERENCE_TICKS = 256
"Ticks of a unit of the reference time: 64 ms."

SYMBOLS = 7
"Packets in one status vector chunk of two bits each (section 3.1.4)."

NOT_RECEIVED, SMALL_DELTA, LARGE_DELTA = 0, 1, 2

RTPFB = 205
TRANSPORT_FEEDBACK = 15
"RTCP packet type and format (RFC 4585, section 6.2; section 3.1 of the draft)."

ONE_BYTE_EXTENSIONS = 0xBEDE
"RFC 8285, section 4.2."

_HEADER = struct.Struct("!BBHLLHH")


class TransportFeedback:
    """Notes when packets arrive, and reports it with every packet after which a report is due."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]], clock: Callable[[], float]) -> None:
        """`send` takes one RTCP packet, `clock` gives seconds that never go back."""
        self.enabled = True
        "Off while another side reports for us (`enable`)."

        self._send = send
        self._clock = clock
        self._ssrc = secrets.randbits(32)
        self._media_ssrc = 0
        self._arrivals: dict[int, float] = {}
        "By number, counted on beyond 16 bits."
        self._next = 0
        "The first number that no report has had; 0 before the first packet."
        self._reports = 0
        self._due = 0.0

    def enable(self, enabled: bool) -> None:
        """Report from now on, or leave it to another side."""
        self.enabled = enabled
        self._next = 0
        self._arrivals.clear()

    async def received(self, packet: bytes) -> None:
        """Take a decrypted packet. Those without a number, and RTCP, are ignored."""
        if not self.enabled:
            return
        number = transport_number(packet)
        if number is None:
            return
        now = self._clock()
        self._note(number, now)
        # A browser hands a report to the stream that it is about, though it is about all of them.
        self._media_ssrc = int.from_bytes(packet[8:12], "big")
        if now >= self._due:
            self._due = now + (FEEDBACK_SECONDS if len(self._arrivals) >= MANY else SELDOM_SECONDS)
            await self._send(self.report())

    def report(self) -> bytes:
        """Everything that has arrived since the last report, which must be something, as one RTCP packet."""
        start = min(self._next, min(self._arrivals))
        arrivals = [self._arrivals.get(number) for number in range(start, max(self._arrivals) + 1)]
        self._next = max(self._next, start + len(arrivals))
        self._arrivals.clear()
        self._reports += 1
        return feedback((self._ssrc, self._media_ssrc), start & 0xFFFF, arrivals, self._reports & 0xFF)

    def _note(self, number: int, now: float) -> None:
        counted_on = unwrapped(number, self._next, 16)
        if not self._next or not -MAX_LATE <= counted_on - self._next < MAX_AHEAD:
            self._arrivals.clear()
            # Far enough from zero for packets that are late, and with the same last 16 bits.
            counted_on = self._next = number + 0x10000
        self._arrivals.setdefault(counted_on, now)


def transport_number(packet: bytes) -> int | None:
    """The transport-wide sequence number of an RTP packet, 16 bits; None if it has none."""
    if len(packet) < 16 or not packet[0] & 0x10 or 192 <= packet[1] <= 223:
        return None
    at = 12 + 4 * (packet[0] & 0x0F)
    if len(packet) < at + 4 or int.from_bytes(packet[at : at + 2], "big") != ONE_BYTE_EXTENSIONS:
        return None
    end = min(len(packet), at + 4 + 4 * int.from_bytes(packet[at + 2 : at + 4], "big"))
    at += 4
    while at < end:
        identity, length = packet[at] >> 4, (packet[at] & 0x0F) + 1
        if identity == 0:  # padding
            at += 1
        elif identity == TRANSPORT_CC_EXTENSION and length == 2 and at + 3 <= end:
            return int.from_bytes(packet[at + 1 : at + 3], "big")
        elif identity == 15:
            return None
        else:
            at += 1 + length
    return None


def feedback(ssrcs: tuple[int, int], base: int, arrivals: list[float | None], count: int) -> bytes:
    """One report: when the packets from number `base` on arrived, in seconds, None for those that didn't.

    `ssrcs` are ours and one of the sender's. At least one packet has arrived. `count` numbers the reports, 8 bits.
    """
    first = next(arrival for arrival in arrivals if arrival is not None)
    reference = int(first / TICK) // REFERENCE_TICKS
    ticks = reference * REFERENCE_TICKS
    symbols: list[int] = []
    deltas = b""
    for arrival in arrivals:
        if arrival is None:
            symbols.append(NOT_RECEIVED)
            continue
        delta = max(-0x8000, min(0x7FFF, round(arrival / TICK) - ticks))
        ticks += delta
        if 0 <= delta <= 0xFF:
            symbols.append(SMALL_DELTA)
            deltas += delta.to_bytes(1, "big")
        else:
            symbols.append(LARGE_DELTA)
            deltas += delta.to_bytes(2, "big", signed=True)
    chunks = b"".join(_vector(symbols[at : at + SYMBOLS]) for at in range(0, len(symbols), SYMBOLS))
    body = (reference & 0xFFFFFF).to_bytes(3, "big") + bytes([count]) + chunks + deltas
    padding = -len(body) % 4
    if padding:
        body += bytes(padding - 1) + bytes([padding])
    first_byte = 0x80 | (0x20 if padding else 0) | TRANSPORT_FEEDBACK
    words = (_HEADER.size + len(body)) // 4 - 1
    return _HEADER.pack(first_byte, RTPFB, words, *ssrcs, base, len(arrivals)) + body


def _vector(symbols: list[int]) -> bytes:
    bits = 0
    for symbol in symbols + [NOT_RECEIVED] * (SYMBOLS - len(symbols)):
        bits = bits << 2 | symbol
    return (0xC000 | bits).to_bytes(2, "big")
