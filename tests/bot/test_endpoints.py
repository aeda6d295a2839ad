"""The endpoint on each side of a call, chosen in the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import av
import pytest
import pytest_asyncio

from bot.kinds import Kind
from tests.bot.console import Person, as_before, connect, hang_up, people, ring
from tests.peer.media.test_file import TONE, make_video
from tests.peer.media.tone import hertz

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of anna's and bob's homes. Each call agrees on a new secret, so no home is copied twice."""
    return tmp_path_factory.mktemp("endpoints")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running_anna(friends: Path, folder: Path) -> AsyncIterator[Person]:
    async with people(folder, "anna", homes=friends) as (anna,):
        yield anna


@pytest_asyncio.fixture(loop_scope="module")
async def anna(running_anna: Person) -> AsyncIterator[Person]:
    """Anna, whose endpoint is the pattern."""
    yield running_anna
    await as_before(running_anna)


async def packets(person: Person, *, audio: int, video: int = 0) -> None:
    """Wait until this many packets have arrived."""
    report: dict[str, int] = {}
    while report.get("audio_packets_received", 0) < audio or report["video_packets_received"] < video:
        person.write("/status")
        report = await person.call("active")


async def test_none_receives_and_sends_nothing(anna: Person, friends: Path, folder: Path) -> None:
    config = '[answer]\nendpoint = "none"\n'
    async with people(folder, "bob", homes=friends, config=config, chat=anna.chat) as (bob,):
        await connect(anna, bob)
        await bob.media()
        reports = await hang_up(anna, bob)
        assert [reports[0][f"{kind}_packets_received"] for kind in ("audio", "video")] == [0, 0]


async def test_echo_sends_back_what_it_receives(anna: Person, friends: Path, folder: Path) -> None:
    config = '[answer]\nendpoint = "echo"\n'
    async with people(folder, "bob", homes=friends, config=config, chat=anna.chat) as (bob,):
        await connect(anna, bob)
        await asyncio.gather(anna.media(), bob.media())
        await hang_up(bob, anna)


async def test_a_file_is_heard_and_seen_and_recorded_on_the_other_side(friends: Path, tmp_path: Path) -> None:
    film = make_video(tmp_path / "film.mkv")
    configs = {
        "anna": '[answer]\nendpoint = "recorder"\n[media]\nrecord_to = "kept"\n',
        "bob": f'[answer]\nendpoint = "file"\n[media]\nfile = "{film}"\nwidth = 160\nheight = 120\n',
    }
    async with people(tmp_path, "anna", "bob", homes=friends, configs=configs) as (anna, bob):
        await connect(anna, bob)
        await packets(anna, audio=20, video=5)
        _, theirs = await hang_up(anna, bob)
        assert theirs["audio_packets_received"] == theirs["video_packets_received"] == 0
        (recording,) = (anna.home / "kept").iterdir()
    assert "bob" in recording.name
    with av.open(str(recording)) as file:
        assert {stream.codec_context.name for stream in file.streams} == {"opus", "vp8"}
        assert (file.streams.video[0].width, file.streams.video[0].height) == (160, 120)
        assert hertz(file.decode(audio=0)) == pytest.approx(TONE, rel=0.02)


async def test_recordings_lie_in_the_home_unless_configured_otherwise(
    anna: Person, friends: Path, folder: Path
) -> None:
    config = '[answer]\nendpoint = "recorder"\n'
    async with people(folder, "bob", homes=friends, config=config, chat=anna.chat) as (bob,):
        await connect(anna, bob, "audio")
        await packets(bob, audio=10)
        await hang_up(anna, bob)
        (recording,) = (bob.home / "recordings").iterdir()
    with av.open(str(recording)) as file:
        assert [stream.type for stream in file.streams] == ["audio"]
        assert next(file.decode(audio=0))


async def test_a_file_that_is_gone_fails_the_call_with_a_sentence_on_both_sides(
    anna: Person, friends: Path, folder: Path
) -> None:
    config = '[answer]\nendpoint = "file"\n[media]\nfile = "gone.mkv"\n'
    async with people(folder, "bob", homes=friends, config=config, chat=anna.chat) as (bob,):
        await ring(anna, bob)
        bob.write("/answer")
        told = await bob.told(kind=Kind.ENDED)
        assert "gone.mkv" in told
        assert (await bob.call("ended"))["reason"] == "failed"
        assert (await anna.call("ended"))["reason"] in ("remote-busy", "remote-hung-up")
        await bob.in_order()
