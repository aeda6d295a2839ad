"""What the call table's effects on links and legs mean in a call with our own program.

foreign_effects.py has the same for programs that speak SDP.
"""

from __future__ import annotations

from peer.calls.attempts import Attempt, Ends, by_first_contact, by_one_link
from peer.calls.line import Line
from peer.calls.link_writer import LinkWriter
from peer.calls.session import Session
from shared.links.kinds import Response, Status
from shared.links.paired import Operation
from shared.node_id import NodeId


class OwnEffects:
    """Writes the links of a call, and tries the legs that they allow."""

    def __init__(self, own: NodeId, writer: LinkWriter) -> None:
        self._own = own
        self._writer = writer

    def call(self, line: Line) -> tuple[str, bytes]:
        """Make the link that begins our call, as token and as bytes. Between contacts a leg waits for its reader."""
        session = _session(line)
        token = self._writer.request(line, session.ports[0])
        if line.link.token is not None:
            session.path.dialling.attempt(self._by_one_link(line))
        return token, line.link.raw

    def open_leg(self, line: Line) -> None:
        """Answer a call: dial the caller. In a first contact that takes a response, see `answer`."""
        session = _session(line)
        if line.link.token is not None:
            session.path.dialling.attempt(self._by_one_link(line))
        else:
            response = self._writer.response(line, session.ports[0])
            session.path.dialling.attempt(self._by_first_contact(line, response, line.remote_port))

    def answer(self, line: Line) -> tuple[str, bytes]:
        """The response to a first contact, as token and as bytes."""
        answer = line.first_contact.answer
        assert answer is not None
        return answer.token, answer.encode()

    def try_response(self, line: Line) -> None:
        """As the caller, try to connect with what a response says. Anybody in the chat may have written it."""
        response = line.first_contact.untried.popleft()
        line.dials()
        _session(line).path.dialling.expect(self._by_first_contact(line, response, response.port))

    def redial(self, line: Line) -> None:
        """Dial a lost path again."""
        _session(line).path.redialling.want()

    async def decline(self, line: Line) -> None:
        """Post that the owner declines. Raises StoreError."""
        await self._writer.refuse(line, Status.DECLINE, Operation.DECLINE)

    async def busy(self, line: Line) -> None:
        """Post that we are busy. A caller without proof learns nothing, unless we answered. Raises StoreError."""
        if line.proven or line.session is not None:
            await self._writer.refuse(line, Status.BUSY, Operation.BUSY)

    async def cancel(self, line: Line) -> None:
        """Post that our call is taken back. Raises StoreError."""
        if line.link.reference:  # otherwise it has failed before its link was made
            await self._writer.say(line, Operation.CANCEL)

    def _by_one_link(self, line: Line) -> Attempt:
        link = line.link
        assert link.token is not None
        assert link.secret is not None
        return by_one_link(self._ends(line), link.token, link.secret, line.remote_port, line.media)

    def _by_first_contact(self, line: Line, response: Response, remote_port: int | None) -> Attempt:
        request, identity = line.link.request, line.first_contact.identity
        assert request is not None
        return by_first_contact(self._ends(line), request, response, identity, remote_port, line.media)

    def _ends(self, line: Line) -> Ends:
        return Ends(line.call.role, self._own, line.peer)


def _session(line: Line) -> Session:
    assert isinstance(line.session, Session)
    return line.session
