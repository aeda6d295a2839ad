"""Connecting over a path that loses packets: lost packets are soon sent again, and nothing gives up meanwhile."""

from __future__ import annotations

import asyncio
import random

import pytest
from aiortc.rtcsctptransport import Chunk, InitAckChunk, InitChunk
from OpenSSL import SSL

from peer.overlay import Address
from peer.transport import ice, last_flight
from peer.transport.leg import Leg
from shared.errors import LegFailed
from shared.messages import Hello
from tests.peer.pair import PATIENCE, together, two_legs
from tests.peer.transport.lossy_socket import LossySocket


class LosesFirstOfEveryFlight(LossySocket):
    """Of each datagram of a DTLS handshake, only the second copy arrives."""

    def loses(self, datagram: bytes) -> bool:
        return 20 <= datagram[0] <= 22 and self.copies[datagram] < 2


class LosesChecks(LossySocket):
    """Only the sixth copy of a check arrives: after 15.5 seconds, if half a second is doubled each time."""

    def loses(self, datagram: bytes) -> bool:
        return datagram[:2] == b"\x00\x01" and self.copies[datagram] < 6


class LosesHandshakes(LossySocket):
    def loses(self, datagram: bytes) -> bool:
        return 20 <= datagram[0] <= 22


class LosesThirty(LossySocket):
    """Loses three packets of ten. Each socket loses other ones, but the same in every run."""

    sockets = 0

    def __init__(self, local: Address, remote: Address) -> None:
        super().__init__(local, remote)
        LosesThirty.sockets += 1
        self._random = random.Random(LosesThirty.sockets)

    def loses(self, datagram: bytes) -> bool:
        return self._random.random() < 0.3


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send copies quickly, because only their order matters."""
    monkeypatch.setattr(ice, "CHECK_SECONDS", 0.02)
    monkeypatch.setattr(last_flight, "FLIGHT_SECONDS", 0.02)


@pytest.mark.usefixtures("soon")
async def test_a_handshake_that_loses_every_datagram_once_succeeds() -> None:
    async with two_legs(LosesFirstOfEveryFlight) as legs:
        await together(legs.caller, legs.callee)
        assert await greeted(legs.caller, legs.callee)


@pytest.mark.usefixtures("soon")
async def test_checks_are_repeated_until_they_are_heard() -> None:
    async with two_legs(LosesChecks) as legs:
        await together(legs.caller, legs.callee)


@pytest.mark.usefixtures("soon")
async def test_once_both_sides_are_up_the_handshake_is_not_repeated() -> None:
    async with two_legs(LosesFirstOfEveryFlight) as legs:
        await together(legs.caller, legs.callee)
        assert await greeted(legs.caller, legs.callee)
        before = [handshakes(leg) for leg in (legs.caller, legs.callee)]
        # Much longer than the time between two copies.
        await asyncio.sleep(0.2)
        assert [handshakes(leg) for leg in (legs.caller, legs.callee)] == before


def handshakes(leg: Leg) -> int:
    assert isinstance(leg._socket, LossySocket)
    return sum(count for datagram, count in leg._socket.copies.items() if datagram[0] in last_flight.FLIGHT_RECORDS)


async def test_both_answers_to_the_openings_of_the_control_channel_may_be_lost() -> None:
    async with two_legs() as legs:
        for leg in (legs.caller, legs.callee):
            lose(leg, InitAckChunk, 1)
        await together(legs.caller, legs.callee)
        assert await greeted(legs.caller, legs.callee)


async def test_the_control_channel_waits_for_the_other_side_however_long_it_takes() -> None:
    async with two_legs() as legs:
        for leg in (legs.caller, legs.callee):
            lose(leg, InitChunk, 20)
        await together(legs.caller, legs.callee)
        assert await greeted(legs.caller, legs.callee)


def lose(leg: Leg, kind: type[Chunk], count: int) -> None:
    """Make a leg lose its first chunks of a kind, and soon send another."""
    sctp = leg._sctp
    sctp._rto = 0.05
    send, left = sctp._send_chunk, count

    async def lossy(chunk: Chunk) -> None:
        nonlocal left
        if isinstance(chunk, kind) and left:
            left -= 1
        else:
            await send(chunk)

    sctp._send_chunk = lossy  # type: ignore[method-assign]


async def greeted(*legs: Leg) -> bool:
    """Send a message each way, and wait for its arrival."""
    for leg in legs:
        leg.control.send(Hello(1, 3))
    async with asyncio.timeout(PATIENCE):
        return all([await anext(leg.control) == Hello(1, 3) for leg in legs])


async def test_where_three_packets_of_ten_are_lost_calls_connect_within_seconds() -> None:
    LosesThirty.sockets = 0

    async def call() -> None:
        async with two_legs(LosesThirty) as legs:
            await together(legs.caller, legs.callee)

    await asyncio.gather(*(call() for _ in range(12)))


async def test_a_handshake_that_openssl_gives_up_is_a_failed_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    def gives_up(connection: SSL.Connection) -> bool:
        raise SSL.Error

    # OpenSSL does this after five minutes.
    monkeypatch.setattr(SSL.Connection, "DTLSv1_get_timeout", lambda connection: 0.01)
    monkeypatch.setattr(SSL.Connection, "DTLSv1_handle_timeout", gives_up)
    async with two_legs(LosesHandshakes) as legs, asyncio.timeout(PATIENCE):
        for attempt in await asyncio.gather(legs.caller.connect(), legs.callee.connect(), return_exceptions=True):
            assert isinstance(attempt, LegFailed)
