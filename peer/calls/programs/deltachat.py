"""Delta Chat's own calls: SDP with the candidates in it, carried by Delta Chat's core as part of a call message.

Both sides open three data channels (npm `@deltachat/calls-webapp`, src/lib/calls.ts; Android's WebRTCClient.java). 1
brings further candidates, none of which is obeyed. 3 says what is switched on. On 5 Android's app restarts ICE with an
offer, or asks for one, when its network changes or nothing arrives. Nobody answers: the one address in the overlay is
the same on any network, the connection stays as it was negotiated, and the app keeps it as long as packets arrive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from shared.messages import MediaState
from shared.not_json import NOT_JSON

if TYPE_CHECKING:
    from peer.transport.sdp.writing import OwnOffer, OwnSide

CANDIDATES, SWITCHED_ON, NEGOTIATION = 1, 3, 5
"The data channels."

MAX_STATE = 1024
"Characters or bytes of a message that says what is switched on. The page's has 43."


class _SwitchedOn(msgspec.Struct, rename="camel"):
    audio_enabled: bool
    video_enabled: bool


_switched_on = msgspec.json.Decoder(_SwitchedOn)


@dataclass(frozen=True)
class DeltaChatApp:
    """One call with somebody's Delta Chat."""

    contact: int
    "Their number in the bot's account."

    message: int = 0
    "The number of the call's message there; 0 for our own call, which gets one when it is placed."

    name = "deltachat"
    in_chat = False
    trickled = False
    channels = (CANDIDATES, SWITCHED_ON, NEGOTIATION)

    def offer(self, own: OwnSide, offer: OwnOffer) -> str:
        """The offer."""
        return offer.sdp

    def answer(self, own: OwnSide, sdp: str) -> str:
        """The answer."""
        return sdp

    def read(self, channel: int, message: str | bytes) -> MediaState | None:
        """What they send now. Candidates and requests for another description are left alone."""
        if channel != SWITCHED_ON or len(message) > MAX_STATE:
            return None
        try:
            switched_on = _switched_on.decode(message)
        except NOT_JSON:
            return None
        return MediaState(audio=switched_on.audio_enabled, video=switched_on.video_enabled)

    def write(self, sent: str | MediaState) -> tuple[int, str] | None:
        """What we send now; lines of text have the chat."""
        if isinstance(sent, str):
            return None
        return SWITCHED_ON, msgspec.json.encode(_SwitchedOn(sent.audio, sent.video)).decode()
