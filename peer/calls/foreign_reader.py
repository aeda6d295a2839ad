"""What other programs write, as people bring it: links of the original web app, pasted offers and answers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from peer.calls.foreign_admission import ForeignAdmission, ForeignOffer
from peer.calls.programs.bare_sdp import BareSdp
from peer.calls.programs.classic import Classic
from peer.calls.programs.envelope import Envelope
from peer.calls.reading import Reading
from peer.overlay import Address, Overlay
from peer.transport.profile import VideoCodec
from peer.transport.sdp.candidates import Candidate, parse_candidate
from peer.transport.sdp.negotiation import accept_offer
from peer.transport.sdp.reading import Description, read_description
from shared.contacts import Contact
from shared.errors import InputError, OverlayError
from shared.links.classic import ClassicRequest, ClassicResponse, decode_classic, find_classic
from shared.links.pasted import DescriptionType, looks_pasted, read_pasted
from shared.media import Media
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.store import Store

MAX_CONTACTS = 256
"The overlay is asked about so many contacts, to find whose address an offer names."

OWNER_SECONDS = 3.0
"How long that may take in all."

AT_ONCE = 16
"About how many contacts the overlay is asked at the same time."

REMEMBERED_SECONDS = 60.0
"How long its answers are remembered: anybody can send offers, and each asks about every contact."


@dataclass(frozen=True, slots=True)
class Looked:
    """What a text of another program is, before anything is done with it."""

    text: str
    "The part of the text that holds it."

    kind: Literal["call", "response", "own"]
    media: Media
    "What the two programs have in common; of a response nothing."

    page: str = ""
    "Of the original web app: where the link leads. The other person's choice."

    source: NodeId | None = None
    "Who calls, as it says itself; None if it doesn't say."

    for_us: bool = True
    "Whether it names no other node as the one that is called."

    used: bool = False
    "Whether it was used before."

    answers_ours: bool = False
    "Whether a response belongs to one of our calls that waits."


class ForeignReader:
    """Reads what such programs write, for one node."""

    def __init__(self, own: NodeId, *, overlay: Overlay, store: Store, admission: ForeignAdmission) -> None:
        self._own = own
        self._overlay = overlay
        self._addresses: dict[NodeId, tuple[float, Address]] = {}
        "Of contacts, and until when they are remembered."
        self._store = store
        self._admission = admission

    def look(self, text: str) -> Looked | None:
        """What somebody pasted; None if it is nothing of another program. Raises BadDescription if it is damaged."""
        links = find_classic(text)
        if links:
            classic = decode_classic(links[0])
            if isinstance(classic, ClassicResponse):
                return self._looked_answer(links[0], read_description(classic.sdp), classic.page)
            looked = self._looked_offer(links[0], read_description(classic.sdp), classic.page)
            kind: Literal["call", "own"] = "own" if classic.source == self._own else "call"
            return replace(looked, kind=kind, source=classic.source, for_us=classic.destination == self._own)
        if not looks_pasted(text):
            return None
        pasted = read_pasted(text)
        description = read_description(pasted.sdp)
        if pasted.type == "answer":
            return self._looked_answer(text, description, "")
        return self._looked_offer(text, description, "")

    def _looked_offer(self, text: str, description: Description, page: str) -> Looked:
        agreement = accept_offer(description, Media.BOTH, frozenset(VideoCodec))
        return Looked(text, "call", agreement.media, page, used=self._admission.used(agreement))

    def _looked_answer(self, text: str, answer: Description, page: str) -> Looked:
        return Looked(text, "response", Media.NONE, page, answers_ours=self._admission.awaits(answer))

    async def read_link(self, link: str, *, chat: str, by_hand: bool = False) -> Reading:
        """Read a link of the original web app and act on it. `by_hand` as in Admission.read.

        Raises BadDescription, OutsideOverlay, StoreError.
        """
        read = decode_classic(link)
        if isinstance(read, ClassicResponse):
            return self._admission.answered(read_description(read.sdp), _parsed(read), read.destination_address)
        if read.source == self._own:
            return Reading(Reason.OWN_LINK)
        if read.destination != self._own:
            return Reading(Reason.NOT_FOR_THIS_NODE)
        description = read_description(read.sdp)
        envelope = Classic(read.page, read.source, self._own)
        offer = ForeignOffer.of(read.source, envelope, description, _parsed(read), read.source_address)
        return await self._admission.called(offer, chat=chat, by_hand=by_hand)

    async def read_pasted(
        self,
        text: str,
        *,
        chat: str,
        node: NodeId | None = None,
        meant: DescriptionType | None = None,
        by_hand: bool = False,
    ) -> Reading:
        """Read SDP that was pasted, and act on it, as what it is meant if the owner has said that.

        `node` is whose it is, None: the contact whose address it names. `by_hand` as in Admission.read.

        Raises BadDescription, InputError if nobody knows whose it is, OverlayError, StoreError.
        """
        pasted = read_pasted(text, meant)
        description = read_description(pasted.sdp)
        if pasted.type == "answer":
            return self._admission.answered(description, description.candidates, None)
        envelope = BareSdp(as_json=text.lstrip().startswith("{"))
        return await self.read_offer(description, envelope, chat=chat, node=node, by_hand=by_hand)

    async def read_offer(
        self,
        description: Description,
        envelope: Envelope,
        *,
        chat: str,
        node: NodeId | None = None,
        proven: bool = False,
        media: Media = Media.BOTH,
        rings: int | None = None,
        again: bool = False,
        by_hand: bool = False,
    ) -> Reading:
        """Act on an offer that came in that envelope, of `node`; None: of the contact whose address it names.

        `proven`, `again` and `by_hand` as in ForeignAdmission.called, `media` and `rings` as in ForeignOffer.

        Raises BadDescription, InputError if nobody knows whose it is, OverlayError, StoreError.
        """
        if node is None:
            node = await self._owner_of(description)
        if node == self._own:
            return Reading(Reason.OWN_LINK)
        address = await self._overlay.address_of(node)
        offer = ForeignOffer.of(node, envelope, description, description.candidates, address, media=media, rings=rings)
        return await self._admission.called(offer, chat=chat, proven=proven, again=again, by_hand=by_hand)

    async def _owner_of(self, description: Description) -> NodeId:
        """The contact at one of the addresses that a description names. Raises InputError."""
        named = {candidate.address for candidate in description.candidates}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OWNER_SECONDS):
                contacts = self._store.contacts()[:MAX_CONTACTS]
                for start in range(0, len(contacts), AT_ONCE):
                    some = contacts[start : start + AT_ONCE]
                    found = await asyncio.gather(*(self._at_one_of(contact, named) for contact in some))
                    for contact, is_there in zip(some, found, strict=True):
                        if is_there:
                            return contact.node
        raise InputError(
            "Nothing in that offer shows whose it is, so it isn't answered.",
            "Save the caller as a contact, or write whose it is: /sdp answer NAME, and the offer after it.",
        )

    async def _at_one_of(self, contact: Contact, addresses: set[Address]) -> bool:
        """Whether they are at one of these. What is remembered only spares questions: it never says who calls."""
        known = self._addresses.get(contact.node)
        if known is not None and time.monotonic() < known[0] and known[1] not in addresses:
            return False
        self._addresses.pop(contact.node, None)
        try:
            address = await self._overlay.address_of(contact.node)
        except OverlayError:
            return False
        self._addresses[contact.node] = time.monotonic() + REMEMBERED_SECONDS, address
        while len(self._addresses) > MAX_CONTACTS:
            del self._addresses[next(iter(self._addresses))]
        return address in addresses


def _parsed(link: ClassicRequest | ClassicResponse) -> list[Candidate]:
    parsed: Iterable[Candidate | None] = (parse_candidate(each.candidate) for each in link.candidates)
    return [candidate for candidate in parsed if candidate is not None]
