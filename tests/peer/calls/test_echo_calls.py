"""Calls with our own echo. They are real calls over the loopback overlay, and nothing of them is kept."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from peer.calls.echo_calls import EchoCalls
from peer.calls.line import Line
from peer.calls.line_records import report
from peer.calls.lines import Lines
from peer.calls.news import News, Posted
from peer.calls.session_events import FirstMedia
from peer.media import CallContext, Endpoint
from peer.media.endpoints.pattern import Pattern
from peer.overlay import Address
from peer.overlay.loopback import LoopbackOverlay
from peer.overlay.watch import OverlayWatch
from shared.call.events import HangUp
from shared.call.table import State
from shared.errors import CallRefused, InCall, OverlayDown
from shared.media import Media

PATIENCE = 60.0


class Owner:
    """Sends the test picture, and keeps the news that it hears."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.heard: list[tuple[Line, News]] = []
        self.states: list[State] = []
        self.happened = asyncio.Event()

    def usual(self) -> str:
        return "pattern"

    def make(self, name: str, context: CallContext) -> Endpoint:
        return Pattern()

    def told(self, line: Line, news: News) -> None:
        self.heard.append((line, news))
        self.states.append(line.call.state)
        self.happened.set()


@contextlib.asynccontextmanager
async def echoing(
    home: Path, owner: Owner, overlay: LoopbackOverlay | None = None, temporary: Path | None = None
) -> AsyncIterator[EchoCalls]:
    overlay = overlay or LoopbackOverlay(home)
    echo = EchoCalls(
        own=await LoopbackOverlay(home).node_id(),
        lines=owner.lines,
        overlay=overlay,
        watch=OverlayWatch(overlay),
        endpoints=owner,
        page=owner,
        chats=None,
        temporary=temporary,
    )
    running = asyncio.create_task(echo.run())
    try:
        yield echo
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):  # an error of the disk, in one test
            await running


async def comes_back(owner: Owner, line: Line) -> None:
    """Wait until sound and picture have come back."""

    def kinds() -> set[str]:
        return {news.kind for about, news in owner.heard if about is line and isinstance(news, FirstMedia)}

    async with asyncio.timeout(PATIENCE):
        while kinds() != {"audio", "video"}:
            owner.happened.clear()
            await owner.happened.wait()


async def test_the_own_sound_and_picture_come_back_over_the_overlay_and_nothing_of_it_stays(tmp_path: Path) -> None:
    owner = Owner()
    async with echoing(tmp_path, owner) as echo:
        line = await echo.place(Media.BOTH)
        assert line.name == "echo"
        assert line.shown.echo
        assert owner.lines == [line]
        await comes_back(owner, line)
        own = await LoopbackOverlay(tmp_path).own_address()
        said = report(line)
        assert str(said["local"]).startswith(f"{own}:")
        assert str(said["remote"]).startswith(f"{own}:")
        assert said["local"] != said["remote"]
        line.put(HangUp())
        await asyncio.wait_for(line.over.wait(), PATIENCE)
        assert owner.lines == []
    # No link of the call is for people, and nobody hears that it rings.
    assert not any(isinstance(news, Posted) for _, news in owner.heard)
    assert State.RINGING not in owner.states
    assert owner.states[-1] is State.ENDED
    assert os.listdir(tmp_path) == ["node.key"]


async def test_one_call_after_the_other_and_none_beside_another(tmp_path: Path) -> None:
    owner = Owner()
    async with echoing(tmp_path, owner) as echo:
        first = await echo.place(Media.AUDIO)
        with pytest.raises(InCall):
            await echo.place(Media.AUDIO)
        first.put(HangUp())
        await asyncio.wait_for(first.over.wait(), PATIENCE)
        second = await echo.place(Media.BOTH)
        assert second.number != first.number
        await comes_back(owner, second)


async def test_an_overlay_that_is_down_ends_the_call_with_its_reason_and_the_next_one_works(tmp_path: Path) -> None:
    class Failing(LoopbackOverlay):
        down = True

        async def own_address(self) -> Address:
            if self.down:
                raise OverlayDown("The node is away.", "Start it.")
            return await super().own_address()

    owner, overlay = Owner(), Failing(tmp_path)
    async with echoing(tmp_path, owner, overlay) as echo:
        line = await echo.place(Media.BOTH)
        await asyncio.wait_for(line.over.wait(), PATIENCE)
        assert "The node is away." in line.call.detail
        overlay.down = False
        await comes_back(owner, await echo.place(Media.BOTH))


async def test_a_disk_without_room_for_temporary_files_is_said_to_who_asks_for_a_test_call(tmp_path: Path) -> None:
    async with echoing(tmp_path / "home", Owner(), temporary=tmp_path / "gone") as echo:
        with pytest.raises(CallRefused, match="temporary files"):
            await echo.place(Media.AUDIO)
