"""What the call table's effects on links and legs mean in a call with a program that speaks SDP.

Such a program understands an offer and an answer. Most have no message for a busy owner or a call that was declined or
taken back; what carries those that do looks at `ForeignCall.refused`. We can't dial any of them again.
"""

from __future__ import annotations

from dataclasses import replace

from peer.calls.foreign import ForeignCall
from peer.calls.line import Line
from peer.calls.sdp_session import SdpSession
from shared.call.events import GaveUp
from shared.errors import LocalProtocolError
from shared.media import Media


class ForeignEffects:
    """Writes the descriptions of a call, and tries the legs that they allow. Its methods see OwnEffects."""

    def call(self, line: Line) -> tuple[str, bytes]:
        """Make our offer, as text and as its digest."""
        session, foreign = _session(line), _foreign(line)
        foreign.call(session.socket, line.media, session.video)
        line.written(replace(line.link, raw=foreign.reference, reference=foreign.reference))
        return foreign.written, foreign.digest

    def open_leg(self, line: Line) -> None:
        """Write our answer, and dial the caller."""
        session = _session(line)
        terms = _foreign(line).answer(session.socket, line.media, session.video)
        session.try_leg(terms)
        if Media.VIDEO in line.media and Media.VIDEO not in terms.agreement.media:
            session.tell_sound_alone(line.shown.endpoint or "of this call")
        line.agree_media(terms.agreement.media)

    def answer(self, line: Line) -> tuple[str, bytes]:
        """Our answer, as text and as its digest."""
        foreign = _foreign(line)
        return foreign.written, foreign.digest

    def try_response(self, line: Line) -> None:
        """As the caller, try to connect with an answer."""
        line.dials()
        _session(line).try_leg(_foreign(line).answers.popleft())

    def redial(self, line: Line) -> None:
        """Give the call up: the other program can't be dialled again."""
        line.put(GaveUp())

    async def decline(self, line: Line) -> None:
        """The owner declines."""
        _foreign(line).refused = True

    async def busy(self, line: Line) -> None:
        """We are busy. A caller without proof learns nothing, not even that somebody is here, unless we answered."""
        _foreign(line).refused = line.proven or line.session is not None

    async def cancel(self, line: Line) -> None:
        """Nothing: there is no message for it."""


def _foreign(line: Line) -> ForeignCall:
    if line.foreign is None:
        raise LocalProtocolError("The call is with our own program.")
    return line.foreign


def _session(line: Line) -> SdpSession:
    if not isinstance(line.session, SdpSession):
        raise LocalProtocolError("The call has no session for another program.")
    return line.session
