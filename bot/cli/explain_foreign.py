"""The fields of a link of the original web app, or of pasted SDP. Nothing else is done with it."""

from __future__ import annotations

from peer.transport.profile import VideoCodec
from peer.transport.sdp.candidates import parse_candidate, ports_at
from peer.transport.sdp.negotiation import accept_offer
from peer.transport.sdp.reading import read_description
from shared.errors import BadDescription
from shared.links.classic import ClassicRequest, decode_classic, find_classic
from shared.links.pasted import looks_pasted, read_pasted
from shared.media import Media


def explain_foreign(text: str) -> dict[str, object] | None:
    """The fields. None if the text is from no other program."""
    links = find_classic(text)
    try:
        if links:
            return _classic(links[0])
        if looks_pasted(text):
            return _pasted(text)
    except BadDescription as bad:
        return {"link": "unreadable", "reason": bad.kind, "meaning": bad.sentence}
    return None


def _classic(link: str) -> dict[str, object]:
    read = decode_classic(link)
    candidates = [parsed for each in read.candidates if (parsed := parse_candidate(each.candidate)) is not None]
    size: dict[str, object] = {"characters": len(link), "page": read.page}
    if isinstance(read, ClassicRequest):
        return {
            "link": "request of the original web app",
            "from": str(read.source),
            "to": str(read.destination),
            "wants": _wanted(read.sdp),
            "address_as_written": str(read.source_address),
            "ports": len(ports_at(candidates, read.source_address)),
            "proves": "nothing",
            **size,
        }
    read_description(read.sdp)
    return {
        "link": "response of the original web app",
        "address_as_written": str(read.destination_address),
        "ports": len(ports_at(candidates, read.destination_address)),
        "proves": "nothing",
        **size,
    }


def _pasted(text: str) -> dict[str, object]:
    pasted = read_pasted(text)
    description = read_description(pasted.sdp)
    fields: dict[str, object] = {"link": f"SDP {pasted.type}", "addresses": len(description.candidates)}
    if pasted.type == "offer":
        fields["wants"] = _wanted(pasted.sdp)
    return {**fields, "proves": "nothing", "characters": len(text)}


def _wanted(sdp: str) -> str:
    return accept_offer(read_description(sdp), Media.BOTH, frozenset(VideoCodec)).media.words
