"""What two descriptions agree on: which sections, which codec of each, and one transport for all (RFC 3264, RFC 8829).

Opus and VP8; H.264 only where the other side offers no VP8 and we can take it. No RTX: what NACK asks for again is sent
again as it was, as in peer/transport/profile.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from peer.transport.profile import (
    CLOCK_RATES,
    EXTENSIONS,
    MEDIA,
    MID_EXTENSION,
    OPUS,
    TRANSPORT_CC_EXTENSION,
    Kind,
    Variant,
    VideoCodec,
)
from peer.transport.sdp.reading import Codec, Description, Section
from shared.errors import BadDescription
from shared.media import Media
from shared.secrets.handshake import IceCredentials
from shared.secrets.identity import Fingerprint

RTP_PROTOCOLS = frozenset(
    f"{beneath}RTP/{profile}" for beneath in ("", "UDP/TLS/", "TCP/TLS/") for profile in ("SAVP", "SAVPF")
)
"""All mean the same (RFC 8829, section 5.1.2): what is agreed on is DTLS-SRTP with feedback, over the pair of
candidates that connects."""

CHANNEL_PROTOCOL = "UDP/DTLS/SCTP"
CHANNEL_PROTOCOLS = frozenset({CHANNEL_PROTOCOL, "TCP/DTLS/SCTP", "DTLS/SCTP"})
CHANNEL_FORMAT = "webrtc-datachannel"
DEFAULT_SCTP_PORT = 5000
"RFC 8841, section 5.1; browsers say 5000 as well."

MAX_EXTENSION_ID = 14
MAX_EXTENSION_VALUE = 16
"Of the one-byte form (RFC 8285, section 4.2)."

LIKE_RTCP = range(64, 96)
"Payload types that can't be told from RTCP on the same port (RFC 5761, section 4)."

TRANSPORT_CC_FEEDBACK = "transport-cc"

FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb", TRANSPORT_CC_FEEDBACK)
"The RTCP feedback that we answer (RFC 4585, RFC 5104), in the order in which it is written."

BASELINE = ("42e0", "42c0", "4200")
"Beginnings of H.264's profile-level-id that every decoder knows (RFC 6184, section 8.1)."


class Stream(msgspec.Struct, frozen=True):
    """One kind of media, as both sides number it."""

    kind: Kind
    mid: str
    "Of its section."

    codec: Codec
    "As the other side describes it."

    extensions: dict[int, int]
    "Header extension ids: of our profile → of the other side."

    sends: bool
    "Whether we may send."

    receives: bool
    "Whether we are sent any."

    @property
    def payload_type(self) -> int:
        """The other side's number of the codec, in both directions."""
        return self.codec.payload_type

    @property
    def transport_cc(self) -> bool:
        """Whether packets may be numbered for the whole transport, and the other side reports how they arrive."""
        return TRANSPORT_CC_EXTENSION in self.extensions and TRANSPORT_CC_FEEDBACK in self.codec.feedback


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides do."""

    streams: dict[str, Stream]
    "By the media identification of their section."

    channel: str | None
    "The media identification of the section for data channels; None if there is none."

    sctp_port: int
    ice: IceCredentials
    "The other side's."

    fingerprint: Fingerprint
    client: bool
    "Whether we begin the DTLS handshake."

    controlling: bool
    "Whether we are ICE's controlling side."

    @property
    def digest(self) -> bytes:
        """32 bytes that tell this connection from all others, however its description is written."""
        return connection_digest(self.ice, self.fingerprint)

    @property
    def media(self) -> Media:
        """The kinds that there are."""
        media = Media.NONE
        for stream in self.streams.values():
            media |= MEDIA[stream.kind]
        return media

    @property
    def variant(self) -> Variant:
        """What the other side does of our profile."""
        pictures = [stream.codec.name for stream in self.streams.values() if stream.kind == "video"]
        return Variant(
            video=VideoCodec(pictures[0]) if pictures else VideoCodec.VP8,
            transport_cc=frozenset(stream.kind for stream in self.streams.values() if stream.transport_cc),
        )


def connection_digest(ice: IceCredentials, fingerprint: Fingerprint) -> bytes:
    """32 bytes that tell one side of one connection from all others."""
    return hashlib.sha256(b"copybara sdp " + fingerprint.sha256 + f"{ice.username} {ice.password}".encode()).digest()


def accept_offer(offer: Description, media: Media, video: frozenset[VideoCodec]) -> Agreement:
    """Choose from an offer what we answer with: at most `media`, the picture in one of `video`.

    The first section of each kind that can be used is taken. Raises BadDescription if there is nothing in common.
    """
    streams: dict[str, Stream] = {}
    channel: Section | None = None
    for section in _sharing_one_transport(offer):
        if channel is None and _is_channel(section):
            channel = section
        for kind, flag in MEDIA.items():
            there = any(stream.kind == kind for stream in streams.values())
            if section.kind == kind and flag in media and not there:
                codec = _preferred(section, kind, video, streams)
                if codec is not None and (offer.bundle or not streams):
                    streams[section.mid] = _stream(section, kind, codec)
    return _agreement(offer, streams, channel if offer.bundle else None, answering=True)


def accept_answer(answer: Description, asked: dict[Kind, tuple[str, frozenset[VideoCodec]]], channel: str) -> Agreement:
    """Read the answer to our offer.

    `asked` says under which media identification each kind was offered, and in which codecs; `channel` that of the
    data channels. Every part of the answer has to be named as in our offer, which nobody can who hasn't read it.
    Raises BadDescription.
    """
    names = [mid for mid, _ in asked.values()] + [channel]
    if [section.mid for section in answer.sections] != names:
        raise BadDescription("That answer is to another call.", "Answers are good for the one call that they are to.")
    streams: dict[str, Stream] = {}
    shared = _sharing_one_transport(answer)
    for kind, (mid, video) in asked.items():
        for section in shared:
            if section.mid != mid or section.kind != kind or (streams and not answer.bundle):
                continue
            if codec := _preferred(section, kind, video, streams):
                streams[mid] = _stream(section, kind, codec)
    data = [section for section in shared if section.mid == channel and _is_channel(section) and answer.bundle]
    return _agreement(answer, streams, data[0] if data else None, answering=False)


def _sharing_one_transport(description: Description) -> list[Section]:
    """The sections that may share one transport, in order. Without BUNDLE there is one for each, and one is taken."""
    bundle = description.bundle
    bundled = [section for section in description.sections if not bundle or section.mid in bundle]
    # In a bundle the attributes of the transport may stand in the section alone that is named first (RFC 9143, 7.1.3).
    muxed = any(section.rtcp_mux and section.mid == bundle[0] for section in bundled) if bundle else False
    return [
        section
        for section in bundled
        if not section.rejected and (section.kind == "application" or section.rtcp_mux or muxed)
    ]


def _is_channel(section: Section) -> bool:
    return (
        section.kind == "application"
        and section.protocol in CHANNEL_PROTOCOLS
        and CHANNEL_FORMAT in section.formats
        and (section.sctp_port is None or 0 < section.sctp_port < 2**16)
    )


def _preferred(section: Section, kind: Kind, video: frozenset[VideoCodec], beside: dict[str, Stream]) -> Codec | None:
    """Opus, VP8, and H.264 in this order, under a number that no stream `beside` it has."""
    if section.protocol not in RTP_PROTOCOLS:
        return None
    taken = {stream.codec.payload_type for stream in beside.values()}
    codecs = [
        codec
        for number, codec in section.codecs.items()
        if codec.clock_rate == CLOCK_RATES[kind] and number not in LIKE_RTCP and number not in taken
    ]
    if kind == "audio":
        return next(
            (codec for codec in codecs if codec.name == OPUS.name.upper() and codec.channels == OPUS.channels), None
        )
    for name in VideoCodec:
        for codec in codecs:
            if name in video and codec.name == name and (name is VideoCodec.VP8 or _plain_h264(codec)):
                return codec
    return None


def _plain_h264(codec: Codec) -> bool:
    profile = codec.parameters.get("profile-level-id", "420010").lower()
    return codec.parameters.get("packetization-mode") == "1" and profile.startswith(BASELINE)


def _stream(section: Section, kind: Kind, codec: Codec) -> Stream:
    extensions = {
        ours: section.extensions[uri]
        for ours, uri in EXTENSIONS.items()
        if 0 < section.extensions.get(uri, 0) <= MAX_EXTENSION_ID
    }
    if len(section.mid) > MAX_EXTENSION_VALUE or not section.named:
        extensions.pop(MID_EXTENSION, None)
    return Stream(
        kind=kind,
        mid=section.mid,
        codec=codec,
        extensions=extensions,
        sends=section.direction in ("sendrecv", "recvonly"),
        receives=section.direction in ("sendrecv", "sendonly"),
    )


def _agreement(
    description: Description, streams: dict[str, Stream], channel: Section | None, *, answering: bool
) -> Agreement:
    if not streams:
        raise BadDescription(
            "That offer or answer has no sound or picture in common with this program.",
            "It needs Opus or VP8, with BUNDLE, rtcp-mux and DTLS-SRTP, as every browser offers.",
        )
    used = [section for section in description.sections if section.mid in streams or section is channel]
    # The first of the bundle that is used says what the transport is (RFC 9143, section 7.3).
    transport = min(used, key=lambda section: description.place_in_bundle(section.mid))
    if transport.ice is None or transport.fingerprint is None:
        raise BadDescription("That offer or answer has no ICE credentials or no SHA-256 fingerprint.")
    setup = transport.setup
    if setup is None or (setup == "actpass" and not answering):
        raise BadDescription("That offer or answer doesn't say who begins the handshake.")
    return Agreement(
        streams=streams,
        channel=channel.mid if channel is not None else None,
        sctp_port=(channel.sctp_port if channel is not None else None) or DEFAULT_SCTP_PORT,
        ice=transport.ice,
        fingerprint=transport.fingerprint,
        # RFC 8842, section 5.3: an answerer that may choose is active, which saves a round trip.
        client=setup != "active",
        controlling=not answering or description.ice_lite,
    )
