"""Packets in the other side's numbers and in ours, and streams that continue under the announced SSRC."""

from __future__ import annotations

import struct

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import (
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    HeaderExtensionsMap,
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
)
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.profile import (
    ABS_SEND_TIME_EXTENSION,
    EXTENSIONS,
    MID_EXTENSION,
    TRANSPORT_CC_EXTENSION,
    VideoCodec,
)
from peer.transport.sdp.negotiation import Agreement, accept_offer
from peer.transport.sdp.reading import read_description
from peer.transport.sdp.rtp_numbers import RtpNumbers
from peer.transport.sdp.sources import AnnouncedSources
from peer.transport.transport_cc import transport_number
from shared.media import Media
from tests.peer.transport.sdp.descriptions import offer

AUDIO, VIDEO = 0x1000_0001, 0x1000_0002
"The SSRCs that our description announced."

PAGE, RELOADED = 0xAAAA, 0xBBBB


def agreed(name: str = "firefox-offer") -> Agreement:
    return accept_offer(read_description(offer(name)), Media.BOTH, frozenset({VideoCodec.VP8}))


def extensions(ids: dict[int, int]) -> HeaderExtensionsMap:
    known = HeaderExtensionsMap()
    headers = [RTCRtpHeaderExtensionParameters(id=number, uri=EXTENSIONS[ours]) for ours, number in ids.items()]
    known.configure(RTCRtpParameters(headerExtensions=headers))
    return known


OURS = extensions({number: number for number in EXTENSIONS})


def packet(payload_type: int, **fields: int) -> RtpPacket:
    made = RtpPacket(
        payload_type=payload_type, sequence_number=fields.get("sequence", 7), timestamp=fields.get("at", 9)
    )
    made.ssrc, made.payload, made.marker = fields.get("ssrc", PAGE), b"payload", 1
    return made


@pytest.mark.parametrize("name", ["firefox-offer", "deltachat-offer", "chromium-audio-video-channel"])
def test_what_we_send_has_the_numbers_and_the_names_of_the_offer(name: str) -> None:
    agreement = agreed(name)
    for ours, kind in ((111, "audio"), (96, "video")):
        stream = next(each for each in agreement.streams.values() if each.kind == kind)
        sent = packet(ours)
        sent.extensions.mid, sent.extensions.abs_send_time, sent.extensions.transport_sequence_number = "x", 123, 45
        raw = RtpNumbers(agreement).outward(sent.serialize(OURS))
        assert raw is not None
        read = RtpPacket.parse(raw, extensions(stream.extensions))
        assert (read.payload_type, read.ssrc, read.payload, read.marker) == (stream.payload_type, PAGE, b"payload", 1)
        assert read.extensions.mid == stream.mid
        assert read.extensions.abs_send_time == (123 if ABS_SEND_TIME_EXTENSION in stream.extensions else None)
        back = RtpNumbers(agreement).inward(raw)
        assert back is not None
        again = RtpPacket.parse(back, OURS)
        assert (again.payload_type, again.extensions.mid) == (ours, "0" if kind == "audio" else "1")
        if TRANSPORT_CC_EXTENSION in stream.extensions:
            assert transport_number(back) == 45


def test_extensions_that_the_other_side_does_not_know_are_left_out() -> None:
    sdp = offer("chromium-audio").replace("urn:ietf:params:rtp-hdrext:sdes:mid", "urn:x:unknown")
    agreement = accept_offer(read_description(sdp), Media.BOTH, frozenset())
    sent = packet(111)
    sent.extensions.mid = "0"
    raw = RtpNumbers(agreement).outward(sent.serialize(OURS))
    assert raw is not None
    assert not raw[0] & 0x10, "no extension at all"
    assert MID_EXTENSION not in agreement.streams["0"].extensions


def test_payload_types_that_were_not_agreed_on_go_nowhere() -> None:
    numbers = RtpNumbers(agreed())
    for payload_type in (0, 8, 9, 101, 124, 97):
        assert numbers.inward(packet(payload_type).serialize()) is None
    assert numbers.outward(packet(100).serialize()) is None
    muted = accept_offer(
        read_description(offer("chromium-audio").replace("sendrecv", "inactive")), Media.BOTH, frozenset()
    )
    assert RtpNumbers(muted).inward(packet(111).serialize()) is None
    assert RtpNumbers(muted).outward(packet(111).serialize()) is None


@given(st.binary(max_size=60))
def test_anything_may_arrive(data: bytes) -> None:
    numbers = RtpNumbers(agreed())
    for raw in (
        data,
        bytes([0x90, 120]) + data,
        bytes([0x9F, 0xEF]) + data,
        bytes([0x90, 96] + [0] * 10) + b"\xbe\xde" + data,
    ):
        for renumbered in (numbers.inward(raw), numbers.outward(raw)):
            assert renumbered is None or 12 <= len(renumbered) <= len(raw) + 64
        sources = AnnouncedSources({"audio": AUDIO, "video": VIDEO}, lambda: 0.0)
        sources.outward(raw)
        assert len(sources.rtcp_inward(raw)) <= len(raw)
        assert len(sources.rtcp_outward(raw)) <= len(raw)


def parts(raw: bytes | None) -> tuple[int, int, int]:
    """Sequence number, timestamp and SSRC."""
    assert raw is not None
    return struct.unpack_from("!HII", raw, 2)


def test_a_page_that_reloads_goes_on_in_the_same_stream() -> None:
    now = 100.0
    sources = AnnouncedSources({"audio": AUDIO, "video": VIDEO}, lambda: now)
    first = packet(111, sequence=65_535, at=5_000).serialize()
    assert parts(sources.outward(first)) == (65_535, 5_000, AUDIO)
    now = 100.5
    second = packet(111, sequence=40_000, at=777, ssrc=RELOADED).serialize()
    assert parts(sources.outward(second)) == (0, 5_000 + 24_000, AUDIO)
    assert parts(sources.outward(packet(111, sequence=40_002, at=1_777, ssrc=RELOADED).serialize())) == (
        2,
        30_000,
        AUDIO,
    )
    assert parts(sources.outward(packet(111, sequence=40_001, at=1_277, ssrc=RELOADED).serialize())) == (
        1,
        29_500,
        AUDIO,
    )
    assert sources.outward(first) is None, "what comes late of the stream before has no place any more"
    assert parts(sources.outward(packet(96, sequence=3, at=4, ssrc=PAGE).serialize())) == (3, 4, VIDEO)


def test_reports_and_requests_are_about_the_stream_that_each_side_knows() -> None:
    now = 1.0
    sources = AnnouncedSources({"audio": AUDIO, "video": VIDEO}, lambda: now)
    sources.outward(packet(96, sequence=99, at=90_000, ssrc=PAGE).serialize())
    now = 2.0
    sources.outward(packet(96, sequence=500, at=10, ssrc=RELOADED).serialize())

    info = RtcpSenderInfo(ntp_timestamp=1, rtp_timestamp=10, packet_count=2, octet_count=3)
    bye = bytes(RtcpByePacket([RELOADED]))
    (report,) = RtcpPacket.parse(sources.rtcp_outward(bytes(RtcpSrPacket(RELOADED, info)) + bye))
    assert isinstance(report, RtcpSrPacket)
    assert (report.ssrc, report.sender_info.rtp_timestamp) == (VIDEO, 180_000)
    assert sources.rtcp_outward(bytes(RtcpSrPacket(PAGE, info))) == b"", "of a stream that has ended"

    received = RtcpReceiverInfo(VIDEO, fraction_lost=1, packets_lost=2, highest_sequence=101, jitter=3, lsr=4, dlsr=5)
    packets: list[AnyRtcpPacket] = [
        RtcpRrPacket(ssrc=1, reports=[received]),
        RtcpRtpfbPacket(RTCP_RTPFB_NACK, ssrc=1, media_ssrc=VIDEO, lost=[100, 101]),
        RtcpPsfbPacket(RTCP_PSFB_PLI, ssrc=1, media_ssrc=VIDEO),
        RtcpPsfbPacket(4, ssrc=1, media_ssrc=0, fci=struct.pack("!IBBH", VIDEO, 1, 0, 0)),
        RtcpPsfbPacket(15, ssrc=1, media_ssrc=0, fci=pack_remb_fci(500_000, [VIDEO, 12345])),
    ]
    compound = b"".join(map(bytes, packets))
    raw = sources.rtcp_inward(compound)
    assert len(raw) == len(compound)
    reports, nack, pli, fir, remb = RtcpPacket.parse(raw)
    assert isinstance(reports, RtcpRrPacket)
    assert (reports.reports[0].ssrc, reports.reports[0].highest_sequence) == (RELOADED, 501)
    assert isinstance(nack, RtcpRtpfbPacket)
    assert (nack.media_ssrc, nack.lost) == (RELOADED, [500, 501])
    assert isinstance(pli, RtcpPsfbPacket)
    assert pli.media_ssrc == RELOADED
    assert isinstance(fir, RtcpPsfbPacket)
    assert fir.fci[:4] == struct.pack("!I", RELOADED)
    assert isinstance(remb, RtcpPsfbPacket)
    assert remb.fci[8:] == struct.pack("!II", RELOADED, 12345)
