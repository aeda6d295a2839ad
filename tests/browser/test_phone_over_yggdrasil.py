"""The owner's phone, over real Yggdrasil: a browser on another machine than the program, and a stranger who scans."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from bot.cli.setup.yggdrasil import firewall
from tests.bot.console import SECONDS, Chat
from tests.browser.authority_trusted import trust_authority_of
from tests.browser.chromium import PageView, browser, require_chromium, until
from tests.browser.people import somebody
from tests.network.calls import Caller, captures, settings
from tests.network.capture import Flow, Kind, capture
from tests.network.conftest import skip_without_namespaces
from tests.network.namespaces import three_hosts
from tests.network.yggdrasil import YggdrasilNetwork, YggdrasilNode, yggdrasil_network

PORT = 8766
"Where devices are served, if nothing else is configured."

SCANNED_SECONDS = 3.0
"Two repetitions of a SYN that gets no answer."


async def test_a_phone_pairs_takes_a_call_and_is_locked_out_and_a_stranger_gets_no_answer(tmp_path: Path) -> None:
    """Home on A, the phone on B. On R, which both peer with, the friend who calls and the stranger who scans."""
    require_chromium()
    skip_without_namespaces("yggdrasil", "certutil", "nft")
    (tmp_path / "network").mkdir()
    async with three_hosts() as hosts, yggdrasil_network(hosts, tmp_path / "network") as network:
        chat = Chat()
        anna = Caller("anna", tmp_path, chat, network.a, at_a_page(network.a))
        friend = Caller("friend", tmp_path, chat, network.r, settings(network.r))
        with captures(network) as seen:
            await asyncio.gather(anna.begin(), friend.begin())
            try:
                assert await scanned(network) == "closed"
                said = await anna.asked(f"/devices add phone {network.b.address}", kind="device.pairing")
                address = next(word for word in said.split() if word.startswith("https://"))
                assert address.startswith(f"https://[{network.a.address}]:{PORT}/#pair=")
                assert await scanned(network) == "silent"
                await trust_authority_of(anna, tmp_path / "phone")
                (tmp_path / "rules").write_text(firewall.rules(network.a.device, firewall.local_ports()))
                await network.a.host.run("nft", "-f", tmp_path / "rules")
                phone_of = network.b.host.command

                def on(*command: str) -> list[str]:
                    return phone_of("env", f"HOME={tmp_path / 'phone'}", *command)

                async with (
                    browser(tmp_path / "phone", on, server=str(network.a.address)) as chromium,
                    somebody(anna, on=network.a.host.command) as home,
                ):
                    page = await chromium.open(address)
                    code = (await page.heard("pairing-code"))["code"]
                    await page.shows(f"{code[:3]} {code[3:]}")
                    assert code in await anna.told(kind="device.waits")
                    await anna.asked(f"/devices confirm {code}", kind="device.added")
                    await page.heard("hello")
                    await page.reload()
                    await page.heard("hello")

                    await moved_there_and_back(anna, friend, page, home.page)
                    (candidate,) = await candidates(page)
                    assert f" {network.a.address} " in candidate
                    assert await page.page.evaluate("isSecureContext")
                    await page.reload()
                    await page.call("active")
                    await page.receives("audio", "video")
                    assert await scanned(network) == "silent"

                    await anna.asked("/devices remove phone", kind="device.removed")
                    await page.page.wait_for_selector("[data-gate=unknown], [data-gate=lost]", timeout=SECONDS * 1000)
                    assert await page.page.locator("body[data-view=gate]").count() == 1
                    # Nothing of the page is left that could send.
                    assert (await page.stats())["state"] == "none"
                    chromium.problems.clear()  # the browser complains about the socket that it lost
            finally:
                for person in (anna, friend):
                    person.process.terminate()
                    await person.gone()
        assert seen.leaks == []
        for person in (anna, friend):
            person.check()


async def moved_there_and_back(anna: Caller, friend: Caller, phone: PageView, home: PageView) -> None:
    """A call that the phone answers, that home takes, and the phone again."""
    friend.write(f"/call {anna.node}")
    await asyncio.gather(phone.call("ringing"), home.call("ringing"))
    await phone.answer()
    await phone.receives("audio", "video")
    for page, other, place in ((home, phone, "the computer at home"), (phone, home, "phone")):
        await page.press("Take it here")
        await page.receives("audio", "video")
        await other.heard("call", elsewhere=place)
    received = await heard(friend)

    async def goes_on() -> bool:
        return await heard(friend) > received

    await until(goes_on, "sound at the friend's")


async def heard(person: Caller) -> int:
    """Packets of sound in the call that is up."""
    return int((await person.status())["calls"][0]["audio_packets_received"])


async def candidates(page: PageView) -> set[str]:
    """What the latest offer has the phone's browser connect to."""
    offer = (await page.heard("offer"))["sdp"]
    return {line for line in offer.splitlines() if line.startswith("a=candidate")}


def at_a_page(node: YggdrasilNode) -> str:
    return f'overlay = "yggdrasil"\n[yggdrasil]\nadmin = "unix://{node.admin}"\n[answer]\nendpoint = "handset"\n'


async def scanned(network: YggdrasilNetwork) -> str:
    """What R, a stranger in the overlay, gets for a connection to the port at home: from packets, not from a socket."""

    def answers(flow: Flow) -> bool:
        return flow.kind is Kind.TCP and flow.source == network.a.address and flow.source_port == PORT

    stranger = network.r
    with capture(stranger.host, stranger.device) as seen:
        knocks = stranger.host.open_socket(socket.AF_INET6, socket.SOCK_STREAM)
        with knocks:
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(SCANNED_SECONDS):
                    await loop.sock_connect(knocks, (str(network.a.address), PORT))
            except ConnectionRefusedError:
                assert any(map(answers, seen.flows))
                return "closed"
            except TimeoutError:
                assert not any(map(answers, seen.flows))
                return "silent"
    return "open"
