"""Two browsers, two machines, Yggdrasil between them: nothing else is on either wire, whatever a browser would like."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.bot.console import Chat
from tests.browser.chromium import require_chromium
from tests.browser.people import AT_THE_PAGE, both_ways, connect, somebody
from tests.network.calls import Caller, captures
from tests.network.conftest import skip_without_namespaces
from tests.network.namespaces import three_hosts
from tests.network.yggdrasil import yggdrasil_network

pytestmark = pytest.mark.slow

WATCHED_SECONDS = 3.0


async def test_browsers_on_two_machines_touch_nothing_but_the_overlay(tmp_path: Path) -> None:
    require_chromium()
    skip_without_namespaces("yggdrasil")
    (tmp_path / "network").mkdir()
    async with three_hosts() as hosts, yggdrasil_network(hosts, tmp_path / "network") as network:
        chat = Chat()
        anna_node, bob_node = (
            Caller(
                name,
                tmp_path,
                chat,
                node,
                f'overlay = "yggdrasil"\n[yggdrasil]\nadmin = "unix://{node.admin}"\n{AT_THE_PAGE}',
            )
            for name, node in (("anna", network.a), ("bob", network.b))
        )
        with captures(network) as seen:
            await asyncio.gather(anna_node.begin(), bob_node.begin())
            try:
                async with (
                    somebody(anna_node, on=network.a.host.command) as anna,
                    somebody(bob_node, on=network.b.host.command) as bob,
                ):
                    await connect(anna, bob)
                    await both_ways(anna, bob)
                    await asyncio.sleep(WATCHED_SECONDS)
                    await bob.page.reload()
                    await both_ways(anna, bob)
                    path = (await anna.page.call("active"))["path"]
                    assert path.startswith("Over Yggdrasil, from [")
                    assert f"[{network.a.address}]" in path
                    await anna.page.press("Hang up")
                    await bob.page.call("ended")
            finally:
                for person in (anna_node, bob_node):
                    person.process.terminate()
                    await person.gone()
        assert seen.leaks == []
        assert all(wire.volume().packets > 100 for wire in (seen.wire_a, seen.wire_b))
        for person in (anna_node, bob_node):
            person.check()
