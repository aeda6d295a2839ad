"""Which overlay is chosen, and what is said about the others."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from peer.overlay import Overlay
from peer.overlay.choose import choose, configured, examine
from peer.overlay.loopback import LoopbackOverlay
from peer.overlay.staex import StaexOverlay
from peer.overlay.yggdrasil import YggdrasilOverlay
from shared.config.schema import Config, Staex, Yggdrasil
from shared.errors import BadAddress, ConfigError, OverlayDown, OverlayForbidden
from tests.peer.media.fixed_machine import MACHINE
from tests.peer.overlay import staex_service, yggdrasil_service
from tests.peer.overlay.staex_service import answering, http, listening, node
from tests.peer.overlay.yggdrasil_service import OUR_ADDRESS, myself, pretending
from tests.shared.store.ordinary_user import ordinary_user, reachable_folder


class Here:
    """The three overlays of this machine. An overlay that wasn't started doesn't answer."""

    def __init__(self, folder: Path, running: AsyncExitStack) -> None:
        self.folder = folder
        self.running = running
        self.staex = StaexOverlay(Staex(command=(str(folder / "no-such-mcc"),)), MACHINE)
        self.yggdrasil = YggdrasilOverlay(Yggdrasil(admin=f"unix://{folder}/sock"), MACHINE)
        self.loopback = LoopbackOverlay(folder)

    @property
    def all(self) -> list[Overlay]:
        return [self.loopback, self.yggdrasil, self.staex]

    async def start_staex(self) -> None:
        api = await self.running.enter_async_context(listening(answering(node())))
        self.staex = StaexOverlay(Staex(api=api), MACHINE)

    async def start_yggdrasil(self) -> None:
        await self.running.enter_async_context(pretending(self.folder / "sock", myself()))


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Here]:
    async with AsyncExitStack() as running:
        yield Here(tmp_path, running)


async def test_auto_takes_staex_first_and_says_what_it_found(here: Here) -> None:
    await here.start_staex()
    await here.start_yggdrasil()
    choice = await choose("auto", here.all, MACHINE)
    assert choice.overlay is here.staex
    staex, yggdrasil = choice.report.findings
    assert choice.report.taken is staex
    assert (staex.overlay, staex.node, staex.address) == ("staex", staex_service.US, IPv4Address("10.83.0.1"))
    assert (staex.interface, staex.mtu, staex.why_not) == ("tun0", 1100, "")
    assert (yggdrasil.overlay, yggdrasil.node, yggdrasil.address) == ("yggdrasil", yggdrasil_service.US, OUR_ADDRESS)
    assert (yggdrasil.interface, yggdrasil.mtu) == ("ygg0", 65535)
    assert yggdrasil.usable
    assert yggdrasil.why_not == "It works too, but staex comes first."


async def test_auto_takes_yggdrasil_where_staex_does_not_answer(here: Here) -> None:
    await here.start_yggdrasil()
    choice = await choose("auto", here.all, MACHINE)
    assert choice.overlay is here.yggdrasil
    staex, yggdrasil = choice.report.findings
    assert "isn't there" in staex.why_not
    assert not staex.usable
    assert yggdrasil.why_not == ""


async def test_auto_never_takes_loopback(here: Here) -> None:
    with pytest.raises(OverlayDown, match=r"^No overlay network was found\.$") as none:
        await choose("auto", here.all, MACHINE)
    assert none.value.hint.startswith("Run `copybara setup`: ")
    assert "--overlay loopback" in none.value.hint
    assert re.search(r"isn't there\. No Yggdrasil node", none.value.hint)
    assert not (here.folder / "node.key").exists()


async def test_a_node_that_may_not_be_asked_is_named_in_place_of_no_network(tmp_path: Path) -> None:
    staex = StaexOverlay(Staex(command=(str(tmp_path / "no-such-mcc"),)), MACHINE)
    with reachable_folder() as folder:
        async with pretending(folder / "sock", myself()) as admin:
            (folder / "sock").chmod(0o000)
            with ordinary_user(), pytest.raises(OverlayForbidden, match="may not open") as refused:
                await choose("auto", [staex, YggdrasilOverlay(Yggdrasil(admin=admin), MACHINE)], MACHINE)
            assert "adduser $USER yggdrasil" in refused.value.hint


async def test_loopback_is_taken_when_it_is_wanted(here: Here) -> None:
    await here.start_staex()
    choice = await choose("loopback", here.all)
    assert choice.overlay is here.loopback
    assert [finding.interface for finding in choice.report.findings] == ["lo"]


async def test_a_wanted_overlay_that_is_down_is_not_replaced_by_another(here: Here) -> None:
    await here.start_staex()
    with pytest.raises(OverlayDown, match="No Yggdrasil node at"):
        await choose("yggdrasil", here.all, MACHINE)


async def test_a_lying_staex_node_is_passed_over_with_the_reason(here: Here) -> None:
    api = await here.running.enter_async_context(
        listening(
            answering(lambda target: http(f'"{"8.8.8.8" if "resolve" in target else staex_service.US}"'.encode()))
        )
    )
    here.staex = StaexOverlay(Staex(api=api), MACHINE)
    await here.start_yggdrasil()
    choice = await choose("auto", here.all, MACHINE)
    assert choice.overlay is here.yggdrasil
    lying = choice.report.findings[0]
    assert lying.node == staex_service.US
    assert lying.address is None
    assert isinstance(lying.error, BadAddress)
    assert lying.why_not == "The overlay node answered with a public address. Nothing was sent."


async def test_the_report_for_doctor_covers_every_overlay(here: Here) -> None:
    await here.start_yggdrasil()
    report = await examine("auto", here.all, MACHINE)
    assert [finding.overlay for finding in report.findings] == ["staex", "yggdrasil", "loopback"]
    assert report.taken is report.findings[1]
    assert report.findings[2].why_not == "Loopback is never chosen automatically: it gives no privacy."
    report = await examine("loopback", here.all, MACHINE)
    assert report.findings[1].why_not == "The configuration wants loopback."
    assert report.taken is report.findings[2]


def test_the_configuration_makes_all_three_overlays(tmp_path: Path) -> None:
    made = configured(Config(), tmp_path)
    assert [overlay.name for overlay in made] == ["staex", "yggdrasil", "loopback"]
    with pytest.raises(ConfigError, match="isn't on this machine"):
        configured(Config(staex=Staex(api="http://copybara.example")), tmp_path)
    with pytest.raises(ConfigError, match="must look like"):
        configured(Config(yggdrasil=Yggdrasil(admin="none")), tmp_path)
