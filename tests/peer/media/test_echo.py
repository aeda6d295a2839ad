from __future__ import annotations

import asyncio

import pytest
from av import AudioFrame, VideoFrame

from peer.media.endpoints.echo import Echo
from peer.media.endpoints.pattern import Pattern
from shared.media import Media
from tests.peer.media.tone import SineTrack, hertz
from tests.peer.pair import connected


async def test_what_is_said_comes_back() -> None:
    async with connected() as legs:
        echo = Echo()
        await echo.attach(legs.callee, Media.AUDIO, legs.tasks)
        heard = await legs.caller.receive("audio")
        await legs.caller.send(SineTrack(1_000))
        frames = [await heard.recv() for _ in range(25)]
        await echo.detach()
    assert hertz(frame for frame in frames[5:] if isinstance(frame, AudioFrame)) == pytest.approx(1_000, abs=1)


async def test_what_is_shown_comes_back_also_to_who_looks_later() -> None:
    async with connected() as legs:
        echo, pattern = Echo(), Pattern(320, 240, 30)
        await echo.attach(legs.callee, Media.VIDEO, legs.tasks)
        await pattern.attach(legs.caller, Media.VIDEO, legs.tasks)
        late = asyncio.get_running_loop().create_future()

        async def count(packet: bytes) -> None:
            if legs.caller.counters.video.packets == 10 and not late.done():
                late.set_result(None)

        legs.caller.tap(count)
        await late
        seen = await legs.caller.receive("video")
        # The key frame is long gone: one is asked of the echo, which asks us.
        await legs.caller.request_keyframe()
        async with asyncio.timeout(3):
            picture = await seen.recv()
        await pattern.detach()
        await echo.detach()
    assert isinstance(picture, VideoFrame)
    assert (picture.width, picture.height) == (320, 240)


async def test_a_kind_that_was_not_agreed_is_not_echoed() -> None:
    async with connected() as legs:
        echo, pattern = Echo(), Pattern()
        await echo.attach(legs.callee, Media.AUDIO, legs.tasks)
        heard = await legs.caller.receive("audio")
        await pattern.attach(legs.caller, Media.BOTH, legs.tasks)
        for _ in range(10):
            await heard.recv()
        assert legs.callee.counters.video.packets > 0
        assert legs.caller.counters.video.packets == 0
        await pattern.detach()
        await echo.detach()


async def test_a_detached_echo_leaves_nothing_running() -> None:
    async with connected() as legs:
        before = asyncio.all_tasks()
        echo = Echo()
        await echo.attach(legs.callee, Media.BOTH, legs.tasks)
        await echo.attach(legs.callee, Media.BOTH, legs.tasks)
        await echo.detach()
        await echo.detach()
        assert asyncio.all_tasks() <= before
