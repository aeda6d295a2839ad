"""Ports for a browser that can't send to 127.0.0.1: only this machine can reach them, at its own address."""

from __future__ import annotations

import asyncio
import socket

from peer.handset.loopback_filter import only_through_loopback
from tests.network.namespaces import Hosts

PATIENCE = 60.0


async def test_a_neighbour_gets_nothing_through_the_filter_and_the_machine_itself_does(hosts: Hosts) -> None:
    loop = asyncio.get_running_loop()
    address = str(hosts.a.wire.address)
    behind, plain, itself = (hosts.a.open_socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3))
    neighbour = hosts.r.open_socket(socket.AF_INET, socket.SOCK_DGRAM)
    with behind, plain, itself, neighbour:
        hosts.a.inside(lambda: only_through_loopback(behind))
        for sock in (behind, plain):
            sock.bind((address, 0))
        async with asyncio.timeout(PATIENCE):
            await loop.sock_sendto(neighbour, b"from the neighbour", behind.getsockname())
            # A later datagram on the same wire has arrived, so the first one had enough time.
            await loop.sock_sendto(neighbour, b"from the neighbour", plain.getsockname())
            assert await loop.sock_recv(plain, 100) == b"from the neighbour"
            await loop.sock_sendto(itself, b"from the machine", behind.getsockname())
            assert await loop.sock_recv(behind, 100) == b"from the machine"
