"""What takes the fast path of a relay, and that the result is the same as on the usual path."""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass, field

import pylibsrtp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.fast_path import FastPath, Forwarded, Passing, fast_path
from peer.transport.profile import AUDIO_PAYLOAD_TYPE, VIDEO_PAYLOAD_TYPE
from peer.transport.rtp_statistics import EXTENDED, MAX_EXTENSIONS, MediaCounters
from peer.transport.sent_lately import SentLately
from peer.transport.srtp_streams import IDLE_SECONDS, MOST, BoundedSession

SOUND, PICTURE = AUDIO_PAYLOAD_TYPE, VIDEO_PAYLOAD_TYPE
LEFT_OUT = 9
"The SSRC of a stream that isn't relayed."


def session(kind: int) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(key=bytes(30), ssrc_type=kind)
    policy.allow_repeat_tx, policy.window_size = True, 1024
    return pylibsrtp.Session(policy)


def rtp(sequence: int, *, kind: int = PICTURE, ssrc: int = 7, timestamp: int = 0, rest: bytes = b"picture") -> bytes:
    return struct.pack("!BBHLL", 0x80, kind, sequence, timestamp, ssrc) + rest


def extended(sequence: int, words: int, **fields: int) -> bytes:
    """A packet with this many words of header extensions."""
    packet = rtp(sequence, rest=b"\xbe\xde" + words.to_bytes(2) + bytes(4 * words) + b"picture", **fields)
    return bytes([packet[0] | EXTENDED]) + packet[1:]


@dataclass
class Way:
    """A relay from one leg to another, with all its counters."""

    payload_types: frozenset[int] = frozenset({SOUND, PICTURE})
    clock: list[float] = field(default_factory=lambda: [0.0])
    counters: MediaCounters = field(default_factory=MediaCounters)
    lately: SentLately = field(default_factory=SentLately)
    forwarded: Forwarded = field(default_factory=Forwarded)

    def __post_init__(self) -> None:
        self.incoming = BoundedSession(session(pylibsrtp.Policy.SSRC_ANY_INBOUND), lambda: self.clock[0])
        self.outgoing = BoundedSession(session(pylibsrtp.Policy.SSRC_ANY_OUTBOUND), lambda: self.clock[0])
        passing = Passing(self.payload_types, self.left_out, self.forwarded)
        self.path: FastPath = fast_path(
            self.incoming, self.outgoing, passing, self.counters.by_payload_type, self.lately
        )

    @staticmethod
    def left_out(packet: bytes) -> bool:
        return packet[8:12] == LEFT_OUT.to_bytes(4)

    def usual(self, datagrams: list[bytes]) -> list[bytes]:
        """Relay step by step, as peer/transport does with RTP without the fast path."""
        passed = []
        for datagram in datagrams:
            try:
                packet = self.incoming.unprotect(datagram)
            except pylibsrtp.Error:
                continue
            if self.counters.add_rtp(packet, self.clock[0]) is None or packet[1] & 0x7F not in self.payload_types:
                continue
            self.forwarded.rtp_packets += 1
            self.forwarded.rtp_bytes += len(packet)
            if self.left_out(packet):
                continue
            passed.append(self.outgoing.protect(packet))
            if packet[1] & 0x7F == PICTURE:
                self.lately.sent(passed[-1])
        return passed

    def known(self, *packets: bytes) -> pylibsrtp.Session:
        """The session that encrypts for this relay. It already knows the streams of these packets."""
        sender = session(pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
        self.usual([sender.protect(packet) for packet in packets])
        return sender

    @property
    def counted(self) -> list[object]:
        kinds = (self.counters.audio, self.counters.video)
        streams = [
            (kind.packets, kind.bytes, kind.lost, kind.gaps, kind.longest_gap, kind.last_arrival, kind.first_arrival)
            for kind in kinds
        ]
        self.lately.sort()
        jitter = [(ssrc, stream.jitter) for kind in kinds for ssrc, stream in sorted(kind.streams.items())]
        return [streams, jitter, astuple(self.forwarded), self.counters.malformed, self.lately.credit]


def opened(datagrams: list[bytes]) -> list[bytes]:
    """What the next leg decrypts."""
    receiver = session(pylibsrtp.Policy.SSRC_ANY_INBOUND)
    return [receiver.unprotect(datagram) for datagram in datagrams]


@dataclass(frozen=True)
class Sent:
    """A packet without its sequence number, and what happens to it on its way."""

    stream: tuple[int, int]
    "Second byte and SSRC."

    timestamp: int
    rest: bytes
    words: int | None
    "Words of header extensions. None: no extension."

    fate: str

    def arrives(self, sender: pylibsrtp.Session, sequence: int) -> list[bytes]:
        kind, ssrc = self.stream
        if self.words is None:
            packet = rtp(sequence, kind=kind, ssrc=ssrc, timestamp=self.timestamp, rest=self.rest)
        else:
            packet = extended(sequence, self.words, kind=kind, ssrc=ssrc, timestamp=self.timestamp)
        datagram = sender.protect(packet)
        whole, damaged = [datagram], [datagram[:-1] + bytes([datagram[-1] ^ 1])]
        return {"twice": whole * 2, "damaged": damaged, "short": [datagram[:11]]}.get(self.fate, whole)


several = st.lists(
    st.builds(
        Sent,
        st.sampled_from(((SOUND, 1), (SOUND, LEFT_OUT), (PICTURE, 7), (PICTURE | 0x80, 7), (PICTURE, 8), (100, 7))),
        st.sampled_from((0, 960, 2**32 - 1)),
        st.binary(max_size=30),
        st.sampled_from((None, None, 0, 1, MAX_EXTENSIONS, MAX_EXTENSIONS + 1)),
        st.sampled_from(("whole", "whole", "whole", "twice", "damaged", "short")),
    ),
    min_size=1,
    max_size=9,
)


several_times = st.lists(st.tuples(several, st.integers(0, 9), st.floats(0, 0.5)))
"Each with how many of the first come last, and the seconds since those before."


@given(several_times, st.sampled_from((0, 1_000, 65_520)))
def test_it_comes_to_the_same_as_the_usual_path(lists: list[tuple[list[Sent], int, float]], sequence: int) -> None:
    sender, fast, usual = session(pylibsrtp.Policy.SSRC_ANY_OUTBOUND), Way(), Way()
    for sent, late, later in lists:
        fast.clock[0] += later
        usual.clock[0] += later
        datagrams = []
        for each in sent:
            sequence = (sequence + 1) % 2**16
            datagrams += each.arrives(sender, sequence)
        datagrams = datagrams[late:] + datagrams[:late]
        passed, others = fast.path(datagrams, fast.clock[0])
        assert sorted(passed + fast.usual(others)) == sorted(usual.usual(datagrams))
        assert fast.counted == usual.counted
        assert fast.lately.datagrams == usual.lately.datagrams
        assert fast.incoming.last == usual.incoming.last
        assert fast.outgoing.last == usual.outgoing.last


def test_packets_of_known_streams_pass_in_order_as_they_were() -> None:
    way = Way()
    sender = way.known(rtp(1), rtp(1, kind=SOUND, ssrc=8))
    sent = [rtp(2), rtp(2, kind=SOUND, ssrc=8), rtp(3), extended(4, 3), rtp(5, rest=bytes(1_300))]
    passed, others = way.path([sender.protect(packet) for packet in sent], 1.0)
    assert opened(passed) == sent
    assert not others


@pytest.mark.parametrize(
    "packet",
    [rtp(2, ssrc=5), rtp(2, kind=SOUND), rtp(2, kind=100), rtp(2, kind=200), extended(2, MAX_EXTENSIONS + 1)],
    ids=["new stream", "another kind", "no kind", "report", "extensions"],
)
def test_it_leaves_what_is_not_usual_as_it_came(packet: bytes) -> None:
    way = Way()
    datagram = way.known(rtp(1)).protect(packet)
    before = way.counted
    assert way.path([datagram, b"\x80"], 1.0) == ([], [datagram, b"\x80"])
    assert way.counted == before


def test_a_picture_that_comes_late_is_counted_as_on_the_usual_path() -> None:
    fast, usual = Way(), Way()
    packets = [rtp(number) for number in (2, 7, 8, 3, 4, 5, 9, 10)]
    sender = fast.known(rtp(1))
    passed, _ = fast.path([sender.protect(packet) for packet in packets], 0.0)
    assert opened(passed) == packets
    usual.known(rtp(1), *packets)
    assert fast.counted == usual.counted
    assert fast.counters.video.lost == 1


def test_it_leaves_a_kind_that_the_call_is_not_for() -> None:
    way = Way(frozenset({SOUND}))
    sender = way.known(rtp(1), rtp(1, kind=SOUND, ssrc=8))
    datagrams = [sender.protect(packet) for packet in (rtp(2), rtp(2, kind=SOUND, ssrc=8))]
    passed, others = way.path(datagrams, 1.0)
    assert opened(passed) == [rtp(2, kind=SOUND, ssrc=8)]
    assert others == datagrams[:1]


def test_what_nobody_has_sealed_counts_for_nothing_and_costs_nothing_else() -> None:
    way = Way()
    sender = way.known(rtp(1))
    first, second = (sender.protect(rtp(number, rest=bytes(600))) for number in (2, 3))
    before = way.counted
    assert way.path([second[:-1], second[:12] + bytes(600)], 1.0) == ([], [])
    assert way.counted == before
    assert way.incoming.last == {7: 0.0}
    passed, _ = way.path([first, first, second[:-1], second], 1.0)
    assert opened(passed) == [rtp(number, rest=bytes(600)) for number in (2, 3)]


def test_a_stream_that_has_given_way_to_another_is_not_known_any_more() -> None:
    way = Way()
    sender = way.known(rtp(1))
    for ssrc in range(100, 100 + MOST):
        way.clock[0] += IDLE_SECONDS
        way.usual([sender.protect(rtp(1, kind=SOUND, ssrc=ssrc))])
    assert 7 not in way.incoming.last
    datagram = sender.protect(rtp(2))
    assert way.path([datagram], way.clock[0]) == ([], [datagram])
    assert way.incoming.streams == way.outgoing.streams == MOST
