"""The original Copybara web app: links to its page, shared/links/classic.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.calls.programs.text_channel import TextChannel
from shared.links.classic import ClassicCandidate, ClassicRequest, ClassicResponse
from shared.node_id import NodeId

if TYPE_CHECKING:
    from peer.transport.sdp.writing import OwnOffer, OwnSide


@dataclass(frozen=True)
class Classic(TextChannel):
    """One call with it."""

    page: str
    "Where the other person has it. Never opened by us."

    source: NodeId
    "Who calls."

    destination: NodeId
    name = "classic"
    in_chat = True
    trickled = True

    def offer(self, own: OwnSide, offer: OwnOffer) -> str:
        """A request link."""
        candidates = (_candidate(own, offer.sdp),)
        return ClassicRequest(self.page, offer.sdp, candidates, self.source, self.destination, own.address).encode()

    def answer(self, own: OwnSide, sdp: str) -> str:
        """A response link, to the page that the request came from."""
        return ClassicResponse(self.page, sdp, (_candidate(own, sdp),), own.address).encode()


def _candidate(own: OwnSide, sdp: str) -> ClassicCandidate:
    """Our one candidate, as one of the section whose transport all others share."""
    # With it come the media libraries, which only calls need.
    from peer.transport.sdp.reading import read_description

    described = read_description(sdp)
    first = min(
        (section for section in described.sections if not section.rejected),
        key=lambda section: described.place_in_bundle(section.mid),
    )
    return ClassicCandidate(
        candidate=own.candidate,
        sdp_mid=first.mid if first.named else None,
        sdp_m_line_index=described.sections.index(first),
        username_fragment=own.ice.username,
    )
