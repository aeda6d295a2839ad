"""Calls of programs that speak SDP, as they are read: links of the original web app, pasted offers and answers.

Nothing in them proves who wrote them; that packets reach one node and no other is all there is. So such a call is never
proven in the sense of shared/policy.py: it rings, and is answered without asking only for a contact whom the owner has
marked for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from peer.calls.admission import Reading, dropped
from peer.calls.budget import Budget, caller_of
from peer.calls.call_link import CallLink
from peer.calls.foreign import BareSdp, Classic, Envelope, ForeignCall
from peer.calls.line import Line
from peer.calls.line_parts import Connection, Presented
from peer.calls.lines import Lines
from peer.calls.runner import LineRunner
from peer.calls.sdp_session import SdpSession
from peer.calls.sessions import LineSessions
from peer.overlay import Address, Overlay
from peer.transport.profile import VideoCodec
from peer.transport.sdp.candidates import Candidate, parse_candidate, ports_at
from peer.transport.sdp.negotiation import Agreement, accept_offer
from peer.transport.sdp.reading import Description, read_description
from shared.call.events import Answer, Busy, Offered, RemoteAccepted
from shared.call.table import incoming
from shared.config.schema import Calls
from shared.contacts import Contact, Trust
from shared.errors import InputError, OutsideOverlay, OverlayError
from shared.links.classic import ClassicRequest, ClassicResponse, decode_classic, find_classic
from shared.links.pasted import looks_pasted, read_pasted
from shared.media import Media
from shared.node_id import NodeId
from shared.policy import Action, decide
from shared.reasons import Reason
from shared.store import StoreThread

USED_SECONDS = 30 * 24 * 3600
"How long an offer is known as used. Nothing in it says how old it is; after that the page it came from is long gone."

MAX_CONTACTS = 256
OWNER_SECONDS = 10.0
"How many contacts are asked for, and for how long, to find whose address an offer names."


@dataclass(frozen=True, slots=True)
class Looked:
    """What a text of another program is, before anything is done with it."""

    text: str
    "The part of what was looked at that is it."

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


@dataclass(frozen=True, slots=True)
class ForeignOffer:
    """Somebody calls with another program."""

    source: NodeId
    envelope: Envelope
    description: Description
    agreement: Agreement
    "What of it could be answered with."

    ports: tuple[int, ...]


class ForeignReader:
    """Reads what such programs write, for one node."""

    def __init__(
        self,
        own: NodeId,
        *,
        overlay: Overlay,
        lines: Lines,
        runner: LineRunner,
        sessions: LineSessions,
        writes: StoreThread,
        budget: Budget,
        settings: Calls,
        turn: asyncio.Lock,
        waits: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        """`turn` is held while something is read, `waits` and the rest as in Admission."""
        self._own = own
        self._overlay = overlay
        self._lines = lines
        self._runner = runner
        self._sessions = sessions
        self._budget = budget
        self._writes = writes
        self._store = writes.store
        self._settings = settings
        self._turn = turn
        self._waits = waits
        self._clock = clock

    def call_to(self, node: NodeId, program: str) -> ForeignCall | None:
        """A call to somebody who uses that program; None if it is ours."""
        match program:
            case "classic":
                return ForeignCall(Classic(self._settings.classic_page, self._own, node))
            case "sdp":
                return ForeignCall(BareSdp())
        return None

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
        used = self._store.link_seen(agreement.digest) is not None
        return Looked(text, "call", agreement.media, page, used=used)

    def _looked_answer(self, text: str, answer: Description, page: str) -> Looked:
        ours = any(line.foreign is not None and line.foreign.answers_to(answer) and line.waits for line in self._lines)
        return Looked(text, "response", Media.NONE, page, answers_ours=ours)

    async def read_link(self, link: str, *, chat: str) -> Reading:
        """Read a link of the original web app and act on it. Raises BadDescription, StoreError."""
        read = decode_classic(link)
        async with self._turn:
            if isinstance(read, ClassicResponse):
                return self._answered(read_description(read.sdp), _parsed(read), read.destination_address)
            if self._own in (read.source, read.destination):
                if read.source == self._own:
                    return Reading(Reason.OWN_LINK)
            else:
                return Reading(Reason.NOT_FOR_THIS_NODE)
            description = read_description(read.sdp)
            envelope = Classic(read.page, read.source, self._own)
            ports = ports_at(_parsed(read), read.source_address)
            return await self._called(_offer(read.source, envelope, description, ports), chat)

    async def read_pasted(self, text: str, *, chat: str, node: NodeId | None = None) -> Reading:
        """Read SDP that was pasted, and act on it; `node` is whose it is, None: the contact whose address it names.

        Raises BadDescription, InputError if nobody knows whose it is, OverlayError, StoreError.
        """
        pasted = read_pasted(text)
        description = read_description(pasted.sdp)
        if pasted.type == "answer":
            async with self._turn:
                return self._answered(description, description.candidates, None)
        if node is None:
            node = await self._owner_of(description)
        if node == self._own:
            return Reading(Reason.OWN_LINK)
        ports = ports_at(description.candidates, await self._overlay.address_of(node))
        envelope = BareSdp(as_json=text.lstrip().startswith("{"))
        async with self._turn:
            return await self._called(_offer(node, envelope, description, ports), chat)

    async def _called(self, offer: ForeignOffer, chat: str) -> Reading:
        contact = self._store.contact_of(offer.source)
        digest = offer.agreement.digest
        now = int(self._clock())
        # The owner has said that for this contact the node is enough, whatever key there is.
        marked = contact is not None and contact.classic
        keyed = not marked and self._store.writable_secret(offer.source) is not None
        decision = decide(
            contact=_as_unproven(contact),
            keyed=keyed,
            opens=self._sessions.opens(contact, proven=False, keyed=keyed),
            occupied=len(self._lines.occupying(beside=offer.source, proven=False)) >= self._settings.at_once,
            media=offer.agreement.media,
            created=now,
            now=now,
            local_time=datetime.datetime.fromtimestamp(self._clock()).time(),
            mine=True,
            seen=self._store.link_seen(digest),
            busy=len(self._lines.engaged(beside=offer.source, proven=False)) >= self._settings.at_once,
            unknown=self._settings.unknown,
            lifetime=self._settings.lifetime,
            waits=self._waits(),
        )
        if decision.action is Action.IGNORE:
            return Reading(decision.reason)
        caller = caller_of(contact is not None, proven=False)
        if not self._budget.take(caller, offer.source):
            return dropped(self._budget, Reason.BUSY, caller, offer.source, contact)
        if not await self._writes.write(lambda store: store.use_link(digest, ours=False, expires=now + USED_SECONDS)):
            return Reading(Reason.ALREADY_USED)
        line = Line(
            self._lines.next_number(),
            incoming(Offered(), paired=False)[0],
            CallLink(offer.source, offer.agreement.media, now, raw=digest, reference=digest[:8], keyed=keyed),
            chat=chat,
            expires=now + self._settings.lifetime,
            connection=Connection(decision.media or offer.agreement.media, dialled=time.monotonic()),
            shown=Presented(contact.name if contact else None, automatic=decision.action is Action.AUTO),
            foreign=ForeignCall(offer.envelope, offer.description, offer.ports),
        )
        beginning: Offered | Answer | Busy = Offered()
        if decision.action is Action.AUTO:
            beginning = Answer(automatic=True)
        elif decision.action is Action.BUSY:
            beginning = Busy()
        await self._runner.start(line, line.begin(beginning, decision.reason))
        return Reading(decision.reason, line)

    def _answered(self, answer: Description, candidates: list[Candidate], address: Address | None) -> Reading:
        """An answer to one of our offers; `address` is where its writer says that it is, None: where our node says."""
        for line in self._lines:
            if line.foreign is None or not line.waits or not line.foreign.answers_to(answer):
                continue
            if not isinstance(line.session, SdpSession):
                continue
            if not line.foreign.take(answer, ports_at(candidates, address or line.session.socket.remote)):
                return Reading(Reason.ALREADY_USED)
            line.put(RemoteAccepted())
            return Reading(line=line)
        return Reading(Reason.NOT_FOR_THIS_NODE)

    async def _owner_of(self, description: Description) -> NodeId:
        """The contact at one of the addresses that a description names. Raises InputError."""
        named = {candidate.address for candidate in description.candidates}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OWNER_SECONDS):
                for contact in self._store.contacts()[:MAX_CONTACTS]:
                    if await self._at_one_of(contact, named):
                        return contact.node
        raise InputError(
            "Nothing in that offer shows whose it is, so it isn't answered.",
            "Save the caller as a contact, or write whose it is: /sdp answer NAME, and the offer after it.",
        )

    async def _at_one_of(self, contact: Contact, addresses: set[Address]) -> bool:
        try:
            return await self._overlay.address_of(contact.node) in addresses
        except OverlayError:
            return False


def _as_unproven(contact: Contact | None) -> Contact | None:
    """The contact, as far as a call that proves nothing may have what they may have."""
    if contact is None or contact.trust is not Trust.AUTO:
        return contact
    if contact.classic:
        return msgspec.structs.replace(contact, unproven=True)
    return msgspec.structs.replace(contact, trust=Trust.RING)


def _offer(source: NodeId, envelope: Envelope, description: Description, ports: tuple[int, ...]) -> ForeignOffer:
    """Raises BadDescription for an offer that can't be answered, OutsideOverlay for one without a way to its writer."""
    agreement = accept_offer(description, Media.BOTH, frozenset(VideoCodec))
    if not ports:
        raise OutsideOverlay()
    return ForeignOffer(source, envelope, description, agreement, ports)


def _parsed(link: ClassicRequest | ClassicResponse) -> list[Candidate]:
    parsed: Iterable[Candidate | None] = (parse_candidate(each.candidate) for each in link.candidates)
    return [candidate for candidate in parsed if candidate is not None]
