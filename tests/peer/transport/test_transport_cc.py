"""What a browser learns about the arrival of its packets. The test has its own reader for the reports."""

from __future__ import annotations

import asyncio
import struct

import pytest
from aiortc.rtp import RtcpPsfbPacket
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.transport_cc import (
    FEEDBACK_SECONDS,
    MAX_AHEAD,
    MAX_LATE,
    MAX_REPORT,
    TransportFeedback,
    feedback,
    transport_number,
)
from tests.peer.pair import PATIENCE, connected


def numbered(number: int, *, before: bytes = b"\x10\x31", ssrc: int = 8) -> bytes:
    """An RTP packet with this transport-wide number in extension 3. `before` are the elements in front of it."""
    elements = before + b"\x31" + struct.pack("!H", number)
    elements += bytes(-len(elements) % 4)
    extension = struct.pack("!HH", 0xBEDE, len(elements) // 4) + elements
    return struct.pack("!BBHLL", 0x90, 96, number & 0xFFFF, 0, ssrc) + extension + b"picture"


def read(report: bytes) -> tuple[int, list[float | None]]:
    """The first number and the arrival times of a report, in seconds (section 3.1 of the draft)."""
    first, kind, words = struct.unpack_from("!BBH", report)
    assert (first & 0xDF, kind, 4 * (words + 1)) == (0x8F, 205, len(report))
    base, count = struct.unpack_from("!HH", report, 12)
    ticks = int.from_bytes(report[16:19], "big") * 256
    at = 20
    symbols: list[int] = []
    while len(symbols) < count:
        (chunk,) = struct.unpack_from("!H", report, at)
        assert chunk >> 14 == 3
        symbols += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        at += 2
    arrivals: list[float | None] = []
    for symbol in symbols[:count]:
        if symbol == 0:
            arrivals.append(None)
            continue
        size = 1 if symbol == 1 else 2
        ticks += int.from_bytes(report[at : at + size], "big", signed=size == 2)
        at += size
        arrivals.append(ticks * 0.00025)
    padding = report[-1] if first & 0x20 else 0
    assert at + padding == len(report)
    return base, arrivals


class Browser:
    """Sends packets at times of its own choice and keeps the reports."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.reports: list[bytes] = []
        self.feedback = TransportFeedback(self._told, lambda: self.now)

    async def _told(self, report: bytes) -> None:
        self.reports.append(report)

    async def send(self, *numbers: int, every: float = 0.01) -> None:
        for number in numbers:
            await self.feedback.received(numbered(number & 0xFFFF))
            self.now += every

    def reported(self) -> list[tuple[int, bool]]:
        """Every reported number, and whether its packet had arrived."""
        told = []
        for report in self.reports:
            base, arrivals = read(report)
            told += [((base + at) & 0xFFFF, arrival is not None) for at, arrival in enumerate(arrivals)]
        return told


@given(st.integers(0, 0xFFFF), st.lists(st.none() | st.floats(0, 5), max_size=300), st.floats(0, 100_000))
def test_a_report_says_when_each_packet_arrived(base: int, gaps: list[float | None], start: float) -> None:
    arrivals: list[float | None] = [start]
    last = start
    for gap in gaps:
        if gap is None:
            arrivals.append(None)
        else:
            last += gap
            arrivals.append(last)
    read_base, times = read(feedback((1, 2), base, arrivals, 3))
    assert read_base == base
    for told, arrival in zip(times, arrivals, strict=True):
        assert (told is None) == (arrival is None)
        if told is not None and arrival is not None and max(filter(None, gaps), default=0) < 8:
            assert abs(told - arrival % (2**24 * 0.064)) < 0.002 or arrival >= 2**24 * 0.064


async def test_all_packets_are_reported_once_and_lost_ones_as_lost() -> None:
    browser = Browser()
    await browser.send(*(number for number in range(200) if number not in (50, 51, 120)))
    assert browser.reported() == [(number, number not in (50, 51, 120)) for number in range(len(browser.reported()))]
    assert len(browser.reported()) > 180
    assert 15 <= len(browser.reports) <= 200 * 0.01 / FEEDBACK_SECONDS + 1


async def test_the_numbers_go_on_after_sixteen_bits() -> None:
    browser = Browser()
    await browser.send(*range(65_500, 65_600))
    told = browser.reported()
    assert all(arrived for _, arrived in told)
    assert [number for number, _ in told] == [(65_500 + at) & 0xFFFF for at in range(len(told))]


async def test_packets_that_change_places_are_reported_as_they_came() -> None:
    browser = Browser()
    await browser.send(1, 3, 2, 5, 4, 6, every=0.001)
    browser.now += 1
    await browser.send(7)
    base, arrivals = read(browser.reports[-1])
    assert (base, len(arrivals)) == (2, 6)
    times = [arrival for arrival in arrivals if arrival is not None]
    assert len(times) == 6
    assert times[0] > times[1]
    assert times[2] > times[3]


async def test_a_packet_that_comes_after_its_report_is_reported_after_all() -> None:
    browser = Browser()
    await browser.send(1, 2, 4, every=1)
    await browser.send(3, 5, every=1)
    assert (3, True) in browser.reported()


async def test_a_sender_that_starts_anew_is_followed() -> None:
    browser = Browser()
    await browser.send(*range(100))
    await browser.send(*range(40_000, 40_100))
    assert browser.reported()[-1][1]
    assert len(browser.reported()) < 210


async def test_nothing_is_reported_while_somebody_else_does() -> None:
    browser = Browser()
    await browser.send(*range(20))
    reports = len(browser.reports)
    browser.feedback.enable(False)
    await browser.send(*range(20, 300))
    assert len(browser.reports) == reports
    browser.feedback.enable(True)
    await browser.send(*range(300, 320))
    assert [number for number, arrived in browser.reported()[-5:] if not arrived] == []
    assert read(browser.reports[reports])[0] == 300


def test_the_number_is_found_behind_other_extensions() -> None:
    assert transport_number(numbered(4711)) == 4711
    assert transport_number(numbered(0, before=b"")) == 0
    assert transport_number(numbered(65_535, before=b"\0\0\x22abc\x10\x31")) == 65_535


def test_a_packet_without_a_number_has_none() -> None:
    assert transport_number(b"") is None
    assert transport_number(bytes(12)) is None
    assert transport_number(bytes(RtcpPsfbPacket(1, 1, 8)) + bytes(20)) is None
    assert transport_number(numbered(5)[:14]) is None
    assert transport_number(numbered(5).replace(b"\xbe\xde", b"\x10\x00")) is None
    assert transport_number(numbered(5, before=b"\xf0\0")) is None


@given(st.binary(max_size=80))
def test_any_packet_has_a_number_or_none(packet: bytes) -> None:
    number = transport_number(packet)
    assert number is None or 0 <= number <= 0xFFFF


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.floats(0, 3)), max_size=60))
async def test_no_order_of_packets_breaks_a_report(sent: list[tuple[int, float]]) -> None:
    browser = Browser()
    for number, pause in sent:
        await browser.send(number, every=pause)
    for report in browser.reports:
        read(report)
        assert len(report) <= MAX_REPORT


@given(st.integers(0, 0xFFFF), st.lists(st.integers(-MAX_LATE - 1, MAX_AHEAD + 1), max_size=80), st.floats(0, 0.05))
async def test_numbers_chosen_to_make_a_report_long_do_not(start: int, steps: list[int], every: float) -> None:
    browser = Browser()
    number = start
    for step in steps:
        number += step
        await browser.send(number, every=every)
    assert all(len(report) <= MAX_REPORT for report in browser.reports)


@pytest.mark.parametrize("step", [-1000, -999, -64, -1, 63, 447, 448, 999, 1000])
async def test_no_step_from_packet_to_packet_makes_a_long_report(step: int) -> None:
    browser = Browser()
    await browser.send(*(30_000 + step * at for at in range(400)), every=0.002)
    assert browser.reports
    assert max(map(len, browser.reports)) <= MAX_REPORT


async def test_a_leg_answers_a_browser_by_itself() -> None:
    async with connected() as legs:
        told: asyncio.Queue[bytes] = asyncio.Queue()

        async def sink(packet: bytes) -> None:
            told.put_nowait(packet)

        legs.caller.tap(sink)
        await legs.caller.send_rtp(numbered(77))
        async with asyncio.timeout(PATIENCE):
            report = await told.get()
        assert read(report)[0] == 77
        assert struct.unpack_from("!L", report, 8) == (8,)
