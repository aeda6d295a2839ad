"""A call with a program that speaks SDP: what is written to it and read from it, whatever carries the text.

What differs between such programs is their `Envelope` (programs/envelope.py).
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass, field

from peer.calls.programs.envelope import Envelope
from peer.transport.profile import VideoCodec
from peer.transport.sdp.negotiation import accept_answer, accept_offer, connection_digest
from peer.transport.sdp.reading import Description
from peer.transport.sdp.writing import OwnOffer, OwnSide, write_answer, write_offer
from peer.transport.sdp_leg import SdpTerms
from peer.transport.udp_socket import OverlaySocket
from shared.errors import BadDescription, LocalProtocolError, OutsideOverlay
from shared.media import Media
from shared.secrets.handshake import IceCredentials
from shared.secrets.identity import DtlsIdentity, Fingerprint

ICE_BYTES = 24
"Random bytes of our ICE credentials."

ANSWERS_REMEMBERED = 256
"How many answers to one of our offers are remembered, to recognise repeated ones."


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

    refused: bool = False
    "Whether the other side is to learn that we don't take the call, if its program has a way to say that."

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
