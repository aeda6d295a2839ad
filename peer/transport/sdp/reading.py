"""SDP text → values, within bounds that are checked before anything is parsed.

Only what a call needs is kept. No address of `c=`, `o=` or `a=rtcp` is, and lines that aren't known are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from peer.transport.sdp.candidates import Candidate, parse_candidate
from shared.errors import BadDescription
from shared.secrets.handshake import IceCredentials
from shared.secrets.identity import Fingerprint

MAX_SDP = 64 * 1024
"Characters. A browser's offer with sixty candidates has 9,000."

MAX_LINES = 2_000
MAX_LINE = 2_048
"Characters."

MAX_SECTIONS = 16
MAX_FORMATS = 64
"Payload types of one section."

MAX_CANDIDATES = 256
"In the whole description."

MAX_EXTENSIONS = 64

UNNAMED = "/"
"What we call sections without a name begins with this, which no name has."

Setup: TypeAlias = Literal["actpass", "active", "passive"]
"Who begins the DTLS handshake (RFC 8842)."

Direction: TypeAlias = Literal["sendrecv", "sendonly", "recvonly", "inactive"]

_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE = re.compile(r"([a-z])=(.*)", re.ASCII)
_MEDIA = re.compile(
    r"(?P<kind>[A-Za-z0-9-]{1,32}) +(?P<port>[0-9]{1,5})(?:/[0-9]{1,5})? +(?P<protocol>[A-Za-z0-9/]{1,32})"
    r"(?P<formats>( +[!-~]{1,32})+)",
    re.ASCII,
)
_MID = re.compile(r"[A-Za-z0-9_+-]{1,32}", re.ASCII)
# These three are repeated in our answer. So they have no dots and no colons, of which an address could be made.
_USERNAME = re.compile(r"[A-Za-z0-9+/]{4,256}", re.ASCII)
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}", re.ASCII)
# RFC 8839, section 5.4.
_FINGERPRINT = re.compile(r"sha-256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})", re.ASCII | re.IGNORECASE)
_RTPMAP = re.compile(r"([0-9]{1,3}) ([A-Za-z0-9._-]{1,64})/([0-9]{1,9})(?:/([0-9]{1,3}))?", re.ASCII)
_NUMBERED = re.compile(r"([0-9]{1,3}) (.{1,1024})", re.ASCII)
_PARAMETER = re.compile(r"\s*([A-Za-z0-9_-]{1,64})=([^;]{0,256})", re.ASCII)
_EXTENSION = re.compile(r"([0-9]{1,3})(?:/(sendrecv|sendonly|recvonly|inactive))? (\S{1,256})(?: .*)?", re.ASCII)
_SCTP_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)


@dataclass(slots=True)
class Codec:
    """One payload type of a section."""

    payload_type: int
    name: str
    "In upper case, such as `OPUS` or `VP8`."

    clock_rate: int
    channels: int
    parameters: dict[str, str] = field(default_factory=dict)
    "Of `a=fmtp`, names in lower case."

    feedback: set[str] = field(default_factory=set)
    "Of `a=rtcp-fb` (RFC 4585), such as `nack pli`."


@dataclass(slots=True)
class Section:
    """One `m=` section, and what it takes over from the lines before all sections."""

    kind: str
    "`audio`, `video`, `application`, or another one that nobody here speaks."

    protocol: str
    rejected: bool
    "Its port is 0, and not because it shares another section's (RFC 9143, section 6)."

    formats: tuple[str, ...]
    mid: str = ""
    "What it is called (RFC 5888); of one that has no name, one that no other has."

    named: bool = False
    "Whether it has that name in the description too."

    direction: Direction = "sendrecv"
    rtcp_mux: bool = False
    ice: IceCredentials | None = None
    fingerprint: Fingerprint | None = None
    setup: Setup | None = None
    codecs: dict[int, Codec] = field(default_factory=dict)
    "In the order of the section's formats, which is that of preference."

    extensions: dict[str, int] = field(default_factory=dict)
    "Header extensions that are used in both directions (RFC 8285): URI → id."

    sctp_port: int | None = None


@dataclass(slots=True)
class Description:
    """An offer or an answer."""

    sections: list[Section]
    bundle: tuple[str, ...]
    "Media identifications that share one transport, the one that names it first (RFC 9143)."

    ice_lite: bool
    candidates: list[Candidate]
    "Of all sections; they share one transport, or are of no use."

    def place_in_bundle(self, mid: str) -> int:
        """Which of the bundle it is, from 0; one that isn't in it comes after all."""
        return self.bundle.index(mid) if mid in self.bundle else len(self.bundle)


def read_description(sdp: str) -> Description:
    """Read an offer or an answer. Raises BadDescription for what isn't one, or is larger than any needs to be."""
    session, *raw_sections = _cut(sdp)
    inherited = _attributes(session[1:])
    groups = [value.split() for name, value in inherited if name == "group"]
    bundle = next((tuple(mids) for semantics, *mids in filter(None, groups) if semantics == "BUNDLE"), ())
    sections: list[Section] = []
    candidates: list[Candidate] = []
    for media, *lines in raw_sections:
        attributes = _attributes(lines)
        sections.append(_section(media, inherited, attributes))
        for name, value in attributes:
            if name == "candidate":
                if len(candidates) >= MAX_CANDIDATES:
                    raise BadDescription("That offer or answer lists more addresses than any device has.")
                candidate = parse_candidate(f"candidate:{value}")
                if candidate is not None:
                    candidates.append(candidate)
    for number, section in enumerate(sections):
        if not section.named:
            section.mid = f"{UNNAMED}{number}"
    if len({section.mid for section in sections}) != len(sections):
        raise BadDescription("Two parts of that offer or answer have the same name.")
    return Description(sections, bundle, ("ice-lite", "") in inherited, candidates)


def _cut(sdp: str) -> list[list[str]]:
    """The lines of the whole, and of each section."""
    if len(sdp) > MAX_SDP or sdp.count("\n") + sdp.count("\r") > 2 * MAX_LINES:
        raise BadDescription("That is too long for an offer or an answer.")
    # RFC 8866, section 5: CRLF; a parser should take LF as well, and texts that were pasted have lone CRs.
    lines = [line.strip(" \t") for line in _LINE_END.split(sdp.strip())]
    if len(lines) > MAX_LINES:
        raise BadDescription("That is too long for an offer or an answer.")
    if not lines or lines[0] != "v=0":
        raise BadDescription("That isn't an SDP offer or answer.", "It begins with the line v=0. Copy it as a whole.")
    parts: list[list[str]] = [[]]
    for line in lines:
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None or len(line) > MAX_LINE:
            raise BadDescription("A line of that offer or answer can't be read.", "Copy it as a whole.")
        if match[1] == "m":
            parts.append([])
        parts[-1].append(line)
    if not 1 < len(parts) <= MAX_SECTIONS + 1:
        raise BadDescription("That offer or answer has no part for sound or picture, or far too many.")
    return parts


def _attributes(lines: list[str]) -> list[tuple[str, str]]:
    return [(name, value) for line in lines if line.startswith("a=") for name, _, value in [line[2:].partition(":")]]


def _section(media: str, inherited: list[tuple[str, str]], own: list[tuple[str, str]]) -> Section:
    match = _MEDIA.fullmatch(media[2:])
    if match is None:
        raise BadDescription("A part of that offer or answer can't be read.")
    formats = tuple(match["formats"].split())
    if len(formats) > MAX_FORMATS:
        raise BadDescription("A part of that offer or answer has more codecs than there are.")
    section = Section(
        kind=match["kind"],
        protocol=match["protocol"].upper(),
        rejected=match["port"] == "0" and ("bundle-only", "") not in own,
        formats=formats,
    )
    # The section's own lines hold before those of the whole.
    _transport(section, inherited)
    _transport(section, own)
    for name, value in own:
        if name == "mid" and not section.named:
            if not _MID.fullmatch(value):
                raise BadDescription("A part of that offer or answer has a name that can't be used.")
            section.mid, section.named = value, True
        elif name == "rtcp-mux":
            section.rtcp_mux = True
        elif name == "sctp-port" and _SCTP_PORT.fullmatch(value):
            section.sctp_port = int(value)
    section.codecs = _codecs(formats, own)
    return section


def _transport(section: Section, attributes: list[tuple[str, str]]) -> None:
    said: dict[str, str] = {}
    for name, value in attributes:
        if name == "fingerprint" and not value.lower().startswith("sha-256 "):
            continue
        if name == "extmap":
            _add_extension(section, value)
        elif name in ("sendrecv", "sendonly", "recvonly", "inactive"):
            section.direction = name  # type: ignore[assignment]
        else:
            said.setdefault(name, value)
    if "ice-ufrag" in said or "ice-pwd" in said:
        username, password = said.get("ice-ufrag", ""), said.get("ice-pwd", "")
        if not (_USERNAME.fullmatch(username) and _PASSWORD.fullmatch(password)):
            raise BadDescription("That offer or answer has no ICE credentials that can be used.")
        section.ice = IceCredentials(username, password)
    if "fingerprint" in said:
        fingerprint = _FINGERPRINT.fullmatch(said["fingerprint"])
        if fingerprint is None:
            raise BadDescription("That offer or answer has no SHA-256 fingerprint that can be read.")
        section.fingerprint = Fingerprint(bytes.fromhex(fingerprint[1].replace(":", "")))
    match said.get("setup"):
        case "actpass" | "active" | "passive" as setup:
            section.setup = setup
        case None:
            pass
        case _:
            raise BadDescription("That offer or answer doesn't say who begins the handshake.")


def _add_extension(section: Section, value: str) -> None:
    match = _EXTENSION.fullmatch(value)
    if match is not None and match[2] in (None, "sendrecv") and len(section.extensions) < MAX_EXTENSIONS:
        section.extensions.setdefault(match[3], int(match[1]))


def _codecs(formats: tuple[str, ...], attributes: list[tuple[str, str]]) -> dict[int, Codec]:
    """The dynamic payload types that the section lists and describes."""
    known: dict[str, Codec] = {}
    for name, value in attributes:
        match = _RTPMAP.fullmatch(value) if name == "rtpmap" else None
        if match is not None and match[1] in formats:
            number, codec, clock_rate, channels = match.groups()
            known.setdefault(number, Codec(int(number), codec.upper(), int(clock_rate), int(channels or 1)))
    for name, value in attributes:
        match = _NUMBERED.fullmatch(value) if name in ("fmtp", "rtcp-fb") else None
        described = known.get(match[1]) if match is not None else None
        if match is None or described is None:
            continue
        if name == "fmtp":
            described.parameters.update(_parameters(match[2]))
        else:
            described.feedback.add(" ".join(match[2].split()))
    return {
        known[each].payload_type: known[each] for each in formats if each in known and known[each].payload_type < 128
    }


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(";"):
        match = _PARAMETER.fullmatch(part)
        if match is not None:
            yield match[1].lower(), match[2].strip()
