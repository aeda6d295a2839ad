"""A call with a program that speaks SDP: what is written to it and read from it, whatever carries the text.

An `Envelope` is all that differs between such programs: how our offers and answers are wrapped, where the
candidates stand, and which data channel carries lines of text. The one of the original web app is here and the one of
pasted SDP; another program is one more, and what reads its messages (foreign_reader.py shows both).
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from peer.transport.profile import VideoCodec
from peer.transport.sdp.negotiation import accept_answer, accept_offer, connection_digest
from peer.transport.sdp.reading import Description, read_description
from peer.transport.sdp.writing import OwnOffer, OwnSide, write_answer, write_offer
from peer.transport.sdp_leg import SdpTerms
from peer.transport.udp_socket import OverlaySocket
from shared.errors import BadDescription, LocalProtocolError, OutsideOverlay
from shared.links.classic import CHANNEL, Candidate, ClassicRequest, ClassicResponse
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import IceCredentials
from shared.secrets.identity import DtlsIdentity, Fingerprint

ICE_BYTES = 24
"Random bytes of our ICE credentials."

ANSWERS_REMEMBERED = 256
"How many answers to one of our offers are remembered, to recognise repeated ones."


class Envelope(Protocol):
    """How one kind of program is written to."""

    @property
    def name(self) -> str:
        """What people call such a call, such as `classic`."""

    @property
    def trickled(self) -> bool:
        """Whether our candidate is beside our description instead of in it."""

    @property
    def channels(self) -> tuple[int, ...]:
        """The numbers of the data channels that both sides open."""

    @property
    def text_channel(self) -> int | None:
        """The one of them that carries lines of text."""

    def offer(self, own: OwnSide, offer: OwnOffer) -> str:
        """What is posted to call."""

    def answer(self, own: OwnSide, sdp: str) -> str:
        """What is posted to answer."""


@dataclass(frozen=True, slots=True)
class Classic:
    """The original web app: links to its page."""

    page: str
    "Where the other person has it. Never opened by us."

    source: NodeId
    "Who calls."

    destination: NodeId
    name = "classic"
    trickled = True
    channels = (CHANNEL,)
    text_channel = CHANNEL

    def offer(self, own: OwnSide, offer: OwnOffer) -> str:
        """A request link."""
        candidates = (_candidate(own, offer.sdp),)
        return ClassicRequest(self.page, offer.sdp, candidates, self.source, self.destination, own.address).encode()

    def answer(self, own: OwnSide, sdp: str) -> str:
        """A response link, to the page that the request came from."""
        return ClassicResponse(self.page, sdp, (_candidate(own, sdp),), own.address).encode()


def _candidate(own: OwnSide, sdp: str) -> Candidate:
    """Our one candidate, as one of the section whose transport all others share."""
    described = read_description(sdp)
    mid = described.bundle[0] if described.bundle else described.sections[0].mid
    index = [section.mid for section in described.sections].index(mid)
    return Candidate(candidate=own.candidate, sdp_mid=mid, sdp_m_line_index=index, username_fragment=own.ice.username)


@dataclass(frozen=True, slots=True)
class BareSdp:
    """Any other program: SDP text, or JSON around it, that people copy and paste."""

    as_json: bool = False
    "In the same form as what was pasted here."

    name = "sdp"
    trickled = False
    channels = (CHANNEL,)
    text_channel = CHANNEL

    def offer(self, own: OwnSide, offer: OwnOffer) -> str:
        """The offer."""
        return self._written("offer", offer.sdp)

    def answer(self, own: OwnSide, sdp: str) -> str:
        """The answer."""
        return self._written("answer", sdp)

    def _written(self, kind: str, sdp: str) -> str:
        return json.dumps({"type": kind, "sdp": sdp}) if self.as_json else sdp


@dataclass(eq=False)
class ForeignCall:
    """One call with such a program, from its first description to the terms of its leg."""

    envelope: Envelope
    offer: Description | None = None
    "Theirs, if they call."

    ports: tuple[int, ...] = ()
    "Of their candidates at their overlay address."

    own: OwnSide | None = None
    own_offer: OwnOffer | None = None
    "Ours, if we call."

    posted: asyncio.Event = field(default_factory=asyncio.Event)
    "Set once `written` is in the chat."

    written: str = ""
    "Our own words, as they are posted."

    answers: deque[SdpTerms] = field(default_factory=deque)
    "Read and not yet tried, if we call."

    seen: set[bytes] = field(default_factory=set)
    "Digests of these, so that none is tried twice."

    _identity: DtlsIdentity = field(default_factory=DtlsIdentity.generate)

    def call(self, socket: OverlaySocket, media: Media, video: frozenset[VideoCodec]) -> str:
        """Write and return our offer of `media`, the picture in one of `video`, to be answered at `socket`."""
        self.own = self._own_side(socket)
        self.own_offer = write_offer(self.own, media, video)
        self.written = self.envelope.offer(self.own, self.own_offer)
        return self.written

    def answer(self, socket: OverlaySocket, media: Media, video: frozenset[VideoCodec]) -> SdpTerms:
        """Write our answer, and return what is agreed. Raises BadDescription if nothing of `media` is."""
        if self.offer is None:
            raise LocalProtocolError("There is no offer to answer.")
        agreement = accept_offer(self.offer, media, video)
        self.own = self._own_side(socket)
        self.written = self.envelope.answer(self.own, write_answer(self.own, self.offer, agreement))
        return SdpTerms(self.own, self._identity, agreement, self.ports, self.envelope.channels)

    def take(self, answer: Description, ports: tuple[int, ...]) -> bool:
        """Keep an answer to our offer to be tried; whether it is a new one.

        Raises BadDescription if it is to another offer than ours, OutsideOverlay if it names none of `ports`.
        """
        if self.own is None or self.own_offer is None:
            raise BadDescription("That answer is to another call.")
        agreement = accept_answer(answer, self.own_offer.asked, self.own_offer.channel)
        if not ports:
            raise OutsideOverlay()
        if agreement.digest in self.seen or len(self.seen) >= ANSWERS_REMEMBERED:
            return False
        self.seen.add(agreement.digest)
        self.answers.append(SdpTerms(self.own, self._identity, agreement, ports, self.envelope.channels))
        return True

    @property
    def digest(self) -> bytes:
        """32 bytes that tell our own description from all others, however it is written."""
        assert self.own is not None
        return connection_digest(self.own.ice, self.own.fingerprint)

    @property
    def reference(self) -> bytes:
        """8 bytes that name one of our calls."""
        return self.digest[:8]

    def answers_to(self, answer: Description) -> bool:
        """Whether an answer names the parts of our offer, which are random."""
        offered = self.own_offer
        return offered is not None and [each.mid for each in answer.sections][-1] == offered.channel

    def _own_side(self, socket: OverlaySocket) -> OwnSide:
        return OwnSide(
            ice=IceCredentials.of(secrets.token_bytes(ICE_BYTES)),
            fingerprint=Fingerprint(self._identity.fingerprint),
            address=socket.local,
            port=socket.port,
            trickled=self.envelope.trickled,
        )
