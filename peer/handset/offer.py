"""The SDP of the loopback leg: an offer of the one RTP profile, and what is read of the browser's answer (RFC 8829).

Nothing is negotiated. The offer says what peer/transport/profile.py says; of the answer only the credentials and the
certificate's fingerprint are taken. The browser's candidates are never read: its packets show where it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from peer.transport.profile import (
    CLOCK_RATES,
    MEDIA,
    MIDS,
    TRANSPORT_CC,
    TRANSPORT_CC_EXTENSION,
    USUAL,
    Kind,
    Variant,
    codec,
    header_extensions,
)
from shared.errors import HandsetError
from shared.media import Media
from shared.secrets.handshake import IceCredentials
from shared.secrets.identity import Fingerprint

MAX_ANSWER = 32 * 1024
"Characters. Chromium's has about 3,000."

STREAM = "call"
"The id of the one MediaStream that the page gets."

PRIORITY = 2_130_706_431
PRIORITY_STEP = 1 << 8
"Of the first host candidate, and by how much the next ones have less (RFC 8445, section 5.1.2.1)."

_ATTRIBUTE = re.compile(r"a=([a-z-]+)(?::(.*))?")
_USERNAME = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_FINGERPRINT = re.compile(r"sha-256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BrowserAnswer:
    """What we need to know of the browser's side."""

    ice: IceCredentials
    fingerprint: Fingerprint

    client: bool
    "Whether the browser begins the DTLS handshake (RFC 8842)."


def offer(
    *,
    ice: IceCredentials,
    fingerprint: bytes,
    listening: Sequence[tuple[IPv4Address, int]],
    media: Media,
    variant: Variant = USUAL,
    seen: Mapping[Kind, int],
    version: int = 1,
) -> str:
    """Write an offer.

    `fingerprint` is the SHA-256 of our certificate, 32 bytes; `listening` are the addresses and ports where we listen,
    the best first; `media` says which sections there are, and `variant` what the other side of the call does of the
    profile. `seen` has the SSRC of each kind that the other side sends
    already: a browser that has got RTCP for a stream leaves the MID out of its packets, so that a page that comes late
    couldn't tell what they are; and Chromium keeps the picture with its sound only if it was told which streams these
    are. `version` counts the offers of one leg (RFC 8866, section 5.2).
    """
    kinds = [kind for kind, flag in MEDIA.items() if flag in media]
    lines = [
        "v=0",
        f"o=- 1 {version} IN IP4 {listening[0][0]}",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {' '.join(MIDS[kind] for kind in kinds)}",
        f"a=msid-semantic: WMS {STREAM}",
    ]
    for kind in kinds:
        lines += [
            *_media_lines(kind, variant, *listening[0]),
            *_candidates(listening),
            "a=end-of-candidates",
            f"a=ice-ufrag:{ice.username}",
            f"a=ice-pwd:{ice.password}",
            f"a=fingerprint:sha-256 {fingerprint.hex(':').upper()}",
            "a=setup:actpass",
            f"a=msid:{STREAM} {kind}",
        ]
        if kind in seen:
            lines.append(f"a=ssrc:{seen[kind]} cname:{STREAM}")
    return "".join(f"{line}\r\n" for line in lines)


def _candidates(listening: Sequence[tuple[IPv4Address, int]]) -> Iterator[str]:
    """RFC 8839, section 5.1."""
    for number, (address, port) in enumerate(listening):
        yield f"a=candidate:{number + 1} 1 udp {PRIORITY - number * PRIORITY_STEP} {address} {port} typ host"


def _media_lines(kind: Kind, variant: Variant, address: IPv4Address, port: int) -> Iterator[str]:
    """One section, as the profile has it (RFC 8866, RFC 4585, RFC 8285)."""
    the_codec = codec(kind, variant.video)
    number = the_codec.payloadType
    channels = f"/{the_codec.channels}" if the_codec.channels else ""
    yield f"m={kind} {port} UDP/TLS/RTP/SAVPF {number}"
    yield f"c=IN IP4 {address}"
    yield f"a=mid:{MIDS[kind]}"
    yield "a=sendrecv"
    yield "a=rtcp-mux"
    yield f"a=rtpmap:{number} {the_codec.name}/{CLOCK_RATES[kind]}{channels}"
    if the_codec.parameters:
        yield f"a=fmtp:{number} {';'.join(f'{name}={value}' for name, value in the_codec.parameters.items())}"
    for feedback in the_codec.rtcpFeedback:
        yield f"a=rtcp-fb:{number} {feedback.type}{f' {feedback.parameter}' if feedback.parameter else ''}"
    for extension in header_extensions():
        yield f"a=extmap:{extension.id} {extension.uri}"
    if kind in variant.transport_cc:
        # With it the browser finds the best bitrate at once. Other browsers answer, and for other endpoints our leg
        # does. Offered where nobody answers, it would have the browser send next to nothing; without it the browser
        # goes by the other side's estimate (REMB) and reports.
        yield f"a=rtcp-fb:{number} transport-cc"
        yield f"a=extmap:{TRANSPORT_CC_EXTENSION} {TRANSPORT_CC}"


def read_answer(sdp: str, media: Media, variant: Variant = USUAL) -> BrowserAnswer:
    """Read the browser's answer to such an offer. Raises HandsetError for anything that can't be used."""
    if len(sdp) > MAX_ANSWER:
        raise HandsetError("The browser's answer is too long.")
    session, *sections = _sections(sdp)
    by_mid = {section.attributes.get("mid", ""): section for section in sections}
    if len(by_mid) != len(sections):
        raise HandsetError("The browser's answer has one part twice.")
    wanted = [kind for kind, flag in MEDIA.items() if flag in media]
    for kind in wanted:
        section = by_mid.get(MIDS[kind])
        if section is None or section.kind != kind:
            raise HandsetError("The browser's answer is missing part of our offer.")
        if section.rejected or str(codec(kind).payloadType) not in section.formats:
            verb, name = "hear" if kind == "audio" else "show", codec(kind, variant.video).name
            raise HandsetError(f"The browser can't {verb} the call: it has no {name}.")
    # With BUNDLE the first section's transport is everybody's (RFC 9143, section 7.1).
    said = {**session.attributes, **by_mid[MIDS[wanted[0]]].attributes}
    username, password, setup = (said.get(name, "") for name in ("ice-ufrag", "ice-pwd", "setup"))
    fingerprint = _FINGERPRINT.fullmatch(said.get("fingerprint", ""))
    if not (_USERNAME.fullmatch(username) and _PASSWORD.fullmatch(password)):
        raise HandsetError("The browser's answer has no credentials that can be used.")
    if fingerprint is None:
        raise HandsetError("The browser's answer has no SHA-256 fingerprint.")
    if setup not in ("active", "passive"):
        raise HandsetError("The browser's answer doesn't say who begins.")
    return BrowserAnswer(
        ice=IceCredentials(username, password),
        fingerprint=Fingerprint(bytes.fromhex(fingerprint[1].replace(":", ""))),
        client=setup == "active",
    )


@dataclass(frozen=True, slots=True)
class _Section:
    kind: str
    "`audio` or `video`; empty for what stands before all sections."
    rejected: bool
    formats: tuple[str, ...]
    attributes: dict[str, str]
    "The first value of each; of fingerprints the SHA-256 one."


def _sections(sdp: str) -> list[_Section]:
    sections = [_Section("", False, (), {})]
    for line in sdp.replace("\r\n", "\n").split("\n"):
        if line.startswith("m="):
            kind, port, _, *formats = (*line[2:].split(" "), "", "", "")
            sections.append(_Section(kind, port == "0", tuple(formats), {}))
        elif (attribute := _ATTRIBUTE.fullmatch(line)) is not None:
            name, value = attribute[1], attribute[2] or ""
            if name != "fingerprint" or value.lower().startswith("sha-256 "):
                sections[-1].attributes.setdefault(name, value)
    return sections
