"""What our own encoders learn about a path from reports of arrivals."""

from __future__ import annotations

import asyncio
import struct

import pytest
from aiortc import AudioStreamTrack
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.send_path import MAX_UNDER_WAY, NAMED, SendPath, arrivals, numbered, parts
from peer.transport.transport_cc import feedback, transport_number
from tests.network.bad_path import Direction, Path
from tests.peer.pair import PATIENCE, connected

PACKET = 300
"Bytes in a packet."


def followed(path: Path, seconds: int = 40, most: float = 600_000) -> SendPath:
    """Send over a path as much as the sender believes to fit, at most `most` bits per second. The time is simulated."""
    carries, way = SendPath(), Direction(seed=1)
    under_way: list[tuple[float, int]] = []
    now, budget, reported, count, number = 1000.0, 0.0, 0, 0, 0
    arrived: dict[int, float] = {}
    for tick in range(seconds * 200):
        now += 0.005
        budget += min(carries.bits or most, most) * 0.005 / 8
        while budget >= PACKET:
            budget -= PACKET
            number += 1
            assert carries.number(PACKET, now) == number & 0xFFFF
            under_way += [(at, number) for at in way.times(path, now, PACKET)]
        arrived |= {each: at for at, each in under_way if at <= now}
        under_way = [(at, each) for at, each in under_way if at > now]
        if tick % 20 == 0 and (new := [each for each in arrived if each > reported]):
            times = [arrived.get(each) for each in range(reported + 1, max(new) + 1)]
            for at in range(0, len(times), 400):
                if any(times[at : at + 400]):
                    count += 1
                    report = feedback((1, 2), (reported + 1 + at) & 0xFFFF, times[at : at + 400], count & 0xFF)
                    assert carries.reported(report, now)
            reported = max(new)
            arrived.clear()
    return carries


@pytest.mark.parametrize("kbps", [64, 100, 300])
def test_as_much_is_believed_to_fit_as_does(kbps: int) -> None:
    carries = followed(Path(kbps=kbps, delay=30))
    assert carries.bits is not None
    assert 0.5 * kbps < carries.bits / 1000 < 1.1 * kbps
    assert carries.lost < 0.05


def test_a_wide_path_is_believed_to_be_wide() -> None:
    assert (followed(Path(delay=30)).bits or 0) > 500_000


def test_a_tenth_lost_at_random_and_jitter_leave_a_wide_path_wide() -> None:
    carries = followed(Path(loss=0.1, delay=50, jitter=200))
    assert (carries.bits or 0) > 300_000
    assert carries.lost == pytest.approx(0.1, abs=0.08)


def test_what_a_full_path_holds_up_is_late() -> None:
    carries = SendPath()
    for number in range(60):
        carries.number(PACKET, number * 0.02)
        carries.reported(feedback((1, 2), number + 1, [5 + number * 0.04], number), number * 0.04)
    assert carries.late > 0.5


def test_a_path_that_was_dark_lost_nothing_that_counts() -> None:
    carries = SendPath()
    for number in range(1, 41):
        carries.number(PACKET, number * 0.02)
    carries.reported(feedback((1, 2), 1, [0.02 * number for number in range(1, 41)], 1), 1.0)
    for number in range(41, 300):
        carries.number(PACKET, number * 0.02)
    carries.reported(feedback((1, 2), 41, [*[None] * 250, 6.0], 2), 6.0)
    assert carries.lost == 0.0


def test_a_path_of_which_nothing_is_reported_any_more_is_unheard_until_the_next_report() -> None:
    carries = SendPath()
    carries.number(PACKET, 0.0)
    assert not carries.unheard(10.0), "nothing was ever reported: another program may report nothing"
    carries.reported(feedback((1, 2), 1, [0.1], 1), 10.0)
    assert not carries.unheard(100.0), "nothing was sent since"
    carries.number(PACKET, 100.0)
    assert not carries.unheard(101.0)
    carries.number(PACKET, 102.0)
    assert carries.unheard(102.0)
    carries.reported(feedback((1, 2), 2, [100.1, 102.1], 2), 102.2)
    assert not carries.unheard(110.0)


@given(st.lists(st.one_of(st.none(), st.floats(100, 101)), min_size=1, max_size=300), st.integers(0, 0xFFFF))
def test_reports_are_read_as_they_were_written(times: list[float | None], base: int) -> None:
    if not any(times):
        return
    read = arrivals(feedback((1, 2), base, times, 7))
    assert read is not None
    assert read[0] == base
    assert [at is None for at in read[1]] == [at is None for at in times]
    for at, expected in zip(read[1], times, strict=True):
        assert at is None or at == pytest.approx(expected, abs=0.001)


@given(st.binary(max_size=200))
def test_whatever_arrives_as_a_report_is_read_or_passed_over(rest: bytes) -> None:
    carries = SendPath()
    carries.number(PACKET, 0.0)
    for data in (rest, b"\x8f\xcd\x00\x20" + rest, b"\xaf\xcd\x00\x08" + rest):
        for part in (*parts(data), data):
            carries.reported(part, 1.0)


@given(st.integers(0, 0xFFFF), st.binary(min_size=4, max_size=4))
def test_a_number_is_put_beside_the_other_extensions(number: int, sent: bytes) -> None:
    packet = b"\x90\x6f" + bytes(10) + b"\xbe\xde\x00\x02" + b"\x100\x22" + sent[:3] + b"\0\0" + b"payload"
    assert transport_number(packet) is None
    with_number = numbered(packet, number)
    assert transport_number(with_number) == number
    assert with_number.endswith(b"payload")
    assert len(with_number) == len(packet) + 4


def test_a_packet_without_extensions_stays_as_it_is() -> None:
    assert numbered(b"\x80\x6f" + bytes(20), 7) == b"\x80\x6f" + bytes(20)


def test_small_reports_that_name_thousands_of_packets_are_read_up_to_a_limit() -> None:
    for count in (MAX_UNDER_WAY // 2, 0):
        path = SendPath()
        path.number(PACKET, 1.0)
        # One run of packets that haven't arrived. It takes 24 bytes, however many packets it covers.
        report = feedback((1, 2), 0, [0.0], 0)[:14] + struct.pack("!H3sBHxx", count, bytes(3), 0, max(1, count))
        for second in range(2, 4):
            read = sum(path.reported(report, float(second)) for _ in range(5 * MAX_UNDER_WAY))
            assert 0 < read <= NAMED.at_once // (count + 1)


async def test_what_a_leg_sends_is_reported_by_the_other_side() -> None:
    reported = asyncio.Event()

    async def sink(packet: bytes) -> None:
        if any(map(arrivals, parts(packet))):
            reported.set()

    async with connected() as legs:
        legs.caller.tap(sink)
        await legs.caller.send(AudioStreamTrack())
        async with asyncio.timeout(PATIENCE * 3):
            await reported.wait()
        assert legs.caller._own_path.carries.used
