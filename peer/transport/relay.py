"""Forwards RTP and RTCP from one leg to another and back, every packet as it is.

Both legs speak the one profile. So a browser's own encoder, jitter buffer, retransmissions and congestion control work
against the other side as if there were nothing between them, and nothing is decoded here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from peer.transport.dtls import PinnedDtlsTransport
from peer.transport.fast_path import Forwarded, Passing
from peer.transport.packet_taps import Forward
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
    def transport(self) -> PinnedDtlsTransport | None:
        """The DTLS transport; None if the leg never had one."""

    @property
    def feedback(self) -> TransportFeedback:
        """What reports how packets arrive while nobody else does."""


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

        `left_out` tells whether an RTP packet from the overlay isn't forwarded. It sees only the packet's header: the
        rest may be encrypted.
        """
        self.counters = counters
        self._overlay = overlay
        self._own = own
        payload_types = frozenset(number for number, kind in KINDS.items() if MEDIA[kind] in media)
        self._directions = (
            _Direction(overlay, own, Passing(payload_types, left_out, counters.inward)),
            _Direction(own, overlay, Passing(payload_types, None, counters.outward)),
        )

    def start(self) -> None:
        """Begin to forward what arrives."""
        self._answer_for_others(False)
        for direction in self._directions:
            direction.start()

    def stop(self) -> None:
        """Stop forwarding."""
        for direction in self._directions:
            direction.stop()
        self._answer_for_others(True)

    def _answer_for_others(self, answer: bool) -> None:
        for leg in (self._overlay, self._own):
            leg.feedback.enable(answer)


class _Direction:
    """Forwards from one leg to the other."""

    def __init__(self, leg: RelayedLeg, to: RelayedLeg, passing: Passing) -> None:
        self._leg = leg
        self._to = to
        self._send = to.send_now
        self._passing = passing

    def start(self) -> None:
        self._leg.forward(self._forward)
        if self._leg.transport is not None and self._to.transport is not None:
            self._leg.transport.relay_to(self._to.transport, self._passing)

    def stop(self) -> None:
        self._leg.unforward(self._forward)
        if self._leg.transport is not None:
            self._leg.transport.relay_no_more()

    def _forward(self, packets: list[bytes]) -> None:
        """Forward the packets that didn't take the fast path."""
        passing, forwarded = [], self._passing.forwarded
        for packet in packets:
            kind = packet[1] & 0x7F if len(packet) > 1 else None
            # RTCP has none of our payload types (RFC 5761, section 4).
            if kind in self._passing.payload_types:
                forwarded.rtp_packets += 1
                forwarded.rtp_bytes += len(packet)
                if self._passing.left_out is not None and self._passing.left_out(packet):
                    continue
            elif kind is not None and not is_rtp(packet):
                forwarded.rtcp_packets += 1
            else:
                forwarded.dropped += 1
                continue
            passing.append(packet)
        if passing:
            self._send(passing)
