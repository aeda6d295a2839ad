"""Heavy losses of sound are reported at once, all while only sound comes, and everything while nobody else reports."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from aiortc.rtp import RtcpPacket, RtcpRrPacket, RtcpSenderInfo, RtcpSrPacket, is_rtcp
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.loss_reports import LossReports
from peer.transport.rtp_statistics import MediaCounters
from peer.transport.sent_twice import losses
from tests.peer.pair import PATIENCE, connected
from tests.peer.transport.test_sent_twice import picture, report, sound

OWN = 9


def reports(numbers: Iterable[int], *, pictured: bool = True, alone: bool = False) -> list[bytes]:
    """What is reported while packets of sound with these numbers arrive, fifty a second if none is lost."""
    counters, losses, said = MediaCounters(), LossReports(), []
    for number in numbers:
        if pictured:
            counters.add_rtp(picture(0), number * 0.02)
        counters.add_rtp(sound(number), number * 0.02)
        said.append(losses.report(counters, OWN, number * 0.02, alone=alone))
    return [each for each in said if each]


def test_a_half_that_is_lost_is_reported_twice_a_second() -> None:
    said = reports(range(65_000, 66_000, 2))
    assert 30 < len(said) <= 40
    (packet,) = RtcpPacket.parse(said[-1])
    assert isinstance(packet, RtcpRrPacket)
    (block,) = packet.reports
    assert (packet.ssrc, block.ssrc, block.fraction_lost) == (OWN, 1, 128)
    assert 65_536 < block.highest_sequence < 66_000
    assert losses(said[-1]) == [(1, 0.5)]


def test_a_tenth_that_is_lost_is_not_nor_a_hole_of_a_second() -> None:
    assert reports(number for number in range(2_000) if number % 10) == []
    assert reports([*range(500), *range(550, 1_000)]) == []


def test_without_a_picture_its_sender_hears_twice_a_second_whether_a_tenth_is_lost_or_nothing() -> None:
    for numbers, part in ((range(1_000), 0.0), ((number for number in range(1_000) if number % 10), 0.1)):
        said = reports(numbers, pictured=False)
        assert 30 < len(said) <= 40
        ((_, lost),) = losses(said[-1])
        assert lost == pytest.approx(part, abs=0.05)


def test_eight_packets_a_second_are_enough_to_report_on() -> None:
    counters, heard = MediaCounters(), LossReports()
    for number in range(80):
        counters.add_rtp(sound(number), number / 8)
        if said := heard.report(counters, OWN, number / 8, alone=False):
            assert losses(said) == [(1, 0.0)]
            break
    assert 10 <= number < 16


def test_a_report_says_how_long_after_the_senders_own_it_comes() -> None:
    counters, heard = MediaCounters(), LossReports()
    said = b""
    for number in range(100):
        counters.add_rtp(sound(number), number * 0.02)
        if number == 50:
            for ssrc in (1, 2):
                when = RtcpSenderInfo(
                    ntp_timestamp=ssrc << 32 | ssrc * 7 << 16, rtp_timestamp=0, packet_count=0, octet_count=0
                )
                heard.heard(bytes(RtcpSrPacket(ssrc=ssrc, sender_info=when)), 1.0)
            heard.heard(b"\x80\xc8", 1.0)
        said = heard.report(counters, OWN, number * 0.02, alone=False) or said
    (packet,) = RtcpPacket.parse(said)
    assert isinstance(packet, RtcpRrPacket)
    assert packet.reports[0].lsr == 1 << 16 | 7, "the sender's own, not that of the other stream"
    assert 0.4 < packet.reports[0].dlsr / 65_536 < 1.0


def test_of_next_to_nothing_nothing_is_reported() -> None:
    assert reports(range(0, 18, 2)) == []
    assert LossReports().report(MediaCounters(), OWN, 1.0, alone=True) == b""


def test_while_nobody_else_reports_everything_is() -> None:
    assert len(reports(range(501), alone=True)) == 20
    counters, said = MediaCounters(), LossReports()
    for second in range(2):
        counters.add_rtp(sound(second), float(second))
        for number in (1, 2, 4, 5):
            counters.add_rtp(picture(10 * second + number), float(second))
        both = losses(said.report(counters, OWN, float(second), alone=True))
    assert [ssrc for ssrc, _ in both] == [1, 2]
    assert both[0][1] == 0.0
    assert both[1][1] == pytest.approx(0.6, abs=0.01), "six of ten"


@given(st.lists(st.integers(0, 2**16 - 1), max_size=300))
def test_whatever_numbers_arrive_a_report_can_be_read(numbers: list[int]) -> None:
    counters, heard = MediaCounters(), LossReports()
    for at, number in enumerate(numbers):
        counters.add_rtp(sound(number), at / 10)
        if said := heard.report(counters, OWN, at / 10, alone=False):
            ((ssrc, lost),) = losses(said)
            assert (ssrc, 0 <= lost < 1) == (1, True)


@pytest.mark.parametrize("alone", [False, True])
async def test_the_sender_hears_of_it_as_long_as_any_of_its_own_reports_arrive(alone: bool) -> None:
    """Of heavy losses where a browser reports as well, and of anything where nobody does."""
    async with connected() as legs:
        legs.callee.feedback.enable(alone)
        heard = asyncio.Event()

        async def reported(packet: bytes) -> None:
            if is_rtcp(packet) and any(ssrc == 1 and (alone or lost > 0.4) for ssrc, lost in losses(packet)):
                heard.set()

        legs.caller.tap(reported)

        async def talk() -> None:
            number = 0
            while True:
                number += 1 if alone else 2
                await legs.caller.send_rtp(sound(number))
                await legs.caller.send_rtp(report(0.0, ssrc=2))
                await asyncio.sleep(0.02)

        talking = asyncio.create_task(talk())
        try:
            async with asyncio.timeout(PATIENCE):
                await heard.wait()
        finally:
            talking.cancel()
