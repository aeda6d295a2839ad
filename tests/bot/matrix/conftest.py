"""One Synapse for each module, and Anna and Bob with their bots on it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.bot.matrix.people import Pair, somebody
from tests.bot.matrix.synapse import Synapse, is_installed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    """A homeserver of this module's own."""
    if not is_installed():
        assert not os.environ.get("CI"), "tests/synapse hasn't been run"
        pytest.skip("needs Synapse and matrix-js-sdk (run tests/synapse and tests/node-packages)")
    synapse = Synapse(tmp_path_factory.mktemp("synapse"))
    synapse.start()
    yield synapse
    synapse.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def anna(server: Synapse, friends: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """Anna, whose bot has an account of its own."""
    async with somebody(server, tmp_path_factory.mktemp("a"), "anna", friends) as pair:
        yield pair


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bob(server: Synapse, friends: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """Bob, whose bot has an account of its own."""
    async with somebody(server, tmp_path_factory.mktemp("b"), "bob", friends) as pair:
        yield pair
