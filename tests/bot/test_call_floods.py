"""Floods in a call between real programs: a person whose call was answered sends messages without end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.kinds import Kind
from peer.calls.limits import LIMITS
from peer.calls.repeats import HEARD
from peer.transport.leg import Leg
from shared.messages import Bye, MediaState, Message, OnHold, Ping, Recording, Text
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


HOLD = (Kind.HELD, Kind.RESUMED), Kind.HELD_AGAIN
RECORDING = (Kind.RECORDING_BY_THEM, Kind.RECORDING_BY_THEM_OVER), Kind.RECORDING_BY_THEM_AGAIN


@pytest.mark.parametrize(
    ("change", "each", "again"),
    [(lambda number: OnHold(number % 2 == 0), *HOLD), (lambda number: Recording(number, number % 2 == 0), *RECORDING)],
    ids=["hold", "recording"],
)
async def test_of_who_changes_something_again_and_again_the_owner_hears_a_few_times_and_then_no_more(
    tmp_path: Path, change: Callable[[int], Message], each: tuple[Kind, ...], again: Kind
) -> None:
    async with people(tmp_path, "emil") as (emil,), answered(emil, tmp_path) as eve:
        await emil.call("active")
        for number in range(HEARD.at_once + 15):
            eve.control.send(change(number))
        await emil.told(kind=again)
        eve.control.send(Bye(""))
        await emil.call("ended", reason="remote-hung-up")
        kinds = [said.get("kind") for said in emil.said]
        assert sum(kinds.count(kind) for kind in each) == HEARD.at_once
        assert kinds.count(again) == 1
