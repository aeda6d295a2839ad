"""Any other program: SDP text, or JSON around it, that people copy and paste."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.calls.programs.text_channel import TextChannel

if TYPE_CHECKING:
    from peer.transport.sdp.writing import OwnOffer, OwnSide


@dataclass(frozen=True)
class BareSdp(TextChannel):
    """One call with it."""

    as_json: bool = False
    "In the same form as what was pasted here."

    name = "sdp"
    in_chat = True
    trickled = False

    def offer(self, own: OwnSide, offer: OwnOffer) -> str:
        """The offer."""
        return self._written("offer", offer.sdp)

    def answer(self, own: OwnSide, sdp: str) -> str:
        """The answer."""
        return self._written("answer", sdp)

    def _written(self, kind: str, sdp: str) -> str:
        return json.dumps({"type": kind, "sdp": sdp}) if self.as_json else sdp
