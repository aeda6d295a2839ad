"""The networks, one of each kind for all tests, and skips or errors where they can't be made."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.network.namespaces import CLONE_NEWNET, Hosts, three_hosts
from tests.network.overlay import OverlayNetwork
from tests.network.staex import StaexNetwork, staex_network
from tests.network.yggdrasil import YggdrasilNetwork, yggdrasil_network

HERE = Path(__file__).parent


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hosts() -> AsyncIterator[Hosts]:
    """The hosts A, R and B without any overlay."""
    skip_without_namespaces()
    async with three_hosts() as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def yggdrasil(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[YggdrasilNetwork]:
    """Yggdrasil on three hosts of its own."""
    skip_without_namespaces("yggdrasil")
    async with three_hosts() as made, yggdrasil_network(made, tmp_path_factory.mktemp("yggdrasil")) as network:
        yield network


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def staex(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StaexNetwork]:
    """Stand-ins for Staex on three hosts of their own."""
    skip_without_namespaces()
    async with three_hosts() as made, staex_network(made, tmp_path_factory.mktemp("staex")) as network:
        yield network


@pytest.fixture(params=["yggdrasil", "staex"])
def overlay(request: pytest.FixtureRequest) -> OverlayNetwork:
    """Each of the two networks in turn."""
    network: OverlayNetwork = request.getfixturevalue(request.param)
    return network


@dataclass(frozen=True, slots=True)
class Way:
    """A way for copybara to reach an overlay."""

    network: OverlayNetwork
    command: bool = False
    "Whether a Staex node is asked by its command instead of its API."


@pytest.fixture(params=["yggdrasil", "staex-api", "staex-command"])
def way(request: pytest.FixtureRequest) -> Way:
    """Each of the ways in turn."""
    network, _, by = request.param.partition("-")
    return Way(request.getfixturevalue(network), command=by == "command")


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=[yggdrasil_network, staex_network])
async def own_overlay(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[OverlayNetwork]:
    """The same network, but only for this module: for tests after which a kernel still sends something.

    The kernel reports a group that was left again a second later, and may answer a stray packet late. In the captures
    of other tests that would be a leak.
    """
    make = request.param
    skip_without_namespaces(*(["yggdrasil"] if make is yggdrasil_network else []))
    async with three_hosts() as made, make(made, tmp_path_factory.mktemp("overlay")) as network:
        yield network


def skip_without_namespaces(*programs: str) -> None:
    """Skip tests that need network namespaces and these programs, with the reason, where one is missing."""
    missing = [program for program in ("ip", "setpriv", "ping", *programs) if not shutil.which(program)]
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    elif missing:
        pytest.skip(f"needs {', '.join(missing)} (Debian: iproute2, util-linux, iputils-ping, yggdrasil)")
    elif not Path("/dev/net/tun").exists():
        pytest.skip("needs /dev/net/tun")
    elif not may_make_namespaces():
        pytest.skip("this root may not make network namespaces (a container without privileges?)")


def may_make_namespaces() -> bool:
    """Try to make one, in a thread that ends with it."""
    with ThreadPoolExecutor(1) as thread:
        failed: int = thread.submit(ctypes.CDLL(None).unshare, CLONE_NEWNET).result()
    return not failed


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests share the event loop of the networks."""
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
