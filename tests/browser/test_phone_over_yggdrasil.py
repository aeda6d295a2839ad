"""The owner's phone over real Yggdrasil: a browser on another machine than the program, and a stranger who scans."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bot.cli.setup.yggdrasil import firewall
from tests.bot.console import SECONDS, Chat
from tests.browser.authority_trusted import trust_authority_from
from tests.browser.chromium import PageView, browser, require_chromium, until
from tests.browser.people import somebody
from tests.network.calls import Caller, captures, endpoint, settings
from tests.network.capture import Capture, Flow, Kind, capture
from tests.network.conftest import skip_without_namespaces
from tests.network.namespaces import hosts_around_r
from tests.network.yggdrasil import YggdrasilNode, yggdrasil_network

pytestmark = pytest.mark.slow

PORT = 8766
"The default port of the server for devices."

SCANNED_SECONDS = 3.0
"Time for two repetitions of a SYN that gets no answer."

PROBES = {"SYN": 0x02, "ACK": 0x10, "SYN-ACK": 0x12, "FIN": 0x01, "nothing": 0x00, "FIN-PSH-URG": 0x29}
"Flags of TCP (RFC 9293, section 3.1) that scanners try."

STRANGERS_PORT = 40_000

IPV6_CHECKSUM = 7
"linux/in6.h: where the kernel puts the checksum (RFC 3542, section 3.1); the socket module doesn't name it."

TCP_CHECKSUM_AT = 16

BINDING_REQUEST = bytes.fromhex("000100002112a442") + bytes(12)
"Of STUN (RFC 8489, section 5), without attributes."


async def test_a_phone_pairs_takes_a_call_and_is_locked_out_and_a_stranger_gets_no_answer(tmp_path: Path) -> None:
    """Home is A, the phone is on B, the calling friend on C, the scanning stranger on D. All of them peer with R."""
    require_chromium()
    skip_without_namespaces("yggdrasil", "certutil", "nft")
    (tmp_path / "network").mkdir()
    async with hosts_around_r("c", "d") as hosts, yggdrasil_network(hosts, tmp_path / "network") as network:
        chat = Chat()
        at_friend, stranger = network.others
        anna = Caller("anna", tmp_path, chat, network.a, at_a_page(network.a))
        friend = Caller("friend", tmp_path, chat, at_friend, settings(at_friend))
        with captures(network) as seen, wires(at_friend, stranger) as seen_beside:
            await asyncio.gather(anna.begin(), friend.begin())
            try:
                assert await scanned(network.a, stranger) == "closed"
                said = await anna.asked(f"/devices add phone {network.b.address}", kind="device.pairing")
                address = next(word for word in said.split() if word.startswith("https://"))
                assert address.startswith(f"https://[{network.a.address}]:{PORT}/#pair=")
                assert await scanned(network.a, stranger) == "silent"
                await trust_authority_from(address, said, tmp_path / "phone", network.b.host)
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
                    (call,) = (await anna.status())["calls"]
                    assert await answers_to_every_probe(network.a, stranger, endpoint(call["local"])[1]) == []

                    await anna.asked("/devices remove phone", kind="device.removed")
                    await page.page.wait_for_selector("[data-gate=unknown], [data-gate=lost]", timeout=SECONDS * 1000)
                    assert await page.page.locator("body[data-view=gate]").count() == 1
                    # No part of the page is left that could send.
                    assert (await page.stats())["state"] == "none"
                    chromium.problems.clear()  # the browser complains about the socket that it lost
            finally:
                for person in (anna, friend):
                    person.process.terminate()
                    await person.gone()
        assert seen.leaks == []
        for leaf, wire in seen_beside:
            assert wire.leaks(leaf.peering) == []
        for person in (anna, friend):
            person.check()


async def moved_there_and_back(anna: Caller, friend: Caller, phone: PageView, home: PageView) -> None:
    """Let the phone answer a call, move the call home, and move it back to the phone."""
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
    """Packets of sound that have arrived in the active call."""
    return int((await person.status())["calls"][0]["audio_packets_received"])


async def candidates(page: PageView) -> set[str]:
    """The addresses in the latest offer to the phone's browser."""
    offer = (await page.heard("offer"))["sdp"]
    return {line for line in offer.splitlines() if line.startswith("a=candidate")}


def at_a_page(node: YggdrasilNode) -> str:
    return f'overlay = "yggdrasil"\n[yggdrasil]\nadmin = "unix://{node.admin}"\n[answer]\nendpoint = "handset"\n'


async def scanned(home: YggdrasilNode, stranger: YggdrasilNode) -> str:
    """What a stranger in the overlay gets for a connection to the port at home, read from packets."""

    def answers(flow: Flow) -> bool:
        return flow.kind is Kind.TCP and flow.source == home.address and flow.source_port == PORT

    with capture(stranger.host, stranger.device) as seen:
        knocks = stranger.host.open_socket(socket.AF_INET6, socket.SOCK_STREAM)
        with knocks:
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(SCANNED_SECONDS):
                    await loop.sock_connect(knocks, (str(home.address), PORT))
            except ConnectionRefusedError:
                assert any(map(answers, seen.flows))
                return "closed"
            except TimeoutError:
                assert not any(map(answers, seen.flows))
                return "silent"
    return "open"


async def answers_to_every_probe(home: YggdrasilNode, stranger: YggdrasilNode, media: int) -> list[str]:
    """Send all kinds of packets to the ports of devices and calls and to closed ones. Returns all answers.

    A ping is sent last, on the same path: once its reply is here, the answers to earlier packets are here too.
    """
    with capture(stranger.host, stranger.device) as seen:
        tcp = stranger.host.open_socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_TCP)
        udp = stranger.host.open_socket(socket.AF_INET6, socket.SOCK_DGRAM)
        with tcp, udp:
            tcp.setsockopt(socket.IPPROTO_IPV6, IPV6_CHECKSUM, TCP_CHECKSUM_AT)
            for port in (PORT, PORT + 1, media):
                for flags in PROBES.values():
                    probe = struct.pack("!HHIIBBHHH", STRANGERS_PORT, port, 1, 1, 5 << 4, flags, 1024, 0, 0)
                    tcp.sendto(probe, (str(home.address), 0))
                for content in (b"", b"hello", BINDING_REQUEST):
                    udp.sendto(content, (str(home.address), port))
            await stranger.reach(home)
    answers = [str(flow) for flow in seen.flows if flow.source == home.address and flow.kind is not Kind.ICMP]
    pinged, icmp = (
        sum(volume.packets for flow, volume in seen.flows.items() if flow.kind is Kind.ICMP and flow.source == source)
        for source in (stranger.address, home.address)
    )
    # Each ping has one reply at most. More ICMP packets than pings mean that one of them reports a closed port.
    return answers if icmp <= pinged else [*answers, f"{icmp} ICMP packets for {pinged} pings"]


@contextmanager
def wires(*leaves: YggdrasilNode) -> Iterator[list[tuple[YggdrasilNode, Capture]]]:
    """Capture on the wire of each leaf while the block runs."""
    with ExitStack() as stack:
        yield [(leaf, stack.enter_context(capture(leaf.host, leaf.host.wire.device))) for leaf in leaves]
