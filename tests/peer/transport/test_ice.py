"""ICE between two overlay addresses, below DTLS: which candidates it accepts, and when it connects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aioice import Candidate, stun
from aioice.ice import StunProtocol

from peer.overlay.loopback import loopback_address
from peer.transport.connections import Refusal
from peer.transport.ice import MAX_ERRORS, MAX_WAITING, OverlayConnection, host_candidate
from peer.transport.udp_socket import OverlaySocket
from shared.secrets.handshake import Role
from tests.peer.pair import ANNA, BEN, EVE, PATIENCE, Sockets, Stranger, one_link_handshake, two_sockets


@dataclass(slots=True)
class Connections:
    """Both ends. The callee knows the caller's port, and the caller knows none."""

    caller: OverlayConnection
    callee: OverlayConnection
    sockets: Sockets


def made(sock: OverlaySocket, role: Role, kind: type[OverlayConnection] = OverlayConnection) -> OverlayConnection:
    handshake = one_link_handshake(role)
    return kind(sock, controlling=role is Role.CALLER, local=handshake.local_ice, remote=handshake.remote_ice)


@asynccontextmanager
async def two_connections() -> AsyncIterator[Connections]:
    async with two_sockets() as sockets, asyncio.timeout(PATIENCE):
        caller, callee = made(sockets.caller, Role.CALLER), made(sockets.callee, Role.CALLEE)
        await callee.add_remote_candidate(host_candidate(sockets.callee.remote, sockets.caller.port))
        try:
            yield Connections(caller, callee, sockets)
        finally:
            await caller.close()
            await callee.close()


async def test_data_passes_between_the_two_ends() -> None:
    async with two_connections() as ends:
        await asyncio.gather(ends.caller.connect(), ends.callee.connect())
        await ends.caller.send(b"\x80 there")
        assert await ends.callee.recv() == b"\x80 there"
        await ends.callee.send(b"\x90 back")
        assert await ends.caller.recv() == b"\x90 back"


async def test_checks_that_came_before_connect_are_not_lost() -> None:
    class Noticing(OverlayConnection):
        def request_received(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
            super().request_received(message, addr, protocol)
            noticed.set()

    noticed = asyncio.Event()
    async with two_sockets() as sockets, asyncio.timeout(PATIENCE):
        caller, callee = made(sockets.caller, Role.CALLER, Noticing), made(sockets.callee, Role.CALLEE)
        await callee.add_remote_candidate(host_candidate(sockets.callee.remote, sockets.caller.port))
        dialling = asyncio.create_task(callee.connect())
        await noticed.wait()
        await caller.connect()
        await dialling
        await caller.close()
        await callee.close()


async def test_a_port_learned_while_connecting_is_dialled_at_once() -> None:
    async with two_sockets() as sockets, asyncio.timeout(PATIENCE):
        caller, callee = made(sockets.caller, Role.CALLER), made(sockets.callee, Role.CALLEE)
        connecting = asyncio.gather(caller.connect(), callee.connect())
        await asyncio.sleep(0)
        await callee.add_remote_candidate(host_candidate(sockets.callee.remote, sockets.caller.port))
        await connecting
        await caller.close()
        await callee.close()


THERE, EVES = str(loopback_address(BEN)), str(loopback_address(EVE))


@pytest.mark.parametrize(
    "sdp",
    [
        f"1 1 udp 1 {EVES} 4000 typ host",
        f"1 1 udp 1 {THERE} 4000 typ srflx raddr {THERE} rport 4000",
        f"1 1 udp 1 {THERE} 4000 typ relay raddr {THERE} rport 4000",
        f"1 1 udp 1 {THERE} 4000 typ prflx",
        f"1 1 tcp 1 {THERE} 4000 typ host tcptype passive",
        f"1 2 udp 1 {THERE} 4000 typ host",
        f"1 1 udp 1 {THERE} 0 typ host",
        f"1 1 udp 1 {THERE} 65536 typ host",
        "1 1 udp 1 127.0.0.1 4000 typ host",
        "1 1 udp 1 192.0.2.1 4000 typ host",
        "1 1 udp 1 0.0.0.0 4000 typ host",
        "1 1 udp 1 224.0.0.251 5353 typ host",
        "1 1 udp 1 ::1 4000 typ host",
        "1 1 udp 1 abcd.local 4000 typ host",
        "1 1 udp 1 localhost 4000 typ host",
        f"1 1 udp 1 {THERE}. 4000 typ host",
    ],
)
async def test_no_candidate_but_the_other_nodes_own_address_is_taken(sdp: str) -> None:
    async with two_connections() as ends:
        await ends.caller.add_remote_candidate(Candidate.from_sdp(sdp))
        assert ends.caller.remote_candidates == []


async def test_of_a_candidate_only_its_port_is_believed() -> None:
    async with two_connections() as ends:
        candidate = Candidate.from_sdp(f"hash-of-an-address 1 UDP 77 {THERE} 4000 typ host raddr {EVES} rport 9")
        await ends.caller.add_remote_candidate(candidate)
        (taken,) = ends.caller.remote_candidates
        assert taken.to_sdp() == host_candidate(loopback_address(BEN), 4000).to_sdp()


async def test_the_end_of_candidates_does_not_end_the_patience() -> None:
    async with two_connections() as ends:
        await ends.caller.add_remote_candidate(None)
        await ends.callee.add_remote_candidate(None)
        await asyncio.gather(ends.caller.connect(), ends.callee.connect())


async def test_a_closed_connection_does_not_connect_and_tells_so() -> None:
    async with two_connections() as ends:
        await ends.caller.close()
        with pytest.raises(ConnectionError):
            await ends.caller.connect()
        assert await ends.caller.get_event() is not None
        await ends.caller.add_remote_candidate(host_candidate(loopback_address(BEN), 4000))
        assert ends.caller.remote_candidates == []
        await ends.caller.close()


async def test_two_neighbours_with_the_right_credentials_get_one_connection() -> None:
    async with two_connections() as ends, Stranger.at(loopback_address(BEN)) as neighbour:
        await ends.caller.add_remote_candidate(host_candidate(loopback_address(BEN), neighbour.port))
        await asyncio.gather(ends.caller.connect(), ends.callee.connect())
        # The address that answers. The check to the other one is given up.
        assert ends.caller.remote_address == (str(loopback_address(BEN)), ends.sockets.callee.port)
        assert all(pair.task is None or pair.task.cancelling() for pair in ends.caller._check_list)


async def test_what_nobody_reads_does_not_fill_the_memory() -> None:
    async with two_connections() as ends:
        await asyncio.gather(ends.caller.connect(), ends.callee.connect())
        for _ in range(MAX_WAITING + 10):
            ends.caller.data_received(b"\x80", 1)
        assert ends.sockets.caller.counters.refused == {Refusal.OVERRUN: 10}


async def test_nothing_is_gathered() -> None:
    async with two_connections() as ends:
        before = ends.caller.local_candidates
        await ends.caller.gather_candidates()
        assert [candidate.host for candidate in before] == [str(loopback_address(ANNA))]
        assert ends.caller.local_candidates == before


async def test_errors_without_end_make_no_checks_without_end() -> None:
    """After an error about the roles, the library sends another check at once."""

    class Quarrelsome(OverlayConnection):
        def request_received(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
            answer = stun.Message(stun.Method.BINDING, stun.Class.ERROR, message.transaction_id)
            answer.attributes["ERROR-CODE"] = (487, "Role Conflict")
            answer.add_message_integrity(self.local_password.encode())
            protocol.send_stun(answer, addr)
            answered.append(message.transaction_id)
            # The check that is left is repeated by the clock.
            if answered.count(answered[-1]) == 3:
                enough.set()

    answered: list[bytes] = []
    enough = asyncio.Event()
    async with two_sockets() as sockets, asyncio.timeout(PATIENCE):
        caller, callee = made(sockets.caller, Role.CALLER, Quarrelsome), made(sockets.callee, Role.CALLEE)
        await callee.add_remote_candidate(host_candidate(sockets.callee.remote, sockets.caller.port))
        connecting = asyncio.create_task(callee.connect())
        await enough.wait()
        assert len(set(answered)) == MAX_ERRORS + 1
        await callee.close()
        with pytest.raises(ConnectionError):
            await connecting
        await caller.close()
