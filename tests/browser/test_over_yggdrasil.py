"""Two browsers on two machines with Yggdrasil between them: the wires carry nothing else, whatever a browser tries."""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from bot.kinds import Kind
from bot.texts.overlay import alone
from tests.bot.console import SECONDS, Chat
from tests.browser.chromium import require_chromium
from tests.browser.people import AT_THE_PAGE, both_ways, connect, somebody
from tests.network.calls import Caller, captures
from tests.network.conftest import skip_without_namespaces
from tests.network.namespaces import three_hosts
from tests.network.yggdrasil import YggdrasilNode, yggdrasil_network

pytestmark = pytest.mark.slow

WATCHED_SECONDS = 3.0


def settings(node: YggdrasilNode) -> str:
    return f'overlay = "yggdrasil"\n[yggdrasil]\nadmin = "unix://{node.admin}"\n{AT_THE_PAGE}'


async def test_browsers_on_two_machines_touch_nothing_but_the_overlay(tmp_path: Path) -> None:
    require_chromium()
    skip_without_namespaces("yggdrasil")
    (tmp_path / "network").mkdir()
    async with three_hosts() as hosts, yggdrasil_network(hosts, tmp_path / "network") as network:
        chat = Chat()
        anna_node, bob_node = (
            Caller(name, tmp_path, chat, node, settings(node))
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


async def test_a_node_whose_only_peer_goes_away_and_comes_back_is_said_everywhere(tmp_path: Path) -> None:
    require_chromium()
    skip_without_namespaces("yggdrasil")
    (tmp_path / "network").mkdir()
    said = alone("yggdrasil")
    async with three_hosts() as hosts, yggdrasil_network(hosts, tmp_path / "network") as network:
        short = f"{settings(network.a)}[calls]\nlifetime = 10\n"
        anna = Caller("anna", tmp_path, Chat(), network.a, short)
        await anna.begin()
        try:
            async with somebody(anna, on=network.a.host.command) as person:
                page = person.page
                await page.shows("Connected to Yggdrasil")
                assert (await anna.status())["overlay"]["connected"]

                await network.r.stop()
                assert await anna.told(kind=Kind.OVERLAY_ALONE) == said.text
                assert await page.says(Kind.OVERLAY_ALONE) == said.text
                await page.page.locator('#overlay[data-up="false"]').wait_for()
                overlay = (await anna.status())["overlay"]
                assert (overlay["connected"], overlay["kind"]) == (False, Kind.OVERLAY_ALONE)
                assert said.text in await anna.asked("/status", kind=Kind.STATUS)
                peers = (await anna.doctor())["peers"]
                assert (peers["ok"], peers["detail"], peers["hint"]) == (False, said.sentence, said.hint)
                # A call can be placed all the same, and says why nobody answers.
                assert said.sentence in await anna.asked(f"/call {network.b.node_id}", kind=Kind.CALLING)
                await page.page.locator("#outgoing-network").get_by_text(said.sentence).wait_for()
                assert said.sentence in await anna.told(kind=Kind.ENDED)
                await page.press("Done")

                await network.r.start()
                await network.a.dial_again()
                await anna.told(kind=Kind.OVERLAY_BACK)
                await page.page.locator('#overlay[data-up="true"]').wait_for()
                await page.shows("Connected to Yggdrasil")

            # A program that starts without a peer says so at once. As a service it says so in its journal too.
            assert await anna.signalled(signal.SIGTERM) == 0
            await network.r.stop()
            await anna.begin()
            assert await anna.told(kind=Kind.OVERLAY_ALONE) == said.text
            assert await anna.signalled(signal.SIGTERM) == 0
            service = await asyncio.create_subprocess_exec(*anna.command("run"), stdout=PIPE)
            assert service.stdout is not None
            async with asyncio.timeout(SECONDS):
                journal = b""
                while said.sentence not in " ".join(journal.decode().split()):
                    line = await service.stdout.readline()
                    assert line, "it ended"
                    journal += line
            assert b"Calls go over Yggdrasil only." in journal
            service.terminate()
            await service.communicate()
        finally:
            if anna.running:
                anna.process.kill()
                await anna.gone()
        anna.check()
