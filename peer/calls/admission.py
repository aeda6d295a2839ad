"""What a link from the chat leads to: a call that rings or is answered, word about a call of ours, or nothing.

shared/policy.py decides what may happen, here it happens.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass

from peer.calls.line import Line
from peer.calls.lines import Lines
from peer.calls.link_reader import CallLink, LinkReader, OwnLink, SaidLink
from peer.calls.runner import LineRunner
from shared.call.events import (
    Answer,
    Busy,
    Glare,
    Offered,
    RemoteAccepted,
    RemoteBusy,
    RemoteCancelled,
    RemoteDeclined,
    RemoteRinging,
)
from shared.call.reasons import Reason
from shared.call.table import State, glare, incoming
from shared.config.schema import Answering, Calls
from shared.contacts import Contact, Trust
from shared.errors import LocalProtocolError
from shared.links.kinds import MAX_CLOCK_AHEAD, BadLink, Card, Response, Status
from shared.links.paired import Operation
from shared.node_id import NodeId
from shared.policy import Action, decide
from shared.store import Store

MAX_RINGING = 8
"Calls that may ring at once; a chat full of requests must not become a hundred questions."

MISSED_SECONDS = 24 * 3600
"How long after its end a link counts as a missed call: messengers keep messages for a day (Bot API, getUpdates)."


@dataclass(frozen=True, slots=True)
class MissedCall:
    """Somebody called while this program didn't run, or couldn't be reached by its messenger."""

    peer: NodeId
    contact: str | None
    created: int
    "When the link was written, Unix seconds."


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a link."""

    reason: Reason | None = None
    "Why it was taken or refused; None for a link that belongs to a call of ours, or a card."

    line: Line | None = None
    "The call that it began or belongs to."

    card: Card | None = None

    missed: MissedCall | None = None
    "With a link that has expired: whom the owner may want to call back. Each link is told once."


class Admission:
    """Reads the links of one node."""

    def __init__(
        self,
        *,
        lines: Lines,
        runner: LineRunner,
        store: Store,
        reader: LinkReader,
        settings: Calls,
        answering: Answering,
        waits: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        """`waits` tells whether somebody can be asked about another call while one is up, `clock` is the time."""
        self._lines = lines
        self._runner = runner
        self._store = store
        self._reader = reader
        self._settings = settings
        self._answering = answering
        self._waits = waits
        self._clock = clock

    async def read(self, token: str, *, chat: str = "chat", again: bool = False) -> Reading:
        """Read one link and act on it. Never raises for a bad link: the Reading has the reason.

        `again` is for a link that this program may have begun to act on when it was killed: one that was used and
        came to no call is then used once more.
        """
        try:
            opened = self._reader.open(token)
        except BadLink as bad:
            return Reading(bad.reason)
        match opened:
            case OwnLink():
                return Reading(Reason.OWN_LINK)
            case Card():
                return Reading(card=opened)
            case CallLink():
                return await self._called(opened, chat, again=again)
            case SaidLink():
                return self._said(opened)
            case Response():
                return self._responded(opened)

    async def _called(self, link: CallLink, chat: str, *, again: bool) -> Reading:
        now = int(self._clock())
        seen = self._store.link_seen(link.raw)
        again = again and seen == "used" and not self._came_to_a_call(link.reference)
        contact = self._store.contact_of(link.source)
        ours = next(
            (line for line in self._lines if line.peer == link.source and line.waits and not line.provisional), None
        )
        decision = decide(
            contact=contact,
            media=link.media,
            created=link.created,
            now=now,
            local_time=datetime.datetime.fromtimestamp(self._clock()).time(),
            mine=True,
            seen=None if again else seen,
            busy=ours is None and len(self._lines.engaged(beside=link.source)) >= self._settings.at_once,
            unknown=self._settings.unknown,
            lifetime=self._settings.lifetime,
            machine_after=self._answering.machine_after,
            waits=self._waits(),
        )
        if decision.action is Action.IGNORE:
            return Reading(decision.reason, missed=self._missed(link, contact, decision.reason, now, again))
        if sum(line.call.state is State.RINGING or line.machine for line in self._lines) >= MAX_RINGING:
            return Reading(Reason.BUSY)
        expires = link.created + self._settings.lifetime
        if not (self._store.use_link(link.raw, ours=False, expires=expires + MAX_CLOCK_AHEAD) or again):
            return Reading(Reason.ALREADY_USED)
        if link.secret is not None:
            self._store.secret_used(link.source, link.secret)
        if (crossed := self._crossed(link)) is not None:
            return Reading(decision.reason, crossed)
        line = Line(
            number=self._lines.next_number(),
            call=incoming(Offered(), paired=link.paired)[0],
            peer=link.source,
            media=decision.media or link.media,
            created=link.created,
            expires=expires,
            chat=chat,
            contact=contact.name if contact else None,
            sealed=link.sealed,
            raw=link.raw,
            reference=link.reference,
            request=link.request,
            token=link.token,
            secret=link.secret,
            remote_port=link.port,
            dialled=time.monotonic(),
        )
        if ours is not None:
            line.media &= ours.media or line.media
            ours.twin = line
            ours.inbox.put_nowait(Glare(ours_wins=glare(ours.raw, link.raw)))
            return Reading(decision.reason, ours)
        beginning: Offered | Answer | Busy
        match decision.action:
            case Action.AUTO:
                line.automatic = True
                beginning = Answer(automatic=True)
            case Action.BUSY:
                beginning = Busy()
            case _:
                beginning = Offered(machine=decision.machine)
        await self._runner.begin(line, beginning, decision.reason)
        return Reading(decision.reason, line)

    def _crossed(self, link: CallLink) -> Line | None:
        """The call that is up with the link's writer, if the link is older: both had called, and this one comes late.

        A newer one, also to be told by the new secret, is from somebody who has lost that call, say in a crash, while
        nothing of it shows here yet.
        """
        for line in self._lines:
            if line.peer == link.source and line.call.state is State.ACTIVE and link.secret in (None, line.secret):
                return line if link.created <= (line.connected_at or 0) else None
        return None

    def _came_to_a_call(self, reference: bytes) -> bool:
        """Whether a call of that name is there, or was."""
        return any(line.reference == reference for line in self._lines) or any(
            record.reference == reference for record in self._store.call_log(MAX_RINGING + 1)
        )

    def _missed(
        self, link: CallLink, contact: Contact | None, reason: Reason, now: int, again: bool
    ) -> MissedCall | None:
        """What the owner is told of an expired link, if its call would have rung."""
        told_until = link.created + self._settings.lifetime + MISSED_SECONDS
        if reason is not Reason.EXPIRED or now >= told_until:
            return None
        if contact.trust is Trust.BLOCK if contact else self._settings.unknown == "ignore":
            return None
        if not (self._store.use_link(link.raw, ours=False, expires=told_until) or again):
            return None
        return MissedCall(link.source, contact.name if contact else None, link.created)

    def _said(self, link: SaidLink) -> Reading:
        line = next((line for line in self._lines if line.reference == link.said.reference), None)
        if line is None or line.peer != link.source:
            return Reading(Reason.EXPIRED)
        if not self._store.use_link(link.raw, ours=False, expires=line.expires + MAX_CLOCK_AHEAD):
            return Reading(Reason.ALREADY_USED)
        self._store.secret_used(link.source, link.secret)
        match link.said.operation:
            case Operation.RINGING | Operation.ACCEPT:
                line.inbox.put_nowait(RemoteRinging())
            case Operation.DECLINE:
                line.inbox.put_nowait(RemoteDeclined(authenticated=True))
            case Operation.BUSY:
                line.inbox.put_nowait(RemoteBusy(authenticated=True))
            case Operation.CANCEL:
                line.inbox.put_nowait(RemoteCancelled())
            case Operation.CALL:
                raise LocalProtocolError()
        return Reading(line=line)

    def _responded(self, response: Response) -> Reading:
        line = next(
            (line for line in self._lines if line.waits and line.request and response.answers(line.request)), None
        )
        if line is None or line.request is None:
            return Reading(Reason.NOT_FOR_THIS_NODE)
        if not self._store.use_link(response.encode(), ours=False, expires=line.expires + MAX_CLOCK_AHEAD):
            return Reading(Reason.ALREADY_USED)
        # A refusal is proven only if nobody but the callee could read the request that it quotes.
        proven = line.sealed and response.proves(line.request)
        match response.status:
            case Status.ACCEPT:
                line.responses.append(response)
                line.inbox.put_nowait(RemoteAccepted())
            case Status.DECLINE:
                line.inbox.put_nowait(RemoteDeclined(authenticated=proven))
            case Status.BUSY:
                line.inbox.put_nowait(RemoteBusy(authenticated=proven))
        return Reading(line=line)
