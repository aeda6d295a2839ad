"""The lines that our descriptions are made of, for other programs and for the handset page (RFC 8866, RFC 8829)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from peer.overlay import Address
from peer.transport.ice import FOUNDATION
from peer.transport.profile import EXTENSIONS, Kind, VideoCodec, codec
from shared.secrets.handshake import IceCredentials

RTP_PROTOCOL = "UDP/TLS/RTP/SAVPF"

PRIORITY = 2_130_706_431
PRIORITY_STEP = 1 << 8
"Of the first host candidate, and by how much the next ones have less (RFC 8445, section 5.1.2.1)."

STREAM = "call"
"The id of the one MediaStream."

UNKNOWN_ADDRESS = "IN IP4 0.0.0.0"
"RFC 8840, section 4.1.1."


def text_of(lines: Iterable[str]) -> str:
    """The description, with the line ends of RFC 8866."""
    return "".join(f"{line}\r\n" for line in lines)


def shown(address: Address) -> str:
    """An address as `o=` and `c=` have it."""
    return f"IN IP{address.version} {address}"


def candidate(address: Address, port: int, place: int = 0) -> str:
    """A host candidate, without `a=` (RFC 8839, section 5.1). `place` is 0 for the best."""
    foundation = f"{FOUNDATION}{place or ''}"
    return f"candidate:{foundation} 1 udp {PRIORITY - place * PRIORITY_STEP} {address} {port} typ host"


def session_lines(
    session: int, version: int, address: str, bundled: Sequence[str], *, trickled: bool = False
) -> Iterator[str]:
    """What stands before all sections. `session` tells it from others, `version` counts its descriptions."""
    yield "v=0"
    yield f"o=- {session} {version} {address}"
    yield "s=-"
    yield "t=0 0"
    if bundled:
        yield f"a=group:BUNDLE {' '.join(bundled)}"
    if trickled:
        yield "a=ice-options:trickle"
    yield f"a=msid-semantic: WMS {STREAM}"


def transport_lines(
    *, address: str, mid: str | None, candidates: Sequence[str], ice: IceCredentials, fingerprint: bytes, setup: str
) -> Iterator[str]:
    """In every section, for some programs read only one of them; `fingerprint` is a SHA-256, 32 bytes."""
    yield f"c={address}"
    if mid is not None:
        yield f"a=mid:{mid}"
    for each in candidates:
        yield f"a={each}"
    if candidates:
        yield "a=end-of-candidates"
    yield f"a=ice-ufrag:{ice.username}"
    yield f"a=ice-pwd:{ice.password}"
    yield f"a=fingerprint:sha-256 {fingerprint.hex(':').upper()}"
    yield f"a=setup:{setup}"


def codec_lines(
    kind: Kind,
    number: int,
    feedback: Iterable[str],
    *,
    video: VideoCodec | None = None,
    parameters: Mapping[str, object] | None = None,
) -> Iterator[str]:
    """One payload type; `feedback` as `a=rtcp-fb` has it (RFC 4585), `parameters` instead of the profile's."""
    described = codec(kind, video or VideoCodec.VP8)
    channels = f"/{described.channels}" if described.channels else ""
    yield f"a=rtpmap:{number} {described.name}/{described.clockRate}{channels}"
    if said := described.parameters if parameters is None else parameters:
        yield f"a=fmtp:{number} {';'.join(f'{name}={value}' for name, value in said.items())}"
    for each in feedback:
        yield f"a=rtcp-fb:{number} {each}"


def extension_lines(numbers: Mapping[int, int]) -> Iterator[str]:
    """Header extensions (RFC 8285), by their ids in our profile; each with the id that is used."""
    for ours, used in numbers.items():
        yield f"a=extmap:{used} {EXTENSIONS[ours]}"


def source_lines(kind: Kind, ssrc: int | None) -> Iterator[str]:
    """Which stream a section is of (RFC 8830), and which source, if that is known (RFC 5576)."""
    yield f"a=msid:{STREAM} {kind}"
    if ssrc is not None:
        yield f"a=ssrc:{ssrc} cname:{STREAM}"
