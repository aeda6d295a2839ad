"""One Synapse per worker, with Anna, Bob and their bots."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.kinds import Kind
from tests.bot.console import as_before
from tests.bot.matrix.homeserver import Homeserver
from tests.bot.matrix.people import Pair, somebody
from tests.bot.matrix.synapse import Synapse, is_installed


@pytest.fixture(scope="session")
def starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    """A homeserver that may still be starting. Meanwhile other things can be made."""
    if not is_installed():
        assert not os.environ.get("CI"), "tests/synapse hasn't been run"
        pytest.skip("needs Synapse and matrix-js-sdk (run tests/synapse and tests/node-packages)")
    synapse = Synapse(tmp_path_factory.mktemp("synapse"))
    synapse.begin()
    yield synapse
    synapse.stop()


@pytest.fixture(scope="session")
def server(starting: Synapse, friends: Path) -> Synapse:
    """A homeserver that replies. The homes of all people are made while it starts."""
    del friends
    starting.ready()
    return starting


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def in_memory() -> AsyncIterator[Homeserver]:
    """A homeserver in memory, for tests without Element."""
    async with Homeserver().running() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_both(
    server: Synapse, friends: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Pair, Pair]]:
    """Anna and Bob. They set up their bots at the same time."""
    async with contextlib.AsyncExitStack() as stack:
        hers, his = (
            stack.enter_async_context(somebody(server, tmp_path_factory.mktemp(name[0]), name, friends))
            for name in ("anna", "bob")
        )
        anna, bob = await asyncio.gather(hers, his)
        yield anna, bob


@pytest_asyncio.fixture(loop_scope="module")
async def both(running_both: tuple[Pair, Pair]) -> AsyncIterator[tuple[Pair, Pair]]:
    """Anna and Bob, whose calls ring. A test may end their bots in any way."""
    yield running_both
    anna, bob = running_both
    await as_before(anna.program, bob.program)
    await bob.program.asked("/contact ring anna", kind=Kind.CONTACT_RINGS)


@pytest.fixture
def anna(both: tuple[Pair, Pair]) -> Pair:
    """Anna, whose bot has its own account."""
    return both[0]


@pytest.fixture
def bob(both: tuple[Pair, Pair]) -> Pair:
    """Bob, whose bot has its own account."""
    return both[1]
