"""Calls of programs that speak SDP, let in: the same policy, budget and call table as every call.

What such a program writes proves at most what the way it came proves. Of pasted text and of links of the original web
app that is nothing, but that packets reach one node and no other: such a call rings, and is answered without asking
only for a contact whom the owner has marked for that.
"""

from __future__ import annotations

import msgspec

from peer.calls.budget import caller_of
from peer.calls.call_link import CallLink
from peer.calls.foreign import ForeignCall
from peer.calls.incoming import Beginning, ComingCall, IncomingCalls
from peer.calls.line_parts import Presented
from peer.calls.programs.envelope import Envelope
from peer.calls.reading import Reading
from peer.calls.sdp_session import SdpSession
from peer.overlay import Address
from peer.transport.profile import VideoCodec
from peer.transport.sdp.candidates import Candidate, ports_at
from peer.transport.sdp.negotiation import Agreement, accept_offer
from peer.transport.sdp.reading import Description
from shared.call.events import RemoteAccepted
from shared.contacts import Contact, Trust
from shared.errors import OutsideOverlay
from shared.media import Media
from shared.node_id import NodeId
from shared.policy import KnownCaller, Verdict, WantedCall
from shared.reasons import Reason

USED_SECONDS = 30 * 24 * 3600
"How long an offer is known as used. Nothing in it says how old it is; after that the page it came from is long gone."


class ForeignOffer(msgspec.Struct, frozen=True):
    """Somebody calls with another program."""

    source: NodeId
    envelope: Envelope
    description: Description
    agreement: Agreement
    "What of it could be answered with."

    ports: tuple[int, ...]

    rings: int | None = None
    "Seconds after which nobody waits for an answer any more, if the program knows; None: as with our links."

    @classmethod
    def of(
        cls,
        source: NodeId,
        envelope: Envelope,
        description: Description,
        candidates: list[Candidate],
        address: Address,
        *,
        media: Media = Media.BOTH,
        rings: int | None = None,
    ) -> ForeignOffer:
        """An offer of `source`, whose address stands there as `address`; it is called for at most `media`.

        Raises BadDescription if it can't be answered, OutsideOverlay if none of the candidates is at that address.
        """
        agreement = accept_offer(description, media, frozenset(VideoCodec))
        ports = ports_at(candidates, address)
        if not ports:
            raise OutsideOverlay()
        return cls(source, envelope, description, agreement, ports, rings)


class ForeignAdmission:
    """Lets calls of other programs in, for one node."""

    def __init__(self, calls: IncomingCalls) -> None:
        self._calls = calls

    async def called(
        self, offer: ForeignOffer, *, chat: str, proven: bool = False, again: bool = False, by_hand: bool = False
    ) -> Reading:
        """Act on an offer: the line that it came to, or why it came to none. Raises StoreError.

        `proven`: the way it came shows that the contact with that node wrote it, and the owner has accepted that.
        `again`: it rang when this program was killed, and still does; it may have been used. `by_hand` as in
        Admission.read.
        """
        async with self._calls.turn:
            came = await self._let_in(offer, chat, proven, again, by_hand)
            if isinstance(came, Beginning):
                await self._calls.starter.start(came.line, came.effects)
                return Reading(came.reason, came.line)
            return came

    def answered(self, answer: Description, candidates: list[Candidate], address: Address | None) -> Reading:
        """Act on an answer; `address` is where its writer says that it is, None: where our node says.

        Raises BadDescription if it can't be used, OutsideOverlay if none of the candidates is at that address.
        """
        for line in self._calls.lines:
            if line.foreign is None or not line.awaits_answer or not line.foreign.answers_to(answer):
                continue
            if not isinstance(line.session, SdpSession):
                continue
            if not line.foreign.take(answer, ports_at(candidates, address or line.session.socket.remote)):
                return Reading(Reason.ALREADY_USED)
            line.put(RemoteAccepted())
            return Reading(line=line)
        return Reading(Reason.NOT_FOR_THIS_NODE)

    def used(self, agreement: Agreement) -> bool:
        """Whether that offer was used before."""
        return self._calls.store.link_seen(agreement.digest) is not None

    def awaits(self, answer: Description) -> bool:
        """Whether a call waits for that answer."""
        return any(
            line.foreign is not None and line.foreign.answers_to(answer) and line.awaits_answer
            for line in self._calls.lines
        )

    async def _let_in(
        self, offer: ForeignOffer, chat: str, proven: bool, again: bool, by_hand: bool
    ) -> Beginning | Reading:
        """Judge an offer and mark it as used. Returns the call that it begins, or why it begins none."""
        contact = self._calls.store.contact_of(offer.source)
        digest = offer.agreement.digest
        now = int(self._calls.clock())
        # The owner has said that for this contact the node is enough, whatever key there is.
        marked = contact is not None and contact.classic
        keyed = not (proven or marked) and self._calls.store.keyed(offer.source)
        decision = self._calls.policy.decide(
            KnownCaller(contact if proven else _as_unproven(contact), proven, keyed),
            offer.source,
            WantedCall(offer.agreement.media, now, None if again else self._calls.store.link_seen(digest)),
            machine=False,
        )
        if decision.verdict is Verdict.IGNORE:
            return Reading(decision.reason)
        caller = caller_of(contact is not None, proven=proven)
        if not self._calls.budget.take(caller, offer.source):
            return self._calls.no_room(Reason.BUSY, caller, offer.source, contact)
        media = offer.agreement.media
        coming = ComingCall(
            CallLink(offer.source, media, now, raw=digest, reference=digest[:8], proven=proven, keyed=keyed),
            chat,
            decision.media or media,
            expires=now + (self._calls.settings.lifetime if offer.rings is None else offer.rings),
            shown=Presented.coming(contact, automatic=decision.verdict is Verdict.AUTO and not by_hand),
            foreign=ForeignCall(offer.envelope, offer.description, offer.ports),
        )
        if not await self._calls.use(coming, now + USED_SECONDS, again=again):
            return Reading(Reason.ALREADY_USED)
        return self._calls.beginning(self._calls.line(coming), decision, by_hand=by_hand)


def _as_unproven(contact: Contact | None) -> Contact | None:
    """The contact, as far as a call that proves nothing may have what they may have."""
    if contact is None or contact.trust is not Trust.AUTO:
        return contact
    if contact.classic:
        return msgspec.structs.replace(contact, unproven=True)
    return msgspec.structs.replace(contact, trust=Trust.RING)
