"""Forwards RTP and RTCP from one leg to another and back, every packet as it is.

Both legs speak the one profile. So a browser's own encoder, jitter buffer, retransmissions and congestion control work
against the other side as if there were nothing between them, and nothing is decoded here.
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
        """Call `sink` with every decrypted packet from now on, as it arrives; see Leg.forward."""

    def unforward(self, sink: Forward) -> None:
        """Undo `forward`."""

    @property
    def send_now(self) -> Forward:
        """A function that sends a list of packets as they are."""

    @property
    def feedback(self) -> TransportFeedback:
        """What reports how packets arrive while nobody else does."""


@dataclass(slots=True)
class Forwarded:
    """Counts what has passed in one direction."""

    rtp_packets: int = 0
    rtp_bytes: int = 0
    "Bytes of whole packets before encryption, headers included."

    rtcp_packets: int = 0

    dropped: int = 0
    "Packets of a kind of media that wasn't agreed on, and those that are neither RTP nor RTCP."


@dataclass(slots=True)
class RelayCounters:
    """Counts what has passed a relay."""

    inward: Forwarded = field(default_factory=Forwarded)
    "From the overlay to our own side."

    outward: Forwarded = field(default_factory=Forwarded)
    "From our own side into the overlay."


class Relay:
    """Joins a leg over the overlay to a leg on our own side, from `start` to `stop`. Closes neither."""

    def __init__(
        self,
        overlay: RelayedLeg,
        own: RelayedLeg,
        media: Media,
        counters: RelayCounters,
        left_out: Callable[[bytes], bool] | None = None,
    ) -> None:
        """`media` is what both sides agreed to: nothing else passes, whatever a page sends.

        `counters` are counted on, so that one call can have several relays.

        `left_out` tells whether an RTP packet from the overlay isn't forwarded.
        """
        self.counters = counters
        self._overlay = overlay
        self._own = own
        payload_types = frozenset(number for number, kind in KINDS.items() if MEDIA[kind] in media)
        self._inward = _forwarding(own.send_now, payload_types, counters.inward, left_out)
        self._outward = _forwarding(overlay.send_now, payload_types, counters.outward, None)

    def start(self) -> None:
        """Begin to forward what arrives."""
        self._answer_for_others(False)
        self._overlay.forward(self._inward)
        self._own.forward(self._outward)

    def stop(self) -> None:
        """Stop forwarding."""
        self._overlay.unforward(self._inward)
        self._own.unforward(self._outward)
        self._answer_for_others(True)

    def _answer_for_others(self, answer: bool) -> None:
        for leg in (self._overlay, self._own):
            leg.feedback.enable(answer)


def _forwarding(
    send: Forward, payload_types: frozenset[int], forwarded: Forwarded, left_out: Callable[[bytes], bool] | None
) -> Forward:
    """Make the function that forwards the packets of one direction. It runs for each packet, so it looks up little."""

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
