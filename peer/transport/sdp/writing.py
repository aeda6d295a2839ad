"""Our own offer and answer: no address in them but the overlay's, and no codec that we don't speak.

With `trickled` the candidate isn't in the text but beside it, as browsers write an offer that they have just made.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from peer.overlay import Address
from peer.transport.profile import (
    AUDIO_PAYLOAD_TYPE,
    EXTENSIONS,
    H264_PARAMETERS,
    MEDIA,
    VIDEO_PAYLOAD_TYPE,
    Kind,
    VideoCodec,
)
from peer.transport.sdp import lines as sdp_lines
from peer.transport.sdp.lines import RTP_PROTOCOL, UNKNOWN_ADDRESS, codec_lines, extension_lines, source_lines
from peer.transport.sdp.negotiation import (
    CHANNEL_FORMAT,
    CHANNEL_PROTOCOL,
    DEFAULT_SCTP_PORT,
    FEEDBACK,
    LIKE_RTCP,
    TRANSPORT_CC_FEEDBACK,
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
        return sdp_lines.candidate(self.address, self.port)

    @property
    def shown_address(self) -> str:
        """As `o=` and `c=` have it: nothing, as long as the candidate isn't in the description."""
        return UNKNOWN_ADDRESS if self.trickled else sdp_lines.shown(self.address)


class OwnOffer(msgspec.Struct, frozen=True):
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
            _media_line(own, kind, RTP_PROTOCOL, " ".join(map(str, offered))),
            *_transport_lines(own, mid, "actpass"),
            "a=sendrecv",
            "a=rtcp-mux",
        ]
        for number, codec in offered.items():
            lines += codec_lines(kind, number, _feedback_of(kind), video=codec)
        lines += extension_lines({number: number for number in EXTENSIONS})
        lines += source_lines(kind, own.ssrcs[kind])
    lines += [*_channel_lines(own, DEFAULT_SCTP_PORT), *_transport_lines(own, mids[-1], "actpass")]
    asked = {
        kind: (mid, video if kind == "video" else frozenset[VideoCodec]())
        for kind, mid in zip(kinds, mids, strict=False)
    }
    return OwnOffer(sdp_lines.text_of(lines), asked, mids[-1])


def write_answer(own: OwnSide, offer: Description, agreement: Agreement) -> str:
    """Answer an offer: every section of it, those that weren't agreed on with port 0 (RFC 3264, section 6)."""
    used = [s.mid for s in offer.sections if s.mid in agreement.streams or s.mid == agreement.channel]
    lines = _beginning(own, sorted(used, key=offer.place_in_bundle) if offer.bundle else [])
    setup = "active" if agreement.client else "passive"
    for section in offer.sections:
        if (stream := agreement.streams.get(section.mid)) is not None:
            lines += [
                _media_line(own, stream.kind, section.protocol, str(stream.payload_type)),
                *_transport_lines(own, _name(section), setup),
                f"a={_direction(stream)}",
                "a=rtcp-mux",
                *_stream_lines(stream),
                *(source_lines(stream.kind, own.ssrcs[stream.kind]) if stream.sends else []),
            ]
        elif section.mid == agreement.channel:
            channel = _channel_lines(own, agreement.sctp_port, section.protocol)
            lines += [*channel, *_transport_lines(own, _name(section), setup)]
        else:
            repeated = next((each for each in section.formats if _may_be_repeated(each)), "0")
            lines += [
                f"m={section.kind} 0 {section.protocol} {repeated}",
                f"c={UNKNOWN_ADDRESS}",
                *([f"a=mid:{section.mid}"] if section.named else []),
                "a=inactive",
            ]
    return sdp_lines.text_of(lines)


def _may_be_repeated(format_: str) -> bool:
    return _REPEATED.fullmatch(format_) is not None and format_ not in map(str, LIKE_RTCP)


def _name(section: Section) -> str | None:
    return section.mid if section.named else None


def _beginning(own: OwnSide, bundled: list[str]) -> list[str]:
    return [*sdp_lines.session_lines(secrets.randbits(62), 1, own.shown_address, bundled, trickled=own.trickled)]


def _media_line(own: OwnSide, kind: str, protocol: str, formats: str) -> str:
    # RFC 8840, section 4.1.1: the port is 9 as long as no candidate is known.
    return f"m={kind} {9 if own.trickled else own.port} {protocol} {formats}"


def _transport_lines(own: OwnSide, mid: str | None, setup: str) -> Iterator[str]:
    return sdp_lines.transport_lines(
        address=own.shown_address,
        mid=mid,
        candidates=[] if own.trickled else [own.candidate],
        ice=own.ice,
        fingerprint=own.fingerprint.sha256,
        setup=setup,
    )


def _channel_lines(own: OwnSide, sctp_port: int, protocol: str = CHANNEL_PROTOCOL) -> Iterator[str]:
    """RFC 8841."""
    yield _media_line(own, "application", protocol, CHANNEL_FORMAT)
    yield f"a=sctp-port:{sctp_port}"
    yield f"a=max-message-size:{MAX_MESSAGE}"


def _offered(kind: Kind, video: frozenset[VideoCodec]) -> dict[int, VideoCodec | None]:
    """Payload types, the preferred one first; for a picture with what it is in then."""
    if kind == "audio":
        return {AUDIO_PAYLOAD_TYPE: None}
    numbers = {VIDEO_PAYLOAD_TYPE: VideoCodec.VP8, H264_PAYLOAD_TYPE: VideoCodec.H264}
    return {number: codec for number, codec in numbers.items() if codec in video}


def _feedback_of(kind: Kind) -> tuple[str, ...]:
    return FEEDBACK if kind == "video" else (TRANSPORT_CC_FEEDBACK,)


def _stream_lines(stream: Stream) -> Iterator[str]:
    """The one codec, with what of its feedback and extensions both sides know."""
    feedback = [each for each in _feedback_of(stream.kind) if each in stream.codec.feedback]
    if stream.codec.name == VideoCodec.H264:
        profile = stream.codec.parameters.get("profile-level-id", "42e01f").lower()
        parameters = H264_PARAMETERS | {"profile-level-id": profile[:6]}
        yield from codec_lines(stream.kind, stream.payload_type, feedback, video=VideoCodec.H264, parameters=parameters)
    else:
        yield from codec_lines(stream.kind, stream.payload_type, feedback)
    yield from extension_lines(stream.extensions)


def _direction(stream: Stream) -> str:
    if stream.sends:
        return "sendrecv" if stream.receives else "sendonly"
    return "recvonly" if stream.receives else "inactive"
