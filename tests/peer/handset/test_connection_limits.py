"""Limits on connections to the page's server, counted from the moment of accepting."""

from __future__ import annotations

import asyncio
import gc
import socket

from peer.handset.connection_limits import ConnectionLimits


async def test_a_connection_that_comes_as_the_server_ends_is_closed() -> None:
    limits = ConnectionLimits(asyncio.Protocol, admits=lambda client: True)
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        limits.open(listening),
        socket.create_connection(listening.getsockname()) as client,
    ):
        async with asyncio.timeout(30):
            while not limits._arriving:  # noqa: ASYNC110 -- the moment between two turns of the event loop
                await asyncio.sleep(0)
        (arriving,) = limits._arriving
        limits.close()
        await asyncio.wait([arriving])
        gc.collect()  # unclosed objects warn now
        assert client.recv(1) == b""
