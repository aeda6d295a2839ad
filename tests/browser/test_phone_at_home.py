"""The owner's phone over the home's own network: a browser on another machine there, without any overlay."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from shared.paired_device import DeviceWay
from tests.bot.console import Chat
from tests.browser.authority_trusted import trust_authority_of
from tests.browser.chromium import PageView, browser, require_chromium, until
from tests.network.calls import Caller, udp_sockets
from tests.network.capture import Flow, Kind, capture
from tests.network.conftest import skip_without_namespaces
from tests.network.namespaces import Namespace, three_hosts

pytestmark = pytest.mark.slow

PORT = 8766

ALLOWED = ("camera", "microphone", "screen-wake-lock")
"Permissions of the page. Browsers allow the last one without asking; playwright refuses what isn't named."

LOCKS = """
(() => {
  window.locks = [];
  const request = WakeLock.prototype.request;
  WakeLock.prototype.request = async function (kind) {
    const lock = await request.call(this, kind);
    locks.push(lock);
    return lock;
  };
})()
"""
"Notes the wake locks of the browser as it grants them."

NEIGHBOUR = 8
"The distance from the phone's address to the neighbour's."

SCANNED_SECONDS = 3.0
"Time for two repetitions of a SYN that gets no answer."


@dataclass
class Computer:
    """The machine that runs the program. Nobody else can see its overlay."""

    host: Namespace
    device: str = "lo"


async def test_a_phone_without_the_overlay_is_a_device_in_the_homes_network_and_a_neighbour_gets_no_answer(
    tmp_path: Path,
) -> None:
    """Home is A. The phone is on R, in the same network, and so is a neighbour with another address."""
    require_chromium()
    skip_without_namespaces("certutil")
    async with three_hosts() as hosts:
        home, phone = hosts.a.wire.address, hosts.a.wire.far_address
        neighbour = await another_address(hosts.a, hosts.r)
        config = f'overlay = "loopback"\n[answer]\nendpoint = "handset"\n[devices]\nlan = "{home}"\n'
        anna = Caller("anna", tmp_path, Chat(), Computer(hosts.a), config)  # type: ignore[arg-type]  # no overlay node
        with capture(hosts.a, hosts.a.wire.device) as wire:
            await anna.begin()
            try:
                said = await anna.asked("/devices add phone lan", kind="device.pairing")
                assert "anyone in it can see that the phone and this computer talk" in said
                assert "Until then others in your home's network can see that there is a server" in said
                await anna.asked(f"/devices add phone {phone}", kind="device.pairing")
                said = await anna.asked(f"/devices add phone {phone}", kind="device.pairing")
                assert "Until then" not in said
                address = next(word for word in said.split() if word.startswith("https://"))
                assert address.startswith(f"https://{home}:{PORT}/#pair=")
                await trust_authority_of(anna, tmp_path / "phone", DeviceWay.LAN)

                def on(*command: str) -> list[str]:
                    return hosts.r.command("env", f"HOME={tmp_path / 'phone'}", *command)

                async with browser(tmp_path / "phone", on, server=str(home), allowed=ALLOWED) as chromium:
                    page = await chromium.open(address, LOCKS)
                    code = (await page.heard("pairing-code"))["code"]
                    await anna.asked(f"/devices confirm {code}", kind="device.added")
                    await page.heard("hello")
                    assert await scanned(hosts.r, neighbour, home) == "silent"
                    assert f"phone: {phone} in your home network, connected now" in await anna.asked("/devices")
                    (device,) = (await anna.status())["devices"]
                    assert (device["address"], device["way"]) == (str(phone), "lan")

                    await page.press("Test call")
                    await page.call("active")
                    await page.receives("audio", "video")
                    offer = (await page.heard("offer"))["sdp"]
                    (candidate,) = {line for line in offer.splitlines() if line.startswith("a=candidate")}
                    assert f" {home} " in candidate
                    assert {each.device for each in await udp_sockets(hosts.a) if each.address == home} == {"wire"}
                    await stays_on(page)
                    await is_not_left_by_the_back_button(page)
                    await goes_on_after_an_interruption(page)
                    await page.press("Hang up")
                    await until(lambda: page.page.evaluate("locks.every((each) => each.released)"), "the lock's end")
                    await can_be_installed(page, f"https://{home}:{PORT}/")
                    await anna.asked("/devices remove phone", kind="device.removed")
                    await page.page.wait_for_selector("[data-gate=unknown], [data-gate=lost]")
                    chromium.problems.clear()  # the browser complains about the socket that it lost
            finally:
                anna.process.terminate()
                await anna.gone()
        anna.check()
        # The computer sends to the phone only. Packets from R may come from any address of R. They get no answer but
        # one from the kernel, after the call: that a port is closed.
        own = [flow for flow in wire.flows if flow.source not in addresses_of(hosts.r)]
        sent = {(flow.source, flow.destination) for flow in own if flow.kind is not Kind.ICMP}
        assert sent == {(home, phone)}


async def stays_on(page: PageView) -> None:
    """Check that the screen stays on in a call, and again after a hidden page has lost its wake lock."""
    held = "locks.length > 0 && !locks.at(-1).released"
    await until(lambda: page.page.evaluate(held), "a wake lock")
    before = await page.page.evaluate("locks.at(-1).release().then(() => locks.length)")
    await page.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await until(lambda: page.page.evaluate(f"locks.length > {before} && {held}"), "another wake lock")


async def is_not_left_by_the_back_button(page: PageView) -> None:
    for _ in range(2):
        await page.page.evaluate("history.back()")
        await page.shows("The call goes on. Hang up to leave it.")
        await page.receives("audio", "video")
    await page.page.locator("#c-chat").click()
    await page.page.evaluate("history.back()")
    await page.page.locator("#panel").wait_for(state="hidden")
    assert (await page.call("active"))["handset"]


async def goes_on_after_an_interruption(page: PageView) -> None:
    """Let a phone call pause the sound: the page continues to play, and says so."""
    await page.page.evaluate("document.getElementById('remote-audio').pause()")
    await page.shows("The browser had interrupted the sound. It goes on now.")
    await until(lambda: page.page.evaluate("!document.getElementById('remote-audio').paused"), "sound again")


async def can_be_installed(page: PageView, start: str) -> None:
    """Check with the browser's own report that the page can be installed on the home screen."""
    session = await page.page.context.new_cdp_session(page.page)
    manifest = await session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"] == f"{start}manifest.webmanifest"
    found = [each["errorId"] for each in (await session.send("Page.getInstallabilityErrors"))["installabilityErrors"]]
    assert set(found) <= {"in-incognito"}, found  # which this test's browser always is
    assert (
        await page.page.evaluate("fetch('icon-512.png').then((icon) => icon.headers.get('content-type'))")
        == "image/png"
    )


def addresses_of(host: Namespace) -> set[object]:
    return {wire.address for wire in host.wires} | {IPv4Address(int(host.wires[0].address) + NEIGHBOUR)}


async def another_address(leaf: Namespace, router: Namespace) -> IPv4Address:
    """Give R one more address on its wire to a leaf, and enter it as a neighbour at both ends."""
    address = IPv4Address(int(leaf.wire.far_address) + NEIGHBOUR)
    (wire, _) = router.wires
    shown = await leaf.run("ip", "neigh", "show", str(leaf.wire.far_address))
    await router.run("ip", "addr", "add", f"{address}/24", "dev", wire.device)
    mac = shown.split("lladdr ")[1].split()[0]
    await leaf.run("ip", "neigh", "add", str(address), "lladdr", mac, "dev", leaf.wire.device, "nud", "permanent")
    return address


async def scanned(host: Namespace, source: IPv4Address, home: IPv4Address) -> str:
    """What a neighbour gets when it connects to the port, read from packets and not from a socket."""

    def answers(flow: Flow) -> bool:
        return flow.kind is Kind.TCP and (flow.source, flow.source_port, flow.destination) == (home, PORT, source)

    with capture(host, host.wires[0].device) as seen, host.open_socket(socket.AF_INET, socket.SOCK_STREAM) as knocks:
        knocks.bind((str(source), 0))
        try:
            async with asyncio.timeout(SCANNED_SECONDS):
                await asyncio.get_running_loop().sock_connect(knocks, (str(home), PORT))
        except ConnectionRefusedError:
            return "closed"
        except TimeoutError:
            seen.drain()
            return "answered" if any(map(answers, seen.flows)) else "silent"
    return "open"
