"""The owner's phone in a call over real Yggdrasil goes from one network to another: its overlay address stays."""

from __future__ import annotations

from pathlib import Path

from tests.bot.console import Chat
from tests.browser.authority_trusted import trust_authority_of
from tests.browser.chromium import browser, require_chromium
from tests.network.calls import Caller
from tests.network.conftest import skip_without_namespaces
from tests.network.namespaces import Hosts, three_hosts
from tests.network.yggdrasil import PORT, YggdrasilNetwork, yggdrasil_network


async def test_a_call_on_the_phone_goes_on_over_the_same_connection_when_its_network_changes(tmp_path: Path) -> None:
    """Home on A, the phone on B. As phones do it, both networks are there for a moment."""
    require_chromium()
    skip_without_namespaces("yggdrasil", "certutil")
    (tmp_path / "network").mkdir()
    async with three_hosts() as hosts, yggdrasil_network(hosts, tmp_path / "network") as network:
        config = (
            f'overlay = "yggdrasil"\n[yggdrasil]\nadmin = "unix://{network.a.admin}"\n[answer]\nendpoint = "handset"\n'
        )
        anna = Caller("anna", tmp_path, Chat(), network.a, config)
        await anna.begin()
        try:
            said = await anna.asked(f"/devices add phone {network.b.address}", kind="device.pairing")
            address = next(word for word in said.split() if word.startswith("https://"))
            await trust_authority_of(anna, tmp_path / "phone")

            def on(*command: str) -> list[str]:
                return network.b.host.command("env", f"HOME={tmp_path / 'phone'}", *command)

            async with browser(tmp_path / "phone", on, server=str(network.a.address)) as chromium:
                page = await chromium.open(address)
                code = (await page.heard("pairing-code"))["code"]
                await anna.asked(f"/devices confirm {code}", kind="device.added")
                await page.press("Test call")
                await page.call("active")
                await page.receives("audio", "video")
                before = await page.stats()
                await changes_network(hosts, network)
                await page.receives("audio", "video")
                after = await page.stats()
                assert after["connections"] == before["connections"]
                assert after["in_audio"]["ssrc"] == before["in_audio"]["ssrc"]
                (device,) = (await anna.status())["devices"]
                assert (device["address"], device["connected"]) == (str(network.b.address), True)
                await page.press("Hang up")
                await page.call("ended")
                assert not chromium.problems, chromium.problems
        finally:
            anna.process.terminate()
            await anna.gone()
        anna.check()


async def changes_network(hosts: Hosts, network: YggdrasilNetwork) -> None:
    """A second wire to R, with an address of its own and a peering of its own; then the first is closed and cut."""
    phone, router = hosts.b, hosts.r
    other_end = hosts.a.wire.far_address  # one more address at which R listens
    await phone.run("ip", "link", "add", "mobile", "type", "veth", "peer", "name", "wire-m", "netns", router.name)
    for host, device, address in ((phone, "mobile", "192.168.73.2"), (router, "wire-m", "192.168.73.1")):
        await host.run("ip", "link", "set", device, "arp", "off")
        await host.run("ip", "addr", "add", f"{address}/24", "dev", device)
        await host.run("ip", "link", "set", device, "up")
    for host, device, there, far, neighbour in (
        (phone, "mobile", router, "wire-m", str(other_end)),
        (router, "wire-m", phone, "mobile", "192.168.73.2"),
    ):
        mac = (await there.run("ip", "-o", "link", "show", far)).split("link/ether ")[1].split()[0]
        await host.run("ip", "neigh", "add", neighbour, "lladdr", mac, "dev", device, "nud", "permanent")
    await phone.run("ip", "route", "add", str(other_end), "dev", "mobile", "src", "192.168.73.2")
    await network.b.ask("addPeer", uri=f"tcp://{other_end}:{PORT}")
    while len([each for each in (await network.b.ask("getPeers"))["peers"] if each["uptime"] > 0]) < 2:
        await network.b.reach(network.r)
    await phone.run("ss", "-K", "dst", str(phone.wire.far_address), "dport", "=", str(PORT))
    await phone.run("ip", "link", "set", phone.wire.device, "down")
