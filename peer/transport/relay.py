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

    @property
    def send_now(self) -> Forward:
        """Sends a packet as it is."""

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
        payload_types = frozenset(number for number, kind in KINDS.items() if MEDIA[kind] in media)
        self._inward = _forwarding(own.send_now, payload_types, counters.inward, left_out)
        self._outward = _forwarding(overlay.send_now, payload_types, counters.outward, None)

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
            leg.feedback.enable(answer)


def _forwarding(
    send: Forward, payload_types: frozenset[int], forwarded: Forwarded, left_out: Callable[[bytes], bool] | None
) -> Forward:
    """What takes every packet of one direction. It looks up as little as it can: it is called for each."""

    def forward(packets: list[bytes]) -> None:
        passing = []
        for packet in packets:
            kind = packet[1] & 0x7F if len(packet) > 1 else None
            # RTCP has none of our payload types (RFC 5761, section 4).
            if kind in payload_types:
                forwarded.rtp_packets += 1
                forwarded.rtp_bytes += len(packet)
                if left_out is not None and left_out(packet):
                    continue
            elif kind is not None and not is_rtp(packet):
                forwarded.rtcp_packets += 1
            else:
                forwarded.dropped += 1
                continue
            passing.append(packet)
        if passing:
            send(passing)

    return forward
