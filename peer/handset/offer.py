"""The SDP of a leg to a page: writes an offer of the single RTP profile, and reads the browser's answer (RFC 8829).

Nothing is negotiated. The offer follows peer/transport/profile.py. Of the answer, only the credentials and the
certificate's fingerprint are used. The browser's candidates are ignored, because its packets show its address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from peer.overlay import Address
from peer.transport.profile import (
    MEDIA,
    MIDS,
    OWN_EXTENSIONS,
    PAYLOAD_TYPES,
    TRANSPORT_CC_EXTENSION,
    USUAL,
    Kind,
    Variant,
    codec,
)
from peer.transport.sdp.lines import (
    RTP_PROTOCOL,
    candidate,
    codec_lines,
    extension_lines,
    session_lines,
    shown,
    source_lines,
    text_of,
    transport_lines,
)
from peer.transport.sdp.negotiation import TRANSPORT_CC_FEEDBACK
from peer.transport.sdp.reading import read_description
from shared.errors import BadDescription, HandsetError
from shared.media import Media
from shared.secrets.handshake import IceCredentials
from shared.secrets.identity import Fingerprint

MAX_ANSWER = 32 * 1024
"The longest answer in characters. Chromium's has about 3,000."


class BrowserAnswer(msgspec.Struct, frozen=True):
    """The facts that we need from the browser's answer."""

    ice: IceCredentials
    fingerprint: Fingerprint

    client: bool
    "Whether the browser begins the DTLS handshake (RFC 8842)."


def offer(
    *,
    ice: IceCredentials,
    fingerprint: bytes,
    listening: Sequence[tuple[Address, int]],
    media: Media,
    variant: Variant = USUAL,
    seen: Mapping[Kind, int],
    version: int = 1,
) -> str:
    """Write an offer.

    `fingerprint` is the SHA-256 of our certificate, 32 bytes. `listening` are our addresses and ports, the best first.
    `media` decides the sections, and `variant` is what the call's other side does of the profile. `version` counts the
    offers of one leg (RFC 8866, section 5.2).

    `seen` has the SSRC of each kind that the other side sends already. A browser that has got RTCP for a stream leaves
    the MID out of its packets, so a page that comes late couldn't assign them. And Chromium synchronizes picture and
    sound only if it knows which streams belong together.
    """
    kinds = [kind for kind, flag in MEDIA.items() if flag in media]
    address, port = listening[0]
    candidates = [candidate(*at, place) for place, at in enumerate(listening)]
    lines = [*session_lines(1, version, shown(address), [MIDS[kind] for kind in kinds])]
    for kind in kinds:
        lines += [
            f"m={kind} {port} {RTP_PROTOCOL} {PAYLOAD_TYPES[kind]}",
            *transport_lines(
                address=shown(address),
                mid=MIDS[kind],
                candidates=candidates,
                ice=ice,
                fingerprint=fingerprint,
                setup="actpass",
            ),
            "a=sendrecv",
            "a=rtcp-mux",
            *_profile_lines(kind, variant),
            *source_lines(kind, seen.get(kind)),
        ]
    return text_of(lines)


def _profile_lines(kind: Kind, variant: Variant) -> Iterator[str]:
    """The lines that describe a section's packets in the profile."""
    the_codec, extensions = codec(kind, variant.video), list(OWN_EXTENSIONS)
    feedback = [" ".join(filter(None, (each.type, each.parameter))) for each in the_codec.rtcpFeedback]
    if kind in variant.transport_cc:
        # With this feedback, the browser finds the best bit rate at once. The other side's browser sends it, or our leg
        # does for other endpoints. If it is offered and nobody sends it, the browser sends next to nothing. Without it,
        # the browser uses the other side's estimate (REMB) and reports.
        feedback.append(TRANSPORT_CC_FEEDBACK)
        extensions.append(TRANSPORT_CC_EXTENSION)
    yield from codec_lines(kind, PAYLOAD_TYPES[kind], feedback, video=variant.video)
    yield from extension_lines({number: number for number in extensions})


def read_answer(sdp: str, media: Media, variant: Variant = USUAL) -> BrowserAnswer:
    """Read the browser's answer. Raises HandsetError if it can't be used."""
    if len(sdp) > MAX_ANSWER:
        raise HandsetError("The browser's answer is too long.")
    try:
        sections = {section.mid: section for section in read_description(sdp).sections}
    except BadDescription as bad:
        raise HandsetError("The browser's answer can't be used.") from bad
    wanted = [kind for kind, flag in MEDIA.items() if flag in media]
    for kind in wanted:
        section = sections.get(MIDS[kind])
        if section is None or section.kind != kind:
            raise HandsetError("The browser's answer is missing part of our offer.")
        if section.rejected or str(PAYLOAD_TYPES[kind]) not in section.formats:
            verb, name = "hear" if kind == "audio" else "show", codec(kind, variant.video).name
            raise HandsetError(f"The browser can't {verb} the call: it has no {name}.")
    # With BUNDLE all sections use the first section's transport (RFC 9143, section 7.1).
    transport = sections[MIDS[wanted[0]]]
    if transport.ice is None:
        raise HandsetError("The browser's answer has no credentials that can be used.")
    if transport.fingerprint is None:
        raise HandsetError("The browser's answer has no SHA-256 fingerprint.")
    if transport.setup not in ("active", "passive"):
        raise HandsetError("The browser's answer doesn't say who begins.")
    return BrowserAnswer(transport.ice, transport.fingerprint, client=transport.setup == "active")
