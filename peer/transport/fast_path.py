"""The fast path of a relay: it decrypts, counts and encrypts RTP in one loop, and nobody looks into the packets.

Each step of Python's is paid for each packet. So what is the same for all packets of a picture is done once.

It is for packets of the kinds that the call is for, of streams that both legs know already. Everything else takes the
usual path, where each step is a function of its own (dtls.py, relay.py). Both come to the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from peer.transport.rtp_statistics import EXTENDED, MAX_EXTENSIONS, RTP_HEADER, KindCounter, StreamCounter, extensions
from peer.transport.sent_lately import SentLately
from peer.transport.srtp_streams import BoundedSession


@dataclass(slots=True)
class Forwarded:
    """Counts what has passed in one direction."""

    rtp_packets: int = 0
    rtp_bytes: int = 0
    "Bytes of whole packets before encryption, headers included."

    rtcp_packets: int = 0

    dropped: int = 0
    "Packets of a kind of media that wasn't agreed on, and those that are neither RTP nor RTCP."


@dataclass(frozen=True, slots=True)
class Passing:
    """Says what a relay forwards in one direction."""

    payload_types: frozenset[int]
    "The payload types of the media that the call is for."

    left_out: Callable[[bytes], bool] | None
    "Tells whether an RTP packet isn't forwarded. It sees only the packet's header: the rest may be encrypted."

    forwarded: Forwarded
    "Counts what is forwarded."


OF_NO_KIND, NO_STREAM = KindCounter(clock_rate=1), StreamCounter(clock_rate=1)
"Nothing is counted there."

FastPath = Callable[[list[bytes], float], tuple[list[bytes], list[bytes]]]
"""Takes datagrams that came together, and the time of the monotonic clock in seconds.

Returns what is to be sent to the next leg, and the datagrams that have to take the usual path. A datagram that the
other side hasn't sealed, or that came before, is dropped."""


def fast_path(
    incoming: BoundedSession,
    outgoing: BoundedSession,
    passing: Passing,
    counters: Mapping[int, KindCounter],
    lately: SentLately,
) -> FastPath:
    """Make the fast path between two legs. Their sessions have to live as long as it does.

    `counters` are those of the leg that the packets come from, by payload type. `lately` is the other leg's.
    """
    room = incoming.room
    content, length = room.content, room.length
    decrypt, encrypt = incoming.decrypting(room), outgoing.encrypting(room)
    heard, sent = incoming.last, outgoing.last
    counter_of = {number: counters[number] for number in passing.payload_types}.get
    forwarded, left_out, unsorted = passing.forwarded, passing.left_out, lately.unsorted
    header = RTP_HEADER.unpack_from

    def pass_on(datagrams: list[bytes], now: float) -> tuple[list[bytes], list[bytes]]:
        passed: list[bytes] = []
        others: list[bytes] = []
        bytes_before = total = stayed = 0
        # What directly follows a packet in its picture is counted together: from number `begin` to before `following`.
        stream = counted = NO_STREAM
        its_kind = its_ssrc = its_timestamp = begin = following = -1
        for datagram in datagrams:
            try:
                first, second, sequence, timestamp, ssrc = header(datagram)
            except struct.error:
                others.append(datagram)
                continue
            kind = second & 0x7F
            follows = sequence == following and timestamp == its_timestamp and ssrc == its_ssrc and kind == its_kind
            if not follows:
                counter = counter_of(kind, OF_NO_KIND)
                known = counter.streams.get(ssrc)
                if known is None or ssrc not in heard or ssrc not in sent:
                    others.append(datagram)
                    continue
                stream = known
            if first & EXTENDED and extensions(datagram) > MAX_EXTENSIONS:
                others.append(datagram)
                continue
            length[0] = size = len(datagram)
            content[0:size] = datagram
            if decrypt():
                continue
            # Only from here on: a packet that the other side hasn't sent counts for nothing.
            if follows:
                total += length[0]
                following += 1
            else:
                if following > begin:
                    counted.add_more(following - begin, total - bytes_before)
                size = length[0]
                total += size
                heard[ssrc] = now
                if counter.last_arrival != now:
                    counter.arrived(now)
                stream.add(sequence, timestamp, size, now)
                counted, its_kind, its_ssrc, its_timestamp = stream, kind, ssrc, timestamp
                following = begin = stream.highest + 1
                bytes_before = total
            if (left_out is not None and left_out(datagram)) or encrypt():
                stayed += 1
                continue
            sent[ssrc] = now
            passed.append(content[0 : length[0]])
        if following > begin:
            counted.add_more(following - begin, total - bytes_before)
        forwarded.rtp_packets += len(passed) + stayed
        forwarded.rtp_bytes += total
        unsorted.extend(passed)
        return passed, others

    return pass_on
