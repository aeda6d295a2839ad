"""Heavy losses of sound are reported at once; of what a path loses now and then, and of silence, nothing is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiortc.rtp import RtcpPacket, RtcpRrPacket, is_rtcp
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.heavy_losses import HeavyLosses
from peer.transport.rtp_statistics import MediaCounters
from peer.transport.sent_twice import losses
from tests.peer.pair import PATIENCE, connected
from tests.peer.transport.test_sent_twice import report, sound

OWN = 9


def reports(numbers: Iterable[int], seconds: float = 0.02) -> list[bytes]:
    """What is reported while packets of sound with these numbers arrive, one each `seconds` if none is lost."""
    counters, heavy, said = MediaCounters(), HeavyLosses(), []
    for number in numbers:
        counters.add_rtp(sound(number), number * seconds)
        said.append(heavy.report(counters.audio, OWN, number * seconds))
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


def test_of_next_to_nothing_nothing_is_reported() -> None:
    assert reports(range(0, 18, 2)) == []
    assert HeavyLosses().report(MediaCounters().audio, OWN, 1.0) == b""


@given(st.lists(st.integers(0, 2**16 - 1), max_size=300))
def test_whatever_numbers_arrive_a_report_can_be_read(numbers: list[int]) -> None:
    counters, heavy = MediaCounters(), HeavyLosses()
    for at, number in enumerate(numbers):
        counters.add_rtp(sound(number), at / 10)
        if said := heavy.report(counters.audio, OWN, at / 10):
            ((ssrc, lost),) = losses(said)
            assert (ssrc, 0.3 <= lost < 1) == (1, True)


async def test_the_sender_hears_of_it_as_long_as_any_of_its_own_reports_arrive() -> None:
    async with connected() as legs:
        heard = asyncio.Event()

        async def reported(packet: bytes) -> None:
            if is_rtcp(packet) and any(ssrc == 1 and lost > 0.4 for ssrc, lost in losses(packet)):
                heard.set()

        legs.caller.tap(reported)

        async def talk() -> None:
            number = 0
            while True:
                number += 2
                await legs.caller.send_rtp(sound(number))
                await legs.caller.send_rtp(report(0.0, ssrc=2))
                await asyncio.sleep(0.02)

        talking = asyncio.create_task(talk())
        try:
            async with asyncio.timeout(PATIENCE):
                await heard.wait()
        finally:
            talking.cancel()
