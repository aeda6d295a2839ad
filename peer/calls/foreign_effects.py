"""What the call table's effects mean in a call with a program that speaks SDP.

Such a program understands an offer and an answer. Most have no message for a busy owner or a call that was declined or
taken back; what carries those that do looks at `ForeignCall.refused`. We can't dial any of them again.
"""

from __future__ import annotations

from dataclasses import replace

from peer.calls.foreign import ForeignCall
from peer.calls.line import Line
from peer.calls.link_writer import LinkWriter
from peer.calls.sdp_session import SdpSession
from shared.call.effects import (
    Effect,
    OpenLeg,
    PostAnswer,
    PostBusy,
    PostCancel,
    PostDecline,
    PostRequest,
    Redial,
    TryResponse,
)
from shared.call.events import GaveUp
from shared.errors import LocalProtocolError
from shared.media import Media


class ForeignEffects:
    """Carries out the effects that mean something else there than between two of our programs."""

    def __init__(self, writer: LinkWriter) -> None:
        self._writer = writer

    async def do(self, line: Line, foreign: ForeignCall, effect: Effect) -> bool:
        """Carry out one effect; False if it means here what it means everywhere. Raises CopybaraError."""
        match effect:
            case PostRequest():
                session = _session(line)
                foreign.call(session.socket, line.media, session.video)
                line.written(replace(line.link, raw=foreign.reference, reference=foreign.reference))
                await self._writer.post(line, foreign.written, foreign.digest)
                foreign.posted.set()
            case TryResponse():
                line.dials()
                _session(line).try_leg(foreign.answers.popleft())
            case OpenLeg():
                session = _session(line)
                terms = foreign.answer(session.socket, line.media, session.video)
                session.try_leg(terms)
                if Media.VIDEO in line.media and Media.VIDEO not in terms.agreement.media:
                    session.tell_sound_alone(line.shown.endpoint or "of this call")
                line.agree(terms.agreement.media)
            case PostAnswer():
                await self._writer.post(line, foreign.written, foreign.digest)
                foreign.posted.set()
            case PostDecline():
                foreign.refused = True
            case PostBusy():
                # A caller without proof learns nothing, not even that somebody is here, unless we answered.
                foreign.refused = line.proven or line.session is not None
            case PostCancel():
                pass
            case Redial():
                line.put(GaveUp())
            case _:
                return False
        return True


def _session(line: Line) -> SdpSession:
    if not isinstance(line.session, SdpSession):
        raise LocalProtocolError("The call has no session for another program.")
    return line.session
