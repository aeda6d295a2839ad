"""Floods in a call between real programs: a person whose call was answered sends messages without end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.kinds import Kind
from peer.calls.limits import LIMITS
from peer.transport.leg import Leg
from shared.messages import MediaState, Message, Ping, Text
from tests.bot.console import Person, people
from tests.bot.stranger import stranger


@asynccontextmanager
async def answered(emil: Person, folder: Path) -> AsyncIterator[Leg]:
    """Eve's leg to Emil's program, which has answered her call."""
    async with stranger(folder, emil.id) as eve:
        emil.write(f"copybara:{eve.request.token}", sender="eve")
        await emil.call("ringing")
        emil.write("/answer")
        async with eve.connected((await emil.posted("chat"))["text"]) as leg:
            yield leg


@pytest.mark.parametrize(
    "message", [Text("spam"), Ping(1), MediaState(audio=True, video=False)], ids=lambda message: type(message).__name__
)
async def test_somebody_who_floods_a_call_is_hung_up_on_and_fills_nothing(tmp_path: Path, message: Message) -> None:
    async with people(tmp_path, "emil") as (emil,), answered(emil, tmp_path) as eve:
        await emil.call("active")
        began = time.monotonic()
        for _ in range(1000):
            eve.control.send(message)
            await asyncio.sleep(0)
        ended = await emil.call("ended")
        lasted = time.monotonic() - began
        assert ended["reason"] == "flooded"
        await emil.in_order()
        written = [said for said in emil.said if said["type"] == "post" and said["kind"] == Kind.TEXT]
        assert len(written) <= LIMITS[Text].at_once + 1 + lasted * LIMITS[Text].per_second
