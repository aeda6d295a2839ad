"""Our own offer and answer: no address in them but the overlay's, and no codec that we don't speak.

With `trickled` the candidate isn't in the text but beside it, as browsers write an offer that they have just made.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from peer.overlay import Address
from peer.transport.ice import FOUNDATION
from peer.transport.profile import (
    AUDIO_PAYLOAD_TYPE,
    CLOCK_RATES,
    H264_PARAMETERS,
    MEDIA,
    OPUS,
    VIDEO_PAYLOAD_TYPE,
    Kind,
    VideoCodec,
    codec,
)
from peer.transport.sdp.negotiation import (
    CHANNEL_FORMAT,
    CHANNEL_PROTOCOL,
    DEFAULT_SCTP_PORT,
    EXTENSIONS,
    FEEDBACK,
    LIKE_RTCP,
    RTP_PROTOCOL,
    Agreement,
    Stream,
)
from peer.transport.sdp.reading import Description, Section
from shared.media import Media
from shared.messages import MAX_MESSAGE
from shared.secrets.handshake import IceCredentials
from shared.secrets.identity import Fingerprint

H264_PAYLOAD_TYPE = 98
"In our offers; on our own legs a picture is VIDEO_PAYLOAD_TYPE, whatever it is in."

PRIORITY = 2_130_706_431
"Of a host candidate (RFC 8445, section 5.1.2.1)."

STREAM = "call"
"The id of the one MediaStream."

NO_ADDRESS = "IN IP4 0.0.0.0"
"RFC 8840, section 4.1.1."

_NAME_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_NAME_LENGTH = 8

_REPEATED = re.compile(r"[A-Za-z0-9*-]{1,32}", re.ASCII)
# What of a section's formats is repeated when it is refused: nothing of which an address could be made.


@dataclass(frozen=True, slots=True)
class OwnSide:
    """What our descriptions say about us."""

    ice: IceCredentials
    fingerprint: Fingerprint
    address: Address
    port: int
    trickled: bool = False
    "Whether the candidate is handed over beside the description."

    ssrcs: dict[Kind, int] = field(default_factory=lambda: {kind: secrets.randbits(31) + 1 for kind in MEDIA})
    "What we send of each kind. Chromium keeps lips in sync with their sound only if the description says so."

    @property
    def candidate(self) -> str:
        """Our one candidate (RFC 8839, section 5.1), without `a=`."""
        return f"candidate:{FOUNDATION} 1 udp {PRIORITY} {self.address} {self.port} typ host"


@dataclass(frozen=True, slots=True)
class OwnOffer:
    """Our offer, and what its answer has to fit."""

    sdp: str
    asked: dict[Kind, tuple[str, frozenset[VideoCodec]]]
    "The media identification of each kind, and the codecs that it was offered in."

    channel: str
    "The media identification of the data channels' section."


def write_offer(own: OwnSide, media: Media, video: frozenset[VideoCodec]) -> OwnOffer:
    """Offer `media` and data channels, each section under a random name, so that only who read it can answer it."""
    name = "".join(secrets.choice(_NAME_ALPHABET) for _ in range(_NAME_LENGTH))
    kinds = [kind for kind, flag in MEDIA.items() if flag in media]
    mids = [f"{name}{number}" for number in range(len(kinds) + 1)]
    lines = _beginning(own, mids)
    for kind, mid in zip(kinds, mids, strict=False):
        offered = _offered(kind, video)
        lines += [
            _media_line(own, kind, RTP_PROTOCOL, " ".join(str(number) for number, _, _ in offered)),
            *_transport_lines(own, mid, "actpass"),
            "a=sendrecv",
            "a=rtcp-mux",
        ]
        for number, described, parameters in offered:
            lines += _codec_lines(number, described, parameters, _feedback_of(kind))
        lines += [f"a=extmap:{number} {uri}" for number, uri in EXTENSIONS.items()]
        lines += _source_lines(own, kind)
    lines += [*_channel_lines(own, DEFAULT_SCTP_PORT), *_transport_lines(own, mids[-1], "actpass")]
    asked = {
        kind: (mid, video if kind == "video" else frozenset[VideoCodec]())
        for kind, mid in zip(kinds, mids, strict=False)
    }
    return OwnOffer(_text(lines), asked, mids[-1])


def write_answer(own: OwnSide, offer: Description, agreement: Agreement) -> str:
    """Answer an offer: every section of it, those that weren't agreed on with port 0 (RFC 3264, section 6)."""
    used = [s.mid for s in offer.sections if s.mid in agreement.streams or s.mid == agreement.channel]
    lines = _beginning(own, sorted(used, key=offer.place_in_bundle) if offer.bundle else [])
    setup = "active" if agreement.client else "passive"
    for section in offer.sections:
        if (stream := agreement.streams.get(section.mid)) is not None:
            lines += [
                _media_line(own, stream.kind, section.protocol, str(stream.sent_as)),
                *_transport_lines(own, _name(section), setup),
                f"a={_direction(stream)}",
                "a=rtcp-mux",
                *_stream_lines(stream),
                *(_source_lines(own, stream.kind) if stream.sends else []),
            ]
        elif section.mid == agreement.channel:
            channel = _channel_lines(own, agreement.sctp_port, section.protocol)
            lines += [*channel, *_transport_lines(own, _name(section), setup)]
        else:
            repeated = next((each for each in section.formats if _may_be_repeated(each)), "0")
            lines += [
                f"m={section.kind} 0 {section.protocol} {repeated}",
                f"c={NO_ADDRESS}",
                *([f"a=mid:{section.mid}"] if section.named else []),
                "a=inactive",
            ]
    return _text(lines)


def _may_be_repeated(format_: str) -> bool:
    return _REPEATED.fullmatch(format_) is not None and format_ not in map(str, LIKE_RTCP)


def _name(section: Section) -> str | None:
    return section.mid if section.named else None


def _beginning(own: OwnSide, bundled: list[str]) -> list[str]:
    return [
        "v=0",
        f"o=- {secrets.randbits(62)} 1 {_shown_address(own)}",
        "s=-",
        "t=0 0",
        *([f"a=group:BUNDLE {' '.join(bundled)}"] if bundled else []),
        *(["a=ice-options:trickle"] if own.trickled else []),
        f"a=msid-semantic: WMS {STREAM}",
    ]


def _media_line(own: OwnSide, kind: str, protocol: str, formats: str) -> str:
    # RFC 8840, section 4.1.1: the port is 9 as long as no candidate is known.
    return f"m={kind} {9 if own.trickled else own.port} {protocol} {formats}"


def _transport_lines(own: OwnSide, mid: str | None, setup: str) -> Iterator[str]:
    """In every section, for programs that read only one of them, whichever."""
    yield f"c={_shown_address(own)}"
    if mid is not None:
        yield f"a=mid:{mid}"
    if not own.trickled:
        yield f"a={own.candidate}"
        yield "a=end-of-candidates"
    yield f"a=ice-ufrag:{own.ice.username}"
    yield f"a=ice-pwd:{own.ice.password}"
    yield f"a=fingerprint:sha-256 {own.fingerprint.sha256.hex(':').upper()}"
    yield f"a=setup:{setup}"


def _shown_address(own: OwnSide) -> str:
    return NO_ADDRESS if own.trickled else f"IN IP{own.address.version} {own.address}"


def _channel_lines(own: OwnSide, sctp_port: int, protocol: str = CHANNEL_PROTOCOL) -> Iterator[str]:
    """RFC 8841."""
    yield _media_line(own, "application", protocol, CHANNEL_FORMAT)
    yield f"a=sctp-port:{sctp_port}"
    yield f"a=max-message-size:{MAX_MESSAGE}"


def _offered(kind: Kind, video: frozenset[VideoCodec]) -> list[tuple[int, str, str]]:
    """Payload type, what `a=rtpmap` says of it, and its parameters; the preferred one first."""
    if kind == "audio":
        return [(AUDIO_PAYLOAD_TYPE, f"{OPUS.name}/{OPUS.clock_rate}/{OPUS.channels}", _joined(codec(kind).parameters))]
    numbers = {VideoCodec.VP8: VIDEO_PAYLOAD_TYPE, VideoCodec.H264: H264_PAYLOAD_TYPE}
    return [
        (number, f"{each}/{CLOCK_RATES[kind]}", _joined(codec(kind, each).parameters))
        for each, number in numbers.items()
        if each in video
    ]


def _joined(parameters: Mapping[str, object]) -> str:
    return ";".join(f"{name}={value}" for name, value in parameters.items())


def _feedback_of(kind: Kind) -> tuple[str, ...]:
    return FEEDBACK if kind == "video" else ("transport-cc",)


def _codec_lines(number: int, described: str, parameters: str, feedback: tuple[str, ...]) -> Iterator[str]:
    yield f"a=rtpmap:{number} {described}"
    if parameters:
        yield f"a=fmtp:{number} {parameters}"
    for each in feedback:
        yield f"a=rtcp-fb:{number} {each}"


def _stream_lines(stream: Stream) -> Iterator[str]:
    """The one codec, with what of its feedback and extensions both sides know."""
    _, described, parameters = _offered(stream.kind, frozenset(VideoCodec))[stream.codec.name == VideoCodec.H264]
    if stream.codec.name == VideoCodec.H264:
        profile = stream.codec.parameters.get("profile-level-id", "42e01f").lower()
        parameters = _joined(H264_PARAMETERS | {"profile-level-id": profile[:6]})
    feedback = tuple(each for each in _feedback_of(stream.kind) if each in stream.codec.feedback)
    yield from _codec_lines(stream.sent_as, described, parameters, feedback)
    for ours, theirs in stream.extensions.items():
        yield f"a=extmap:{theirs} {EXTENSIONS[ours]}"


def _source_lines(own: OwnSide, kind: Kind) -> Iterator[str]:
    """RFC 8830, RFC 5576."""
    yield f"a=msid:{STREAM} {kind}"
    yield f"a=ssrc:{own.ssrcs[kind]} cname:{STREAM}"


def _direction(stream: Stream) -> str:
    if stream.sends:
        return "sendrecv" if stream.receives else "sendonly"
    return "recvonly" if stream.receives else "inactive"


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)
