"""The SCTP associations under the control channel and that of files (RFC 8261, RFC 9260), on aiortc's transport.

Private names of aiortc's SCTP transport are used here and nowhere else; tests/peer/transport/test_private_names.py
lists them.
"""

from __future__ import annotations

import asyncio
import logging
import time

import msgspec
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    SCTP_RTO_MIN,
    USERDATA_MAX_LENGTH,
    Chunk,
    DataChunk,
    ForwardTsnChunk,
    InitChunk,
    RTCSctpCapabilities,
    RTCSctpTransport,
    SackChunk,
    serialize_packet,
)
from OpenSSL import SSL

from peer.transport import sctp_packet
from peer.transport.associations import FILES_PORT
from peer.transport.dtls import PinnedDtlsTransport
from shared.errors import RemoteProtocolError
from shared.messages import MAX_MESSAGE
from shared.rate import Bucket, Limit

logger = logging.getLogger(__name__)

CONTROL_STREAM = 0
"The one SCTP stream in use on an association; no other data channel can be opened."

CONTROL_PORT = 5000
"SCTP's, as everywhere in WebRTC."

MAX_GAPS = 1024
"Chunks that an acknowledgement may list behind a missing one."


MAX_AHEAD = 256
"""Chunks that may arrive after a missing one: more than twice as many full ones as fit into the window. For each
datagram aiortc looks at all of them.
"""

MAX_HELD = MAX_AHEAD + 64
"""Chunks that are kept until the message that they are a part of is whole: the longest message has 16, and behind a
missing chunk others wait. aiortc looks through all of them for each that comes.
"""

CHUNKS = Limit(at_once=1000, per_second=500.0)
"""Chunks that are looked at. A call has some ten a second, and the longest message has 16. What comes beyond that is
dropped like a packet that got lost: an honest side sends it again, and slower.
"""

ANSWERED = Limit(at_once=32, per_second=4.0)
"Those that are neither data nor an acknowledgement: most of them have a packet sent back, and fit into 4 bytes."


class AssociationLimits(msgspec.Struct, frozen=True):
    """What one association takes of the other side, in chunks."""

    ahead: int = MAX_AHEAD
    waiting: int = MAX_HELD
    chunks: Limit = CHUNKS


MAX_WINDOW = 120
"Full chunks that an association for files has on their way: 139 kB, 2.8 MB a second at 50 ms there and back."

FILE_LIMITS = AssociationLimits(chunks=Limit(at_once=2_000, per_second=20_000.0))
"""What a chunk counts there depends on the work that it makes, see `FilesTransport`: 20,000 are 23 MB of files a
second, or 2,000 small chunks.
"""

SMALL_CHUNK = USERDATA_MAX_LENGTH // 2
"""Bytes. A sender of files fills its chunks but the last one of a message, which therefore never counts as small; whole
messages as small as that are acknowledgements and a file's end.
"""

SMALL_COUNTS = 10
"A small chunk makes as much work as a full one, for next to nothing."

LOOKED_AT = 32
"Chunks behind a missing one that make as much work as a chunk: aiortc looks at all of them for each that comes."

ACKNOWLEDGED_TOGETHER = 4
"""Packets of one message that one acknowledgement answers. RFC 9260, section 6.2, asks for every second one where the
other side is a stranger; aiortc, which is at both ends, sends four new ones for each acknowledgement.
"""

ACKNOWLEDGED_WITHIN = 0.02
"Seconds; RFC 9260 allows 0.2."

_FRAGMENT = SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG

MAX_FRAGMENTS = 16
"Chunks that a message may be split into. A correct sender needs 15 for the longest."


class ControlTransport(RTCSctpTransport):
    """An SCTP association that carries the control channel and nothing else (RFC 8261, RFC 8831)."""

    least_wait = 0.3
    """Seconds before a chunk is sent again, at least. RFC 9260, section 16, recommends a second for the sake of paths
    that bulk data would fill; here are a few hundred bytes that a person may be waiting for."""

    def __init__(
        self,
        transport: PinnedDtlsTransport,
        streams: frozenset[int] = frozenset({CONTROL_STREAM}),
        *,
        port: int = CONTROL_PORT,
        limits: AssociationLimits | None = None,
    ) -> None:
        """`streams` are the numbers of those that are read, `port` is SCTP's."""
        super().__init__(transport, port)
        self._dtls = transport
        self._streams = streams
        self._limits = limits or AssociationLimits()
        self._chunks, self._answered = Bucket(self._limits.chunks), Bucket(ANSWERED)
        # aiortc begins with three seconds, as an RFC before RFC 9260 has it.
        self._rto = self.least_wait
        self.broken = False
        "The other side broke the protocol, and the association was ended for it."

        self._refused = False

        self.delivered = asyncio.Event()
        "Set while nothing that was sent waits to be acknowledged."

        self.delivered.set()

    async def connect(self, remote_port: int | None = None) -> None:
        """Begin to set the association up; the data channels on it open when that is done.

        `remote_port` is the other side's SCTP port, if it isn't the usual one.
        """
        await self.start(RTCSctpCapabilities(maxMessageSize=MAX_MESSAGE), remote_port or self.port)

    def refuse(self) -> None:
        """What has just arrived breaks the protocol above this one: the association ends, and nothing more is read."""
        self._refused = True

    def hurry(self) -> None:
        """Send again what isn't acknowledged now, not when its timer runs out after a second or more."""
        if self._t3_handle is not None:
            self._t3_cancel()
            self._t3_expired()

    # What aiortc calls.

    async def _handle_data(self, data: bytes) -> None:
        self._dtls.heard()
        try:
            sctp_packet.check(data)
            await super()._handle_data(data)
            if self._refused:
                raise RemoteProtocolError("The other side sent what nobody can read.")
            if self._advertised_rwnd < 0 or len(self._sack_misordered) > self._limits.ahead:
                raise RemoteProtocolError("The other side sent more than it was allowed to.")
        except Exception as error:
            # aiortc asserts what a correct peer does, and unpacks without looking at lengths.
            logger.debug("the SCTP association is ended: %s", type(error).__name__)
            self.broken = True
            await self.stop()

    async def _receive_chunk(self, chunk: Chunk) -> None:
        now = time.monotonic()
        if self._refused or not self._chunks.takes(now, self._counts(chunk)):
            return
        if isinstance(chunk, DataChunk | SackChunk | ForwardTsnChunk) or self._answered.takes(now):
            await super()._receive_chunk(chunk)

    def _counts(self, chunk: Chunk) -> int:
        """What a chunk counts against the limit."""
        return 1

    async def _receive_forward_tsn_chunk(self, chunk: ForwardTsnChunk) -> None:
        # aiortc makes a stream of each that is named here, and from then on looks at all of them for each chunk.
        chunk.streams = [(stream, number) for stream, number in chunk.streams if stream in self._streams]
        await super()._receive_forward_tsn_chunk(chunk)

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        if chunk.stream_id not in self._streams:
            raise RemoteProtocolError("The other side used another data channel than the agreed one.")
        await self._take_data_chunk(chunk)

    async def _take_data_chunk(self, chunk: DataChunk) -> None:
        if not chunk.user_data:
            raise RemoteProtocolError("The other side sent a chunk without data.")  # RFC 9260, section 6.2
        await super()._receive_data_chunk(chunk)
        if sum(len(stream.reassembly) for stream in self._inbound_streams.values()) > self._limits.waiting:
            raise RemoteProtocolError("The other side sent more parts of messages than it was allowed to.")

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        if sum(max(0, end - start + 1) for start, end in chunk.gaps) > MAX_GAPS:
            raise RemoteProtocolError("The other side acknowledged what was never sent.")
        await super()._receive_sack_chunk(chunk)
        if not self._sent_queue and not self._outbound_queue and not self._data_channel_queue:
            self.delivered.set()

    async def _send_chunk(self, chunk: Chunk) -> None:
        # Called by timers and tasks that nobody waits for. Something else notices that the path is gone.
        try:
            if isinstance(chunk, InitChunk):
                # aiortc puts the other side's tag on an INIT that it sends again, if it knows it by then. It has to be
                # 0 (RFC 9260, section 8.5.1): otherwise both would refuse the other's, and wait for an answer.
                await self._dtls.send_data(serialize_packet(self.port, self._remote_port or self.port, 0, chunk))
            else:
                await super()._send_chunk(chunk)
        except (ConnectionError, SSL.Error):
            logger.debug("an SCTP chunk was not sent")

    def _update_rto(self, R: float) -> None:  # noqa: N803
        super()._update_rto(R)
        assert self._srtt is not None
        assert self._rttvar is not None
        self._rto = max(self.least_wait, min(self._rto, self._srtt + 4 * self._rttvar))

    def _t1_expired(self) -> None:
        # aiortc gives up after nine tries, nine seconds. The other side may still be at its handshake, and the call has
        # its own patience.
        self._t1_failures = 0
        super()._t1_expired()


class ChannelTransport(ControlTransport):
    """An SCTP association with another program: on it are the data channels that both know of, and no others."""

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        # The other program may open channels of its own. Nobody reads them, but that is no reason to end the call.
        if chunk.stream_id in self._streams:
            await self._take_data_chunk(chunk)
        else:
            self._sack_needed = True
            self._mark_received(chunk.tsn)


class FilesTransport(ControlTransport):
    """The association for files, beside that of the control channel.

    It sends no more at once than the other side takes, and leaves the rest to what paces it.
    """

    least_wait = float(SCTP_RTO_MIN)

    def __init__(self, transport: PinnedDtlsTransport) -> None:
        super().__init__(transport, port=FILES_PORT, limits=FILE_LIMITS)
        self._unacknowledged = 0
        "Packets with data since the last acknowledgement."

        self._message_ended = False
        "Whether the chunk that came last is the end of a message."

        self._sack_timer: asyncio.TimerHandle | None = None
        self._sending_sack: asyncio.Future[None] | None = None

    def _counts(self, chunk: Chunk) -> int:
        match chunk:
            case DataChunk():
                rest = chunk.flags & _FRAGMENT == SCTP_DATA_LAST_FRAG
                small = len(chunk.user_data) < SMALL_CHUNK and not rest
                return (SMALL_COUNTS if small else 1) + len(self._sack_misordered) // LOOKED_AT
            case SackChunk():
                named: int = sum(max(0, end - start + 1) for start, end in chunk.gaps)
                return 1 + named // LOOKED_AT
        return SMALL_COUNTS

    async def _send_sack(self) -> None:
        # aiortc acknowledges each packet, which makes as much work as the packet, on both sides. At once is only needed
        # what the sender may wait for: the end of a message, and what tells of a loss.
        self._unacknowledged += 1
        if self._can_wait and self._unacknowledged < ACKNOWLEDGED_TOGETHER:
            if self._sack_timer is None:
                self._sack_timer = asyncio.get_running_loop().call_later(ACKNOWLEDGED_WITHIN, self._sack_due)
            return
        self._unacknowledged = 0
        await super()._send_sack()

    @property
    def _can_wait(self) -> bool:
        return not (self._sack_misordered or self._sack_duplicates or self._message_ended)

    def _sack_due(self) -> None:
        """Acknowledge what waits for it."""
        self._sack_timer = None
        if self._sack_needed and self._association_state is self.State.ESTABLISHED:
            self._unacknowledged = 0
            self._sending_sack = asyncio.ensure_future(super()._send_sack())

    async def stop(self) -> None:
        """End the association, and an acknowledgement that is still to be sent."""
        if self._sack_timer is not None:
            self._sack_timer.cancel()
            self._sack_timer = None
        if self._sending_sack is not None:
            self._sending_sack.cancel()
            await asyncio.wait([self._sending_sack])
        await super().stop()

    async def _take_data_chunk(self, chunk: DataChunk) -> None:
        self._message_ended = bool(chunk.flags & SCTP_DATA_LAST_FRAG)
        await super()._take_data_chunk(chunk)
        # With nothing missing, all that is held is the beginning of one message.
        if not self._sack_misordered and len(self._inbound_streams[chunk.stream_id].reassembly) >= MAX_FRAGMENTS:
            raise RemoteProtocolError("The other side sent a message in more parts than it needs.")

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        await super()._receive_sack_chunk(chunk)
        self._cwnd = min(self._cwnd, MAX_WINDOW * USERDATA_MAX_LENGTH)
