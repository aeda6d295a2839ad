"""Tests of the bench: hosts, captures and overlays behave as the other tests here expect."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import struct
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from shared.node_id import NodeId
from tests.network.capture import ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, CaptureLost, Conversation, Kind, capture, parse
from tests.network.conftest import skip_without_namespaces
from tests.network.namespaces import FILES_OVER_ETC, NAMESPACE_FILES, CommandFailed, Hosts, Namespace, Wire, three_hosts
from tests.network.overlay import OverlayNetwork, OverlayNode
from tests.network.staex import API, COMMAND, StaexNetwork, StaexNode
from tests.network.staex_node import readdressed, words
from tests.network.yggdrasil import YggdrasilEnded, YggdrasilNetwork, YggdrasilNode

IPAddress = IPv4Address | IPv6Address

PATIENCE = 60
"Seconds after which a missing event counts as a failure."
PUBLIC = IPv4Address("203.0.113.9")
PUBLIC6 = IPv6Address("2001:db8::9")
"Documentation addresses (RFC 5737, RFC 3849). Only the default routes lead to them."


def socket_at(host: Namespace, address: IPAddress, kind: int = socket.SOCK_DGRAM) -> socket.socket:
    """A socket on a host that is bound to one of its addresses."""
    opened = host.open_socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, kind)
    opened.bind((str(address), 0))
    return opened


def send(host: Namespace, source: IPAddress, destination: IPAddress, port: int, device: str = "") -> None:
    with socket_at(host, source) as udp:
        if device:
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        udp.sendto(b"leak", (str(destination), port))


def dial(host: Namespace, source: IPAddress, destination: IPAddress, port: int) -> None:
    with socket_at(host, source, socket.SOCK_STREAM) as tcp, suppress(BlockingIOError):
        tcp.connect((str(destination), port))


async def exchange(one: OverlayNode, other: OverlayNode) -> tuple[Conversation, Conversation]:
    """Send a datagram each way over the overlay. Returns the conversation as the device of either end sees it."""
    loop = asyncio.get_running_loop()
    with socket_at(one.host, one.address) as here, socket_at(other.host, other.address) as there:
        port, other_port = here.getsockname()[1], there.getsockname()[1]
        on_one = Conversation(Kind.UDP, (one.address, port), (one.address_of(other), other_port))
        on_other = Conversation(Kind.UDP, (other.address_of(one), port), (other.address, other_port))
        async with asyncio.timeout(PATIENCE):
            here.sendto(b"there", (str(one.address_of(other)), other_port))
            assert await received(loop, there) == (b"there", on_other.one)
            there.sendto(b"back", (str(other.address_of(one)), port))
            assert await received(loop, here) == (b"back", on_one.other)
    return on_one, on_other


async def received(loop: asyncio.AbstractEventLoop, udp: socket.socket) -> tuple[bytes, tuple[IPAddress, int]]:
    data, (host, port, *_) = await loop.sock_recvfrom(udp, 100)
    return data, (ip_address(host), port)


# Hosts


async def test_there_is_no_route_between_a_and_b(hosts: Hosts) -> None:
    a, b = hosts.a.wire, hosts.b.wire
    with capture(hosts.a, a.device) as sent, capture(hosts.b, b.device) as arrived:
        send(hosts.a, a.address, b.address, 5000)
        send(hosts.a, a.address6, b.address6, 5000)
        with pytest.raises(CommandFailed):
            await hosts.a.run("ping", "-c", "1", "-W", "0.1", str(b.address))
    assert {flow.destination for flow in sent.flows} >= {b.address, b.address6}
    assert arrived.flows == {}


@pytest.mark.usefixtures("hosts")
async def test_after_a_failure_hosts_are_gone_with_all_that_runs_on_them() -> None:
    made: list[Hosts] = []
    left_running: list[Process] = []

    async def fail() -> None:
        async with three_hosts() as hosts:
            made.append(hosts)
            script = hosts.a.command("sh", "-c", "echo here; exec sleep 1000")
            process = await asyncio.create_subprocess_exec(*script, stdout=PIPE)
            left_running.append(process)
            assert process.stdout is not None
            # The process was started on this machine, and is on the host once it says so.
            assert await process.stdout.readline() == b"here\n"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with asyncio.timeout(PATIENCE):
        assert await left_running[0].wait() != 0
    assert not {made[0].a.name, made[0].r.name, made[0].b.name} & set(os.listdir(NAMESPACE_FILES))
    assert not (FILES_OVER_ETC / made[0].a.name).exists()


@pytest.mark.parametrize(("environment", "outcome"), [({}, "1 skipped"), ({"CI": "true"}, "1 error")])
async def test_where_hosts_cannot_be_made_tests_are_skipped_but_not_in_ci(
    environment: dict[str, str], outcome: str, tmp_path: Path
) -> None:
    test = f"{__file__}::{test_there_is_no_route_between_a_and_b.__name__}"
    pytest_run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test),
        env={"PATH": str(tmp_path), **environment},
        stdout=PIPE,
        stderr=STDOUT,
    )
    output, _ = await pytest_run.communicate()
    assert outcome in output.decode()
    assert "network namespaces need root" in output.decode() or "needs ip, setpriv, ping" in output.decode()


# Captures


async def test_a_capture_sees_the_first_and_the_last_packet_of_its_block(hosts: Hosts) -> None:
    a = hosts.a.wire
    send(hosts.a, a.address, PUBLIC, 1)
    with capture(hosts.a, a.device) as captured:
        send(hosts.a, a.address, PUBLIC, 2)
        await captured.until(lambda flow: flow.destination_port == 2)
        send(hosts.a, a.address, PUBLIC, 3)
    send(hosts.a, a.address, PUBLIC, 4)
    assert [flow.destination_port for flow in captured.flows] == [2, 3]


async def test_a_capture_sees_all_that_is_sent_while_the_test_is_busy(hosts: Hosts) -> None:
    a = hosts.a.wire
    with capture(hosts.a, a.device) as captured, socket_at(hosts.a, a.address) as udp:
        for _ in range(20_000):
            udp.sendto(b"12345678", (str(PUBLIC), 5000))
    assert captured.volume().packets == 20_000
    assert captured.volume().bytes == 20_000 * (20 + 8 + 8)


async def test_a_capture_that_lost_a_packet_is_an_error(hosts: Hosts) -> None:
    def overrun() -> None:
        with capture(hosts.a, "wire", queue_bytes=10_000), socket_at(hosts.a, hosts.a.wire.address) as udp:
            for _ in range(1000):
                udp.sendto(b"", (str(PUBLIC), 5000))

    with pytest.raises(CaptureLost):
        overrun()


def ipv4(protocol: int, payload: bytes, fragment_offset: int = 0) -> bytes:
    addresses = PUBLIC.packed + IPv4Address("192.0.2.1").packed
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 7, fragment_offset, 64, protocol, 0) + addresses
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def ipv6(next_header: int, payload: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(payload), next_header, 64) + PUBLIC6.packed + PUBLIC6.packed + payload


def checksum(data: bytes) -> int:
    """The checksum of RFC 1071. Zero for data that contains its correct checksum."""
    total = sum(words(data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


PORTS = struct.pack("!HHHH", 5000, 53, 8, 0)


@pytest.mark.parametrize(
    ("ethertype", "packet", "told"),
    [
        (ETH_P_IP, ipv4(17, PORTS), "UDP 203.0.113.9:5000 > 192.0.2.1:53"),
        (ETH_P_IP, ipv4(6, PORTS), "TCP 203.0.113.9:5000 > 192.0.2.1:53"),
        (ETH_P_IP, ipv4(17, PORTS, fragment_offset=185), "UDP 203.0.113.9 > 192.0.2.1"),
        (ETH_P_IP, ipv4(1, b"\x08\x00"), "ICMP 203.0.113.9 > 192.0.2.1"),
        (ETH_P_IP, ipv4(2, b"\x22\x00"), "multicast report 203.0.113.9 > 192.0.2.1"),
        (ETH_P_IP, ipv4(132, PORTS), "other (ethertype 0x0800, protocol 132) 203.0.113.9 > 192.0.2.1"),
        (ETH_P_IPV6, ipv6(17, PORTS), "UDP [2001:db8::9]:5000 > [2001:db8::9]:53"),
        (ETH_P_IPV6, ipv6(44, b"\x11\x00\x00\x01\0\0\0\7" + PORTS), "UDP [2001:db8::9]:5000 > [2001:db8::9]:53"),
        (ETH_P_IPV6, ipv6(44, b"\x11\x00\x05\xa9\0\0\0\7" + PORTS), "UDP 2001:db8::9 > 2001:db8::9"),
        (ETH_P_IPV6, ipv6(58, b"\x80\x00"), "ICMP 2001:db8::9 > 2001:db8::9"),
        (ETH_P_IPV6, ipv6(58, b"\x87\x00"), "neighbour discovery 2001:db8::9 > 2001:db8::9"),
        (ETH_P_IPV6, ipv6(0, b"\x3a\x00\5\2\0\0\1\0\x8f\x00"), "multicast report 2001:db8::9 > 2001:db8::9"),
        (
            ETH_P_ARP,
            b"\0\1\x08\0\6\4\0\1" + b"M" * 6 + PUBLIC.packed + b"\0" * 6 + PUBLIC.packed,
            "ARP 203.0.113.9 > 203.0.113.9",
        ),
        (ETH_P_IP, b"E", "other (ethertype 0x0800, protocol None) None > None"),
        (0x88CC, b"", "other (ethertype 0x88cc, protocol None) None > None"),
    ],
)
def test_what_a_capture_counts_is_told_apart(ethertype: int, packet: bytes, told: str) -> None:
    assert str(parse(ethertype, packet)) == told


@given(st.sampled_from([ETH_P_IP, ETH_P_IPV6, ETH_P_ARP, 0x1234]), st.binary(max_size=100))
def test_a_packet_that_makes_no_sense_is_counted_all_the_same(ethertype: int, packet: bytes) -> None:
    assert parse(ethertype, packet).ethertype == ethertype


# Leaks

LEAKS: dict[str, tuple[Callable[[OverlayNode, Wire], None], str]] = {
    "a datagram to a public address": (
        lambda node, wire: send(node.host, wire.address, PUBLIC, 3478),
        r"UDP {wire}:\d+ > 203.0.113.9:3478 ",
    ),
    "the same over IPv6": (
        lambda node, wire: send(node.host, wire.address6, PUBLIC6, 3478),
        r"UDP \[{wire6}\]:\d+ > \[2001:db8::9\]:3478 ",
    ),
    "one from the overlay's address": (
        lambda node, wire: send(node.host, node.address, PUBLIC if node.address.version == 4 else PUBLIC6, 3478),
        r"UDP \[?{overlay}\]?:\d+ > .+:3478 ",
    ),
    "one to a neighbour that is not there": (
        lambda node, wire: send(node.host, wire.address, wire.address + 75, 5000),
        r"UDP {wire}:\d+ > {neighbour}:5000 ",
    ),
    "a multicast question for a name": (
        lambda node, wire: send(node.host, wire.address, IPv4Address("224.0.0.251"), 5353),
        r"UDP {wire}:\d+ > 224.0.0.251:5353 ",
    ),
    "the same over IPv6, out of the wire": (
        lambda node, wire: send(node.host, wire.address6, IPv6Address("ff02::fb"), 5353, device=wire.device),
        r"UDP \[{wire6}\]:\d+ > \[ff02::fb\]:5353 ",
    ),
    "a datagram to the port of the overlay on R": (
        lambda node, wire: send(node.host, wire.address, wire.far_address, node.peering.other[1]),
        r"UDP {wire}:\d+ > {far}:{port} ",
    ),
    "a second connection to the port of the overlay on R": (
        lambda node, wire: dial(node.host, wire.address, wire.far_address, node.peering.other[1]),
        r"TCP {wire}:\d+ > {far}:{port} ",
    ),
    "a connection to a public address": (
        lambda node, wire: dial(node.host, wire.address, PUBLIC, 443),
        r"TCP {wire}:\d+ > 203.0.113.9:443 ",
    ),
}


@pytest.mark.parametrize("leak", LEAKS)
async def test_a_leak_is_caught(own_overlay: OverlayNetwork, leak: str) -> None:
    node, wire = own_overlay.a, own_overlay.a.host.wire
    cause, pattern = LEAKS[leak]
    with capture(node.host, wire.device) as captured:
        await exchange(node, own_overlay.b)
        cause(node, wire)
    caught, *answers_of_r = captured.leaks(node.peering)
    expected = pattern.format(
        wire=wire.address,
        wire6=wire.address6,
        far=wire.far_address,
        neighbour=wire.address + 75,
        overlay=node.address,
        port=node.peering.other[1],
    )
    assert re.match(expected, caught)
    assert all(re.search(rf" > \[?({wire.address}|{wire.address6})", answer) for answer in answers_of_r)


async def test_a_name_that_is_looked_up_is_caught(own_overlay: OverlayNetwork) -> None:
    host = own_overlay.a.host
    with capture(host, host.wire.device) as captured, suppress(CommandFailed):
        await host.run("getent", "hosts", "copybara.example")
    assert any(f" > {host.wire.far_address}:53 " in line for line in captured.leaks(own_overlay.a.peering))


async def test_a_multicast_group_that_is_joined_is_caught(own_overlay: OverlayNetwork) -> None:
    host = own_overlay.a.host
    with capture(host, host.wire.device) as captured, socket_at(host, host.wire.address) as udp:
        group = IPv4Address("224.0.0.251").packed + host.wire.address.packed
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        async with asyncio.timeout(PATIENCE):
            await captured.until(lambda flow: flow.kind is Kind.MULTICAST_REPORT)
    assert captured.leaks(own_overlay.a.peering)


# Overlays


async def test_a_node_that_ends_while_it_starts_says_why(hosts: Hosts, tmp_path: Path) -> None:
    skip_without_namespaces("yggdrasil")
    node = YggdrasilNode(hosts.a, Ed25519PrivateKey.generate(), tmp_path, device="longer-than-linux-allows")
    with pytest.raises(YggdrasilEnded, match=r"ended with exit code \d; its log"):
        await node.start()
    await node.stop()


async def test_a_datagram_each_way_shows_the_peering_on_the_wires_and_itself_on_the_overlay(
    overlay: OverlayNetwork,
) -> None:
    a, b = overlay.a, overlay.b
    with (
        capture(a.host, "wire") as wire_a,
        capture(b.host, "wire") as wire_b,
        capture(a.host, a.device) as overlay_a,
        capture(b.host, b.device) as overlay_b,
    ):
        on_a, on_b = await exchange(a, b)
    for wire, node in ((wire_a, a), (wire_b, b)):
        assert wire.leaks(node.peering) == []
        assert wire.volume(node.peering).packets >= 2
    for device, conversation in ((overlay_a, on_a), (overlay_b, on_b)):
        assert device.leaks(conversation) == []
        assert device.volume(conversation).packets == 2


async def test_all_nodes_reach_each_other(overlay: OverlayNetwork) -> None:
    for one, other in ((overlay.a, overlay.r), (overlay.b, overlay.r), (overlay.b, overlay.a)):
        await exchange(one, other)


async def test_a_ping_passes_and_shows_nothing_but_the_peering_on_the_wire(overlay: OverlayNetwork) -> None:
    a, b = overlay.a, overlay.b
    with capture(a.host, "wire") as captured:
        await a.host.run("ping", "-c", "3", "-i", "0.01", "-w", str(PATIENCE), str(a.address_of(b)))
    assert captured.leaks(a.peering) == []


async def test_a_connection_passes_whole(overlay: OverlayNetwork) -> None:
    sent = os.urandom(500_000)
    loop = asyncio.get_running_loop()
    a, b = overlay.a, overlay.b
    with (
        socket_at(b.host, b.address, socket.SOCK_STREAM) as server,
        socket_at(a.host, a.address, socket.SOCK_STREAM) as client,
    ):
        server.listen()
        async with asyncio.timeout(PATIENCE):
            await loop.sock_connect(client, (str(a.address_of(b)), server.getsockname()[1]))
            accepted, _ = await loop.sock_accept(server)
            with accepted:
                arrived = b""
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(loop.sock_sendall(client, sent))
                    while len(arrived) < len(sent):
                        arrived += await loop.sock_recv(accepted, 1 << 16)
    assert arrived == sent


async def test_a_datagram_to_a_closed_port_is_refused_by_the_other_node(overlay: OverlayNetwork) -> None:
    loop = asyncio.get_running_loop()
    with socket_at(overlay.a.host, overlay.a.address) as udp:
        udp.connect((str(overlay.a.address_of(overlay.b)), 9))
        udp.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            async with asyncio.timeout(PATIENCE):
                await loop.sock_recv(udp, 100)


async def test_an_overlay_that_ended_can_be_started_again(overlay: OverlayNetwork) -> None:
    before = overlay.a.peering
    await overlay.a.stop()
    try:
        assert overlay.a.device not in await overlay.a.host.run("ip", "link")
    finally:
        await overlay.a.start()
        await overlay.until_reachable()
    assert overlay.a.peering != before
    await exchange(overlay.a, overlay.b)


async def test_yggdrasil_says_whose_address_it_talks_to(yggdrasil: YggdrasilNetwork) -> None:
    await exchange(yggdrasil.a, yggdrasil.b)
    own = await yggdrasil.a.ask("getSelf")
    assert (own["key"], own["address"]) == (yggdrasil.a.node_id.key.hex(), str(yggdrasil.a.address))
    sessions = (await yggdrasil.a.ask("getSessions"))["sessions"]
    assert (yggdrasil.b.node_id.key.hex(), str(yggdrasil.b.address)) in {(s["key"], s["address"]) for s in sessions}


def get(node: StaexNode, path: str) -> httpx.Response:
    return node.host.inside(lambda: httpx.get(API + path, trust_env=False))


async def test_a_staex_node_has_another_address_on_each_node(staex: StaexNetwork) -> None:
    for asked, about, address in (
        (staex.a, staex.a, "10.83.0.1"),
        (staex.a, staex.b, "10.83.0.7"),
        (staex.b, staex.b, "10.83.0.1"),
        (staex.b, staex.a, "10.83.0.9"),
    ):
        assert get(asked, f"/resolve?node-id={about.node_id}").json() == address
        assert await asked.host.run(*COMMAND, "resolve", str(about.node_id)) == f"{address}\n"


async def test_a_staex_node_answers_as_the_real_one_does(staex: StaexNetwork) -> None:
    stranger = NodeId(bytes(32))
    assert get(staex.a, "/id").json() == str(staex.a.node_id)
    assert await staex.a.host.run(*COMMAND, "id") == f"{staex.a.node_id}\n"
    unknown = get(staex.a, f"/resolve?node-id={stranger}")
    assert (unknown.status_code, unknown.json()) == (200, "")
    assert await staex.a.host.run(*COMMAND, "resolve", str(stranger)) == "\n"
    assert get(staex.a, "/resolve").status_code == 400


async def test_a_staex_node_can_be_made_to_lie(staex: StaexNetwork) -> None:
    staex.a.claim(staex.b.node_id, "203.0.113.9")
    assert get(staex.a, f"/resolve?node-id={staex.b.node_id}").json() == "203.0.113.9"
    staex.a.be_honest()
    assert get(staex.a, f"/resolve?node-id={staex.b.node_id}").json() == "10.83.0.7"


async def test_a_staex_node_can_do_without_an_api_and_have_another_address(staex: StaexNetwork) -> None:
    await staex.a.stop()
    staex.a.http, staex.a.address = False, IPv4Address("10.83.0.2")
    try:
        await staex.a.start()
        with pytest.raises(httpx.ConnectError):
            get(staex.a, "/id")
        assert await staex.a.host.run(*COMMAND, "resolve", str(staex.a.node_id)) == "10.83.0.2\n"
        await exchange(staex.a, staex.b)
    finally:
        await staex.a.stop()
        staex.a.http, staex.a.address = True, IPv4Address("10.83.0.1")
        await staex.a.start()


ADDRESSES = st.binary(min_size=4, max_size=4)


@given(st.binary(max_size=50), ADDRESSES, ADDRESSES)
def test_a_readdressed_datagram_has_right_checksums(payload: bytes, source: bytes, destination: bytes) -> None:
    changed = readdressed(with_udp_checksum(payload), source, destination)
    assert changed[12:20] == source + destination
    assert checksum(changed[:20]) == 0
    assert checksum(udp_pseudo_header(changed) + changed[20:]) == 0
    assert changed[28:] == payload


@given(st.binary(max_size=50), ADDRESSES, ADDRESSES)
def test_what_a_readdressed_error_quotes_has_right_checksums_too(payload: bytes, source: bytes, other: bytes) -> None:
    quoting = b"\3\3\0\0\0\0\0\0" + with_udp_checksum(payload)
    error = ipv4(1, quoting[:2] + struct.pack("!H", checksum(quoting)) + quoting[4:])
    changed = readdressed(error, source, other)
    quoted = changed[28:]
    assert checksum(changed[:20]) == checksum(changed[20:]) == checksum(quoted[:20]) == 0
    assert quoted[12:20] == other + source
    assert checksum(udp_pseudo_header(quoted) + quoted[20:]) == 0


def with_udp_checksum(payload: bytes) -> bytes:
    packet = ipv4(17, struct.pack("!HHHH", 5000, 53, 8 + len(payload), 0) + payload)
    right = checksum(udp_pseudo_header(packet) + packet[20:]) or 0xFFFF
    return packet[:26] + struct.pack("!H", right) + packet[28:]


def udp_pseudo_header(packet: bytes) -> bytes:
    return packet[12:20] + struct.pack("!HH", 17, len(packet) - 20)
