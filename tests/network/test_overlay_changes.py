"""How copybara finds the overlay node: which node it chooses, what `doctor` says, and what a stopped node causes."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import pytest_asyncio

from bot.kinds import Kind
from peer.overlay.yggdrasil_admin import PROGRAMS
from tests.bot.console import SECONDS, Chat
from tests.network.calls import (
    LITTLE_PICTURE,
    Caller,
    UdpSocket,
    captures,
    ended,
    endpoint,
    first_contact,
    settings,
    two_people,
)
from tests.network.capture import capture
from tests.network.conftest import Way, skip_without_namespaces
from tests.network.namespaces import three_hosts
from tests.network.overlay import OverlayNetwork, OverlayNode
from tests.network.staex import StaexNetwork, staex_network
from tests.network.yggdrasil import YggdrasilNetwork, yggdrasil_network

pytestmark = pytest.mark.slow


def name_of(network: OverlayNetwork) -> str:
    return "yggdrasil" if isinstance(network, YggdrasilNetwork) else "staex"


# Going away and coming back


async def test_an_overlay_that_goes_away_is_told_and_comes_back_by_itself(
    own_overlay: OverlayNetwork, tmp_path: Path
) -> None:
    a, name = own_overlay.a, name_of(own_overlay).capitalize()
    before = a.peering
    with capture(a.host, a.host.wire.device) as wire:
        async with two_people(own_overlay, tmp_path) as (anna, bob):
            await a.stop()
            try:
                # The device may disappear before the node that is stopping does.
                assert reason_in(await anna.told(name, kind=Kind.OVERLAY_DOWN))
                reason = reason_in(await anna.asked(f"/call {bob.node}", kind=Kind.ENDED))
                assert re.search(r"nothing listens there|No Yggdrasil node", reason)
                assert reason.startswith((await anna.status())["overlay"]["error"])
                assert anna.chat.posts == []
                assert await anna.udp() == []
            finally:
                await a.start()
                await own_overlay.until_reachable()
            await anna.told(name, kind=Kind.OVERLAY_BACK)
            overlay = (await anna.status())["overlay"]
            assert (overlay["name"], overlay["address"], overlay["error"]) == (name.lower(), str(a.address), None)
            assert overlay["notice"] is None
            await first_contact(anna, bob)
            await ended(anna, bob)
    assert wire.leaks(before, a.peering) == []


async def test_an_overlay_that_hangs_is_told_and_the_call_goes_on_once_it_answers(
    own_overlay: OverlayNetwork, tmp_path: Path
) -> None:
    a, name = own_overlay.a, name_of(own_overlay).capitalize()
    async with two_people(own_overlay, tmp_path) as (anna, bob):
        await first_contact(anna, bob)
        links = len(anna.chat.posts)
        a.signalled(signal.SIGSTOP)
        try:
            await anna.told(name, kind=Kind.OVERLAY_DOWN)
            await anna.asked("/status", kind=Kind.STATUS)
        finally:
            a.signalled(signal.SIGCONT)
        await anna.told(name, kind=Kind.OVERLAY_BACK)
        await more_sound(anna, bob)
        assert len(anna.chat.posts) == links
        await ended(anna, bob)


async def test_a_call_goes_on_when_the_overlay_was_restarted_and_its_device_is_another_one(
    own_overlay: OverlayNetwork, tmp_path: Path
) -> None:
    a = own_overlay.a
    async with two_people(own_overlay, tmp_path) as (anna, bob):
        report, _ = await first_contact(anna, bob)
        links, device = len(anna.chat.posts), await device_number(a)
        await a.stop()
        await a.start()
        await own_overlay.until_reachable()
        assert await device_number(a) != device
        await more_sound(anna, bob)
        assert await anna.udp() == [UdpSocket(a.address, endpoint(report["local"])[1], a.device)]
        assert len(anna.chat.posts) == links
        await ended(anna, bob)


async def device_number(node: OverlayNode) -> int:
    """The kernel's number of the overlay's device on that host."""
    (device,) = json.loads(await node.host.run("ip", "-json", "link", "show", node.device))
    return int(device["ifindex"])


async def more_sound(*people: Caller) -> None:
    """Wait until each person's one call has received more packets with sound. A count has no event to wait for."""
    arrived = [await packets(person) for person in people]
    async with asyncio.timeout(SECONDS):
        for person, before in zip(people, arrived, strict=True):
            while await packets(person) <= before:
                pass


async def packets(person: Caller) -> int:
    """How many packets with sound have arrived in the one call."""
    (call,) = (await person.status())["calls"]
    return int(call["audio_packets_received"])


def reason_in(text: str) -> str:
    """The reason in `Staex can't be used: REASON. New calls fail …` and in `The call with … failed: REASON.`"""
    return text.partition(": ")[2].partition(" New calls fail")[0]


async def test_a_new_address_of_the_own_node_is_bound_without_a_restart(staex: StaexNetwork, tmp_path: Path) -> None:
    a, new = staex.a, IPv4Address("10.83.0.2")
    old = a.address
    async with two_people(staex, tmp_path) as (anna, bob):
        try:
            await a.stop()
            await anna.told(kind=Kind.OVERLAY_DOWN)
            a.address = new
            await a.start()
            await anna.told(kind=Kind.OVERLAY_BACK)
            report, _ = await first_contact(anna, bob)
            assert endpoint(report["local"])[0] == new
            assert await anna.udp() == [UdpSocket(new, endpoint(report["local"])[1], a.device)]
            await ended(anna, bob)
        finally:
            await a.stop()
            a.address = old
            await a.start()


async def test_a_call_goes_on_at_another_address_of_the_own_node(staex: StaexNetwork, tmp_path: Path) -> None:
    a, new = staex.a, IPv4Address("10.83.0.3")
    old = a.address
    async with two_people(staex, tmp_path) as (anna, bob):
        report, _ = await first_contact(anna, bob)
        links = len(anna.chat.posts)
        await a.stop()
        a.address = new
        try:
            await a.start()
            await more_sound(anna, bob)
            assert await anna.udp() == [UdpSocket(new, endpoint(report["local"])[1], a.device)]
            assert len(anna.chat.posts) == links
            await ended(anna, bob)
        finally:
            await a.stop()
            a.address = old
            await a.start()


async def test_a_call_goes_on_when_the_device_gets_another_name_and_so_does_the_next(
    own_overlay: OverlayNetwork, tmp_path: Path
) -> None:
    a = own_overlay.a
    async with two_people(own_overlay, tmp_path) as (anna, bob):
        report, _ = await first_contact(anna, bob)
        await a.host.run("ip", "link", "set", a.device, "name", "renamed0")
        try:
            await more_sound(anna, bob)
            assert await anna.udp() == [UdpSocket(a.address, endpoint(report["local"])[1], "renamed0")]
            await ended(anna, bob)
            await first_contact(anna, bob)
            await ended(anna, bob)
        finally:
            await a.host.run("ip", "link", "set", "renamed0", "name", a.device)


# doctor


async def test_doctor_says_what_a_call_would_bind_and_calls_itself(way: Way, tmp_path: Path) -> None:
    overlay, a, name = way.network, way.network.a, name_of(way.network)
    anna = Caller("anna", tmp_path, Chat(), a, settings(a, command=way.command))
    anna.configure()
    with captures(overlay) as seen:
        checks = await anna.doctor()
    assert checks["ok"]
    assert checks[name] == {"name": name, "ok": True, "detail": f"node {a.node_id}", "hint": "", "note": False}
    (device,) = json.loads(await a.host.run("ip", "-json", "link", "show", a.device))
    bound = f"{name}: a call would bind {a.address} on {a.device}, packets up to {device['mtu']} bytes"
    assert checks["overlay"]["detail"] == bound
    assert checks["self call"]["ok"]
    assert seen.overlay_a.flows == {}
    assert seen.leaks == []


async def test_doctor_says_what_is_wrong_with_an_overlay_node_that_lies(staex: StaexNetwork, tmp_path: Path) -> None:
    a = staex.a
    anna = Caller("anna", tmp_path, Chat(), a, settings(a))
    anna.configure()
    a.claim(a.node_id, str(a.host.wire.address))
    try:
        with captures(staex) as seen:
            checks = await anna.doctor()
    finally:
        a.be_honest()
    assert not checks["ok"]
    assert "which leads to the internet" in checks["staex"]["detail"]
    assert "self call" not in checks
    assert seen.overlay_a.flows == {}
    assert seen.leaks == []


# auto


@dataclass(frozen=True, slots=True)
class BothNetworks:
    """Both overlays on the same three hosts."""

    yggdrasil: YggdrasilNetwork
    staex: StaexNetwork


@pytest_asyncio.fixture(loop_scope="session")
async def both(tmp_path: Path) -> AsyncIterator[BothNetworks]:
    """Run both overlays on three hosts of this test."""
    skip_without_namespaces("yggdrasil")
    async with (
        three_hosts() as hosts,
        yggdrasil_network(hosts, tmp_path / "y") as yggdrasil,
        staex_network(hosts, tmp_path) as staex,
    ):
        yield BothNetworks(yggdrasil, staex)


async def test_auto_prefers_staex_then_takes_yggdrasil_and_never_loopback(both: BothNetworks, tmp_path: Path) -> None:
    staex, yggdrasil = both.staex.a, both.yggdrasil.a
    auto = f'overlay = "auto"\n[yggdrasil]\nadmin = "unix://{yggdrasil.admin}"\n{LITTLE_PICTURE}'
    anna = Caller("anna", tmp_path, Chat(), staex, auto)
    with capture(staex.host, staex.host.wire.device) as wire:
        await anna.begin()
        assert anna.node == str(staex.node_id)
        await anna.stop()
        checks = await anna.doctor()
        assert checks["overlay"]["detail"].startswith(f"staex: a call would bind {staex.address} on {staex.device}")
        assert checks["yggdrasil"]["detail"] == (f"node {yggdrasil.node_id}. It works too, but staex comes first.")
        assert "loopback" not in checks

        await staex.stop()
        assert "The Staex node's API" in (await refused_to_run(anna))[0]  # a home keeps its overlay
        another = Caller("anna-again", tmp_path, Chat(), staex, auto)
        await another.begin()
        assert another.node == str(yggdrasil.node_id)
        await another.stop()
        checks = await another.doctor()
        assert checks["overlay"]["detail"].startswith(f"yggdrasil: a call would bind {yggdrasil.address}")
        assert checks["staex"]["note"]
        assert "nothing listens there" in checks["staex"]["detail"]

        await yggdrasil.stop()
        late = Caller("anna-late", tmp_path, Chat(), staex, auto)
        sentence, hint = await refused_to_run(late)
        # Yggdrasil is installed in /usr/sbin, or it came from elsewhere.
        if shutil.which("yggdrasil", path=PROGRAMS):
            assert sentence == "error: Yggdrasil is installed on this computer, but it doesn't run."
            assert hint.startswith("hint:  To start it: `copybara setup overlay`. ")
        else:
            assert sentence == "error: No overlay network was found."
            assert hint.startswith("hint:  Run `copybara setup`: ")
        checks = await late.doctor()
        assert not checks["ok"]
        assert "loopback" not in checks
    anna.check()
    another.check()
    assert wire.leaks(staex.peering, yggdrasil.peering) == []


async def refused_to_run(person: Caller) -> list[str]:
    """The lines that a program without a successful start writes to stderr: error and hint."""
    process = await asyncio.create_subprocess_exec(
        *person.command("run", "--console", "--json"), stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    output, complaint = await process.communicate()
    assert (process.returncode, output) == (1, b"")
    return complaint.decode().splitlines()
