"""The relay itself resends lost packets of a relayed picture, and drops what the page resends."""

from __future__ import annotations

import asyncio

import pytest
from aiortc.rtp import RTCP_PSFB_PLI, RTCP_RTPFB_NACK, RtcpPsfbPacket, RtcpRtpfbPacket, RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from peer.overlay import Address
from peer.transport.dtls import DARK_SECONDS as SILENT_SECONDS
from peer.transport.profile import TRANSPORT_CC_EXTENSION
from peer.transport.sent_lately import (
    DARK_SECONDS,
    KEPT,
    MOST_CREDIT,
    NAMED,
    PAUSED_SECONDS,
    SHARE,
    WHOLE_SECONDS,
    SentLately,
)
from peer.transport.transport_cc import feedback
from peer.transport.udp_socket import OverlaySocket
from tests.peer.pair import PATIENCE, together, two_legs

SSRC = 2
PLI = bytes(RtcpPsfbPacket(RTCP_PSFB_PLI, 1, SSRC))


def picture(number: int, size: int = 100) -> bytes:
    return RtpPacket(96, 0, number % 2**16, 0, SSRC, b"\x10".ljust(size - 12)).serialize()


def counted(number: int, transport: int) -> bytes:
    """The same with a transport-wide number."""
    extension = b"\xbe\xde\0\1" + bytes([TRANSPORT_CC_EXTENSION << 4 | 1]) + (transport % 2**16).to_bytes(2) + b"\0"
    packet = picture(number)
    return bytes([packet[0] | 0x10]) + packet[1:12] + extension + packet[12:]


def nack(*numbers: int, ssrc: int = SSRC) -> bytes:
    return bytes(RtcpRtpfbPacket(RTCP_RTPFB_NACK, 1, ssrc, lost=list(numbers)))


def after(*numbers: int) -> SentLately:
    """A SentLately that has sent these numbers."""
    lately = SentLately()
    for number in numbers:
        lately.sent(picture(number))
    return lately


def test_what_is_here_is_sent_again_and_nobody_else_is_asked() -> None:
    lately = after(*range(65_500, 65_550))
    assert lately.asked(nack(65_530, 65_533), 1.0) == ([picture(65_530), picture(65_533)], b"")
    over_the_end = nack(65_535)[:-2] + b"\0\x11"
    assert lately.asked(over_the_end, 1.0) == ([picture(each) for each in (65_535, 0, 4)], b"")


def test_what_is_not_here_is_asked_for_where_it_came_from() -> None:
    lately = after(*range(20))
    assert lately.asked(nack(5, 40), 1.0) == ([picture(5)], nack(40))
    assert lately.asked(nack(*range(19, 25), 40), 1.0) == ([picture(19)], nack(*range(20, 25), 40))
    assert lately.asked(nack(KEPT + 5), 1.0) == ([], nack(KEPT + 5))
    assert lately.asked(nack(5, ssrc=3), 1.0) == ([], nack(5, ssrc=3))


def test_what_nobody_has_looked_into_is_sent_again_too_but_no_sound() -> None:
    lately = after(*range(20))
    sound = RtpPacket(111, 0, 25, 0, SSRC, b"sound").serialize()
    lately.unsorted.extend([picture(20), picture(21), sound])
    assert lately.asked(nack(3, 21, 25), 1.0) == ([picture(3), picture(21)], nack(25))
    lately.unsorted.extend(picture(number) for number in range(22, 22 + KEPT))
    lately.sent(picture(22 + KEPT))
    assert lately.asked(nack(22, 22 + KEPT), 1.0) == ([picture(22 + KEPT)], nack(22))


def test_the_rest_of_what_is_said_goes_on() -> None:
    assert after(*range(20)).asked(PLI + nack(5) + PLI, 1.0) == ([picture(5)], PLI + PLI)
    assert after().asked(PLI, 1.0) == ([], PLI)


def test_no_more_is_sent_again_than_a_part_of_what_was_sent_and_then_the_page_is_asked() -> None:
    lately = after(*range(100))
    again = [datagram for number in range(100) for datagram in lately.asked(nack(number), 1.0)[0]]
    assert len(again) == 100 * SHARE
    assert lately.asked(nack(99), 1.0) == ([], nack(99))
    for number in range(10_000):
        lately.sent(picture(number, 1_000))
    again = [datagram for number in range(9_900, 10_000) for datagram in lately.asked(nack(number), 1.0)[0]]
    assert len(again) == MOST_CREDIT // 1_000


def test_a_page_is_asked_for_nothing_of_a_picture_that_was_paused_since() -> None:
    """A receiver asks for it on and on. What the page sends again is dropped, and its browser would believe in less."""
    lately = after(*range(20))
    lately.credit = 0.0
    ask = nack(5, 7, 40)
    assert lately.asked(ask, 1.0) == ([], ask), "that much may not be sent again"
    assert lately.asked(PLI + ask, 1.0 + PAUSED_SECONDS) == ([], PLI)
    padding = bytes([picture(20)[0] | 0x20]) + picture(20)[1:]
    lately.unsorted.append(padding)
    assert lately.asked(ask, 9.0) == ([], b"")
    lately.unsorted.append(picture(21))
    lately.credit = 0.0
    assert lately.asked(ask, 9.1) == ([], nack(40)), "it goes on, with a whole picture; and that has never arrived here"
    lately.sent(picture(22))
    lately.credit = 0.0
    assert lately.asked(nack(5, 21, 22), 9.2) == ([], nack(22))
    lately.credit = 200.0
    assert lately.asked(nack(5, 22), 20.0) == ([], b""), "nothing is sent again either: the next picture is whole"
    lately.sent(picture(23))
    assert lately.asked(nack(23), 20.1) == ([picture(23)], b"")


def test_what_was_saved_up_for_sending_again_does_not_fill_a_path_that_loses_most() -> None:
    lately = after(*range(400))
    lately.lost(0.4)
    assert lately.asked(nack(5), 1.0) == ([picture(5)], b"")
    lately.lost(0.6)
    assert lately.asked(nack(6), 1.1) == ([], nack(6)), "the page notices"
    for number in range(400, 404):
        lately.sent(picture(number))
    assert lately.asked(nack(403), 1.2) == ([picture(403)], b""), "a part of what is sent since may be sent again"


def test_reports_that_name_thousands_of_packets_are_read_up_to_a_limit() -> None:
    lately = after(*range(20))
    many = nack(*range(1_000, 1_000 + NAMED.at_once // 2))
    for _ in range(2):
        assert lately.asked(many, 1.0) == ([], many)
    assert lately.asked(nack(5), 1.0) == ([], nack(5)), "the page is asked"
    lately.sent(picture(20))
    assert lately.asked(nack(5), 2.0) == ([picture(5)], b"")


def test_for_much_of_what_was_sent_in_the_dark_a_whole_picture_is_asked_for_instead() -> None:
    lately = after(*range(65_500, 65_560))
    lately.light_again(100.0)
    lately.credit = 1_000.0  # ten packets
    much = nack(*range(4, 24))
    assert lately.asked(much, 100.1) == ([], PLI)
    assert lately.asked(much, 100.2) == ([], b""), "it is on its way"
    assert lately.asked(nack(*range(65_510, 65_530)), 100.1 + WHOLE_SECONDS) == ([], PLI), "it was lost"
    lately.sent(picture(24))
    assert lately.asked(PLI + nack(*range(5, 25)), 101.2) == ([picture(24)], PLI), "that was sent in the light"
    assert lately.asked(nack(5, 24), 101.2) == ([picture(5), picture(24)], b""), "that is little"
    assert lately.asked(nack(5, ssrc=3), 101.2) == ([], nack(5, ssrc=3))
    assert lately.asked(much, 100.0 + DARK_SECONDS) == ([], b""), "nor any more for a whole picture"


@pytest.mark.parametrize("together_with_sound", [True, False])
def test_what_arrived_of_what_was_sent_in_the_dark_is_told_to_no_page(together_with_sound: bool) -> None:
    """Chromium sends again what it hears was lost, and its new pictures wait for that."""
    lately = SentLately()
    for number in range(10):
        if together_with_sound:
            lately.unsorted.append(counted(number, 65_530 + number))
        else:
            lately.sent(counted(number, 65_530 + number))
    lately.light_again(100.0)

    def report(base: int) -> bytes:
        return feedback((1, SSRC), base, [None, 0.5], 0)

    for number in (65_000, 65_530, 3):
        assert lately.asked(PLI + report(number), 100.1) == ([], PLI)
        assert lately.asked(report(number), 100.1) == ([], b"")
    assert lately.asked(report(4), 100.1) == ([], report(4))
    assert lately.asked(report(3), 100.0 + DARK_SECONDS) == ([], report(3))


def test_our_own_encoder_sends_nothing_of_the_dark_again_either() -> None:
    lately = SentLately()
    for number in (5, 6, 7, 6):  # one of them again
        lately.encoded_here(picture(number))
    assert lately.asked(nack(6), 99.0) == ([], nack(6)), "the encoder's sender keeps it"
    lately.light_again(100.0)
    lately.encoded_here(picture(8))
    assert lately.asked(nack(7), 100.1) == ([], PLI)
    assert lately.asked(nack(8), 100.1) == ([], nack(8))


def test_thousands_of_packets_of_the_dark_are_asked_for_nowhere() -> None:
    lately = after(*range(NAMED.at_once))
    lately.light_again(100.0)
    many = nack(*range(NAMED.at_once))
    assert [lately.asked(many, 100.0) for _ in range(3)] == [([], PLI), ([], b""), ([], b"")]


@given(st.binary(max_size=80))
def test_whatever_is_asked_can_be_read(packet: bytes) -> None:
    again, left = after(*range(50)).asked(b"\x81\xcd" + packet, 1.0)
    assert all(datagram == picture(int.from_bytes(datagram[2:4])) for datagram in again)
    assert len(left) <= len(packet) + 2


class Loses(OverlaySocket):
    """Loses the first datagram of each of these numbers."""

    def __init__(self, local: Address, remote: Address) -> None:
        super().__init__(local, remote)
        self.numbers: set[int] = set()

    def send(self, datagram: bytes, remote_port: int) -> None:
        number = int.from_bytes(datagram[2:4])
        if 128 <= datagram[0] < 192 and datagram[1] & 0x7F == 96 and number in self.numbers:
            self.numbers.remove(number)
        else:
            super().send(datagram, remote_port)


async def test_a_picture_from_a_page_is_complete_over_a_path_that_lost_some_of_it() -> None:
    async with two_legs(Loses) as legs:
        await together(legs.caller, legs.callee)
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        legs.callee.tap(heard.put)
        page_is_asked: asyncio.Queue[list[bytes]] = asyncio.Queue()
        legs.caller.forward(page_is_asked.put_nowait)
        assert isinstance(legs.sockets.caller, Loses)
        legs.sockets.caller.numbers = {7, 12}
        for number in range(20):
            legs.caller.send_now([picture(number)])
        legs.callee.send_now([nack(7, 12)])
        async with asyncio.timeout(PATIENCE):
            numbers = [RtpPacket.parse(await heard.get()).sequence_number for _ in range(20)]
            assert sorted(numbers) == list(range(20))
            # The page gets the later PLI, and nothing of the NACK.
            legs.callee.send_now([PLI])
            assert await page_is_asked.get() == [PLI]


async def test_after_a_dark_time_a_page_is_not_asked_for_what_it_sent_meanwhile() -> None:
    async with two_legs() as legs:
        await together(legs.caller, legs.callee)
        page_is_asked: asyncio.Queue[list[bytes]] = asyncio.Queue()
        legs.caller.forward(page_is_asked.put_nowait)
        legs.caller.send_now([picture(number) for number in range(20)])
        dtls = legs.caller.transport
        dtls.heard()
        assert dtls.last_heard is not None
        dtls.last_heard -= 2 * SILENT_SECONDS
        legs.callee.send_now([nack(*range(5, 20))])
        async with asyncio.timeout(PATIENCE):
            assert await page_is_asked.get() == [PLI]
