"""Connecting over a path that loses packets: lost packets are soon sent again, and nothing gives up meanwhile."""

from __future__ import annotations

import asyncio
import random

from aiortc.rtcsctptransport import Chunk, InitAckChunk, InitChunk
from OpenSSL import SSL

from peer.overlay import Address
from peer.transport.dtls import PinnedDtlsTransport
from peer.transport.last_flight import FLIGHT_RECORDS, FLIGHT_SECONDS
from peer.transport.leg import Leg
from peer.transport.sctp import ControlTransport
from shared.errors import LegFailed
from shared.messages import Hello
from shared.secrets.handshake import Handshake, Role
from tests.peer.decoding_leg import DecodingLeg
from tests.peer.pair import PATIENCE, leg_with, together, two_legs
from tests.peer.transport.lossy_socket import LossySocket


class LosesFirstOfEveryFlight(LossySocket):
    """Of each datagram of a DTLS handshake, only the second copy arrives."""

    def loses(self, datagram: bytes) -> bool:
        return 20 <= datagram[0] <= 22 and self.copies[datagram] < 2


class LosesChecks(LossySocket):
    """Only the sixth copy of a check arrives: after 15.5 seconds, if half a second is doubled each time."""

    def loses(self, datagram: bytes) -> bool:
        return datagram[:2] == b"\x00\x01" and self.copies[datagram] < 6


class LosesThirty(LossySocket):
    """Loses three packets of ten. Each socket loses other ones, but the same in every run."""

    sockets = 0

    def __init__(self, local: Address, remote: Address) -> None:
        super().__init__(local, remote)
        LosesThirty.sockets += 1
        self._random = random.Random(LosesThirty.sockets)

    def loses(self, datagram: bytes) -> bool:
        return self._random.random() < 0.3


async def test_a_handshake_that_loses_every_datagram_once_succeeds() -> None:
    async with two_legs(LosesFirstOfEveryFlight) as legs:
        await together(legs.caller, legs.callee)
        assert await greeted(legs.caller, legs.callee)


async def test_checks_are_repeated_until_they_are_heard() -> None:
    async with two_legs(LosesChecks) as legs:
        await together(legs.caller, legs.callee)


async def test_once_both_sides_are_up_the_handshake_is_not_repeated() -> None:
    async with two_legs(LosesFirstOfEveryFlight) as legs:
        await together(legs.caller, legs.callee)
        assert await greeted(legs.caller, legs.callee)
        before = [handshakes(leg) for leg in (legs.caller, legs.callee)]
        # Much longer than the time between two copies.
        await asyncio.sleep(8 * FLIGHT_SECONDS)
        assert [handshakes(leg) for leg in (legs.caller, legs.callee)] == before


def handshakes(leg: Leg) -> int:
    assert isinstance(leg._socket, LossySocket)
    return sum(count for datagram, count in leg._socket.copies.items() if datagram[0] in FLIGHT_RECORDS)


async def test_both_answers_to_the_openings_of_the_control_channel_may_be_lost() -> None:
    async with two_legs(leg=leg_that_loses(InitAckChunk, 1)) as legs:
        await together(legs.caller, legs.callee)
        assert await greeted(legs.caller, legs.callee)


async def test_the_control_channel_waits_for_the_other_side_however_long_it_takes() -> None:
    async with two_legs(leg=leg_that_loses(InitChunk, 20)) as legs:
        await together(legs.caller, legs.callee)
        assert await greeted(legs.caller, legs.callee)


def leg_that_loses(kind: type[Chunk], count: int) -> type[DecodingLeg]:
    """The class of legs that lose their first chunks of a kind, and soon send another."""

    class Lossy(ControlTransport):
        least_wait = 0.05
        left = count

        async def _send_chunk(self, chunk: Chunk) -> None:
            if isinstance(chunk, kind) and self.left:
                self.left -= 1
            else:
                await super()._send_chunk(chunk)

    return leg_with(Lossy)


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


class GivesUp(PinnedDtlsTransport):
    """Ends its handshake at once, as OpenSSL does after five minutes without an answer."""

    async def _recv_next(self) -> None:
        raise SSL.Error


class LegThatGivesUp(DecodingLeg):
    """A leg with such a transport."""

    def _secure(self, handshake: Handshake) -> PinnedDtlsTransport:
        client = handshake.role is Role.CALLEE
        return GivesUp(self._ice, handshake.identity, handshake.remote_pin, client=client, feedback=self.feedback)


async def test_a_handshake_that_openssl_gives_up_is_a_failed_leg() -> None:
    async with two_legs(leg=LegThatGivesUp) as legs, asyncio.timeout(PATIENCE):
        for attempt in await asyncio.gather(legs.caller.connect(), legs.callee.connect(), return_exceptions=True):
            assert isinstance(attempt, LegFailed)
