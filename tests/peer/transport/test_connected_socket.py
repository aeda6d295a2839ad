"""A call's second socket: what comes from the chosen port, sent and read more cheaply, and nothing else changes."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar

import pytest
from aioice import stun

from peer.overlay.loopback import loopback_address
from peer.transport.connected_socket import connected_socket
from peer.transport.connections import Refusal
from peer.transport.udp_socket import OverlaySocket
from shared.messages import Ping
from tests.peer.own_namespace import in_own_namespace
from tests.peer.pair import ANNA, BEN, EVE, PATIENCE, Stranger, connected

OURS, THEIRS, EVES = map(loopback_address, (ANNA, BEN, EVE))
PING = b"\x80ping"


def bound(host: str = str(OURS), port: int = 0) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((host, port))
    return sock


def udp_sockets(port: int) -> int:
    """How many UDP sockets of this thread's network have a port."""
    lines = Path("/proc/thread-self/net/udp").read_text().splitlines()
    return sum(line.split()[1].endswith(f":{port:04X}") for line in lines)


class Silent:
    """A share of a call's socket that nothing is for."""

    username = "none"
    transactions: ClassVar[dict[bytes, stun.Transaction]] = {}

    def check_received(self, request: stun.Message, remote_port: int) -> None:
        pass

    def answer_received(self, answer: stun.Message, remote_port: int) -> None:
        pass

    def media(self, datagrams: list[bytes]) -> list[bytes]:
        return []

    def payload_received(self, datagram: bytes) -> None:
        pass

    def socket_lost(self) -> None:
        pass


@contextlib.asynccontextmanager
async def chosen(port: int) -> AsyncIterator[OverlaySocket]:
    """A call's socket for which this port of the other side was chosen."""
    sock = await OverlaySocket.open(OURS, THEIRS, interface="lo")
    sock.claim(port, Silent(), chosen=True)
    try:
        yield sock
    finally:
        sock.close()
        await asyncio.sleep(0)


async def test_each_side_of_a_call_has_one_more_socket_at_the_same_port_until_it_ends() -> None:
    async with connected() as legs:
        ports = (legs.sockets.caller.port, legs.sockets.callee.port)
        assert [udp_sockets(port) for port in ports] == [2, 2]
    assert [udp_sockets(port) for port in ports] == [0, 0]


async def test_who_leaves_has_no_second_socket_any_more() -> None:
    async with Stranger.at(THEIRS) as ben, chosen(ben.port) as sock:
        assert udp_sockets(sock.port) == 2
        leaving = asyncio.create_task(sock.leave())
        await asyncio.sleep(0)
        assert udp_sockets(sock.port) == 1
        await leaving


async def test_another_port_that_is_chosen_takes_the_place_of_the_first() -> None:
    async with Stranger.at(THEIRS) as ben, Stranger.at(THEIRS) as again, chosen(ben.port) as sock:
        sock.claim(again.port, Silent(), chosen=True)
        assert udp_sockets(sock.port) == 2
        sock.send(PING, again.port)
        sock.send(PING, ben.port)
        assert (await again.hear(), await ben.hear()) == (PING, PING)


async def test_a_port_that_moves_is_connected_again() -> None:
    async with connected() as legs, asyncio.timeout(PATIENCE):
        sock = legs.sockets.caller
        await sock.move(sock.local, sock.remote, "lo")
        assert udp_sockets(sock.port) == 2
        legs.callee.control.send(Ping(1))
        assert await anext(legs.caller.control) == Ping(1)


async def test_the_second_socket_gets_what_the_chosen_port_sends_and_the_first_one_all_else() -> None:
    with bound() as first, bound(str(THEIRS)) as ben, bound(str(THEIRS)) as neighbour, bound(str(EVES)) as eve:
        second, early = connected_socket(first, ben.getsockname())
        with second:
            assert early == []
            for sender in (eve, neighbour, ben):
                sender.sendto(PING, first.getsockname())
            assert second.recvfrom(64) == (PING, ben.getsockname())
            assert [first.recvfrom(64)[1] for _ in range(2)] == [eve.getsockname(), neighbour.getsockname()]
            for sock in (first, second):
                with pytest.raises(BlockingIOError):
                    sock.recv(64)


@pytest.mark.parametrize("option", [socket.SO_REUSEPORT, socket.SO_REUSEADDR])
def test_no_other_program_can_join_the_two(option: int) -> None:
    with bound() as first, bound(str(THEIRS)) as ben:
        port = first.getsockname()[1]
        second, _ = connected_socket(first, ben.getsockname())
        with second, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as joining:
            joining.setsockopt(socket.SOL_SOCKET, option, 1)
            with pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)):
                joining.bind((str(OURS), port))


async def test_a_refusal_that_came_by_icmp_costs_no_datagram() -> None:
    with bound(str(THEIRS)) as gone:
        port = gone.getsockname()[1]
        async with chosen(port) as sock:
            gone.close()
            sock.send(PING, port)  # the kernel hears at once that nobody is there
            async with Stranger.at(THEIRS, port) as back:
                for number in range(2):
                    sock.send(PING + bytes([number]), port)
                assert [await back.hear() for _ in range(2)] == [PING + b"\0", PING + b"\1"]


async def test_what_comes_from_elsewhere_is_refused_as_before() -> None:
    async with Stranger.at(THEIRS) as ben, Stranger.at(EVES) as eve, chosen(ben.port) as sock:
        for _ in range(10):
            eve.send(PING, sock)
        async with asyncio.timeout(PATIENCE):
            while sock.counters.refused[Refusal.FOREIGN_ADDRESS] < 10:  # noqa: ASYNC110 -- nobody tells of a refusal
                await asyncio.sleep(0)  # the loop reads one a turn


def test_where_no_second_socket_can_be_made_the_first_one_does_all() -> None:
    async def without_a_route() -> int:
        sock = await OverlaySocket.open(OURS, ip_address("192.0.2.1"), interface=None)
        sock.claim(1, Silent(), chosen=True)
        count = udp_sockets(sock.port)
        sock.close()
        return count

    assert in_own_namespace(without_a_route) == 1
