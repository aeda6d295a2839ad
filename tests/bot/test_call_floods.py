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
from peer.calls.repeats import HEARD, Repeated
from peer.transport.leg import Leg
from shared.media import Media
from shared.messages import (
    FILES_VERSION,
    Bye,
    FileCancel,
    FileOffer,
    Hello,
    JoinAnswer,
    JoinAsk,
    JoinOver,
    MediaState,
    Message,
    OnHold,
    Ping,
    Recording,
    Text,
)
from tests.bot.console import Person, people
from tests.bot.stranger import PATIENCE, stranger


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


def holds(number: int) -> list[Message]:
    return [OnHold(True), OnHold(False)]


def records(number: int) -> list[Message]:
    return [Recording(number, True), Recording(number, False)]


def asks(number: int) -> list[Message]:
    conversation = number.to_bytes(16, "big")
    return [JoinAsk(conversation, ("anna",)), JoinOver(conversation)]


def offers(number: int) -> list[Message]:
    digest = number.to_bytes(32, "big")
    return [FileOffer(digest, 1, "a"), FileCancel(digest)]


@pytest.mark.parametrize(
    ("what", "once", "each", "again"),
    [
        (Repeated.HOLD, holds, (Kind.HELD, Kind.RESUMED), Kind.HELD_AGAIN),
        (
            Repeated.RECORDING,
            records,
            (Kind.RECORDING_BY_THEM, Kind.RECORDING_BY_THEM_OVER),
            Kind.RECORDING_BY_THEM_AGAIN,
        ),
        (Repeated.QUESTION, asks, (Kind.CONVERSATION_ASKED, Kind.CONVERSATION_OFF), Kind.AGAIN),
        (Repeated.OFFER, offers, (Kind.FILE_OFFERED, Kind.FILE_CANCELLED), Kind.AGAIN),
    ],
    ids=["hold", "recording", "question", "offer"],
)
async def test_of_who_does_something_again_and_again_the_owner_hears_a_few_times_and_then_no_more(
    tmp_path: Path, what: Repeated, once: Callable[[int], list[Message]], each: tuple[Kind, ...], again: Kind
) -> None:
    async with people(tmp_path, "emil") as (emil,), answered(emil, tmp_path) as eve:
        await emil.call("active")
        eve.control.send(Hello(FILES_VERSION, int(Media.AUDIO)))
        for number in range(HEARD[what].at_once + 5):
            for message in once(number):
                eve.control.send(message)
        await emil.told(kind=again)
        eve.control.send(Bye(""))
        await emil.call("ended", reason="remote-hung-up")
        kinds = [said.get("kind") for said in emil.said]
        assert sum(kinds.count(kind) for kind in each) == len(each) * HEARD[what].at_once
        assert kinds.count(again) == 1


async def test_questions_beyond_a_few_are_declined_without_the_owner(tmp_path: Path) -> None:
    async with people(tmp_path, "emil") as (emil,), answered(emil, tmp_path) as eve:
        await emil.call("active")
        most = HEARD[Repeated.QUESTION].at_once
        for number in range(most + 3):
            for message in asks(number):
                eve.control.send(message)
        declined: list[bytes] = []
        async with asyncio.timeout(PATIENCE):
            async for heard in eve.control:
                if isinstance(heard, JoinAnswer):
                    assert not heard.agrees
                    declined.append(heard.conversation)
                if len(declined) == 3:
                    break
        assert declined == [number.to_bytes(16, "big") for number in range(most, most + 3)]
