"""Parsers of what the network brings: at the choke point, and from the other side of an answered call."""

from __future__ import annotations

import io
from collections.abc import Iterator

import msgspec
from aioice import stun
from aiortc.rtp import RtpPacket

from peer.calls.files import frames
from peer.calls.files.frames import Piece, Taken
from peer.media.endpoints.recorder import RecordingFile
from peer.media.rtp import opus
from peer.media.rtp.depacketizer import Reception, key_frame_size
from peer.media.rtp.incoming import key_frame_asked
from peer.transport import dtls_records, sctp_packet
from peer.transport.associations import FILES_PORT, Associations
from peer.transport.connections import Connections
from peer.transport.loss_reports import LossReports
from peer.transport.profile import VideoCodec
from peer.transport.rtp_packets import is_rtp
from peer.transport.rtp_statistics import MediaCounters
from peer.transport.sdp.negotiation import accept_offer
from peer.transport.sdp.reading import read_description
from peer.transport.sdp.translation import SdpTranslation
from peer.transport.send_path import SendPath, numbered, parts
from peer.transport.sent_lately import MOST_CREDIT, PAUSED_SECONDS, SentLately
from peer.transport.sent_twice import SentTwice
from peer.transport.transport_cc import TransportFeedback, transport_number
from shared.errors import RemoteProtocolError
from shared.media import Media
from shared.messages import (
    Bye,
    FileAccept,
    FileOffer,
    FileResult,
    Hello,
    JoinAnswer,
    JoinAsk,
    JoinLink,
    JoinNode,
    Members,
    Message,
    OnHold,
    Ping,
    Recording,
    RecordingReply,
    Text,
    decode,
    encode,
)
from tests.bot.matrix.devices import done
from tests.fuzz.target import Target
from tests.peer.transport.sdp.descriptions import offer

AGREED = accept_offer(read_description(offer("firefox-offer")), Media.BOTH, frozenset({VideoCodec.VP8}))


class Heard:
    """A connection at the choke point that accepts checks with the right name, so that aioice reads them."""

    username = "ours"

    def __init__(self) -> None:
        self.transactions: dict[bytes, stun.Transaction] = {}

    def check_received(self, request: stun.Message, remote_port: int) -> None:
        """Do what a real connection does first."""
        request.check_message_integrity(b"secret")

    def answer_received(self, answer: stun.Message, remote_port: int) -> None:
        """Ignore it. Nothing waits for an answer."""
        raise AssertionError("an answer that nobody waited for")

    def media(self, datagrams: list[bytes]) -> list[bytes]:
        """Return nothing. No port has proved itself."""
        raise AssertionError("media before any proof")

    def payload_received(self, datagram: bytes) -> None:
        """Ignore it. No port has proved itself."""
        raise AssertionError("a payload before any proof")

    def socket_lost(self) -> None:
        """Never called."""


def _datagram(data: bytes) -> None:
    connections = Connections()
    connections.register(Heard())
    connections.received(data, 40_000)


def _cut(data: bytes) -> Iterator[bytes]:
    """Cut an input into packets, each after its length in two bytes. libsrtp passes no packet below 8 bytes."""
    while len(data) > 2:
        length = max(8, int.from_bytes(data[:2], "big"))
        if len(data) < 2 + length:
            return
        yield data[2 : 2 + length]
        data = data[2 + length :]


def _row(*packets: bytes) -> bytes:
    return b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets)


def _received(data: bytes) -> None:
    """A series of RTP packets for the code that assembles frames."""
    for kind in ("audio", "video"):
        reception = Reception(kind)
        for number, packet in enumerate(_cut(data)):
            for frame in reception.add(packet, number / 50):
                opus.milliseconds(frame.data)
                key_frame_size(frame.data)
            reception.take_feedback()


def _recorded(data: bytes) -> None:
    """A series of RTP packets from both sides of a call, for a recording."""
    written = io.BytesIO()
    recording = RecordingFile(written, Media.BOTH, both=True)
    receptions = [(own, Reception(kind)) for own in (False, True) for kind in ("audio", "video")]
    for number, packet in enumerate(_cut(data)):
        for own, reception in receptions:
            for frame in reception.add(packet, number / 50):
                recording.add(msgspec.structs.replace(frame, own=own))
        if number % 7 == 6:
            recording.pause()
            recording.flush()
    recording.close(None)


def _counted(data: bytes) -> None:
    counters = MediaCounters()
    for number, packet in enumerate(_cut(data)):
        if is_rtp(packet):
            counters.add_rtp(packet, number / 50)
        transport_number(packet)
        key_frame_asked(packet)


def _translated(data: bytes) -> None:
    """A series of packets of another program, in its numbers and in ours, for the code that writes reports."""
    translation = SdpTranslation(AGREED, {"audio": 1, "video": 2}, lambda: 0.0)
    feedback = TransportFeedback(_nowhere, lambda: 0.0)
    for packet in _cut(data):
        for translate in (translation.outward, translation.inward):
            translated = translate(packet)
            if translated is not None:
                done(feedback.received(translated))


async def _nowhere(packet: bytes) -> None:
    """Drop a report."""


def _reported(data: bytes) -> None:
    """A series of RTCP packets about what we have sent, for the code that measures the path and sends packets again."""
    path, copies, lately = SendPath(), SentTwice(), SentLately()
    counters, reports = MediaCounters(), LossReports()
    for number in range(40):
        path.number(1000, number / 50)
        lately.sent(numbered(_VIDEO[number % len(_VIDEO)], number))
    for number, packet in enumerate(_cut(data)):
        now = 1 + number / 50
        for part in parts(packet):
            path.reported(part, now)
        copies.reported(packet, now)
        copies.wants(packet, now)
        reports.heard(packet, now)
        counters.add_rtp(packet, now)
        reports.report(counters, 9, now + number, alone=False)
        if number == 2:
            lately.light_again(now)
        for at in (now, now + PAUSED_SECONDS):
            again, _ = lately.asked(packet, at)
            assert sum(map(len, again)) <= MOST_CREDIT
            lately.sent(numbered(_VIDEO[0], 40 + number))  # a picture that was paused goes on


class _Association:
    """Reads an SCTP packet as far as our code does before aiortc."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def _handle_data(self, data: bytes) -> None:
        sctp_packet.check(data)


def _sctp(data: bytes) -> None:
    associations = Associations()
    for port in (5000, FILES_PORT):
        associations.add(_Association(port))
    done(associations._handle_data(data))


def _records(data: bytes) -> None:
    records = dtls_records.split(data)
    assert sum(map(len, records)) <= len(data)


def _check() -> bytes:
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, transaction_id=bytes(12))
    request.attributes = {"USERNAME": "ours:theirs", "PRIORITY": 1, "ICE-CONTROLLED": 1}
    request.add_message_integrity(b"secret")
    request.add_fingerprint()
    return bytes(request)


_AUDIO = [RtpPacket(111, 0, number, 960 * number, 7, b"\x78abc").serialize() for number in range(65_534, 65_536)]
_VIDEO = [
    RtpPacket(96, 1, number, 3000, 8, b"\x10\x10\0\0\x9d\x01\x2a\x40\x01\xf0\0").serialize() for number in range(3)
]
_WITH_EXTENSIONS = bytes.fromhex("906f0001 00000000 00000007 bede0002 10ff5100 01000000 78616263")
_PLI = bytes.fromhex("81ce00020000000100000002")
_LOSSES = bytes.fromhex("81c90007 00000001 00000007 40000001 00000005 00000000 00000000 00000000")
_ARRIVALS = bytes.fromhex("8fcd0005 00000001 00000008 00010002 00000000 20020404")
_AGAIN = bytes.fromhex("81cd0003 00000001 00000008 00000003")
_LONG_AGO = bytes.fromhex("81cd0003 00000001 00000008 f0000000")

MESSAGES: tuple[Message, ...] = (
    Text("Hello"),
    Bye(),
    Ping(1),
    Hello(1, 3),
    OnHold(on=True),
    Recording(1, on=True),
    RecordingReply(1, shown=True),
    FileOffer(bytes(32), 7, "a.bin", again=True, voice=True),
    FileAccept(bytes(32), 7),
    FileResult(bytes(32), "done"),
    JoinAsk(bytes(16), ("anna", "")),
    JoinAnswer(bytes(16), agrees=True),
    JoinNode(bytes(16), bytes(32), calls=True),
    JoinLink(bytes(16), bytes(32), "link"),
    Members(bytes(16), (bytes(32),)),
)

PACKETS = {
    "a datagram": Target(_datagram, (ValueError,), (_check(), b"\x16\xfe\xfd" + bytes(10), b"\x80\x6f" + bytes(12))),
    "a datagram of DTLS": Target(_records, (), (b"\x16\xfe\xfd" + bytes(9) + b"\x02ab",)),
    "a packet of SCTP": Target(
        _sctp, (RemoteProtocolError,), (bytes(12) + b"\x01\0\0\x18" + bytes(16) + b"\xc0\0\0\x04",)
    ),
    "a control message": Target(decode, (RemoteProtocolError,), tuple(map(encode, MESSAGES))),
    "a part of a file": Target(
        frames.decode,
        (RemoteProtocolError,),
        (frames.encode(Piece(bytes(32), 7, b"a")), frames.encode(Taken(bytes(32), 7))),
    ),
    "RTP that is put together": Target(_received, (), (_row(*_AUDIO), _row(*_VIDEO))),
    "RTP that is recorded": Target(_recorded, (), (_row(*_AUDIO, *_VIDEO),)),
    "RTP and RTCP of another program": Target(
        _translated, (), (_row(*_AUDIO, _PLI, _AGAIN, _LOSSES, *_VIDEO, _WITH_EXTENSIONS),)
    ),
    "RTCP about what was sent": Target(
        _reported, (), (_row(_LOSSES, _ARRIVALS, _AGAIN), _row(_LONG_AGO, *_AUDIO, *_VIDEO))
    ),
    "RTP and RTCP that are counted": Target(_counted, (), (_row(*_AUDIO, _PLI, *_VIDEO, _WITH_EXTENSIONS),)),
}
