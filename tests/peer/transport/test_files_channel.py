"""The channel for files against a side that causes much work with little data. It loses only the files."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import pytest
from aiortc import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import USERDATA_MAX_LENGTH, Chunk, DataChunk, HeartbeatChunk, SackChunk
from google_crc32c import value as crc32c

from peer.transport.dtls import PinnedDtlsTransport
from peer.transport.files_channel import FilesChannel
from peer.transport.sctp import (
    CONTROL_STREAM,
    FILE_LIMITS,
    LOOKED_AT,
    MAX_FRAGMENTS,
    SMALL_CHUNK,
    SMALL_COUNTS,
    FilesTransport,
)
from shared.errors import RemoteProtocolError
from shared.messages import MAX_MESSAGE, Ping
from tests.peer.pair import PATIENCE, Legs, connected

FIRST, LAST = 2, 1
"Flags of the first and the last fragment of a message."


class Read(list[bytes]):
    """The messages that the receiver has read. It refuses a message that begins with a 2."""

    def __init__(self) -> None:
        super().__init__()
        self._came = asyncio.Event()

    def take(self, message: bytes) -> None:
        if message[0] == 2:
            raise RemoteProtocolError("That is nothing.")
        self.append(message)
        self._came.set()

    async def until(self, count: int) -> None:
        """Wait until so many messages have come."""
        async with asyncio.timeout(PATIENCE):
            while len(self) < count:
                self._came.clear()
                await self._came.wait()


@dataclass
class Ends:
    """Both ends of an open channel."""

    legs: Legs
    sends: FilesTransport
    "The association of the sender."

    receiver: FilesChannel
    read: Read

    @property
    def receives(self) -> FilesTransport:
        """The association at the receiver."""
        return self.receiver._sctp

    async def handed(self, chunks: Sequence[Chunk]) -> None:
        """Handle one packet with these chunks, as if it had just been decrypted."""
        head = struct.pack("!HHL", self.sends.port, self.receives.port, self.receives._local_verification_tag)
        body = b"".join(map(bytes, chunks))
        await self.receives._handle_data(head + struct.pack("<L", crc32c(head + bytes(4) + body)) + body)

    async def call_goes_on(self) -> None:
        """Check that the call still works. It has another association."""
        self.legs.caller.control.send(Ping(7))
        async with asyncio.timeout(PATIENCE):
            assert await anext(self.legs.callee.control) == Ping(7)


@dataclass
class Channels(Ends):
    """The same, with a channel at the sender."""

    sender: FilesChannel


@contextlib.asynccontextmanager
async def channels() -> AsyncIterator[Channels]:
    async with connected() as legs:
        read = Read()
        receiver = await legs.callee.open_files(read.take)
        sender = await legs.caller.open_files(lambda message: None)
        both = Channels(legs, sender._sctp, receiver, read, sender)
        await sender.send(bytes(3))
        await read.until(1)
        await both.sends.delivered.wait()
        read.clear()
        yield both


class Told(FilesTransport):
    """A sender's association that keeps the acknowledgements that it gets."""

    def __init__(self, dtls: PinnedDtlsTransport) -> None:
        super().__init__(dtls)
        self.got: list[SackChunk] = []
        self._came = asyncio.Event()

    async def until(self, wanted: Callable[[SackChunk], bool]) -> None:
        """Wait until one of them is as wanted."""
        async with asyncio.timeout(PATIENCE):
            while not any(map(wanted, self.got)):
                self._came.clear()
                await self._came.wait()

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        await super()._receive_sack_chunk(chunk)
        self.got.append(chunk)
        self._came.set()


@dataclass
class ToldEnds(Ends):
    """The same, with the acknowledgements that the sender got since it was open."""

    sends: Told
    channel: RTCDataChannel


@contextlib.asynccontextmanager
async def told() -> AsyncIterator[ToldEnds]:
    async with connected() as legs:
        read = Read()
        receiver = await legs.callee.open_files(read.take)
        sends = Told(legs.caller._dtls)
        channel = RTCDataChannel(sends, RTCDataChannelParameters(label="files", negotiated=True, id=CONTROL_STREAM))
        opened = asyncio.Event()
        channel.on("open", opened.set)
        await sends.connect()
        async with asyncio.timeout(PATIENCE):
            await opened.wait()
        channel.send(bytes(3))
        await read.until(1)
        await sends.delivered.wait()
        read.clear()
        sends.got.clear()
        yield ToldEnds(legs, sends, receiver, read, channel)
        await sends.stop()


def part(both: Ends, number: int, data: bytes, *, message: int = 0, flags: int = FIRST | LAST) -> DataChunk:
    """The chunk with this number, counted from now."""
    chunk = DataChunk(flags)
    assert both.receives._last_received_tsn is not None
    chunk.tsn = (both.receives._last_received_tsn + 1 + number) % 2**32
    chunk.stream_id = 0
    chunk.stream_seq = (both.receives._inbound_streams[0].sequence_number + message) % 2**16
    chunk.protocol = 53
    chunk.user_data = data
    return chunk


async def ended(channel: FilesChannel) -> None:
    async with asyncio.timeout(PATIENCE):
        await channel.closed.wait()


async def test_an_association_ends_with_its_last_acknowledgement() -> None:
    async with told() as both:
        await both.handed([part(both, 0, bytes(10), flags=FIRST)])
        both.receives._sack_due()
        sending = both.receives._sending_sack
        assert sending is not None
        await both.receives.stop()
        assert sending.done()


async def test_of_small_chunks_a_tenth_as_many_are_taken_as_of_full_ones() -> None:
    async with channels() as both:
        full = [part(both, n, bytes(USERDATA_MAX_LENGTH), message=n) for n in range(1_000)]
        for chunk in full:
            await both.handed([chunk])
        assert len(both.read) == len(full)
        both.read.clear()
        small = [part(both, n, bytes(40), message=n) for n in range(4_000)]
        began = time.monotonic()
        for at in range(0, len(small), 16):
            await both.handed(small[at : at + 16])
        limit = FILE_LIMITS.chunks
        allowed = limit.at_once + limit.per_second * (time.monotonic() - began)
        assert len(both.read) <= allowed / SMALL_COUNTS + 1
        await both.call_goes_on()


async def test_a_chunk_counts_what_it_makes_to_do() -> None:
    async with channels() as both:
        sctp, sack = both.receives, SackChunk()
        assert sctp._counts(part(both, 0, bytes(SMALL_CHUNK))) == 1
        assert sctp._counts(part(both, 0, bytes(SMALL_CHUNK - 1))) == SMALL_COUNTS
        # A sender fills all chunks of a message but the last.
        assert sctp._counts(part(both, 0, b"x", flags=FIRST)) == SMALL_COUNTS
        assert sctp._counts(part(both, 0, b"x", flags=0)) == SMALL_COUNTS
        assert sctp._counts(part(both, 0, b"x", flags=LAST)) == 1
        assert -(-MAX_MESSAGE // USERDATA_MAX_LENGTH) <= MAX_FRAGMENTS
        assert sctp._counts(HeartbeatChunk()) == SMALL_COUNTS
        assert sctp._counts(sack) == 1
        sack.gaps = [(2, 1 + 10 * LOOKED_AT)]
        assert sctp._counts(sack) == 11
        await both.handed([part(both, 1 + n, bytes(1), message=1) for n in range(2 * LOOKED_AT)])
        assert sctp._counts(part(both, 0, bytes(SMALL_CHUNK))) == 3


async def test_a_message_in_crumbs_ends_the_association_and_not_the_call() -> None:
    async with channels() as both:
        await both.handed([part(both, 0, b"x", flags=FIRST)])
        await both.handed([part(both, n, b"x", flags=0) for n in range(MAX_FRAGMENTS - 2)])
        await both.handed([part(both, 0, b"x", flags=LAST)])
        assert both.read == [b"x" * MAX_FRAGMENTS]
        await both.handed([part(both, n, b"x", message=0, flags=0 if n else FIRST) for n in range(MAX_FRAGMENTS)])
        await ended(both.receiver)
        assert both.receives.broken
        await both.call_goes_on()


@pytest.mark.parametrize("wrong", [b"\x02" * 50, "text"])
async def test_after_a_wrong_message_the_association_is_over_and_nothing_more_is_read(wrong: bytes | str) -> None:
    async with channels() as both:
        both.sender._channel.send(wrong)
        # The sender hears of it: the association has ended, not only the channel.
        await ended(both.sender)
        assert both.receiver.closed.is_set()
        before = both.receives._last_received_tsn
        await both.legs.callee._dtls._associations._handle_data(
            struct.pack("!HHL", 5001, 5001, both.receives._local_verification_tag) + bytes(20)
        )
        assert both.receives._last_received_tsn == before
        assert both.receives not in both.legs.callee._dtls._associations._by_port.values()
        await both.call_goes_on()


async def test_one_acknowledgement_answers_several_packets_of_a_message() -> None:
    async with told() as both:
        messages = [bytes([1]) * MAX_MESSAGE for _ in range(30)]
        for message in messages:
            both.channel.send(message)
        await both.read.until(len(messages))
        assert both.read == messages
        chunks = len(messages) * -(-MAX_MESSAGE // USERDATA_MAX_LENGTH)
        assert len(both.sends.got) <= chunks / 2


async def test_what_comes_alone_is_acknowledged_all_the_same_and_a_loss_at_once() -> None:
    async with told() as both:
        first = part(both, 0, bytes(100), flags=FIRST)
        await both.handed([first])
        await both.sends.until(lambda sack: sack.cumulative_tsn == first.tsn)  # a timer sends it
        await both.handed([part(both, 1, bytes(100), flags=0)])
        await both.sends.until(lambda sack: bool(sack.gaps))
