"""Sockets that are read in bursts: media together, all else in turns. What the kernel doesn't take waits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from peer.transport.bursts import BurstProtocol, BurstTransport
from tests.peer.pair import PATIENCE

MEDIA, RECORD, CHECK = b"\x80\x6f", b"\x16\xfe", b"\0\1"


class Heard(BurstProtocol):
    """Notes what arrives, and in which turn of the loop."""

    def __init__(self) -> None:
        self.turn = 0
        self.came: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self.from_address: asyncio.Queue[object] = asyncio.Queue()
        self.lost = asyncio.Event()
        self._next_turn()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.came.put_nowait((self.turn, data))
        self.from_address.put_nowait(addr)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def _next_turn(self) -> None:
        self.turn += 1
        if not self.lost.is_set():
            asyncio.get_running_loop().call_soon(self._next_turn)


@asynccontextmanager
async def listening(place: Path, **limits: int) -> AsyncIterator[tuple[Heard, BurstTransport]]:
    """A unix socket: its sender waits where a network socket would lose datagrams."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind(str(place))
        heard = Heard()
        transport = BurstTransport(sock, heard, **limits)
        yield heard, transport
        transport.abort()
        transport.close()
        async with asyncio.timeout(PATIENCE):
            await heard.lost.wait()


async def test_media_is_read_together_and_everything_else_one_a_turn(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        async with listening(tmp_path / "one") as (heard, _):
            sent = [MEDIA, MEDIA, RECORD, CHECK, MEDIA, b"", MEDIA]
            for datagram in sent:
                sender.sendto(datagram, str(tmp_path / "one"))
            async with asyncio.timeout(PATIENCE):
                came = [await heard.came.get() for _ in sent]
    assert [data for _, data in came] == sent
    assert came[0][0] == came[2][0] < came[3][0]
    assert came[3][0] < came[4][0] == came[5][0] < came[6][0]


async def test_what_comes_from_two_addresses_is_taken_apart(tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("two", "three")]
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as two,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as three,
    ):
        two.bind(names[0])
        three.bind(names[1])
        async with listening(tmp_path / "one") as (heard, _):
            for sock in (two, three, three, two):
                sock.sendto(MEDIA, str(tmp_path / "one"))
            async with asyncio.timeout(PATIENCE):
                came = [await heard.from_address.get() for _ in range(4)]
    assert came == [names[0], names[1], names[1], names[0]]


async def test_after_so_much_media_others_have_a_turn(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        async with listening(tmp_path / "one", at_once=2) as (heard, _):
            for _ in range(3):
                sender.sendto(MEDIA, str(tmp_path / "one"))
            async with asyncio.timeout(PATIENCE):
                turns = [(await heard.came.get())[0] for _ in range(3)]
    assert turns[0] == turns[1] < turns[2]


async def test_what_the_kernel_does_not_take_is_sent_later_in_order(tmp_path: Path) -> None:
    count = 2_000
    async with listening(tmp_path / "one") as (heard, _), listening(tmp_path / "other") as (_, transport):
        for number in range(count):
            transport.sendto(MEDIA + number.to_bytes(2, "big"), str(tmp_path / "one"))
        async with asyncio.timeout(PATIENCE):
            came = [int.from_bytes((await heard.came.get())[1][2:], "big") for _ in range(count)]
    assert came == list(range(count))


async def test_several_are_sent_in_order_also_where_the_kernel_does_not_take_them_all(tmp_path: Path) -> None:
    several = [[MEDIA + number.to_bytes(2) for number in range(at, at + 7)] for at in range(0, 1_400, 7)]
    async with listening(tmp_path / "one") as (heard, _), listening(tmp_path / "other") as (_, transport):
        for datagrams in several:
            transport.sendto_all(datagrams, str(tmp_path / "one"))
        async with asyncio.timeout(PATIENCE):
            came = [int.from_bytes((await heard.came.get())[1][2:]) for _ in range(1_400)]
    assert came == list(range(1_400))


async def test_no_more_waits_than_there_is_room_for(tmp_path: Path) -> None:
    other = listening(tmp_path / "other", most_waiting=10)
    async with listening(tmp_path / "one") as (heard, _), other as (_, transport):
        for number in range(2_000):
            transport.sendto(MEDIA + number.to_bytes(2, "big"), str(tmp_path / "one"))
        waiting = [datagram for datagram, _ in transport._waiting]
        assert len(waiting) == 10
        async with asyncio.timeout(PATIENCE):
            while (await heard.came.get())[1] != waiting[-1]:
                pass


async def test_an_error_of_sending_is_the_protocols_and_costs_nothing_else(tmp_path: Path) -> None:
    async with listening(tmp_path / "one") as (heard, _), listening(tmp_path / "other") as (_, transport):
        transport.sendto_all([MEDIA, MEDIA], str(tmp_path / "nobody"))
        transport.sendto(MEDIA, str(tmp_path / "one"))
        async with asyncio.timeout(PATIENCE):
            assert (await heard.came.get())[1] == MEDIA
        assert not transport.is_closing()
