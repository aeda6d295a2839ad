"""Attacks on calls over real overlays. No attack makes a machine send anything to anywhere else.

R is the attacker where one is needed: it is the third node of the overlay, carries A's and B's packets, and is on the
local network of both. Anybody in its place could do what it does here.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import pytest
from aioice import stun

from bot.demo.node import Said
from bot.kinds import Kind
from peer.transport.leg import Leg
from peer.transport.udp_socket import OverlaySocket
from shared.errors import LegFailed
from shared.hkdf import hkdf
from shared.links.kinds import Request, Response, Status, as_copybara, decode
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Handshake, Role, epoch
from shared.secrets.identity import DtlsIdentity, Fingerprint
from tests.bot.console import cli
from tests.network.calls import (
    Caller,
    Captures,
    arrived,
    called,
    captures,
    ended,
    endpoint,
    first_contact,
    flow_of,
    two_people,
)
from tests.network.capture import ETH_P_IP, ETH_P_IPV6, Capture, IPAddress
from tests.network.overlay import OverlayNetwork, OverlayNode
from tests.network.staex import StaexNetwork
from tests.network.staex_node import words
from tests.network.yggdrasil import YggdrasilNetwork

pytestmark = pytest.mark.slow

PATIENCE = 60
"Seconds after which a missing event counts as a failure."

T = TypeVar("T", Request, Response)


# Links


async def test_a_link_that_names_another_destination_is_met_with_silence(
    own_overlay: OverlayNetwork, tmp_path: Path
) -> None:
    with captures(own_overlay) as seen:
        async with two_people(own_overlay, tmp_path) as (anna, bob):
            anna.write(f"/call {own_overlay.r.node_id}")
            link = await anna.posted("chat")
            assert await bob.after(link["text"], sender="anna") == []
            assert await bob.udp() == []
            await bob.asked(link["text"], kind=Kind.LINK_NOT_FOR_THIS_NODE)
    assert_nothing_sent(seen)


async def test_a_link_from_a_node_that_the_overlay_does_not_know_is_refused_before_any_packet(
    own_overlay: OverlayNetwork, tmp_path: Path
) -> None:
    by_key = isinstance(own_overlay, YggdrasilNetwork)
    source = NodeId(bytes(31) + b"\1") if by_key else NodeId(os.urandom(32))
    with captures(own_overlay) as seen:
        async with two_people(own_overlay, tmp_path) as (_, bob):
            await rings_from(bob, request_from(source, own_overlay.b))
            sentence = await bob.asked("/answer", kind=Kind.ENDED)
            assert ("can't be a Yggdrasil node's key" if by_key else "knows no way to the node") in sentence
            assert await bob.udp() == []
            assert only_refusals(bob)
    assert_nothing_sent(seen)


async def test_what_is_sent_to_a_node_that_is_not_there_stays_in_the_overlay(
    yggdrasil: YggdrasilNetwork, tmp_path: Path
) -> None:
    """Every key has an address in Yggdrasil, so nobody can say beforehand whether a node exists."""
    request = request_from(NodeId(b"\x7f" + os.urandom(31)), yggdrasil.b)
    with captures(yggdrasil) as seen:
        async with two_people(yggdrasil, tmp_path) as (_, bob):
            await rings_from(bob, request)
            bob.write("/answer")
            async with asyncio.timeout(PATIENCE):
                await seen.overlay_b.until(lambda flow: flow.destination_port == request.port)
            bob.write("/hangup")
            await bob.call("ended")
            assert await bob.udp() == []
    assert len({(flow.source, flow.destination) for flow in seen.overlay_b.flows}) == 1
    assert seen.overlay_a.flows == {}
    assert seen.leaks == []


# A third node


async def test_a_third_node_that_knows_both_links_has_no_effect(own_overlay: OverlayNetwork, tmp_path: Path) -> None:
    """The node knows the ports and the credentials. But its packets come from its own address, so they are dropped."""
    a, r, b = own_overlay.a, own_overlay.r, own_overlay.b
    with captures(own_overlay) as seen, udp_at(r) as eve:
        async with two_people(own_overlay, tmp_path) as (anna, bob):
            request = read(await called(anna, bob), Request)
            post, response = await held_response(bob)
            attack = foreign_datagrams(request, response, own_overlay)
            ports = ((anna, r.address_of(a), request.port), (bob, r.address_of(b), response.port))

            def send_all() -> None:
                for _, address, port in ports:
                    for datagram in attack:
                        eve.sendto(datagram, (str(address), port))

            send_all()  # while both wait for each other
            for person, state in ((anna, "calling"), (bob, "connecting")):
                assert (await until_refused(person, len(attack)))["state"] == state

            anna.write(post["text"], sender="bob")
            reports = await arrived(anna, bob)

            send_all()  # in the middle of the call
            for person, report in zip((anna, bob), reports, strict=True):
                before = await until_refused(person, 2 * len(attack))
                await until_more_media(person, before)
                (call,) = (await person.status())["calls"]
                assert call["state"] == "active"
                assert call["remote"] == report["remote"]
                assert call["refused"] == {"foreign-address": 2 * len(attack)}
                shown = await cli("--home", str(person.home), "status", environment={"COLUMNS": "250"})
                assert f"{2 * len(attack)} foreign-address" in shown[1]
            await ended(anna, bob)
        with pytest.raises(BlockingIOError):
            eve.recv(1)
    assert destinations(seen.overlay_a, a) == {a.address_of(b)}
    assert destinations(seen.overlay_b, b) == {b.address_of(a)}
    assert seen.leaks == []


async def test_a_node_in_the_place_of_the_called_one_gets_no_media(staex: StaexNetwork, tmp_path: Path) -> None:
    """The overlay node lies about the owner of an address, and the false node has read both links. It lacks one key."""
    a, r, b = staex.a, staex.r, staex.b
    a.claim(b.node_id, str(a.address_of(r)))
    try:
        with captures(staex) as seen:
            async with two_people(staex, tmp_path) as (anna, bob):
                request = read(await called(anna, bob), Request)
                post, response = await held_response(bob)

                async def impersonate() -> int:
                    """Take the place of the true node with all that is in the links. Returns how much media it got."""
                    sock = await OverlaySocket.open(r.address, r.address_of(a), interface=r.device, port=response.port)
                    handshake = handshake_of_both_links(Role.CALLEE, request, response, b.node_id)
                    leg = Leg(sock, handshake, remote_port=request.port)
                    try:
                        async with asyncio.timeout(PATIENCE):
                            # Its own side of the handshake may succeed. Then it hears what the other side thinks.
                            with suppress(LegFailed):
                                await leg.connect()
                            await leg.closed.wait()
                        assert leg.remote_address == (str(r.address_of(a)), request.port)
                        return leg.counters.audio.packets + leg.counters.video.packets
                    finally:
                        await leg.close()
                        sock.close()

                anna.write(post["text"], sender="bob")
                assert await asyncio.to_thread(r.host.inside, lambda: asyncio.run(impersonate())) == 0
                report = await status(anna)
                assert (report["state"], report["audio_packets_received"]) == ("calling", 0)
                assert report["refused"]["foreign-address"] > 0  # packets of Bob himself
                # Bob first: Anna's kernel would answer with ICMP to what Bob still sends after Anna's port is closed.
                for person in (bob, anna):
                    person.write("/hangup")
                    await person.call("ended")
    finally:
        a.be_honest()
    assert destinations(seen.overlay_a, a) == {a.address_of(r)}
    assert seen.leaks == []


# Somebody on the local network


async def test_a_datagram_from_the_local_network_is_not_taken_for_one_of_the_overlay(
    own_overlay: OverlayNetwork, tmp_path: Path
) -> None:
    """The datagram has the other node's address and port, and arrives by the wire instead of the overlay's device."""
    a, b, wire = own_overlay.a, own_overlay.b, own_overlay.hosts.r.wires[0]
    with captures(own_overlay) as seen:
        async with two_people(own_overlay, tmp_path) as (anna, bob):
            annas, bobs = map(flow_of, await first_contact(anna, bob))

            # The same datagram from B's machine comes through the overlay, and is accepted.
            send_packet(b, b.device, udp_packet(bobs.one, bobs.other, b"\xffjunk"))
            assert (await until_refused(anna, 1))["refused"] == {"unexpected": 1}

            forged = udp_packet(annas.other, annas.one, b"\xffjunk")
            send_packet(own_overlay.r, wire.device, forged, mac=b"\x02\0" + wire.far_address.packed)
            async with asyncio.timeout(PATIENCE):
                await seen.wire_a.until(annas.covers)
            before = await status(anna)
            await until_more_media(anna, before)
            assert (await status(anna))["refused"] == {"unexpected": 1}
            await ended(anna, bob)
    assert seen.wire_a.leaks(a.peering, annas) == []
    assert seen.wire_a.volume(annas).packets == 1
    assert seen.wire_b.leaks(b.peering) == []


# Responses


async def test_responses_forged_before_the_true_one_do_not_cost_the_call(
    own_overlay: OverlayNetwork, tmp_path: Path
) -> None:
    a, b = own_overlay.a, own_overlay.b
    with captures(own_overlay) as seen:
        async with two_people(own_overlay, tmp_path) as (anna, bob):
            request = read(await called(anna, bob), Request)
            post, true = await held_response(bob)
            for forged in (
                Response.accepting(
                    request, media=Media.BOTH, seed=os.urandom(8), fingerprint=os.urandom(32), port=true.port ^ 1
                ),
                replace(true, fingerprint=os.urandom(32)),
                replace(true, seed=os.urandom(8)),
            ):
                anna.write(as_copybara(forged.token), sender="somebody")
            await anna.in_order()
            assert (await status(anna))["state"] == "calling"

            anna.write(post["text"], sender="bob")
            report, _ = await arrived(anna, bob)
            assert endpoint(report["remote"]) == (a.address_of(b), true.port)
            await ended(anna, bob)
    assert destinations(seen.overlay_a, a) == {a.address_of(b)}
    assert destinations(seen.overlay_b, b) == {b.address_of(a)}
    assert seen.leaks == []


async def test_a_response_forged_after_the_true_one_takes_no_picture_away(
    own_overlay: OverlayNetwork, tmp_path: Path
) -> None:
    a, b = own_overlay.a, own_overlay.b
    with captures(own_overlay) as seen:
        async with two_people(own_overlay, tmp_path) as (anna, bob):
            await called(anna, bob)
            post, true = await held_response(bob)
            anna.write(post["text"], sender="bob")
            anna.write(as_copybara(replace(true, media=Media.AUDIO).token), sender="somebody")
            await arrived(anna, bob)
            await ended(anna, bob)
    assert destinations(seen.overlay_a, a) == {a.address_of(b)}
    assert destinations(seen.overlay_b, b) == {b.address_of(a)}
    assert seen.leaks == []


# A Staex node that lies

LIES = {
    "a public address": ("8.8.8.8", "a public address"),
    "an address of nobody": ("203.0.113.9", "an address outside the overlay's range"),
    "loopback": ("127.0.0.1", "a loopback address"),
    "multicast": ("224.0.0.251", "a multicast address"),
    "broadcast": ("255.255.255.255", "the broadcast address"),
    "link-local": ("169.254.1.1", "a link-local address"),
    "unspecified": ("0.0.0.0", "the unspecified address"),
    "another interface's address": ("192.168.71.2", "an address of this machine"),
    "R's address": ("192.168.71.1", "an address in the subnet of wire"),
    "an address behind R": ("192.168.72.2", "would leave by wire, not by staex0"),
    "the own overlay address": ("10.83.0.1", "this machine's own address"),
    "the overlay's whole subnet": ("10.83.0.255", "the address of a whole subnet"),
    "no address": ("10.83.0.7; 8.8.8.8", "something that isn't an address"),
    "IPv6": ("fd00::7", "another IP version"),
}


async def test_a_staex_node_that_lies_about_another_is_refused_before_any_packet(
    staex: StaexNetwork, tmp_path: Path
) -> None:
    a, b = staex.a, staex.b
    try:
        with captures(staex) as seen:
            async with two_people(staex, tmp_path) as (anna, bob):
                for lie, said in LIES.values():
                    a.claim(b.node_id, lie)
                    assert said in await anna.asked(f"/call {bob.node}", kind=Kind.ENDED)
                    await rings_from(anna, request_from(b.node_id, a))
                    assert said in await anna.asked("/answer", kind=Kind.ENDED)
                    assert await anna.udp() == []
                assert only_refusals(anna)
    finally:
        a.be_honest()
    assert_nothing_sent(seen)


OWN_LIES = {
    "a public address": ("8.8.8.8", "a public address"),
    "loopback": ("127.0.0.1", "a loopback address"),
    "the address that leads to the internet": ("192.168.71.2", "which leads to the internet"),
    "an address of nobody here": ("10.83.0.77", "no network device of this machine carries"),
}


async def test_a_staex_node_that_lies_about_itself_is_refused_before_any_packet(
    staex: StaexNetwork, tmp_path: Path
) -> None:
    a = staex.a
    try:
        with captures(staex) as seen:
            async with two_people(staex, tmp_path) as (anna, bob):
                for lie, said in OWN_LIES.values():
                    a.claim(a.node_id, lie)
                    assert said in await anna.asked(f"/call {bob.node}", kind=Kind.ENDED)
                    assert await anna.udp() == []
                assert anna.chat.posts == []
    finally:
        a.be_honest()
    assert_nothing_sent(seen)


# Parts of the attacks


def request_from(source: NodeId, destination: OverlayNode) -> Request:
    """A request that anybody can write."""
    return Request.to(
        destination.node_id,
        media=Media.BOTH,
        created=int(time.time()),
        seed=os.urandom(16),
        source=source,
        fingerprint=os.urandom(32),
        port=40000,
    )


async def rings_from(person: Caller, request: Request) -> None:
    person.write(as_copybara(request.token), sender="somebody")
    await person.call("ringing")


def read(post: Said, kind: type[T]) -> T:
    """Read the link in a post."""
    link = decode(post["token"])
    assert isinstance(link, kind)
    return link


async def held_response(callee: Caller) -> tuple[Said, Response]:
    """Answer, and keep the response from the caller. Returns the post and the response in it."""
    with callee.chat.hold():
        callee.write("/answer")
        post = await callee.posted("chat")
    return post, read(post, Response)


def secret_of_both_links(request: Request, response: Response, destination: NodeId) -> bytes:
    """The call secret as docs/protocol.md defines it, for an attacker who has read both links."""
    info = b"copybara/1 first contact" + destination.key + sha256(response.encode()).digest()
    return hkdf(request.seed + response.seed, salt=sha256(request.encode()).digest(), info=info)


def handshake_of_both_links(role: Role, request: Request, response: Response, destination: NodeId) -> Handshake:
    """All that an attacker needs to play a role in a first contact. Only its certificate is another one."""
    derived = epoch(secret_of_both_links(request, response, destination), 0, role)
    announced = response.fingerprint if role is Role.CALLER else request.fingerprint
    return replace(derived, identity=DtlsIdentity.generate(), remote_pin=Fingerprint(announced))


def foreign_datagrams(request: Request, response: Response, network: OverlayNetwork) -> list[bytes]:
    """Datagrams that could end or enter a call if nobody checked their source."""
    checks = [
        bytes(check_of(handshake_of_both_links(role, request, response, network.b.node_id)))
        for role in (Role.CALLER, Role.CALLEE)
    ]
    answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE)
    return [
        *checks,
        bytes(answer),
        b"\x16\xfe\xfd" + bytes(60),  # DTLS handshake
        b"\x15\xfe\xfd" + bytes(8) + b"\0\2\1\0",  # DTLS alert: close_notify
        struct.pack("!BBHII", 0x80, 111, 1, 0, 1) + bytes(40),  # RTP
        struct.pack("!BBHI", 0x80, 203, 1, 1),  # RTCP BYE
        b"",
        bytes(60_000),
        b"junk",
    ]


def check_of(handshake: Handshake) -> stun.Message:
    """A complete connectivity check (RFC 8445, section 7.1)."""
    check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    check.attributes = {
        "USERNAME": f"{handshake.remote_ice.username}:{handshake.local_ice.username}",
        "PRIORITY": 1,
        "ICE-CONTROLLING": 1,
        "USE-CANDIDATE": None,
    }
    check.add_message_integrity(handshake.remote_ice.password.encode())
    check.add_fingerprint()
    return check


@contextmanager
def udp_at(node: OverlayNode) -> Iterator[socket.socket]:
    """A plain UDP socket at a node's own overlay address."""
    family = socket.AF_INET if node.address.version == 4 else socket.AF_INET6
    with node.host.open_socket(family, socket.SOCK_DGRAM) as udp:
        udp.bind((str(node.address), 0))
        yield udp


def udp_packet(source: tuple[IPAddress, int], destination: tuple[IPAddress, int], payload: bytes) -> bytes:
    """A UDP datagram with its IP header and correct checksums (RFC 768, RFC 8200)."""
    addresses, length = source[0].packed + destination[0].packed, 8 + len(payload)
    pseudo = addresses + struct.pack("!II", length, socket.IPPROTO_UDP)
    udp = struct.pack("!HHHH", source[1], destination[1], length, 0) + payload
    udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp) or 0xFFFF) + udp[8:]
    if source[0].version == 6:
        return struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_UDP, 64) + addresses + udp
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 7, 0, 64, socket.IPPROTO_UDP, 0) + addresses
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + udp


def checksum(data: bytes) -> int:
    """The checksum of RFC 1071."""
    total = sum(words(data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def send_packet(node: OverlayNode, device: str, packet: bytes, mac: bytes = bytes(6)) -> None:
    """Send an IP packet unchanged on a device of that node's host."""
    ethertype = ETH_P_IPV6 if packet[0] >> 4 == 6 else ETH_P_IP
    with node.host.open_socket(socket.AF_PACKET, socket.SOCK_DGRAM) as packets:
        packets.sendto(packet, (device, ethertype, 0, 0, mac))


# Effects of the attacks


async def status(person: Caller) -> Said:
    """The report of the only call."""
    await person.asked("/status", kind=Kind.STATUS)
    return await person.until(lambda said: said["type"] == "call")


async def until_refused(person: Caller, count: int) -> Said:
    """Ask until this many datagrams were refused. Returns that report."""
    async with asyncio.timeout(PATIENCE):
        while sum((report := await status(person))["refused"].values()) < count:
            pass
    return report


async def until_more_media(person: Caller, before: Said) -> None:
    """Ask until more sound and picture has arrived than in an earlier report."""
    async with asyncio.timeout(PATIENCE):
        for kind in ("audio_packets_received", "video_packets_received"):
            while (await status(person))[kind] <= before[kind]:
                pass


def destinations(overlay: Capture, node: OverlayNode) -> set[IPAddress | None]:
    """The destinations of a node's packets on its overlay device."""
    return {flow.destination for flow in overlay.flows if flow.source == node.address}


def only_refusals(person: Caller) -> bool:
    """Whether all posts say no more than that the owner can't come: they contain no port and no certificate."""
    links = [decode(post["token"]) for _, post in person.chat.posts]
    return all(isinstance(link, Response) and link.status is Status.BUSY for link in links)


def assert_nothing_sent(seen: Captures) -> None:
    assert seen.overlay_a.flows == seen.overlay_b.flows == {}
    assert seen.leaks == []
