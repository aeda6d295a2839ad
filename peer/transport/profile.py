"""The one RTP profile that every side of every leg speaks, so that packets pass from leg to leg untouched.

Nothing is negotiated: payload types, header extension ids and MIDs are the numbers below, for our own encoders, for
the other node and for a browser. No RTX: what NACK asks for again is sent again as it was (RFC 4585).

Where another program can't do all of it, a `Variant` says so: the numbers stay, see peer/transport/sdp.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Literal

import msgspec
from aiortc.rtcrtpparameters import (
    RTCRtcpFeedback,
    RTCRtcpParameters,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpReceiveParameters,
    RTCRtpSendParameters,
)

from shared.media import Media

Kind = Literal["audio", "video"]
"What aiortc calls a track's kind."

AUDIO_PAYLOAD_TYPE = 111
VIDEO_PAYLOAD_TYPE = 96
"RTP payload types (RFC 3551, section 3: both dynamic)."

PAYLOAD_TYPES: dict[Kind, int] = {"audio": AUDIO_PAYLOAD_TYPE, "video": VIDEO_PAYLOAD_TYPE}
KINDS: dict[int, Kind] = {number: kind for kind, number in PAYLOAD_TYPES.items()}
"Which kind a payload type carries."


class AudioCodec(msgspec.Struct, frozen=True):
    """What sound is in."""

    name: str
    "In SDP, small letters."

    clock_rate: int
    "Samples a second, and units of RTP timestamps."

    channels: int

    block: int
    "Samples of each channel that we put into a packet."

    library: str
    "FFmpeg's encoder and decoder."

    parameters: Mapping[str, int | str | None]
    "Of its format, for an encoder at the other side."


OPUS = AudioCodec("opus", 48_000, 2, 960, "libopus", {"minptime": 10, "useinbandfec": 1})
"RFC 7587, in packets of 20 ms."

CLOCK_RATES: dict[Kind, int] = {"audio": OPUS.clock_rate, "video": 90000}
"Units of RTP timestamps per second (RFC 7587, section 4.1; RFC 7741, section 4.1)."

MEDIA: dict[Kind, Media] = {"audio": Media.AUDIO, "video": Media.VIDEO}
"The same kinds as links name them."

MIDS: dict[Kind, str] = {"audio": "0", "video": "1"}
"Media identifications (RFC 9143), sent in a header extension."

MID_EXTENSION = 1
ABS_SEND_TIME_EXTENSION = 2
TRANSPORT_CC_EXTENSION = 3
"Header extension ids (RFC 8285). Of the third transport_cc.py, or a browser, makes reports; send_path.py reads them."

EXTENSIONS = {
    MID_EXTENSION: "urn:ietf:params:rtp-hdrext:sdes:mid",
    ABS_SEND_TIME_EXTENSION: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    TRANSPORT_CC_EXTENSION: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
}
"What they are."

OWN_EXTENSIONS = (MID_EXTENSION, ABS_SEND_TIME_EXTENSION)
"Those that aiortc's senders write; a leg adds the third to what they send (dtls.py)."


class VideoCodec(enum.StrEnum):
    """What a picture can be in; the first one unless another program can't."""

    VP8 = "VP8"
    H264 = "H264"


class Variant(msgspec.Struct, frozen=True):
    """What the other side of a leg does of the profile, where not every program does the same."""

    video: VideoCodec = VideoCodec.VP8
    "What pictures are in, both ways."

    transport_cc: frozenset[Kind] = frozenset(MEDIA)
    "The kinds whose packets may be numbered across the transport, with the other side reporting how they arrive."


USUAL = Variant()
"Between two of our own programs."

H264_PARAMETERS: dict[str, int | str | None] = {
    "level-asymmetry-allowed": 1,
    "packetization-mode": 1,
    "profile-level-id": "42e01f",
}
"RFC 6184, section 8.1: constrained baseline, level 3.1, several packets a picture."


def codec(kind: Kind, video: VideoCodec = VideoCodec.VP8) -> RTCRtpCodecParameters:
    """Opus (RFC 7587), VP8 (RFC 7741) or H.264 (RFC 6184)."""
    if kind == "audio":
        return RTCRtpCodecParameters(
            mimeType=f"audio/{OPUS.name}",
            clockRate=OPUS.clock_rate,
            channels=OPUS.channels,
            payloadType=AUDIO_PAYLOAD_TYPE,
            parameters=dict(OPUS.parameters),
        )
    return RTCRtpCodecParameters(
        mimeType=f"video/{video}",
        clockRate=CLOCK_RATES[kind],
        payloadType=VIDEO_PAYLOAD_TYPE,
        rtcpFeedback=[RTCRtcpFeedback("nack"), RTCRtcpFeedback("nack", "pli"), RTCRtcpFeedback("goog-remb")],
        parameters=dict(H264_PARAMETERS) if video is VideoCodec.H264 else {},
    )


def header_extensions() -> list[RTCRtpHeaderExtensionParameters]:
    """The same for both kinds."""
    return [RTCRtpHeaderExtensionParameters(number, EXTENSIONS[number]) for number in OWN_EXTENSIONS]


def send_parameters(kind: Kind, *, cname: str, video: VideoCodec = VideoCodec.VP8) -> RTCRtpSendParameters:
    """What an RTP sender of this kind is started with.

    `cname` ties sound and picture of one sender together (RFC 3550, section 6.5.1); it has to be random and used for
    one leg only (RFC 7022), because it would tell who sends otherwise.
    """
    return RTCRtpSendParameters(
        codecs=[codec(kind, video)],
        headerExtensions=header_extensions(),
        muxId=MIDS[kind],
        rtcp=RTCRtcpParameters(cname=cname, mux=True),
    )


def receive_parameters(kind: Kind, video: VideoCodec = VideoCodec.VP8) -> RTCRtpReceiveParameters:
    """What an RTP receiver of this kind is started with. SSRCs are learned from the packets."""
    return RTCRtpReceiveParameters(
        codecs=[codec(kind, video)],
        headerExtensions=header_extensions(),
        muxId=MIDS[kind],
        rtcp=RTCRtcpParameters(mux=True),
    )
