"""All that passes a connection to another program, translated: payload types, header extensions, names and SSRCs."""

from __future__ import annotations

from collections.abc import Callable

from peer.transport.profile import Kind
from peer.transport.rtp_packets import is_rtp
from peer.transport.sdp.negotiation import Agreement
from peer.transport.sdp.rtp_numbers import RtpNumbers
from peer.transport.sdp.sources import AnnouncedSources


class SdpTranslation:
    """The Translation (peer/transport/dtls.py) that two descriptions agree on."""

    def __init__(self, agreement: Agreement, announced: dict[Kind, int], clock: Callable[[], float]) -> None:
        """`announced` are the SSRCs that our description names, `clock` gives seconds that never go back."""
        self._numbers = RtpNumbers(agreement)
        self._sources = AnnouncedSources(announced, clock)

    def inward(self, packet: bytes) -> bytes | None:
        """A packet of the other side as our profile has it."""
        if len(packet) < 2:
            return None
        return self._numbers.inward(packet) if is_rtp(packet) else self._sources.rtcp_inward(packet)

    def outward(self, packet: bytes) -> bytes | None:
        """A packet of our profile as the other side wants it."""
        if len(packet) < 2:
            return None
        if not is_rtp(packet):
            return self._sources.rtcp_outward(packet)
        numbered = self._sources.outward(packet)
        return self._numbers.outward(numbered) if numbered is not None else None
