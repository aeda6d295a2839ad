"""All that differs between programs that speak SDP. The rest of their calls is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shared.messages import MediaState

if TYPE_CHECKING:
    from peer.transport.sdp.writing import OwnOffer, OwnSide


class Envelope(Protocol):
    """How one call with one kind of program is written to."""

    @property
    def name(self) -> str:
        """What people call such a call, such as `classic`; also in the command contract."""

    @property
    def in_chat(self) -> bool:
        """Whether people pass on in the chat what we write. If not, a listener of the program's does, see Posted."""

    @property
    def trickled(self) -> bool:
        """Whether our candidate is beside our description instead of in it."""

    @property
    def channels(self) -> tuple[int, ...]:
        """The numbers of the data channels that both sides open (negotiated out of band)."""

    def offer(self, own: OwnSide, offer: OwnOffer) -> str:
        """What is sent to call."""

    def answer(self, own: OwnSide, sdp: str) -> str:
        """What is sent to answer."""

    def read(self, channel: int, message: str | bytes) -> str | MediaState | None:
        """What came on a data channel: a text, what the other side sends now, or nothing for the owner.

        Must take anything, and raise nothing. A long text is passed on in pieces, and not too many in a second.
        """

    def write(self, sent: str | MediaState) -> tuple[int, str] | None:
        """The data channel and the message on it for a text, or for what we send now; None if it takes no such."""
