"""What is sent twice over a lossy path, and when that begins and ends. The other side gets it once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from aiortc.rtp import (
    RTCP_RTPFB_NACK,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    RtpPacket,
)
from hypothesis import given
from hypothesis import strategies as st

from peer.overlay import Address
from peer.transport.sent_twice import (
    MOST_REST_SECONDS,
    QUIET_SECONDS,
    REST_SECONDS,
    SETTLE_SECONDS,
    SentTwice,
    losses,
)
from peer.transport.udp_socket import OverlaySocket
from tests.peer.pair import PATIENCE, together, two_legs

SOUND, PICTURE = 1, 2
"SSRCs."


def report(lost: float, ssrc: int = SOUND) -> bytes:
    """A receiver report about this share of lost packets in a stream."""
    info = RtcpReceiverInfo(
        ssrc=ssrc, fraction_lost=int(lost * 256), packets_lost=0, highest_sequence=0, jitter=0, lsr=0, dlsr=0
    )
    return bytes(RtcpRrPacket(ssrc=9, reports=[info]))


def sound(number: int, samples: int = 960) -> bytes:
    return RtpPacket(111, 0, number % 2**16, number * samples % 2**32, SOUND, b"sound").serialize()


def picture(number: int, size: int = 12) -> bytes:
    return RtpPacket(96, 0, number % 2**16, 0, PICTURE, b"\x10".ljust(size - 12)).serialize()


def active(lost: float = 0.1) -> SentTwice:
    """A SentTwice that has just begun, at the time 0."""
    twice = SentTwice()
    twice.reported(report(lost), 0.0)
    assert twice.active
    assert twice.wants(sound(0), 0.0)
    return twice


def test_where_next_to_nothing_is_lost_nothing_is_sent_twice() -> None:
    twice = SentTwice()
    for second in range(100):
        twice.reported(report(0.03), float(second))
    assert not twice.active


def proven() -> tuple[SentTwice, float]:
    """A SentTwice whose copies help, and the time since they do."""
    twice = active()
    twice.reported(report(0.09), SETTLE_SECONDS)
    twice.reported(report(0.01), SETTLE_SECONDS + 5)
    assert twice.active
    return twice, SETTLE_SECONDS + 5


def test_sound_is_sent_twice_and_of_pictures_what_was_asked_for_again() -> None:
    twice = active()
    assert [twice.wants(sound(number), 0.0) for number in range(1, 4)] == [True] * 3
    numbers = [65_534, 65_535, 0, 65_535, 1, 65_534, 2]
    assert [number for number in numbers if twice.wants(picture(number), 0.0)] == [65_535, 65_534]


def test_once_copies_have_helped_small_pictures_are_sent_twice_at_once() -> None:
    twice, now = proven()
    # 40,000 bits per second, and 800,000.
    assert all(twice.wants(picture(number, 1_000), now + number / 5) for number in range(100))
    large = sum(twice.wants(picture(100 + number, 1_000), now + 20 + number / 100) for number in range(1_000))
    assert 200 < large < 300


def test_requests_are_sent_twice_and_reports_of_arrivals_are_not() -> None:
    twice = active()
    assert twice.wants(bytes(RtcpRtpfbPacket(RTCP_RTPFB_NACK, 1, 2, lost=[7])), 0.0)
    assert not twice.wants(bytes.fromhex("8fcd0005000000010000000800010004000001002004040404040000"), 0.0)


def test_copies_that_help_stay_until_nothing_has_been_lost_for_a_minute() -> None:
    twice, now = proven()
    for _ in range(50):
        now += 5
        twice.reported(report(0.01), now)
        assert twice.active
    twice.reported(report(0.0), now + QUIET_SECONDS - 1)
    assert twice.active
    twice.reported(report(0.0), now + QUIET_SECONDS)
    assert not twice.active


def test_copies_that_do_not_help_end_and_are_tried_less_and_less_often() -> None:
    twice, now = active(), 0.0
    rests: list[float] = []
    for _ in range(10):
        # The first of these reports may be about the time before.
        assert [copies_after(twice, 0.1, now + second) for second in (1, 2, 3)] == [True, True, False]
        now = ended = now + 3
        while not copies_after(twice, 0.1, now):
            now += 1
        assert twice.wants(sound(0), now)
        rests.append(now - ended)
    assert rests[:4] == [REST_SECONDS, 2 * REST_SECONDS, 4 * REST_SECONDS, 8 * REST_SECONDS]
    assert max(rests) == rests[-1] == MOST_REST_SECONDS


def copies_after(twice: SentTwice, lost: float, now: float) -> bool:
    """Whether copies are sent after a report with this share of lost sound."""
    twice.reported(report(lost), now)
    return twice.active


def test_copies_that_did_not_help_are_tried_at_once_on_what_may_be_another_path() -> None:
    twice, now = active(), 10.0
    assert [copies_after(twice, 0.1, second) for second in (1.0, 4.0, now)] == [True, False, False]
    twice.another_path()
    assert copies_after(twice, 0.1, now)


def test_a_loss_of_pictures_alone_is_no_measure_of_what_helps() -> None:
    twice = SentTwice()
    twice.reported(report(0.7, PICTURE), 0.0)
    assert twice.wants(sound(0), 0.0)
    assert [copies_after(twice, 0.2, now) for now in (2.0, 7.0)] == [True, False]


def test_copies_that_no_longer_help_end() -> None:
    twice, now = proven()
    twice.reported(report(0.3), now + 5)
    assert not twice.active


def test_a_loss_that_is_too_small_to_begin_copies_ends_none() -> None:
    """With copies one of a hundred is still lost, in a report of some 250 packets now and then three times as many."""
    twice = active(0.05)
    assert [copies_after(twice, lost, now) for lost, now in ((0.05, 2.0), (0.03, 7.0), (0.03, 12.0))] == [True] * 3


def test_what_is_still_lost_of_pictures_does_not_tell_whether_copies_of_sound_help() -> None:
    twice = active()
    for second in range(2, 9):
        twice.reported(report(0.3, PICTURE), float(second))
    assert twice.active


def test_sound_that_is_packed_closer_from_then_on_is_not_sent_twice_unless_that_has_helped() -> None:
    twice = active()
    assert twice.wants(sound(1), 0.0)
    assert not twice.wants(sound(2, samples=1920), 0.0)
    assert not twice.active
    # Losses that continue until then aren't caused by a full path.
    twice.reported(report(0.1), REST_SECONDS - 1)
    assert not twice.active
    twice.reported(report(0.1), REST_SECONDS)
    assert all(twice.wants(sound(number, samples=1920), REST_SECONDS) for number in range(3, 9))
    twice, now = proven()
    assert twice.wants(sound(1), now)
    assert twice.wants(sound(2, samples=1920), now)


def test_reports_of_senders_count_as_well() -> None:
    info = RtcpReceiverInfo(ssrc=SOUND, fraction_lost=64, packets_lost=0, highest_sequence=0, jitter=0, lsr=0, dlsr=0)
    sender = RtcpSenderInfo(ntp_timestamp=0, rtp_timestamp=0, packet_count=0, octet_count=0)
    packet = bytes(RtcpSrPacket(ssrc=9, sender_info=sender, reports=[info, info]))
    assert losses(packet) == [(SOUND, 0.25)] * 2
    assert losses(report(0.5)) == [(SOUND, 0.5)]


@given(st.binary(max_size=120), st.integers(192, 223))
def test_whatever_is_reported_can_be_read(packet: bytes, kind: int) -> None:
    damaged = packet[:1] + bytes([kind]) + packet[2:]
    assert all(0 <= lost < 1 for _, lost in losses(damaged))
    if len(damaged) >= 8:
        SentTwice().wants(damaged, 0.0)


class LosesFirst(OverlaySocket):
    """Once it is switched on, it loses each datagram of media, and only repeated datagrams arrive."""

    def __init__(self, local: Address, remote: Address) -> None:
        super().__init__(local, remote)
        self.loses = False
        self.copies: Counter[bytes] = Counter()
        self.all_twice = asyncio.Event()

    def send(self, datagram: bytes, remote_port: int) -> None:
        media = datagram[0] >= 128
        self.copies[datagram] += media
        if not (media and self.loses and self.copies[datagram] == 1):
            super().send(datagram, remote_port)
        if sum(count == 2 for count in self.copies.values()) == PACKETS:
            self.all_twice.set()


PACKETS = 20


@pytest.mark.parametrize("loses", [False, True])
async def test_sound_arrives_once_whether_its_first_copy_was_lost_or_not(loses: bool) -> None:
    async with two_legs(LosesFirst) as legs:
        await together(legs.caller, legs.callee)
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        legs.callee.tap(heard.put)
        reported, socket = asyncio.Event(), legs.sockets.caller
        assert isinstance(socket, LosesFirst)
        legs.caller.forward(lambda packets: reported.set())
        legs.callee.send_now([report(0.1)])
        async with asyncio.timeout(PATIENCE):
            await reported.wait()
            socket.loses = loses
            for number in range(PACKETS):
                legs.caller.send_now([sound(number)])
            await socket.all_twice.wait()
            socket.loses = False
            legs.caller.send_now([sound(PACKETS)])
            numbers = [RtpPacket.parse(await heard.get()).sequence_number for _ in range(PACKETS + 1)]
        assert numbers == list(range(PACKETS + 1))
