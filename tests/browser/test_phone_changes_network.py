"""The owner's phone changes its network in a call over real Yggdrasil, and keeps its overlay address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from tests.bot.console import Chat
from tests.browser.authority_trusted import trust_authority_of
from tests.browser.chromium import PageView, browser, require_chromium
from tests.network.calls import Caller
from tests.network.conftest import skip_without_namespaces
from tests.network.namespaces import Hosts, Wire, three_hosts
from tests.network.yggdrasil import PORT, YggdrasilNetwork, yggdrasil_network

pytestmark = pytest.mark.slow

MOBILE = IPv4Address("192.168.73.2")


async def test_a_call_on_the_phone_goes_on_over_the_same_connection_when_its_network_changes(tmp_path: Path) -> None:
    """Both networks exist for a moment, as when somebody comes home: Wi-Fi appears before mobile data disappears."""
    async with phone_in_a_call(tmp_path) as (hosts, network, page):
        before = await page.stats()
        await has_both(hosts, network, await second_network(hosts))
        await is_cut(hosts)
        await goes_on(page, before)


async def test_a_call_on_the_phone_goes_on_over_the_same_connection_after_its_network_was_cut(tmp_path: Path) -> None:
    """The network disappears at once, as when somebody leaves the house. The other network appears after that."""
    async with phone_in_a_call(tmp_path) as (hosts, network, page):
        mobile = await second_network(hosts)
        before = await page.stats()
        await is_cut(hosts)
        await dials_again(hosts, network, mobile)
        await goes_on(page, before)


@asynccontextmanager
async def phone_in_a_call(folder: Path) -> AsyncIterator[tuple[Hosts, YggdrasilNetwork, PageView]]:
    """Home is A and the phone is on B, in a test call. The tests don't hang up; the end is checked after the block."""
    require_chromium()
    skip_without_namespaces("yggdrasil", "certutil")
    (folder / "network").mkdir()
    async with three_hosts() as hosts, yggdrasil_network(hosts, folder / "network") as network:
        config = (
            f'overlay = "yggdrasil"\n[yggdrasil]\nadmin = "unix://{network.a.admin}"\n[answer]\nendpoint = "handset"\n'
        )
        anna = Caller("anna", folder, Chat(), network.a, config)
        await anna.begin()
        try:
            said = await anna.asked(f"/devices add phone {network.b.address}", kind="device.pairing")
            address = next(word for word in said.split() if word.startswith("https://"))
            await trust_authority_of(anna, folder / "phone")

            def on(*command: str) -> list[str]:
                return network.b.host.command("env", f"HOME={folder / 'phone'}", *command)

            async with browser(folder / "phone", on, server=str(network.a.address)) as chromium:
                page = await chromium.open(address)
                code = (await page.heard("pairing-code"))["code"]
                await anna.asked(f"/devices confirm {code}", kind="device.added")
                await page.press("Test call")
                await page.call("active")
                await page.receives("audio", "video")
                yield hosts, network, page
                (device,) = (await anna.status())["devices"]
                assert (device["address"], device["connected"]) == (str(network.b.address), True)
                await page.press("Hang up")
                await page.call("ended")
                assert not chromium.problems, chromium.problems
        finally:
            anna.process.terminate()
            await anna.gone()
        anna.check()


async def goes_on(page: PageView, before: dict[str, Any]) -> None:
    """Wait until sound and picture arrive again over the same connection: from the echo at home, so both ways."""
    await page.receives("audio", "video")
    after = await page.stats()
    assert after["connections"] == before["connections"]
    assert after["in_audio"]["ssrc"] == before["in_audio"]["ssrc"]


async def second_network(hosts: Hosts) -> Wire:
    """Make a second wire from the phone to R. It is up and has its own address, and nothing uses it yet."""
    phone, router = hosts.b, hosts.r
    mobile = replace(phone.wire, device="mobile", address=MOBILE)
    await phone.run("ip", "link", "add", "mobile", "type", "veth", "peer", "name", "wire-m", "netns", router.name)
    for host, device, address in ((phone, "mobile", MOBILE), (router, "wire-m", MOBILE - 1)):
        await host.run("ip", "link", "set", device, "arp", "off")
        await host.run("ip", "addr", "add", f"{address}/24", "dev", device)
        await host.run("ip", "link", "set", device, "up")
    for host, device, there, far, neighbours in (
        (phone, "mobile", router, "wire-m", (wire.address for wire in router.wires)),
        (router, "wire-m", phone, "mobile", (MOBILE,)),
    ):
        mac = (await there.run("ip", "-o", "link", "show", far)).split("link/ether ")[1].split()[0]
        for neighbour in neighbours:
            await host.run("ip", "neigh", "add", str(neighbour), "lladdr", mac, "dev", device, "nud", "permanent")
    return mobile


async def leads_to(hosts: Hosts, wire: Wire, address: IPv4Address) -> None:
    """Route an address of R over one of the phone's networks."""
    await hosts.b.run("ip", "route", "replace", str(address), "dev", wire.device, "src", str(wire.address))


async def has_both(hosts: Hosts, network: YggdrasilNetwork, mobile: Wire) -> None:
    """Let the phone's node peer over the second network too, with another address at which R listens."""
    other_end = hosts.a.wire.far_address
    await leads_to(hosts, mobile, other_end)
    await network.b.ask("addPeer", uri=f"tcp://{other_end}:{PORT}")
    while len([each for each in (await network.b.ask("getPeers"))["peers"] if each["uptime"] > 0]) < 2:
        await network.b.reach(network.r)


async def is_cut(hosts: Hosts) -> None:
    """Cut the phone's first network as Android does: its address disappears, and each TCP connection from it ends.

    Android's netd lets the kernel destroy such sockets (SOCK_DESTROY), so their programs notice at once.
    """
    phone, wire = hosts.b, hosts.b.wire
    await phone.run("ip", "addr", "del", f"{wire.address}/24", "dev", wire.device)
    await phone.run("ip", "link", "set", wire.device, "down")
    await phone.run("ss", "-K", "src", str(wire.address))


async def dials_again(hosts: Hosts, network: YggdrasilNetwork, mobile: Wire) -> None:
    """Peer with the same node over the other network, as the app does when a network appears (retryPeersNow)."""
    peer = hosts.b.wire.far_address
    await leads_to(hosts, mobile, peer)
    for request in ("removePeer", "addPeer"):
        await network.b.ask(request, uri=f"tcp://{peer}:{PORT}")
