"""What a leg does when nothing comes from the other side any more. It takes more than half a minute of waiting."""

from __future__ import annotations

import asyncio

from tests.peer.pair import connected


async def test_a_silent_path_is_given_up() -> None:
    async with connected() as legs, asyncio.timeout(200):
        legs.sockets.callee.connections.release(legs.callee._connection._share)
        await legs.caller.closed.wait()
        assert not legs.caller.connected
