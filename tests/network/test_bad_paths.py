"""Calls over paths that lose, delay, repeat and hold up packets, and checks of the path that does so in these tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path as File

import pytest
import pytest_asyncio

from tests.network.bad_path import Direction, Path
from tests.network.calls import Caller, first_contact, two_people
from tests.network.conftest import skip_without_namespaces
from tests.network.namespaces import three_hosts
from tests.network.staex import StaexNetwork, staex_network

PACKETS = 4000


def sent(path: Path, *, apart: float = 0.01, size: int = 100) -> list[list[float]]:
    """When each of many packets comes out, in seconds after it went in. One goes in every `apart` seconds."""
    way = Direction(seed=1)
    return [[at - number * apart for at in way.times(path, number * apart, size)] for number in range(PACKETS)]


def test_a_path_that_does_nothing_hands_each_packet_on_at_once() -> None:
    assert sent(Path()) == [[0.0]] * PACKETS


def test_a_dark_path_lets_nothing_through() -> None:
    assert sent(Path(dark=True)) == [[]] * PACKETS


@pytest.mark.parametrize("part", [0.1, 0.3, 0.4])
def test_as_many_packets_are_lost_as_are_asked_for(part: float) -> None:
    assert sent(Path(loss=part)).count([]) / PACKETS == pytest.approx(part, abs=0.03)


def test_as_many_packets_come_twice_as_are_asked_for() -> None:
    assert sum(len(out) == 2 for out in sent(Path(duplicated=0.2))) / PACKETS == pytest.approx(0.2, abs=0.03)


def test_jitter_holds_packets_up_without_changing_their_order() -> None:
    late = [out[0] for out in sent(Path(delay=50, jitter=200), apart=0.02)]
    assert min(late) == pytest.approx(0.05, abs=0.01)
    assert 0.2 < max(late) <= 0.25 + 1e-9
    came = [number * 0.02 + each for number, each in enumerate(late)]
    assert all(before <= after for before, after in pairwise(came))


def test_reordered_packets_overtake_others() -> None:
    came = [number * 0.01 + out[0] for number, out in enumerate(sent(Path(jitter=200, reordered=0.1)))]
    assert sum(after < before for before, after in pairwise(came)) > PACKETS / 20


def test_a_narrow_path_lets_through_what_fits_and_loses_what_would_wait_too_long() -> None:
    # 100 bytes every 10 ms are 80 kbit/s.
    came = sent(Path(kbps=40, queue=200))
    assert sum(map(len, came)) / PACKETS == pytest.approx(0.5, abs=0.02)
    assert max(out[0] for out in came if out) <= 0.2 + 0.02 + 1e-9
    assert [] not in sent(Path(kbps=81))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def staex(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StaexNetwork]:
    """A network for this file only."""
    skip_without_namespaces()
    async with three_hosts() as made, staex_network(made, tmp_path_factory.mktemp("staex")) as network:
        yield network


async def test_strangers_are_connected_over_a_path_that_loses_three_of_ten_packets(
    staex: StaexNetwork, tmp_path: File
) -> None:
    await staex.path.be(Path(loss=0.3, delay=30, jitter=20, duplicated=0.02, reordered=0.02))
    try:
        async with two_people(staex, tmp_path) as (anna, bob):
            await first_contact(anna, bob)
    finally:
        await staex.path.be(Path())


async def test_sound_and_picture_are_back_after_five_seconds_without_a_packet(
    staex: StaexNetwork, tmp_path: File
) -> None:
    async with two_people(staex, tmp_path) as (anna, bob):
        await first_contact(anna, bob)
        await staex.path.be(Path(dark=True))
        await asyncio.sleep(5)
        until_then = await asyncio.gather(counted(anna), counted(bob))
        await staex.path.be(Path())
        await asyncio.gather(*(more(*each) for each in zip((anna, bob), until_then, strict=True)))


async def counted(person: Caller) -> tuple[int, int]:
    """How many packets of sound and of the picture have arrived so far."""
    (call,) = (await person.status())["calls"]
    return call["audio_packets_received"], call["video_packets_received"]


async def more(person: Caller, before: tuple[int, int]) -> None:
    """Wait until a second of sound and some pictures have arrived since then. A count has no event to wait for."""
    async with asyncio.timeout(60):
        while True:
            sound, picture = await counted(person)
            if sound > before[0] + 50 and picture > before[1] + 10:
                return
            await asyncio.sleep(0.1)
