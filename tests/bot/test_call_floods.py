"""Floods in a call, over real programs: somebody whose call was answered sends messages without end."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.kinds import Kind
from peer.calls.limits import LIMITS
from peer.overlay.loopback import LoopbackOverlay
from peer.transport.leg import Leg
from peer.transport.udp_socket import OverlaySocket
from shared.links.kinds import Request, Response, decode, find
from shared.media import Media
from shared.messages import MediaState, Message, Ping, Text
from shared.secrets.handshake import Role, first_contact
from shared.secrets.identity import DtlsIdentity
from tests.bot.console import Person, people

PATIENCE = 60.0
"Seconds for what takes one or two on a machine that has time."


@asynccontextmanager
async def answered(emil: Person, folder: Path) -> AsyncIterator[Leg]:
    """Eve's leg to Emil's program, which has answered her call."""
    overlay = LoopbackOverlay(folder / "eve")
    eve = await overlay.node_id()
    sock = await OverlaySocket.open(await overlay.own_address(), await overlay.address_of(emil.id), interface="lo")
    identity = DtlsIdentity.generate()
    request = Request.to(
        emil.id,
        media=Media.AUDIO,
        created=int(time.time()),
        seed=secrets.token_bytes(16),
        source=eve,
        fingerprint=identity.fingerprint,
        port=sock.port,
    )
    emil.write(f"copybara:{request.token}", sender="eve")
    await emil.call("ringing")
    emil.write("/answer")
    response = decode(find((await emil.posted("chat"))["text"])[0].token)
    assert isinstance(response, Response)
    leg = Leg(sock, first_contact(Role.CALLER, request, response, identity, emil.id), remote_port=response.port)
    try:
        async with asyncio.timeout(PATIENCE):
            await leg.connect()
            await leg.control.opened.wait()
        yield leg
    finally:
        await leg.close()
        sock.close()


@pytest.mark.parametrize(
    "message", [Text("spam"), Ping(1), MediaState(audio=True, video=False)], ids=lambda message: type(message).__name__
)
async def test_somebody_who_floods_a_call_is_hung_up_on_and_fills_nothing(tmp_path: Path, message: Message) -> None:
    async with people(tmp_path, "emil") as (emil,), answered(emil, tmp_path) as eve:
        await emil.call("active")
        for _ in range(1000):
            eve.control.send(message)
            await asyncio.sleep(0)
        ended = await emil.call("ended")
        assert ended["reason"] == "flooded"
        await emil.in_order()
        written = [said for said in emil.said if said["type"] == "post" and said["kind"] == Kind.TEXT]
        assert len(written) <= LIMITS[Text].at_once + 1
