"""The choke point: what passes it, and that nothing else does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from aioice import stun
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peer.overlay.loopback import loopback_address
from peer.transport.connections import MAX_DATAGRAM, Connections, Rates, Refusal
from peer.transport.flood_filter import FloodFilter
from peer.transport.ice import MAX_REMOTE_PORTS, OverlayConnection, host_candidate
from peer.transport.udp_socket import FOREIGN, QUIET_SECONDS, OverlaySocket
from shared.errors import BadAddress, LocalProtocolError, OverlayDown, PortTaken
from shared.messages import Ping
from shared.rate import Limit
from shared.secrets.handshake import Handshake, Role
from tests.peer.own_namespace import in_own_namespace, ip
from tests.peer.pair import ANNA, BEN, EVE, PATIENCE, Stranger, connected, one_link_handshake, two_sockets
from tests.peer.sockets import own_sockets

CALLER, CALLEE = one_link_handshake(Role.CALLER), one_link_handshake(Role.CALLEE)
OUR_ADDRESS, THEIR_ADDRESS, EVES_ADDRESS = map(loopback_address, (ANNA, BEN, EVE))


def connection(sock: OverlaySocket, handshake: Handshake) -> OverlayConnection:
    return OverlayConnection(
        sock,
        controlling=handshake.role is Role.CALLER,
        local=handshake.local_ice,
        remote=handshake.remote_ice,
    )


def check(handshake: Handshake, *, password: str | None = None, **attributes: object) -> stun.Message:
    """The check that the side with this handshake sends."""
    username = f"{handshake.remote_ice.username}:{handshake.local_ice.username}"
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes = {"USERNAME": username, "PRIORITY": 1, "ICE-CONTROLLED": 1} | attributes
    request.add_message_integrity((password or handshake.remote_ice.password).encode())
    return request


async def test_a_port_is_bound_to_the_own_overlay_address_only() -> None:
    before = own_sockets()
    async with two_sockets() as sockets:
        assert own_sockets() - before == {
            ("udp", OUR_ADDRESS, sockets.caller.port),
            ("udp", THEIR_ADDRESS, sockets.callee.port),
        }
    assert own_sockets() == before


async def test_a_port_can_be_bound_again_with_the_same_number() -> None:
    async with two_sockets() as sockets:
        number = sockets.caller.port
    sock = await OverlaySocket.open(OUR_ADDRESS, THEIR_ADDRESS, interface="lo", port=number)
    assert sock.port == number
    sock.close()


@asynccontextmanager
async def waiting_caller(connections: Connections | None = None, heard: int = 0) -> AsyncIterator[OverlaySocket]:
    """A port with one connection that waits for a call. It has proved itself at the remote port `heard`."""
    sock = await OverlaySocket.open(OUR_ADDRESS, THEIR_ADDRESS, interface="lo", connections=connections)
    attempt = connection(sock, CALLER)
    if heard:
        attempt.heard_at(heard)
    try:
        yield sock
    finally:
        await attempt.close()
        sock.close()
        await asyncio.sleep(0)


async def answer_to(neighbour: Stranger, request: stun.Message, sock: OverlaySocket) -> stun.Message:
    """Send a good check and wait for its answer.

    The kernel keeps the order, so everything before it has been handled too.
    """
    neighbour.send(bytes(request), sock)
    answer = stun.parse_message(await neighbour.hear())
    assert answer.transaction_id == request.transaction_id
    return answer


async def refused_of(datagrams: list[bytes], sock: OverlaySocket) -> dict[str, int]:
    """The counts of refused datagrams, after these datagrams have come from the other node."""
    async with Stranger.at(THEIR_ADDRESS) as neighbour:
        for datagram in datagrams:
            neighbour.send(datagram, sock)
        answer = await answer_to(neighbour, check(CALLEE), sock)
        assert answer.message_class is stun.Class.RESPONSE
        assert neighbour.heard.empty()
    return sock.counters.refused


async def test_datagrams_from_another_address_are_dropped_whatever_they_hold() -> None:
    datagrams = [b"", bytes(MAX_DATAGRAM + 1), b"\x16\xfe\xff", b"\x80\x6f", b"\x80\x6f", b"junk", bytes(check(CALLEE))]
    async with waiting_caller() as sock, Stranger.at(EVES_ADDRESS) as eve:
        for datagram in datagrams:
            eve.send(datagram, sock)
        assert await refused_of([], sock) == {Refusal.FOREIGN_ADDRESS: len(datagrams)}
        assert sock.counters.received_packets == sock.counters.sent_packets == 1
        assert eve.heard.empty()


async def test_a_flood_from_other_addresses_is_dropped_by_the_kernel_and_the_call_goes_on() -> None:
    async with waiting_caller() as sock, Stranger.at(EVES_ADDRESS) as eve, Stranger.at(THEIR_ADDRESS) as neighbour:
        refused = -1
        while sock.counters.refused[Refusal.FOREIGN_ADDRESS] != refused:
            refused = sock.counters.refused[Refusal.FOREIGN_ADDRESS]
            for _ in range(100):
                eve.send(b"junk", sock)
            # The datagrams that the kernel keeps come before the answer.
            await answer_to(neighbour, check(CALLEE), sock)
        assert refused > FOREIGN.at_once
        assert eve.heard.empty()


FEW = Rates(*[Limit(at_once=50, per_second=1.0)] * 4)
"Low limits, so that a few datagrams are a flood on any machine."


async def read_of(sock: OverlaySocket, sender: Stranger, datagram: bytes, times: int) -> int:
    """How many of these datagrams the program has read, once all that the kernel keeps of them have arrived."""
    before = sock.counters.refused.total()
    for _ in range(times):
        sender.send(datagram, sock)
    last = -1
    while last != sock.counters.refused.total():
        last = sock.counters.refused.total()
        await asyncio.sleep(0)  # the loop reads one datagram per turn
        await asyncio.sleep(0)
    return last - before


async def test_a_flood_from_other_ports_of_the_other_side_is_dropped_by_the_kernel_and_the_call_goes_on() -> None:
    async with (
        Stranger.at(THEIR_ADDRESS) as ben,
        Stranger.at(THEIR_ADDRESS) as neighbour,
        waiting_caller(Connections(rates=FEW), heard=ben.port) as sock,
    ):
        assert await read_of(sock, neighbour, b"junk", 200) == 200
        assert await read_of(sock, neighbour, b"junk", 200) < 100
        assert neighbour.heard.empty()
        for _ in range(20):
            await answer_to(ben, check(CALLEE), sock)


async def test_a_flood_from_where_the_other_side_has_proved_itself_is_dropped_by_the_kernel_in_turns() -> None:
    async with (
        Stranger.at(THEIR_ADDRESS) as ben,
        waiting_caller(Connections(rates=FEW), heard=ben.port) as sock,
    ):
        await answer_to(ben, check(CALLEE), sock)
        assert await read_of(sock, ben, b"junk", 200) == 200
        assert sock.counters.refused[Refusal.FLOOD] > 100
        async with asyncio.timeout(PATIENCE):
            while not await read_of(sock, ben, b"junk", 1):
                pass


async def test_a_socket_that_is_deaf_gets_nothing() -> None:
    """It hears again by a timer, which can't fire before this test awaits something."""
    kinds = socket.AF_INET, socket.SOCK_DGRAM
    with socket.socket(*kinds) as sock, socket.socket(*kinds) as sender:
        sock.bind((str(OUR_ADDRESS), 0))
        sock.setblocking(False)
        sender.sendto(b"before", sock.getsockname())
        assert sock.recv(100) == b"before"
        kernel = FloodFilter(sock, THEIR_ADDRESS)
        kernel.be_deaf()
        for _ in range(200):
            sender.sendto(b"junk", sock.getsockname())
        with pytest.raises(BlockingIOError):
            sock.recv(100)
        kernel.close()


async def test_what_an_honest_program_sends_is_no_flood() -> None:
    async with Stranger.at(THEIR_ADDRESS) as ben, waiting_caller(heard=ben.port) as sock:
        for first, times in ((128, 1_500), (20, 4_000), (0, 100)):
            for _ in range(times):
                assert sock.connections.received(bytes([first]), ben.port)
        assert all(sock.connections.received(b"\0", 1) for _ in range(100))


async def test_of_media_that_comes_together_each_datagram_counts() -> None:
    rates = Rates(*[Limit(at_once=50, per_second=1e-6)] * 4)
    async with Stranger.at(THEIR_ADDRESS) as ben, waiting_caller(Connections(rates=rates), heard=ben.port) as sock:
        small, huge = b"\x80" + bytes(20), b"\x80" + bytes(MAX_DATAGRAM)
        assert sock.connections.media_received([small, huge, small], ben.port)
        assert not sock.connections.media_received([small] * 50, ben.port)
        assert sock.counters.refused == {Refusal.OVERSIZED: 1, Refusal.FLOOD: 3}
        assert sock.counters.received_packets == 49
        assert sock.counters.received_bytes == 49 * len(small)
        assert sock.connections.media_received([small, small], 1)
        assert sock.counters.refused[Refusal.UNEXPECTED] == 2


async def test_empty_and_huge_datagrams_are_dropped() -> None:
    async with waiting_caller() as sock:
        refused = await refused_of([b"", bytes(MAX_DATAGRAM + 1), bytes(65507)], sock)
        assert refused == {Refusal.EMPTY: 1, Refusal.OVERSIZED: 2}
        assert sock.counters.received_packets == 1


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(check(CALLER), id="a username of nobody"),
        pytest.param(check(CALLEE, password="x" * 24), id="the wrong password"),
        pytest.param(check(CALLEE, USERNAME=f"{CALLER.local_ice.username}:nobody"), id="another sender's username"),
        pytest.param(check(CALLEE, USERNAME=CALLER.local_ice.username), id="half a username"),
        pytest.param(
            stun.Message(
                stun.Method.BINDING, stun.Class.REQUEST, attributes={"USERNAME": CALLER.local_ice.username + ":"}
            ),
            id="no integrity",
        ),
        pytest.param(stun.Message(stun.Method.BINDING, stun.Class.REQUEST), id="no attributes"),
        pytest.param(stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST), id="a request to a TURN server"),
    ],
)
async def test_a_check_without_the_right_credentials_gets_silence(request_: stun.Message) -> None:
    async with waiting_caller() as sock:
        assert await refused_of([bytes(request_)], sock) == {Refusal.UNAUTHENTICATED: 1}


def another_method(request: stun.Message) -> stun.Message:
    request.message_method = stun.Method.ALLOCATE
    return signed(request)


def without_priority(request: stun.Message) -> stun.Message:
    del request.attributes["PRIORITY"]
    return signed(request)


def signed(request: stun.Message) -> stun.Message:
    request.add_message_integrity(CALLER.local_ice.password.encode())
    return request


@pytest.mark.parametrize("change", [another_method, without_priority])
async def test_nothing_but_checks_is_served_even_with_the_right_credentials(
    change: Callable[[stun.Message], stun.Message],
) -> None:
    async with waiting_caller() as sock:
        assert await refused_of([bytes(change(check(CALLEE)))], sock) == {Refusal.UNEXPECTED: 1}


async def test_answers_and_media_that_nobody_waits_for_are_dropped() -> None:
    answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE)
    answer.add_message_integrity(b"guess")
    indication = stun.Message(stun.Method.BINDING, stun.Class.INDICATION)
    datagrams = [bytes(answer), bytes(indication), b"\x16\xfe\xfd" + bytes(10), b"\x80" + bytes(20), b"GET / HTTP/1.1"]
    async with waiting_caller() as sock:
        assert await refused_of(datagrams, sock) == {Refusal.LATE: 1, Refusal.UNEXPECTED: 4}


async def test_checks_are_taken_from_a_few_ports_of_the_other_node_only() -> None:
    async with waiting_caller() as sock, AsyncExitStack() as stack:
        neighbours = [await stack.enter_async_context(Stranger.at(THEIR_ADDRESS)) for _ in range(MAX_REMOTE_PORTS + 1)]
        for neighbour in neighbours[:-1]:
            await answer_to(neighbour, check(CALLEE), sock)
        neighbours[-1].send(bytes(check(CALLEE)), sock)
        await answer_to(neighbours[0], check(CALLEE), sock)
        assert sock.counters.refused == {Refusal.UNEXPECTED: 1}
        assert neighbours[-1].heard.empty()


STUN_LIKE = st.builds(
    lambda first, second, rest: bytes((first, second)) + len(rest).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + rest,
    st.integers(0, 3),
    st.integers(0, 255),
    st.binary(min_size=12, max_size=200),
)
ATTRIBUTE = st.builds(
    lambda kind, value: kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4),
    st.sampled_from(sorted(stun.ATTRIBUTES_BY_TYPE)),
    st.binary(max_size=40),
)
STUN_WITH_ATTRIBUTES = st.builds(
    lambda kind, attributes: (
        kind.to_bytes(2, "big") + len(b"".join(attributes)).to_bytes(2, "big") + bytes(16) + b"".join(attributes)
    ),
    st.sampled_from([0x0001, 0x0101, 0x0111, 0x0011, 0x0003]),
    st.lists(ATTRIBUTE, max_size=6),
)


@given(st.lists(st.binary(max_size=60) | STUN_LIKE | STUN_WITH_ATTRIBUTES, max_size=20))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_datagram_raises(datagrams: list[bytes]) -> None:
    async def receive() -> None:
        sock = OverlaySocket(OUR_ADDRESS, THEIR_ADDRESS)
        attempt = connection(sock, CALLER)
        for datagram in datagrams:
            sock.datagram_received(datagram, (str(THEIR_ADDRESS), 5000))
        assert sock.counters.refused.total() == len(datagrams)
        assert attempt.last_heard is None
        await attempt.close()

    asyncio.run(receive())


async def test_two_connections_of_a_call_cannot_have_the_same_credentials() -> None:
    async with two_sockets() as sockets:
        attempt = connection(sockets.caller, CALLER)
        with pytest.raises(LocalProtocolError):
            connection(sockets.caller, CALLER)
        await attempt.close()
        again = connection(sockets.caller, CALLER)
        await again.close()


async def test_a_port_that_is_left_drops_what_comes_late_and_closes_when_it_is_quiet() -> None:
    async with waiting_caller() as sock, Stranger.at(THEIR_ADDRESS) as neighbour:
        leaving = asyncio.create_task(sock.leave())
        await asyncio.sleep(0)
        for datagram in (bytes(check(CALLEE)), b"\x80\x6f", b"\x80\x6f", b"", b"junk"):
            neighbour.send(datagram, sock)
        await leaving
        assert sock.closed
        assert sock.counters.refused == {Refusal.LATE: 5}
        assert sock.counters.received_packets == sock.counters.sent_packets == 0


async def test_a_port_that_is_left_does_not_wait_for_ever() -> None:
    async with (
        waiting_caller() as sock,
        Stranger.at(THEIR_ADDRESS) as neighbour,
        asyncio.timeout(PATIENCE),
        asyncio.TaskGroup() as group,
    ):
        group.create_task(sock.leave())
        while not sock.closed:
            neighbour.send(b"\x80\x6f", sock)
            await asyncio.sleep(QUIET_SECONDS / 4)


async def test_closing_a_port_is_noticed_by_its_connections() -> None:
    async with two_sockets() as sockets:
        caller, callee = connection(sockets.caller, CALLER), connection(sockets.callee, CALLEE)
        async with asyncio.TaskGroup() as group:
            group.create_task(caller.connect())
            group.create_task(callee.connect())
            await callee.add_remote_candidate(host_candidate(sockets.callee.remote, sockets.caller.port))
        sockets.caller.close()
        with pytest.raises(ConnectionError):
            await caller.recv()
        await caller.send(b"\x80 into the void")
        await caller.close()
        await callee.close()


@pytest.mark.parametrize(
    ("local", "remote"),
    [
        ("0.0.0.0", "127.1.1.1"),
        ("127.1.1.1", "0.0.0.0"),
        ("127.1.1.1", "224.0.0.251"),
        ("127.1.1.1", "255.255.255.255"),
        ("::", "::1"),
        ("::1", "ff02::fb"),
        ("127.1.1.1", "::1"),
        ("203.0.113.1", "203.0.113.2"),
    ],
)
async def test_addresses_that_no_call_can_use_are_refused(local: str, remote: str) -> None:
    before = own_sockets()
    with pytest.raises(BadAddress):
        await OverlaySocket.open(ip_address(local), ip_address(remote), interface=None)
    assert own_sockets() == before


async def test_a_missing_device_is_the_overlay_being_down() -> None:
    with pytest.raises(OverlayDown, match="mcc0"):
        await OverlaySocket.open(OUR_ADDRESS, THEIR_ADDRESS, interface="mcc0")


async def test_a_taken_port_is_a_known_error() -> None:
    async with two_sockets() as sockets:
        with pytest.raises(PortTaken, match=str(sockets.caller.port)):
            await OverlaySocket.open(OUR_ADDRESS, THEIR_ADDRESS, interface="lo", port=sockets.caller.port)


async def test_a_port_that_moves_keeps_its_number_and_its_connections() -> None:
    async with connected() as legs, asyncio.timeout(PATIENCE):
        sock, before = legs.sockets.caller, own_sockets()
        assert sock.stands(sock.local, sock.remote, "lo")
        await sock.move(sock.local, sock.remote, "lo")
        assert own_sockets() == before
        legs.callee.control.send(Ping(1))
        legs.caller.control.send(Ping(2))
        assert (await anext(legs.caller.control), await anext(legs.callee.control)) == (Ping(1), Ping(2))


async def test_a_port_that_finds_its_device_gone_can_be_moved_again() -> None:
    async with two_sockets() as sockets:
        sock, number = sockets.caller, sockets.caller.port
        with pytest.raises(OverlayDown, match="mcc0"):
            await sock.move(sock.local, sock.remote, "mcc0")
        assert sock.closed
        assert not sock.stands(sock.local, sock.remote, "lo")
        await sock.move(sock.local, sock.remote, "lo")
        assert (sock.port, sock.closed) == (number, False)
        sock.close()
        await sock.move(sock.local, sock.remote, "lo")
        assert sock.closed, "a port that was closed for good stays closed"


def test_a_port_at_another_address_or_on_a_device_that_was_made_anew_does_not_stand() -> None:
    here, there = IPv4Address("10.83.0.1"), IPv4Address("10.83.0.2")

    def bring_up() -> None:
        for line in ("tuntap add dev mcc0 mode tun", "addr add 10.83.0.1/24 dev mcc0", "link set mcc0 up"):
            ip(line)

    async def work() -> None:
        bring_up()
        sock = await OverlaySocket.open(here, there, interface="mcc0")
        assert sock.stands(here, there, "mcc0")
        assert not sock.stands(here, IPv4Address("10.83.0.3"), "mcc0")
        ip("link del mcc0")
        assert not sock.stands(here, there, "mcc0")
        bring_up()
        assert not sock.stands(here, there, "mcc0")
        number = sock.port
        await sock.move(here, there, "mcc0")
        assert sock.stands(here, there, "mcc0")
        assert sock.port == number
        sock.close()

    in_own_namespace(work)


async def test_a_check_of_another_epoch_of_the_call_is_told_and_gets_silence() -> None:
    heard: list[tuple[str, bool, bool]] = []

    def stray(username: str, made_with: Callable[[str], bool]) -> bool:
        heard.append((username, made_with(CALLEE.remote_ice.password), made_with("x" * 24)))
        return username == "later"

    async with waiting_caller(Connections(stray)) as sock:
        datagrams = [bytes(check(CALLEE, USERNAME=f"{name}:whoever")) for name in ("later", "nobody")]
        assert await refused_of(datagrams, sock) == {Refusal.LATE: 1, Refusal.UNAUTHENTICATED: 1}
    assert heard == [("later", True, False), ("nobody", True, False)]


async def test_what_comes_for_a_connection_that_was_lost_is_late_and_no_attack() -> None:
    async with waiting_caller() as sock:
        sock.connections.path_lost(True)
        assert await refused_of([b"\x80\x6f" + bytes(30), b"\x16\xfe\xff"], sock) == {Refusal.LATE: 2}


async def test_a_port_is_bound_to_its_device() -> None:
    sock = await OverlaySocket.open(OUR_ADDRESS, THEIR_ADDRESS, interface="lo")
    assert sock._transport is not None
    bound = sock._transport.get_extra_info("socket")
    assert bound.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0") == b"lo"
    sock.close()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
async def test_the_other_node_is_recognised_by_its_ipv6_address_too() -> None:
    here = IPv6Address("::1")
    try:
        sock = await OverlaySocket.open(here, here, interface="lo")
    except BadAddress:
        pytest.skip("the loopback device has no IPv6 address")
    attempt = connection(sock, CALLER)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as neighbour:
        neighbour.bind(("::1", 0))
        neighbour.setblocking(False)
        await asyncio.get_running_loop().sock_sendto(neighbour, bytes(check(CALLEE)), ("::1", sock.port))
        answer = stun.parse_message(await asyncio.get_running_loop().sock_recv(neighbour, 2000))
    assert answer.message_class is stun.Class.RESPONSE
    assert sock.counters.refused.total() == 0
    await attempt.close()
    sock.close()


def test_the_loopback_addresses_of_the_tests_differ() -> None:
    assert len({OUR_ADDRESS, THEIR_ADDRESS, EVES_ADDRESS, IPv4Address("127.0.0.1")}) == 4
