"""Links of the original Copybara web app: a page's URL, `?`, and percent-encoded base64 of gzip of JSON.

A request has an SDP offer, a response an answer, each with the candidates at the writer's own overlay address. Nothing
proves who wrote them, tells their age, or ties a response to its request. Reading checks only the form;
peer/transport/sdp reads the SDP.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Literal, TypeAlias
from urllib.parse import quote, unquote

import msgspec
from msgspec import Meta

from shared.errors import BadDescription, NodeIdError
from shared.links.strict_json import read_object
from shared.node_id import NodeId

MAX_LINK = 48 * 1024
"The most characters of a link with its page. The original's links have about 2,000."

MAX_PAGE = 512
"The most characters of the page's URL."

MAX_JSON = 256 * 1024
"The most bytes after decompression."

MAX_SDP = 64 * 1024
"The most characters of the SDP."

MAX_CANDIDATES = 256

CHANNEL = 123
"The number of the data channel that both sides of the original open (RFC 8831, section 6.5: negotiated out of band)."

DEFAULT_PAGE = "https://copybara.staex.io/"
"The page of the original."

GZIP_AS_BASE64 = "H4sI"
"The beginning of every gzip member of the deflate method without flags (RFC 1952, section 2.3), in base64."

_GZIP = 16 + zlib.MAX_WBITS
"zlib's window size for a gzip member."

_PAGE = r"(?:https?|file)://[^\s?#<>\"'`\\^{|}]{0,512}"
_LINK = re.compile(rf"(?P<page>{_PAGE})\?(?P<query>[A-Za-z0-9%+/=]+)", re.ASCII | re.IGNORECASE)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

Address: TypeAlias = IPv4Address | IPv6Address
_Text = Annotated[str, Meta(max_length=MAX_SDP)]
_Line = Annotated[str, Meta(max_length=1024)]


class ClassicCandidate(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A candidate, in the form of a browser's `RTCIceCandidate.toJSON()`."""

    candidate: _Line
    "`candidate:…` as in RFC 8839, section 5.1."

    sdp_mid: Annotated[str, Meta(max_length=256)] | None = None
    sdp_m_line_index: Annotated[int, Meta(ge=0, le=2**16 - 1)] | None = msgspec.field(
        name="sdpMLineIndex", default=None
    )
    username_fragment: Annotated[str, Meta(max_length=256)] | None = None


class _Offer(msgspec.Struct, frozen=True):
    type: Literal["offer"]
    sdp: _Text


class _Answer(msgspec.Struct, frozen=True):
    type: Literal["answer"]
    sdp: _Text


_Candidates = Annotated[tuple[ClassicCandidate, ...], Meta(max_length=MAX_CANDIDATES)]


class _Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    offer: _Offer
    candidates: _Candidates
    source_node_id: _Line
    destination_node_id: _Line
    source_ip: _Line


class _Response(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    answer: _Answer
    candidates: _Candidates
    destination_ip: _Line


class ClassicRequest(msgspec.Struct, frozen=True):
    """A call from the original web app."""

    page: str
    "The page's URL without its query. The answer leads there. The other person chooses it, and we never open it."

    sdp: str
    "The offer. Nothing in it has been verified yet."

    candidates: tuple[ClassicCandidate, ...]
    source: NodeId
    destination: NodeId

    source_address: Address
    "The caller's address according to the caller's node. At any other node the caller has another address."

    def encode(self) -> str:
        """Encode the link."""
        request = _Request(
            offer=_Offer("offer", self.sdp),
            candidates=self.candidates,
            source_node_id=str(self.source),
            destination_node_id=str(self.destination),
            source_ip=str(self.source_address),
        )
        return _encode(self.page, request)


class ClassicResponse(msgspec.Struct, frozen=True):
    """The answer to a call from the original web app."""

    page: str
    sdp: str
    "The answer. Nothing in it has been verified yet."

    candidates: tuple[ClassicCandidate, ...]

    destination_address: Address
    "The callee's address according to the callee's node."

    def encode(self) -> str:
        """Encode the link."""
        response = _Response(
            answer=_Answer("answer", self.sdp),
            candidates=self.candidates,
            destination_ip=str(self.destination_address),
        )
        return _encode(self.page, response)


ClassicLink: TypeAlias = ClassicRequest | ClassicResponse


def is_page(url: str) -> bool:
    """Whether a link can be made of that URL. It must not have a query."""
    return len(url) <= MAX_PAGE and re.fullmatch(_PAGE, url, re.ASCII | re.IGNORECASE) is not None


def find_classic(text: str) -> list[str]:
    """The links of the original's form in a message: each once, in order. Linear in the text's length.

    Only the beginning of the query is checked: gzip in base64. `decode_classic` says whether a link can be read.
    """
    found: dict[str, None] = {}
    for match in _LINK.finditer(text[: 4 * MAX_LINK]):
        if unquote(match["query"][:12]).startswith(GZIP_AS_BASE64):
            found[match[0]] = None
    return list(found)


def decode_classic(link: str) -> ClassicLink:
    """Read one link, in time and memory bounded by the limits above.

    Raises BadDescription for everything that isn't exactly a link of one of the two kinds.
    """
    if len(link) > MAX_LINK:
        raise BadDescription("That link is too long for a link of the original Copybara.")
    match = _LINK.fullmatch(link.partition("#")[0])
    if match is None or len(match["page"]) > MAX_PAGE:
        raise BadDescription("That isn't a link of the original Copybara.")
    values = read_object(_unpack(match["query"]))
    try:
        if "offer" in values and "answer" in values:
            raise ValueError
        if "offer" in values:
            request = msgspec.convert(values, _Request)
            return ClassicRequest(
                page=match["page"],
                sdp=_encodable(request.offer.sdp),
                candidates=request.candidates,
                source=NodeId.parse(request.source_node_id),
                destination=NodeId.parse(request.destination_node_id),
                source_address=_address(request.source_ip),
            )
        response = msgspec.convert(values, _Response)
        return ClassicResponse(
            page=match["page"],
            sdp=_encodable(response.answer.sdp),
            candidates=response.candidates,
            destination_address=_address(response.destination_ip),
        )
    except (msgspec.ValidationError, NodeIdError, ValueError):
        raise BadDescription("That link of the original Copybara lacks a part, or has one of the wrong form.") from None


def _address(text: str) -> Address:
    """Raises ValueError."""
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ValueError
    return address


def _encodable(sdp: str) -> str:
    """Raises ValueError for unpaired surrogates, which JSON can contain but UTF-8 can't."""
    sdp.encode()
    return sdp


def _unpack(query: str) -> bytes:
    """Undo percent-encoding, base64 and gzip."""
    try:
        if _BAD_ESCAPE.search(query):
            raise ValueError
        packed = base64.b64decode(unquote(query, errors="strict").encode("ascii"), validate=True)
        unpacker = zlib.decompressobj(wbits=_GZIP)
        text = unpacker.decompress(packed, MAX_JSON)
    except (ValueError, binascii.Error, zlib.error):
        raise BadDescription("That link of the original Copybara is damaged.", "Copy it as a whole.") from None
    if unpacker.unconsumed_tail:
        raise BadDescription("That link of the original Copybara unpacks to more than any call needs.")
    if not unpacker.eof or unpacker.unused_data:
        raise BadDescription("That link of the original Copybara is damaged.", "Copy it as a whole.")
    return text


def _encode(page: str, content: _Request | _Response) -> str:
    packed = zlib.compress(msgspec.json.encode(content), 9, wbits=_GZIP)
    return f"{page}?{quote(base64.b64encode(packed).decode(), safe='')}"
