"""Two handset pages on two machines with a bad path between them: in a call, and connected without anybody between.

Real programs and browsers in network namespaces, stand-ins for the overlay's nodes, and tests/network/hop.py as the
path. Both connections cross the same hop; only one of them sends at a time.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, Literal

from tests.bot.console import Chat
from tests.browser.people import AT_THE_PAGE, Somebody, both_ways, connect, somebody
from tests.network.bad_path import Path
from tests.network.calls import Caller
from tests.network.namespaces import three_hosts
from tests.network.staex import API, StaexNode, staex_network

How = Literal["relayed", "direct"]

DIRECT_CONNECTION = File(__file__).with_name("direct_connection.js").read_text("utf-8")

CONNECT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Counted:
    """What a page has received so far."""

    samples: float = 0
    "Of sound that was played, concealed ones as well."

    concealed: float = 0
    "Of them, those that the browser made up because no packet was there."

    pictures: float = 0

    frozen: float = 0.0
    "Seconds in which the picture stood still, as the browser counts them: once the next one has come."

    width: int = 0
    "Of the latest picture, pixels."

    available: float = 0.0
    "Bits a second that the browser believes it can send."


class PagesApart:
    """The two pages, the path between them, and the switch between the two connections."""

    def __init__(self, path: Any, people: tuple[Somebody, Somebody]) -> None:
        self.people = people
        self._path = path

    async def path(self, path: Path) -> None:
        """Have the path be like this from now on."""
        await self._path.be(path)

    async def through(self, how: How) -> None:
        """Send sound and picture by the call or by the direct connection, and nothing by the other."""
        await asyncio.gather(*(each.page.page.evaluate("how => direct.only(how)", how) for each in self.people))

    async def counted(self, how: How) -> tuple[Counted, Counted]:
        """What both pages have received by it."""
        first, second = [
            Counted(**await each.page.page.evaluate("how => direct.counted(how)", how)) for each in self.people
        ]
        return first, second


@asynccontextmanager
async def pages_apart() -> AsyncIterator[PagesApart]:
    """Both pages in a call, and directly connected; the path is perfect at first."""
    async with AsyncExitStack() as stack:
        folder = File(stack.enter_context(tempfile.TemporaryDirectory(prefix="copybara-bench-")))
        hosts = await stack.enter_async_context(three_hosts())
        network = await stack.enter_async_context(staex_network(hosts, folder))
        chat = Chat()
        people = []
        for name, node in (("anna", network.a), ("bob", network.b)):
            caller = Caller(name, folder, chat, node, f'overlay = "staex"\n[staex]\napi = "{API}"\n{AT_THE_PAGE}')
            await caller.begin()
            stack.push_async_callback(_end, caller)
            people.append(await stack.enter_async_context(somebody(caller, on=node.host.command)))
        anna, bob = people
        await connect(anna, bob)
        await both_ways(anna, bob)
        await _connect_directly(anna, bob, network.a, network.b)
        yield PagesApart(network.path, (anna, bob))


async def _connect_directly(anna: Somebody, bob: Somebody, a: StaexNode, b: StaexNode) -> None:
    for each, node in ((anna, a), (bob, b)):
        await each.page.page.evaluate(f"window.directAddress = '{node.address}'; {DIRECT_CONNECTION}")
    offer = await anna.page.page.evaluate("direct.offer()")
    # On each node the other one has another address.
    offer = offer.replace(f" {a.address}", f" {b.address_of(a)}")
    answer = await bob.page.page.evaluate("offer => direct.answer(offer)", offer)
    answer = answer.replace(f" {b.address}", f" {a.address_of(b)}")
    await anna.page.page.evaluate("answer => direct.accept(answer)", answer)
    async with asyncio.timeout(CONNECT_SECONDS):
        await asyncio.gather(*(each.page.page.evaluate("direct.connected()") for each in (anna, bob)))


async def _end(caller: Caller) -> None:
    if caller.running:
        caller.process.terminate()
        await caller.gone()
