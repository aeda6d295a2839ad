"""The control channel, between two real legs and against a side that breaks the protocol."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator

import pytest
from aiortc import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import (
    CHUNK_CLASSES,
    AbortChunk,
    BaseInitChunk,
    BaseParamsChunk,
    Chunk,
    DataChunk,
    ErrorChunk,
    ForwardTsnChunk,
    HeartbeatAckChunk,
    HeartbeatChunk,
    InitAckChunk,
    ReconfigChunk,
    SackChunk,
    parse_packet,
    serialize_packet,
)
from google_crc32c import value as crc32c
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from peer.calls.conversation import BYE_SECONDS
from peer.transport.connections import MAX_DATAGRAM
from peer.transport.control import MAX_ARRIVED, MAX_UNSENT
from peer.transport.dtls import PinnedDtlsTransport
from peer.transport.dtls_records import MAX_RECORDS, split
from peer.transport.leg import Leg
from peer.transport.sctp import ANSWERED, ControlTransport
from peer.transport.sctp_packet import MAX_CHUNKS, check
from shared.errors import LocalProtocolError, RemoteProtocolError
from shared.messages import MAX_MESSAGE, MAX_TEXT, Bye, Hello, MediaState, Message, Ping, Pong, Text, Unknown, encode
from tests.peer.pair import PATIENCE, Legs, connected, leg_with, together, two_legs
from tests.peer.transport.lossy_socket import LossySocket

MESSAGES: list[Message] = [
    Hello(1, 3),
    MediaState(audio=True, video=False),
    Text("\N{GRINNING FACE}" * MAX_TEXT),
    Ping(2**32 - 1),
    Pong(0),
    Bye("until tomorrow"),
]


async def received(leg: Leg, count: int) -> list[Message | Unknown]:
    async with asyncio.timeout(PATIENCE):
        return [await anext(leg.control) for _ in range(count)]


async def broken_by(legs: Legs) -> list[Message | Unknown]:
    """What the callee reads until the caller has broken the protocol."""
    read: list[Message | Unknown] = []
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(RemoteProtocolError):
            await collect(legs.callee.control, read)
    return read


async def collect(messages: AsyncIterator[Message | Unknown], read: list[Message | Unknown]) -> None:
    async for message in messages:
        read.append(message)  # noqa: PERF401 -- what was read before an error counts


async def send_raw(leg: Leg, data: bytes | str) -> None:
    """Send data that isn't a message, once the channel is open."""
    leg.control.send(Ping(0))
    await leg.control.drain()
    leg.control._channel.send(data)


async def test_messages_arrive_in_order_both_ways() -> None:
    async with connected() as legs:
        for leg in (legs.caller, legs.callee):
            for message in MESSAGES:
                leg.control.send(message)
        assert await received(legs.caller, len(MESSAGES)) == MESSAGES
        assert await received(legs.callee, len(MESSAGES)) == MESSAGES


async def test_what_is_said_before_the_connection_is_up_waits_for_it() -> None:
    async with two_legs() as legs:
        legs.caller.control.send(Hello(1, 1))
        legs.callee.control.send(Hello(1, 2))
        await together(legs.caller, legs.callee)
        assert await received(legs.caller, 1) == [Hello(1, 2)]
        assert await received(legs.callee, 1) == [Hello(1, 1)]


async def test_who_waits_for_the_channel_is_told_when_it_opens_and_when_it_never_will() -> None:
    async with two_legs() as legs, asyncio.timeout(PATIENCE):
        assert not legs.caller.control.opened.is_set()
        await together(legs.caller, legs.callee)
        await asyncio.gather(*(leg.control.opened.wait() for leg in (legs.caller, legs.callee)))
    async with two_legs() as legs:
        legs.caller.control.end()
        assert legs.caller.control.opened.is_set()


async def test_drain_waits_until_everything_has_been_acknowledged() -> None:
    async with connected() as legs, asyncio.timeout(PATIENCE):
        for number in range(100):
            legs.caller.control.send(Text(f"{number:04}" * 500))
        await legs.caller.control.drain()
        await legs.caller.close()
        assert len([message async for message in legs.callee.control]) == 100
        # Without messages, and after the end, draining returns at once.
        await legs.callee.control.drain()
        await legs.caller.control.drain()


class LosesNext(LossySocket):
    """Loses the next `left` datagrams."""

    left = 0

    def loses(self, datagram: bytes) -> bool:
        self.left -= 1
        return self.left >= 0


async def test_what_gets_lost_while_somebody_waits_for_it_is_sent_again_before_its_timer_runs_out() -> None:
    async with connected(LosesNext) as legs:
        legs.caller.control.send(Ping(1))
        await received(legs.callee, 1)
        await legs.caller.control.drain()
        sock = legs.sockets.caller
        assert isinstance(sock, LosesNext)
        sock.left = 2
        legs.caller.control.send(Bye("hung up"))
        async with asyncio.timeout(BYE_SECONDS):
            await legs.caller.control.drain()
        assert sock.left <= 0
        assert await received(legs.callee, 1) == [Bye("hung up")]


async def test_after_the_end_messages_go_nowhere() -> None:
    async with connected() as legs:
        await legs.caller.close()
        legs.caller.control.send(Ping(1))
        assert [message async for message in legs.caller.control] == []
        assert [message async for message in legs.caller.control] == []


async def test_a_message_that_the_other_side_would_refuse_is_our_own_mistake() -> None:
    async with two_legs() as legs:
        with pytest.raises(LocalProtocolError):
            legs.caller.control.send(Text("x" * (MAX_TEXT + 1)))


async def test_a_message_of_a_later_version_is_passed_on_as_unknown() -> None:
    async with connected() as legs:
        await send_raw(legs.caller, b"\x81\xa4type\xa4wave")
        assert await received(legs.callee, 2) == [Ping(0), Unknown()]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\xc1",
        b"\x81\xa4type",
        b"\x81\xa4type\xa4ping",
        encode(Ping(1))[:-1],
        encode(Ping(1)) + b"\x00",
        b"\x91" * 10000,
        bytes(MAX_MESSAGE),
        "text",
    ],
)
async def test_bytes_that_are_no_message_end_the_channel_with_the_one_known_error(data: bytes | str) -> None:
    async with connected() as legs:
        await send_raw(legs.caller, data)
        legs.caller.control._channel.send(encode(Ping(9)))
        assert await broken_by(legs) == [Ping(0)]


@given(st.binary(max_size=100))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_bytes_are_a_message_or_that_error(data: bytes) -> None:
    async def send() -> None:
        async with two_legs() as legs:
            legs.callee.control._message(data)
            legs.callee.control.end()
            with contextlib.suppress(RemoteProtocolError):
                assert [message async for message in legs.callee.control] == [Unknown()]

    asyncio.run(send())


async def test_a_flood_ends_the_channel() -> None:
    async with connected() as legs:
        for number in range(MAX_ARRIVED + 1):
            legs.caller.control.send(Ping(number))
        async with asyncio.timeout(PATIENCE):
            await legs.caller.control.drain()
        assert await broken_by(legs) == [Ping(number) for number in range(MAX_ARRIVED)]


async def test_a_side_that_takes_nothing_ends_the_channel() -> None:
    async with two_legs() as legs:
        for _ in range(MAX_UNSENT // MAX_TEXT + 1):
            legs.caller.control.send(Text("x" * MAX_TEXT))
        with pytest.raises(RemoteProtocolError):
            await anext(legs.caller.control)


async def test_a_second_data_channel_ends_the_leg() -> None:
    async with connected() as legs:
        RTCDataChannel(legs.caller._sctp, RTCDataChannelParameters(label="more"))
        await broken_by(legs)
        assert legs.callee.closed.is_set()


def data_chunk(
    leg: Leg, *, ahead: int = 0, stream: int = 0, flags: int = 3, size: int = 10, number: int = 0
) -> DataChunk:
    chunk = DataChunk(flags)
    chunk.tsn = (leg._sctp._local_tsn + ahead) % 2**32
    chunk.stream_id = stream
    chunk.stream_seq = (leg._sctp._outbound_stream_seq.get(stream, 0) + number) % 2**16
    chunk.protocol = 53
    chunk.user_data = bytes(size)
    return chunk


def wild_sack(leg: Leg) -> SackChunk:
    chunk = SackChunk()
    chunk.cumulative_tsn = leg._sctp._last_received_tsn
    # A sum of the lengths would miss the first gap, because the second one has a negative length.
    chunk.gaps = [(1, 65535), (65535, 1)]
    return chunk


class Truncated(Chunk):
    """A chunk of any type with three bytes of content."""

    def __init__(self, kind: int) -> None:
        super().__init__(body=b"\x01\x02\x03")
        self.type = kind


class Endless(Chunk):
    """A chunk with a whole parameter, and one whose length is less than its own header."""

    def __init__(self, kind: type[Chunk], length: int) -> None:
        before = bytes(16) if issubclass(kind, BaseInitChunk) else b""
        super().__init__(body=before + struct.pack("!HHLHH", 1, 8, 0, 1, length))
        self.type = kind.type


class Many(Chunk):
    """One chunk, many times in one packet."""

    def __init__(self, chunk: Chunk, times: int) -> None:
        self._bytes = bytes(chunk) * times

    def __bytes__(self) -> bytes:
        return self._bytes


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param(lambda leg: [data_chunk(leg, stream=1)], id="another stream"),
        pytest.param(lambda leg: [data_chunk(leg, ahead=2 + n, flags=0, size=0) for n in range(1200)], id="holes"),
        pytest.param(lambda leg: [data_chunk(leg, ahead=n, flags=0, size=1100) for n in range(1000)], id="no end"),
        pytest.param(lambda leg: [data_chunk(leg, flags=2), data_chunk(leg, ahead=1, flags=0, size=0)], id="no data"),
        pytest.param(
            lambda leg: [data_chunk(leg, ahead=n, flags=2 * (not n), size=1) for n in range(1100)], id="crumbs"
        ),
        pytest.param(lambda leg: [data_chunk(leg, ahead=n, size=1, number=5) for n in range(1100)], id="too early"),
        pytest.param(lambda leg: [wild_sack(leg)], id="acknowledges everything"),
        pytest.param(lambda leg: [Truncated(DataChunk.type)], id="truncated data"),
        pytest.param(lambda leg: [Truncated(SackChunk.type)], id="truncated acknowledgement"),
        pytest.param(lambda leg: [Truncated(ForwardTsnChunk.type)], id="truncated forward"),
        *(
            pytest.param(lambda leg, kind=kind, length=length: [Endless(kind, length)], id=f"{kind} of {length}")
            for kind in (HeartbeatChunk, HeartbeatAckChunk, AbortChunk, ErrorChunk, ReconfigChunk, InitAckChunk)
            for length in (0, 3)
        ),
    ],
)
async def test_a_side_that_breaks_sctp_ends_the_leg_and_nothing_else(chunks: object) -> None:
    assert callable(chunks)
    async with connected() as legs:
        legs.caller.control.send(Ping(0))
        await received(legs.callee, 1)
        for chunk in chunks(legs.caller):
            await legs.caller._sctp._send_chunk(chunk)
            # One turn of the loop reads one datagram, and the kernel doesn't keep a thousand.
            await asyncio.sleep(0)
        await broken_by(legs)
        assert legs.callee.closed.is_set()
        assert not legs.callee.connected


async def test_what_comes_in_one_datagram_is_all_read_at_once() -> None:
    """Otherwise it would wait in OpenSSL's memory until as many more datagrams arrive, without any limit."""
    async with connected() as legs:
        legs.caller.control.send(Ping(0))
        await received(legs.callee, 1)
        ssl = legs.caller._dtls._ssl
        assert ssl is not None
        for _ in range(50):
            datagram = b""
            while len(datagram) < 1400:
                ssl.send(b"x")
                datagram += ssl.bio_read(1500)
            await legs.caller._dtls.transport._send(datagram)
            await asyncio.sleep(0)
        legs.caller.control.send(Ping(1))
        assert await received(legs.callee, 1) == [Ping(1)]


@pytest.mark.parametrize(
    "outer",
    [
        b"",
        b"\x28\xfe\xfd" + bytes(8) + b"\0\0",
        # Records of the wrong version. OpenSSL skips only their header, and reads their content.
        b"\x17\0\0" + bytes(8) + b"\x05\x00",
        b"\x17\xfe\xff\0\1" + bytes(6) + b"\x05\x00",
    ],
)
async def test_no_datagram_has_anything_wait_in_the_memory_of_a_library(outer: bytes) -> None:
    async with connected() as legs:
        legs.caller.control.send(Ping(0))
        await received(legs.callee, 1)
        ssl, theirs = legs.caller._dtls._ssl, legs.callee._dtls._ssl
        assert ssl is not None
        assert theirs is not None
        for _ in range(20):
            datagram = outer
            while len(datagram) < 1280 + len(outer):
                ssl.send(b"x" * 20)
                datagram += ssl.bio_read(1500)
            await legs.caller._dtls.transport._send(datagram[: 1280 + len(outer)])
            await asyncio.sleep(0)
        legs.caller.control.send(Ping(1))
        assert await received(legs.callee, 1) == [Ping(1)]
        with pytest.raises(SSL.WantReadError):
            theirs.recv(1500)


@given(st.lists(st.binary(max_size=40), max_size=8), st.binary(max_size=12))
def test_records_are_told_apart_and_what_is_none_is_left_out(contents: list[bytes], rest: bytes) -> None:
    records = [bytes([23, 254, 253]) + bytes(8) + len(each).to_bytes(2, "big") + each for each in contents]
    assert split(b"".join(records) + rest * bool(records)) == (records or [b""])
    for other in (b"\x80rtp", b"\x01stun", b""):
        assert split(other) == [other]
    assert split(b"\x3fdtls 1.3") == split(b"\x28" + records[0][1:] if records else b"\x28") == []
    many = (records or [bytes([23, 254, 253]) + bytes(10)]) * MAX_RECORDS
    assert split(b"".join(many)) == many[:MAX_RECORDS]


async def test_records_are_read_one_by_one_once_the_handshake_is_done() -> None:
    two = (bytes([22, 254, 253]) + bytes(10)) * 2
    async with two_legs() as legs:
        before = legs.caller._connection
        before.data_received(two, 1)
        assert [datagram for datagram, _ in before._queue._queue] == [two]  # type: ignore[attr-defined]
    async with connected() as legs:
        after = legs.caller._connection
        after.data_received(two, 1)
        kept = [datagram for datagram, _ in after._queue._queue]  # type: ignore[attr-defined]
        assert [datagram for datagram in kept if datagram in two] == [two[:13], two[13:]]


async def test_sctp_that_is_merely_unusual_is_no_harm() -> None:
    async with connected() as legs:
        legs.caller.control.send(Ping(0))
        await received(legs.callee, 1)
        await legs.caller._sctp._send_chunk(HeartbeatChunk())
        await legs.caller._sctp._send_chunk(Truncated(77))
        legs.caller.control.send(Ping(1))
        assert await received(legs.callee, 1) == [Ping(1)]


async def test_a_side_that_names_streams_without_number_has_none_of_them_made() -> None:
    async with connected() as legs:
        legs.caller.control.send(Ping(0))
        await received(legs.callee, 1)
        for number, first in enumerate(range(1, 2**16, 250)):
            chunk = ForwardTsnChunk()
            chunk.cumulative_tsn = (legs.caller._sctp._local_tsn + number) % 2**32
            chunk.streams = [(stream, 0) for stream in range(first, min(first + 250, 2**16))]
            await legs.caller._sctp._send_chunk(chunk)
            await asyncio.sleep(0)  # one datagram per turn, as above
        await legs.caller._sctp._send_chunk(Truncated(ForwardTsnChunk.type))
        await broken_by(legs)
        assert set(legs.callee._sctp._inbound_streams) == {0}


class Noting(ControlTransport):
    """An association that notes which chunks it sends."""

    def __init__(self, transport: PinnedDtlsTransport) -> None:
        super().__init__(transport)
        self.sent: list[Chunk] = []

    async def _send_chunk(self, chunk: Chunk) -> None:
        self.sent.append(chunk)
        await super()._send_chunk(chunk)


async def test_chunks_that_want_an_answer_get_few_however_many_come() -> None:
    async with connected(leg=leg_with(Noting)) as legs:
        legs.caller.control.send(Ping(0))
        await received(legs.callee, 1)
        answering = legs.callee._sctp
        assert isinstance(answering, Noting)
        begun = time.monotonic()
        for _ in range(100):
            await legs.caller._sctp._send_chunk(Many(HeartbeatChunk(), MAX_CHUNKS))
            await asyncio.sleep(0)
        await legs.caller._sctp._send_chunk(Truncated(ForwardTsnChunk.type))
        await broken_by(legs)
        allowed = ANSWERED.at_once + ANSWERED.per_second * (time.monotonic() - begun)
        assert 0 < sum(isinstance(each, HeartbeatAckChunk) for each in answering.sent) <= allowed


@pytest.mark.parametrize("kind", CHUNK_CLASSES)
def test_every_chunk_with_parameters_is_looked_at(kind: type[Chunk]) -> None:
    packet = serialize_packet(5000, 5000, 0, Endless(kind, 0))
    if issubclass(kind, BaseParamsChunk | BaseInitChunk):
        with pytest.raises(RemoteProtocolError):
            check(packet)
    else:
        check(packet)


@pytest.mark.parametrize("kind", [77, HeartbeatChunk.type, DataChunk.type])
def test_no_packet_has_more_chunks_than_fit_if_they_hold_anything(kind: int) -> None:
    chunk = bytes([kind, 0, 0, 4])
    check(bytes(12) + chunk * MAX_CHUNKS)
    with pytest.raises(RemoteProtocolError):
        check(bytes(12) + chunk * (MAX_CHUNKS + 1))
    data = DataChunk()
    data.user_data = b"x"
    check(bytes(12) + bytes(data) * ((MAX_DATAGRAM - 12) // len(bytes(data))))


@given(st.binary(max_size=120))
def test_any_packet_is_passed_on_only_if_reading_it_comes_to_an_end(rest: bytes) -> None:
    packet = bytes(12) + rest
    with contextlib.suppress(RemoteProtocolError, ValueError, struct.error):
        check(packet)
        # aiortc reads nothing without the correct checksum.
        parse_packet(packet[:8] + struct.pack("<L", crc32c(packet)) + rest)
