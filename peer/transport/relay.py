"""Forwards RTP and RTCP from one leg to the other and back, every packet as it is.

Both ends speak the one profile, so that a browser's own encoder, jitter buffer, retransmissions and congestion control
work against the other side as if nobody was in between; nothing is decoded here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from peer.transport.dtls import Forward
from peer.transport.profile import KINDS, MEDIA
from peer.transport.rtp_packets import is_rtp
from peer.transport.transport_cc import TransportFeedback
from shared.media import Media


class RelayedLeg(Protocol):
    """What a relay needs of a leg."""

    def forward(self, sink: Forward) -> None:
        """Give `sink` every decrypted packet from now on, as it arrives."""

    def unforward(self, sink: Forward) -> None:
        """Give it nothing more."""

    def send_now(self, packet: bytes) -> None:
        """Send a packet as it is."""

    @property
    def feedback(self) -> TransportFeedback:
        """What answers for packets that nobody else answers for."""


@dataclass(slots=True)
class Forwarded:
    """What has passed in one direction."""

    rtp_packets: int = 0
    rtp_bytes: int = 0
    "Whole packets before encryption, headers included."

    rtcp_packets: int = 0

    dropped: int = 0
    "Packets of a kind that the call isn't for, and what is neither."


@dataclass(slots=True)
class RelayCounters:
    """What has passed a relay."""

    inward: Forwarded = field(default_factory=Forwarded)
    "From the overlay to our own side."

    outward: Forwarded = field(default_factory=Forwarded)
    "From our own side into the overlay."


class Relay:
    """Joins a leg on the overlay and one on our own side, from `start` to `stop`. Closes neither."""

    def __init__(
        self,
        overlay: RelayedLeg,
        own: RelayedLeg,
        media: Media,
        counters: RelayCounters,
        left_out: Callable[[bytes], bool] | None = None,
    ) -> None:
        """`media` is what the two sides agreed to: nothing else passes, whatever a page sends. `counters` goes on.

        `left_out` tells of an RTP packet from the overlay whether it stays here.
        """
        self.counters = counters
        self._overlay = overlay
        self._own = own
        self._left_out = left_out
        self._payload_types = frozenset(number for number, kind in KINDS.items() if MEDIA[kind] in media)

    def start(self) -> None:
        """Forward what arrives from now on."""
        self._answer_for_others(False)
        self._overlay.forward(self._inward)
        self._own.forward(self._outward)

    def stop(self) -> None:
        """Forward nothing more."""
        self._overlay.unforward(self._inward)
        self._own.unforward(self._outward)
        self._answer_for_others(True)

    def _answer_for_others(self, answer: bool) -> None:
        for leg in (self._overlay, self._own):
            leg.feedback.enabled = answer

    def _inward(self, packet: bytes) -> None:
        if self._passes(packet, self.counters.inward) and (
            self._left_out is None or not is_rtp(packet) or not self._left_out(packet)
        ):
            self._own.send_now(packet)

    def _outward(self, packet: bytes) -> None:
        if self._passes(packet, self.counters.outward):
            self._overlay.send_now(packet)

    def _passes(self, packet: bytes, forwarded: Forwarded) -> bool:
        if len(packet) > 1:
            # RTCP has none of our payload types (RFC 5761, section 4).
            if packet[1] & 0x7F in self._payload_types:
                forwarded.rtp_packets += 1
                forwarded.rtp_bytes += len(packet)
                return True
            if not is_rtp(packet):
                forwarded.rtcp_packets += 1
                return True
        forwarded.dropped += 1
        return False
